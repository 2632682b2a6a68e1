"""English. The greeting ends with a comma and the text begins in capitals on a new line."""

from collections.abc import Mapping
from typing import Final

from healthnotify.domain.model import Draft, Goal

TEXTS: Final[Mapping[Goal, tuple[Draft, ...]]] = {
    Goal.WALK_MORE: (
        Draft(
            "A short walk, if it suits you",
            "{greeting}\nA short walk often clears the head. Ten easy minutes around the block are plenty, at whatever "
            "pace feels good to you.",
        ),
        Draft(
            "Some fresh air today?",
            "{greeting}\nIs there an errand you could do on foot today? A bit of fresh air on the way, and the steps "
            "come along by themselves. No rush.",
        ),
        Draft(
            "Step by step",
            "{greeting}\nYou are at {progress} of {target} with your walking goal. Nice going! Every short stroll "
            "counts, and today's can be as gentle as you like.",
        ),
    ),
    Goal.SLEEP_EARLIER: (
        Draft(
            "A calm end to the day",
            "{greeting}\nHow about a quiet last half hour tonight: softer light, a few pages of a book, the phone in "
            "another room? Many people find it easier to go to bed earlier that way.",
        ),
        Draft(
            "An earlier good night",
            "{greeting}\nTonight could be a good one for turning in a little earlier. Pick one small thing that helps "
            "you wind down, like a warm shower or soft music.",
        ),
        Draft(
            "Your evenings so far",
            "{greeting}\nYou are at {progress} of {target} with your goal of earlier nights. Well done! A calm evening "
            "is a nice way to go on, with no pressure at all.",
        ),
    ),
    Goal.DRINK_WATER: (
        Draft(
            "A glass of water",
            "{greeting}\nWith a glass of water within reach it is easier to remember to drink. A little lemon or mint "
            "makes it taste even fresher.",
        ),
        Draft(
            "Water, close at hand",
            "{greeting}\nFill a jug or a bottle you like and put it where you can see it today. A few sips now and "
            "then, and you are well on your way.",
        ),
        Draft(
            "Glass by glass",
            "{greeting}\nYou are at {progress} of {target} with your goal of drinking water. Lovely! Where would you "
            "like to enjoy the next glass?",
        ),
    ),
    Goal.SCREEN_BREAK: (
        Draft(
            "A rest for your eyes",
            "{greeting}\nLook up from the screen for a moment and let your eyes wander to something far away, a tree "
            "or a roof. Two quiet minutes are enough.",
        ),
        Draft(
            "A little time off the screen",
            "{greeting}\nHow about one cup of tea today without a screen beside it? Just you, the cup and a look out "
            "of the window.",
        ),
        Draft(
            "Your screen breaks",
            "{greeting}\nYou are at {progress} of {target} with your screen breaks. How good that you take this time. "
            "The next little break can come whenever it suits you.",
        ),
    ),
    Goal.STRETCH: (
        Draft(
            "A moment to stretch",
            "{greeting}\nRoll your shoulders, reach up to the ceiling, then let your arms sink again. Three slow "
            "breaths are enough. If anything hurts, simply stop.",
        ),
        Draft(
            "Loosen up a little",
            "{greeting}\nSitting for a while? Stand up, stretch gently to both sides and shake out your hands. Only as "
            "far as it feels good.",
        ),
        Draft(
            "Stretching, bit by bit",
            "{greeting}\nYou are at {progress} of {target} with your stretching. Well done! A few gentle movements in "
            "between are welcome today, too.",
        ),
    ),
    Goal.MINDFULNESS: (
        Draft(
            "Three quiet breaths",
            "{greeting}\nPut everything down for a moment and take three slow breaths. There is nothing to achieve. "
            "Then carry on at your own pace.",
        ),
        Draft(
            "A minute of calm",
            "{greeting}\nWhat can you hear right now? Listen for a minute without judging any of it. A small pause "
            "like this fits into almost any day.",
        ),
        Draft(
            "Your quiet moments",
            "{greeting}\nYou are at {progress} of {target} with your quiet moments. How lovely! Perhaps there is a "
            "peaceful corner for another one today.",
        ),
    ),
    Goal.EAT_WELL: (
        Draft(
            "Some colour on the plate",
            "{greeting}\nIs there room for a little more colour on your plate today? A handful of vegetables or a "
            "piece of fruit that you really like is a good start.",
        ),
        Draft(
            "A meal without hurry",
            "{greeting}\nTreat yourself to one unhurried meal today. Sit down, taste each bite and enjoy it. Any good "
            "food that you like will do.",
        ),
        Draft(
            "Eating well, your way",
            "{greeting}\nYou are at {progress} of {target} with your goal of eating well. Great! Which dish would you "
            "enjoy cooking next?",
        ),
    ),
    Goal.CHECKUP: (
        Draft(
            "Is a check-up on your list?",
            "{greeting}\nA check-up is easily put off, and it feels good to have it done. Perhaps today is a good day "
            "to ask your health centre for a date that suits you.",
        ),
        Draft(
            "Questions for your next check-up",
            "{greeting}\nIf you have a check-up ahead, jot down the questions you would like to ask. With a short list "
            "in your pocket it is easier to talk.",
        ),
        Draft(
            "Your check-ups",
            "{greeting}\nYou are at {progress} of {target} with the check-ups you planned. Good that you look after "
            "this. Choose the next date as it suits you.",
        ),
    ),
}

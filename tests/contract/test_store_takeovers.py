"""What every store says of a claim that its holders leave without an outcome, again and again."""

from uuid import uuid4

from healthnotify.domain.delivery import Answer
from healthnotify.domain.lifecycle import Event
from tests.builders import REFUSED, staged
from tests.store_steps import LATER, MINUTE, claim, waiting


def test_the_claim_says_how_many_have_left_it(store):
    (entry,) = staged(store)
    claims = [claim(store, entry, at=LATER + 2 * number * MINUTE, alone=True) for number in range(4)]

    assert [one.takeovers for one in claims] == [0, 1, 2, 3]
    assert [one.answer for one in claims] == [Answer.CLAIMED] + 3 * [Answer.AMBIGUOUS]


def test_a_suspect_is_claimed_only_alone_and_stays_as_it_is_until_then(store):
    """Whoever merely waits beside one that kills must not look like it after the next death."""
    (entry,) = staged(store)
    for number in range(2):
        claim(store, entry, at=LATER + 2 * number * MINUTE)
    steps = store.latest([entry.id])

    asked = [claim(store, entry, at=LATER + 9 * MINUTE) for _ in range(3)]

    assert [one.answer for one in asked] == 3 * [Answer.SUSPECT]
    assert store.latest([entry.id]) == steps
    alone = claim(store, entry, at=LATER + 9 * MINUTE, alone=True)
    assert (alone.answer, alone.takeovers) == (Answer.AMBIGUOUS, 2)


def test_a_suspect_that_somebody_holds_is_busy_and_its_holder_may_ask_again(store):
    (entry,) = staged(store)
    for number in range(2):
        claim(store, entry, at=LATER + 2 * number * MINUTE)
    mine = uuid4()
    claim(store, entry, at=LATER + 9 * MINUTE, claim_id=mine, alone=True)

    assert claim(store, entry, at=LATER + 9 * MINUTE).answer is Answer.BUSY
    assert claim(store, entry, at=LATER + 9 * MINUTE, claim_id=mine).answer is Answer.AMBIGUOUS


def test_the_next_attempt_begins_to_count_anew(store):
    (entry,) = staged(store)
    claim(store, entry)
    held = claim(store, entry, at=LATER + 2 * MINUTE)
    assert held.takeovers == 1
    (reported,) = store.report({entry.id: (held, REFUSED)}, LATER + 2 * MINUTE)
    assert reported.answer is Answer.REPORTED

    (fresh,) = staged(store)
    waiting(store, fresh, LATER + MINUTE)
    assert claim(store, fresh, attempt=2, at=LATER + 3 * MINUTE).takeovers == 0


def test_asked_again_after_a_lost_reply_a_claim_that_was_taken_over_is_still_ambiguous(store):
    """Else a text message that may have been sent would be sent once more."""
    (entry,) = staged(store)
    claim(store, entry)
    mine = uuid4()

    first = claim(store, entry, at=LATER + 2 * MINUTE, claim_id=mine)
    again = claim(store, entry, at=LATER + 2 * MINUTE, claim_id=mine)

    assert [first.answer, again.answer] == [Answer.AMBIGUOUS, Answer.AMBIGUOUS]
    assert [first.takeovers, again.takeovers] == [1, 1]
    assert [step.event for step in store.latest([entry.id])] == [Event.TAKEN_OVER]

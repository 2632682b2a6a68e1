"""Invented people, for the demo and for tests: addresses and numbers that are reserved for such purposes."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Final

from healthnotify.bootstrap import Dice
from healthnotify.domain.model import Category, Channel, Goal, QuietHours
from healthnotify.domain.people import NewGoal, NewPerson, NewPreference
from healthnotify.domain.schedule import EVERY_DAY, zone

#: locale -> given names; surnames would add nothing to a greeting.
NAMES: Final = {
    "en": ("Olivia", "Noah", "Amelia", "Liam", "Grace", "Ethan", "Maya", "Jack", "Zoë", "Samuel"),
    "de": ("Anna", "Lukas", "Jürgen", "Sophie", "Felix", "Käthe", "Emil", "Greta", "Jonas", "Björn"),
    "es": ("Sofía", "Mateo", "Lucía", "Íñigo", "Valentina", "Diego", "Camila", "José", "Elena", "Pablo"),
    "fr": ("Chloé", "Hugo", "Zoé", "Raphaël", "Inès", "François", "Léa", "Théo", "Agnès", "Noël"),
}
#: A dozen zones, whole and broken offsets, on both sides of the date line.
ZONES: Final = (
    "Africa/Nairobi",
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Europe/Berlin",
    "Europe/London",
    "Pacific/Auckland",
)
#: A target that is usual for each goal.
TARGETS: Final = {
    Goal.WALK_MORE: 8000,
    Goal.SLEEP_EARLIER: 7,
    Goal.DRINK_WATER: 8,
    Goal.SCREEN_BREAK: 6,
    Goal.STRETCH: 5,
    Goal.MINDFULNESS: 10,
    Goal.EAT_WELL: 5,
    Goal.CHECKUP: 1,
}
AREA_CODES: Final = (202, 212, 303, 305, 312, 404, 415, 512, 617, 702)
#: One person in five is written to by SMS.
SMS_SHARE: Final = 0.2


def somebody(dice: Dice, timezone: str | None = None) -> NewPerson:
    """A person with goals, channel, days, time and quiet hours by chance; the zone too, when none is given."""
    locale = dice.choice(tuple(NAMES))
    goals = tuple(_goal(goal, dice) for goal in dice.sample(tuple(Goal), dice.randint(1, 3)))
    channel = Channel.SMS if dice.random() < SMS_SHARE else Channel.EMAIL
    return NewPerson(
        external_id=f"invented-{dice.getrandbits(64):016x}",
        name=dice.choice(NAMES[locale]),
        locale=locale,
        timezone=timezone or dice.choice(ZONES),
        addresses={Channel.EMAIL: _mailbox(dice), Channel.SMS: _number(dice)},
        goals=goals,
        preferences=(_preference(channel, dice),),
        quiet=dice.choice((None, QuietHours(time(22), time(7)), QuietHours(time(21, 30), time(8)))),
    )


def due_at(person: NewPerson, instant: datetime) -> NewPerson:
    """The same person, whose preferred time is what their clock shows at `instant` (whole seconds), every day."""
    wall = instant.astimezone(zone(person.timezone))
    (wish,) = person.preferences
    preference = NewPreference(wish.category, wish.channel, (wall.time().replace(microsecond=0),))
    return NewPerson(
        external_id=person.external_id,
        name=person.name,
        locale=person.locale,
        timezone=person.timezone,
        addresses=person.addresses,
        goals=person.goals,
        preferences=(preference,),
    )


def _preference(channel: Channel, dice: Dice) -> NewPreference:
    days: Sequence[int] = dice.choice((tuple(EVERY_DAY), range(5), (0, 2, 4), (5, 6)))
    wish = dice.choice((Category.NUDGE, Category.REMINDER, Category.PROGRESS))
    return NewPreference(wish, channel, (time(dice.randint(6, 21), dice.choice((0, 15, 30, 45))),), frozenset(days))


def _goal(goal: Goal, dice: Dice) -> NewGoal:
    target = TARGETS[goal]
    return NewGoal(goal, target=target, progress=round(target * dice.random()), streak=dice.choice((0, 0, 2, 5, 12)))


def _mailbox(dice: Dice) -> str:
    return f"person-{dice.getrandbits(48):012x}@example.org"


def _number(dice: Dice) -> str:
    """555-0100 to 555-0199 are kept free for fiction in every area of the North American plan."""
    return f"+1{dice.choice(AREA_CODES)}55501{dice.randrange(100):02}"

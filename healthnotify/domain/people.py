"""What must be known of somebody before anything can be sent to them, and the checks on it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from healthnotify.domain.errors import BadInput, Rejected
from healthnotify.domain.facts import safe_name
from healthnotify.domain.model import Category, Channel, Goal, QuietHours
from healthnotify.domain.schedule import EVERY_DAY, Rule, known_zones, next_occasion, zone

MOST_TIMES: Final = 6
LARGEST_NUMBER: Final = 2_147_483_647  # what the columns hold
LONGEST_NOTES: Final = 2000
LOCALE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
#: Deliberately loose: the mail server has the last word; this only keeps out what would break a header.
MAILBOX: Final = re.compile(r"[^@\s<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,64}@[^@\s<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,190}")
#: No spaces, quotes or control characters: a header or a log line must not be broken by it.
LINK: Final = re.compile(r"https?://[!#-;=?-\[\]_a-z~]{1,2000}", re.IGNORECASE)


class ZoneSource(StrEnum):
    """From where we know somebody's time zone."""

    GIVEN = "given"  #: they said so
    DEVICE = "device"  #: their device reported it
    INFERRED = "inferred"  #: guessed, from a country or a telephone number


@dataclass(frozen=True, slots=True)
class NewGoal:
    """What somebody works on, with how far they are."""

    goal: Goal
    target: int = 0
    progress: int = 0
    streak: int = 0
    notes: str = ""  #: their own words


@dataclass(frozen=True, slots=True)
class NewPreference:
    """What somebody wants in one category, over one channel."""

    category: Category
    channel: Channel
    times: tuple[time, ...]
    days: frozenset[int] = EVERY_DAY
    every: int = 1
    enabled: bool = True

    @property
    def key(self) -> tuple[Category, Channel]:
        """What a user has one preference for."""
        return self.category, self.channel


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody as they are to be entered, or to be after a change."""

    external_id: str
    name: str
    timezone: str
    addresses: Mapping[Channel, str] = field(default_factory=dict)
    preferences: tuple[NewPreference, ...] = ()
    goals: tuple[NewGoal, ...] = ()
    locale: str = "en"
    timezone_source: str = ZoneSource.GIVEN
    quiet: QuietHours | None = None
    active: bool = True
    verified: frozenset[Channel] = frozenset()  #: addresses that are known to be theirs


def check(person: NewPerson, *, http_webhooks: bool = False) -> None:
    """Raises `BadInput` for what is wrong, naming field and fix; `Rejected` when it is more than one thing."""
    found = problems(person, http_webhooks=http_webhooks)
    if len(found) == 1:
        raise found[0]
    if found:
        raise Rejected(found)


def problems(person: NewPerson, *, http_webhooks: bool = False) -> tuple[BadInput, ...]:
    """Everything that is wrong with it. Webhooks over http are for receivers on one's own network."""
    return (
        *_about_themselves(person),
        *_about_addresses(person, http_webhooks=http_webhooks),
        *(problem for goal in person.goals for problem in _about_goal(goal)),
        *(problem for preference in person.preferences for problem in _about_preference(preference, person.addresses)),
        *_twice("goals", [goal.goal for goal in person.goals]),
        *_twice("preferences", [f"{one.category}.{one.channel}" for one in person.preferences]),
    )


def _about_themselves(person: NewPerson) -> Iterator[BadInput]:
    identity = person.external_id
    if not (1 <= len(identity) <= 64 and identity.isprintable() and identity == identity.strip()):
        yield BadInput("external_id", "it is empty, too long or not printable", "Give 1 to 64 printable characters")
    if safe_name(person.name) is None:
        fix = "Use letters, spaces, apostrophes, hyphens and full stops, at most 60"
        yield BadInput("name", "it has characters that no name has", fix)
    if not LOCALE.fullmatch(person.locale) or len(person.locale) > 16:
        yield BadInput("locale", f"{person.locale[:32]!r} is none", "Use de or de-AT")
    if person.timezone not in known_zones():
        problem = f"unknown time zone {person.timezone[:64]!r}"
        yield BadInput("timezone", problem, "Use an IANA name such as Europe/Berlin")
    if person.timezone_source not in list(ZoneSource):
        yield BadInput("timezone_source", "it is none that we know", f"Use {', '.join(ZoneSource)}")
    if person.quiet and person.quiet.start == person.quiet.end:
        yield BadInput("quiet_hours", "start and end are the same", "Leave it out, or give two different times")


def _about_addresses(person: NewPerson, *, http_webhooks: bool) -> Iterator[BadInput]:
    mailbox = person.addresses.get(Channel.EMAIL)
    if mailbox is not None and not MAILBOX.fullmatch(mailbox):
        yield BadInput("channels.email", "it is not a mailbox", "Use name@domain without display name or spaces")
    link = person.addresses.get(Channel.WEBHOOK)
    if link is not None and not _is_link(link, ("https", "http") if http_webhooks else ("https",)):
        fix = "Use an https URL without user name or password, such as https://example.org/inbox"
        yield BadInput("channels.webhook", "it is no URL that we may call", fix)
    if strangers := person.verified - set(person.addresses):
        yield BadInput("channels", f"there is no address for {min(strangers)}", "Verify addresses that are given")


def _is_link(text: str, schemes: tuple[str, ...]) -> bool:
    if not LINK.fullmatch(text):
        return False
    try:
        url = urlsplit(text)
        return url.scheme in schemes and bool(url.hostname) and "@" not in url.netloc and url.port != 0
    except ValueError:  # a port that is none, a bracket that stays open
        return False


def _about_goal(goal: NewGoal) -> Iterator[BadInput]:
    for name in ("target", "progress", "streak"):
        if not 0 <= getattr(goal, name) <= LARGEST_NUMBER:
            yield BadInput(f"goals.{goal.goal}.{name}", "out of range", f"Give 0 to {LARGEST_NUMBER}")
    if len(goal.notes) > LONGEST_NOTES or "\x00" in goal.notes:
        yield BadInput(f"goals.{goal.goal}.notes", "they are too long", f"Use at most {LONGEST_NOTES} characters")


def _about_preference(preference: NewPreference, addresses: Mapping[Channel, str]) -> Iterator[BadInput]:
    place = f"preferences.{preference.category}.{preference.channel}"
    if not 1 <= len(set(preference.times)) == len(preference.times) <= MOST_TIMES:
        problem = "there are none, too many, or one of them twice"
        yield BadInput(f"{place}.times", problem, f"Give 1 to {MOST_TIMES} different times of day")
    if not preference.days or not preference.days <= EVERY_DAY:
        problem = "there is none, or one that is no day of the week"
        yield BadInput(f"{place}.days", problem, "Give numbers from 0 (Monday) to 6")
    if not 1 <= preference.every <= 366:
        yield BadInput(f"{place}.every_days", "out of range", "Give 1 to 366 days")
    if preference.channel not in addresses:
        problem = f"there is no address for {preference.channel}"
        yield BadInput(f"{place}.channel", problem, "Give that address, or name a channel that has one")


def _twice(field_name: str, names: list[str]) -> Iterator[BadInput]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield BadInput(f"{field_name}.{name}", "it is given twice", "Give it once")


def anchor_of(preference: NewPreference, person: NewPerson, now: datetime) -> date:
    """From which date every n-th day is counted: the first chosen day from their today on, so that it is never none."""
    today = now.astimezone(zone(person.timezone)).date()
    return next(day for day in (today + timedelta(days=step) for step in range(7)) if day.weekday() in preference.days)


def rule(preference: NewPreference, person: NewPerson, anchor: date) -> Rule:
    """What the preference says about time."""
    return Rule(person.timezone, preference.times, preference.days, preference.every, anchor, person.quiet)


def wanted(preference: NewPreference, person: NewPerson) -> bool:
    """Whether anything is to be sent for it at all: without a goal there is nothing to write about."""
    return person.active and preference.enabled and bool(person.goals)


def first_due(
    preference: NewPreference, person: NewPerson, now: datetime, anchor: date | None = None
) -> datetime | None:
    """When the planner has to look at it next, as seen from `now`; never, when nothing is to be sent."""
    if not wanted(preference, person):
        return None
    return next_occasion(rule(preference, person, anchor or anchor_of(preference, person, now)), now).send_at

"""What must be known of somebody before anything can be sent to them, and the checks on it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Final

from healthnotify.domain.errors import BadInput
from healthnotify.domain.facts import safe_name
from healthnotify.domain.model import Category, Channel, Goal, QuietHours
from healthnotify.domain.schedule import EVERY_DAY, Rule, next_occasion, zone

MOST_TIMES: Final = 6
LOCALE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
#: Deliberately loose: the mail server has the last word; this only keeps out what would break a header.
MAILBOX: Final = re.compile(r"[^@\s<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,64}@[^@\s<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,190}")


@dataclass(frozen=True, slots=True)
class NewGoal:
    """What somebody works on, with how far they are."""

    goal: Goal
    target: int = 0
    progress: int = 0
    streak: int = 0


@dataclass(frozen=True, slots=True)
class NewPreference:
    """What somebody wants in one category."""

    category: Category
    channel: Channel
    times: tuple[time, ...]
    days: frozenset[int] = EVERY_DAY
    every: int = 1
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody who is to be entered."""

    external_id: str
    name: str
    timezone: str
    addresses: Mapping[Channel, str]
    preferences: tuple[NewPreference, ...]
    goals: tuple[NewGoal, ...]
    locale: str = "en"
    timezone_source: str = "given"
    quiet: QuietHours | None = None
    active: bool = True
    notes: Mapping[Goal, str] = field(default_factory=dict)


def check(person: NewPerson) -> None:
    """Raises `BadInput` for the first thing that is wrong, naming field and fix."""
    zone(person.timezone)
    _require(1 <= len(person.external_id) <= 64, "external_id", "it is empty or too long", "Give 1 to 64 characters")
    _require(
        safe_name(person.name) is not None,
        "name",
        "it has characters that no name has",
        "Use letters, spaces, apostrophes, hyphens and full stops, at most 60",
    )
    _require(LOCALE.fullmatch(person.locale) is not None, "locale", f"{person.locale!r} is none", "Use de or de-AT")
    _require(bool(person.goals), "goals", "there is none", "Give at least one goal to write about")
    mailbox = person.addresses.get(Channel.EMAIL)
    _require(
        mailbox is None or MAILBOX.fullmatch(mailbox) is not None,
        "addresses.email",
        "it is not a mailbox",
        "Use name@domain without display name or spaces",
    )
    for preference in person.preferences:
        _check_preference(preference, person.addresses)


def _check_preference(preference: NewPreference, addresses: Mapping[Channel, str]) -> None:
    place = f"preferences.{preference.category}"
    _require(
        1 <= len(set(preference.times)) == len(preference.times) <= MOST_TIMES,
        f"{place}.times",
        "there are none, too many, or one of them twice",
        f"Give 1 to {MOST_TIMES} different times of day",
    )
    _require(
        bool(preference.days) and preference.days <= EVERY_DAY,
        f"{place}.days",
        "there is none, or one that is no day of the week",
        "Give numbers from 0 (Monday) to 6",
    )
    _require(1 <= preference.every <= 366, f"{place}.every", "out of range", "Give 1 to 366 days")
    _require(
        preference.channel in addresses,
        f"{place}.channel",
        f"there is no address for {preference.channel}",
        "Give that address, or name a channel that has one",
    )


def rule(preference: NewPreference, person: NewPerson, anchor: date) -> Rule:
    """What the preference says about time."""
    return Rule(person.timezone, preference.times, preference.days, preference.every, anchor, person.quiet)


def first_due(preference: NewPreference, person: NewPerson, now: datetime) -> datetime | None:
    """When the planner has to look at it for the first time; never, when nothing is to be sent."""
    if not (person.active and preference.enabled):
        return None
    return next_occasion(rule(preference, person, now.date()), now).send_at


def _require(holds: bool, field_name: str, problem: str, fix: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise BadInput(field_name, problem, fix)

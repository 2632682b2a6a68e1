"""Why somebody gets nothing, or what they get next: sentences for an operator, from facts alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from healthnotify.domain.delivery import OUTCOME_UNKNOWN
from healthnotify.domain.lifecycle import OPEN, State
from healthnotify.domain.model import Withheld

#: After this the planner should have been there.
LATE: Final = timedelta(minutes=1)

REASONS: Final[Mapping[str, str]] = {
    Withheld.OPTED_OUT: "the category was switched off for this channel, or there was no address for it",
    Withheld.ERASED: "the user had been erased",
    Withheld.EXPIRED: "its time ran out before it could be sent",
    Withheld.SUPERSEDED: "a change of the user's wishes took its place",
    Withheld.CAPPED: "the user had already had as many messages as anybody may get within 24 hours",
    Withheld.USER_INACTIVE: "the user was inactive",
    Withheld.WITHDRAWN: "whoever asked for it took it back",
    Withheld.UNFIT: "the text that was asked for broke a rule with this user's values in it",
    OUTCOME_UNKNOWN: "the provider never said whether it took it, and this channel is not tried twice",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A preference, without the user's times."""

    category: str
    channel: str
    enabled: bool
    has_address: bool
    next_due_at: datetime | None

    @property
    def name(self) -> str:
        """As a sentence names it."""
        return f"{self.category} by {self.channel}"


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest notification that there is."""

    state: str
    reason: str | None
    send_at: datetime
    ended_at: datetime | None
    channel: str


@dataclass(frozen=True, slots=True)
class Person:
    """What decides whether somebody gets something. No name, no address, no time of day."""

    active: bool
    erased_at: datetime | None
    goals: int
    wanted: tuple[Wanted, ...]
    latest: Latest | None = None


def why(person: Person, now: datetime) -> list[str]:
    """What stands in the way first, then what comes next, then what became of the latest notification."""
    return [*_in_the_way(person), *_next(person, now), *_lately(person.latest, now)]


def _in_the_way(person: Person) -> Iterator[str]:
    if person.erased_at:
        yield f"The user was erased on {person.erased_at:%Y-%m-%d}: nothing is planned or sent any more."
        return
    if not person.active:
        yield "The user is inactive: nothing is planned or sent until they are made active again."
    if not person.goals:
        yield "The user has no goal: there is nothing to write about, so nothing is planned."
    if not person.wanted:
        yield "The user has no preference: nothing says what to send, when, and over which channel."
    elif not any(wish.enabled for wish in person.wanted):
        yield "Every preference is switched off: the user wants nothing."
    for wish in person.wanted:
        if wish.enabled and not wish.has_address:
            yield f"There is no address for {wish.name}: it is planned, and cancelled before it is sent."


def _next(person: Person, now: datetime) -> Iterator[str]:
    if person.erased_at or not person.active or not person.goals:
        return
    for wish in (wish for wish in person.wanted if wish.enabled):
        if wish.next_due_at is None:
            yield f"{wish.name}: it is never due, although it is switched on. Save the preference again."
        elif wish.next_due_at < now - LATE:
            yield f"{wish.name}: due since {_at(wish.next_due_at)} and not planned yet. Look whether a planner runs."
        else:
            yield f"{wish.name}: the next one that is not planned yet is due at {_at(wish.next_due_at)}."


def _lately(latest: Latest | None, now: datetime) -> Iterator[str]:
    if latest is None:
        yield "No notification was ever planned."
    elif latest.state in OPEN:
        yield _open(latest, now)
    elif latest.state == State.COMPLETED:
        yield (
            f"The latest one was accepted by the {latest.channel} channel at {_at(latest.ended_at or latest.send_at)}: "
            "if it was not received, only the provider can say why."
        )
    else:
        verb = "given up" if latest.state == State.FAILED else "cancelled"
        yield f"The latest one, for {_at(latest.send_at)}, was {verb}: {reason(latest.reason)}."


def _open(latest: Latest, now: datetime) -> str:
    if latest.send_at > now:
        return f"The latest one waits for its time, {_at(latest.send_at)}."
    if latest.state == State.RETRY:
        return f"The latest one, for {_at(latest.send_at)}, has failed and is tried again: {reason(latest.reason)}."
    return f"The latest one was due at {_at(latest.send_at)} and is under way; its page tells how far it is."


def reason(code: str | None) -> str:
    """A code in words; what a provider said stays as it was said."""
    return REASONS.get(code or "", (code or "no reason was kept").replace("_", " "))


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"

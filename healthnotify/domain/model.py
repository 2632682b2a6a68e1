"""The nouns: what a notification is, what travels, what a channel answers."""

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from healthnotify.domain.lifecycle import State

NAMESPACE: Final = UUID("6f0c2a52-4f0e-5b0e-9a3f-2d6c5f7f3f11")


class Channel(StrEnum):
    """A way to a user."""

    EMAIL = "email"
    SMS = "sms"
    WEBHOOK = "webhook"


class Category(StrEnum):
    """What kind of message it is; people switch categories on and off."""

    NUDGE = "nudge"
    REMINDER = "reminder"
    PROGRESS = "progress"
    DIGEST = "digest"
    SERVICE = "service"


class Goal(StrEnum):
    """What a user wants to do more, or less, of."""

    WALK_MORE = "walk_more"
    SLEEP_EARLIER = "sleep_earlier"
    DRINK_WATER = "drink_water"
    SCREEN_BREAK = "screen_break"
    STRETCH = "stretch"
    MINDFULNESS = "mindfulness"
    EAT_WELL = "eat_well"
    CHECKUP = "checkup"


class Withheld(StrEnum):
    """Why a notification must no longer be sent."""

    OPTED_OUT = "opted_out"
    ERASED = "erased"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CAPPED = "capped"
    USER_INACTIVE = "user_inactive"
    WITHDRAWN = "withdrawn"  #: whoever asked for it took it back
    UNFIT = "unfit"  #: the words that were asked for break a rule once the values are filled in


#: What was cancelled for one of these before any attempt makes room for another notification of its occasion: it was
#: not sent, nobody can be sending it, and the user may change their mind again before its time.
MAKES_ROOM: Final = (Withheld.SUPERSEDED, Withheld.OPTED_OUT, Withheld.USER_INACTIVE)


def notification_id(
    user_id: UUID, category: Category, local_date: date, slot: int, channel: Channel, *, revision: int = 0
) -> UUID:
    """The one id of this occasion: planning twice, after any crash or clock jump, plans once.

    `slot` is the ordinal of the occasion on that local date (1 is the first), not its time, so that a time which is
    changed in mid-day makes no second notification. The id is the idempotency key that every channel passes on.
    `revision` is the preference's: what a change of it has cancelled keeps its id, and its successor gets another.
    """
    name = f"{user_id}|{category}|{local_date.isoformat()}|{slot}|{channel}"
    return uuid5(NAMESPACE, f"{name}|{revision}" if revision else name)  # those of before any change never change


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Half-open local window [start, end) in which nothing is sent; it may run over midnight."""

    start: time
    end: time

    def holds(self, wall: time) -> bool:
        """Whether that wall-clock time is inside."""
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end


@dataclass(frozen=True, slots=True)
class Preference:
    """What one user wants in one category: over which channel, for which goals, and when."""

    id: UUID
    user_id: UUID
    category: Category
    channel: Channel
    goals: tuple[Goal, ...]
    timezone: str
    times: tuple[time, ...]
    days: frozenset[int]  #: Monday is 0
    every: int  #: every n-th day, counted from `anchor`
    anchor: date
    quiet: QuietHours | None
    planned_until: datetime  #: every occasion up to this instant is planned
    next_due_at: datetime  #: the first occasion after it, as it was computed then
    revision: int = 0  #: goes up with each change that what is planned depends on


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one user, as the planner, or whoever asked for it, writes it down. Instants are aware, in UTC."""

    id: UUID
    user_id: UUID
    category: Category
    channel: Channel
    goal: Goal | None  #: None: what it says was given
    local_date: date
    slot: int | None  #: None: somebody asked for it, so it is for no occasion
    timezone: str
    wall_clock: datetime  #: naive: what the clock on the user's wall was to show
    send_at: datetime
    expires_at: datetime
    shift: str | None  #: why `send_at` is not `wall_clock`: gap or quiet_hours
    tzdata: str  #: version of the time zone database that decided
    revision: int = 0  #: of the preference that it was planned from

    @property
    def occasion(self) -> tuple[UUID, Category, date, int, Channel] | None:
        """What there is one notification for; None for one that was asked for."""
        if self.slot is None:
            return None
        return self.user_id, self.category, self.local_date, self.slot, self.channel


@dataclass(frozen=True, slots=True)
class Brief:
    """The typed allow-list: all that a language model ever learns. No name, address, id, zone or free text."""

    goal: Goal
    category: Category
    progress: str  #: bucket, never the number: none, started, halfway, nearly, reached
    tone: str
    language: str
    reading_level: str
    variant: str
    longest: int  #: characters of text that the channel takes


@dataclass(frozen=True, slots=True)
class Draft:
    """Text before the guardrails, with placeholders."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A PLANNED notification that a builder has leased, with what it needs to write it.

    What it is to say is given by at most one of `draft` and `template`; else a model writes about the goal.
    """

    id: UUID
    user_id: UUID
    category: Category
    channel: Channel
    goal: Goal | None
    name: str
    locale: str
    target: int
    progress: int
    streak: int
    send_at: datetime
    expires_at: datetime
    withheld: Withheld | None  #: a reason that is already known not to write it
    asked_by: str | None = None  #: somebody asked for it, so it is for no occasion
    draft: Draft | None = None
    template: str | None = None

    @property
    def needs_model(self) -> bool:
        """Whether its words are still to be found."""
        return self.draft is None and self.template is None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a message came from, kept with it."""

    source: str  #: "model", "template" or "given"
    author: str  #: the model's name, the template's id, or who gave the words
    fields: tuple[str, ...]  #: names of the fields that were sent to the model
    prompt: str | None = None  #: id of the prompt, for the model's
    why_template: str | None = None  #: why a template was used instead of the model


@dataclass(frozen=True, slots=True)
class Message:
    """Text after the guardrails, as the user will read it."""

    id: UUID
    user_id: UUID
    subject: str
    text: str
    provenance: Provenance
    send_at: datetime  #: of its notification


@dataclass(frozen=True, slots=True)
class Entry:
    """What the cache holds of a notification."""

    id: UUID
    user_id: UUID
    state: State
    category: Category
    channel: Channel
    timezone: str
    local_date: date
    attempt: int  #: claimed tries so far
    send_at: datetime
    expires_at: datetime
    due_at: datetime | None  #: when the producer (STAGED) or the retry consumer (RETRY) is to act
    sealed: str  #: subject and text, encrypted under the user's key

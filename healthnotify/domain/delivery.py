"""The nouns of the road: what travels, what is claimed, what a channel answers, what is recorded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Category, Channel, QuietHours, Withheld

OUTCOME_UNKNOWN: Final = "outcome_unknown"
#: Processes have died over it again and again: a record that is buried unread, a notification that may have gone out.
KILLS_THE_PROCESS: Final = "kills_the_process"


class FailureKind(StrEnum):
    TRANSIENT = "transient"  #: another try may help
    PERMANENT = "permanent"  #: no try will help
    UNKNOWN = "unknown"  #: the channel may have accepted it
    DEFERRED = "deferred"  #: nothing was sent, on purpose


@dataclass(frozen=True, slots=True)
class Failure:
    """Outcome of a channel, or of the last look before it: not sent, or perhaps sent."""

    kind: FailureKind
    reason: str
    retry_after: timedelta | None = None
    until: datetime | None = None  #: deferrals only


@dataclass(frozen=True, slots=True)
class Accepted:
    """Outcome of a channel: it has taken the message and answers for it from here."""

    receipt: str = ""  #: the channel's own id for it


Outcome = Accepted | Failure | Withheld


@dataclass(frozen=True, slots=True)
class Envelope:
    """What travels through Kafka: ids, times and codes, nothing about a person (the text goes by reference)."""

    id: UUID
    user_id: UUID
    category: Category
    channel: Channel
    attempt: int  #: on the daily topic the try to make; on the others the try that failed
    send_at: datetime
    expires_at: datetime
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A notification whose time has come, with what its envelope needs."""

    id: UUID
    user_id: UUID
    category: Category
    channel: Channel
    attempt: int
    send_at: datetime
    expires_at: datetime

    def envelope(self, attempt: int, failure: Failure | None = None) -> Envelope:
        """The record that announces `attempt`, or its failure."""
        return Envelope(
            id=self.id,
            user_id=self.user_id,
            category=self.category,
            channel=self.channel,
            attempt=attempt,
            send_at=self.send_at,
            expires_at=self.expires_at,
            failure=failure,
        )


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record lies on the road."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that is not ours."""

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """What a consumer received, and where."""

    position: Position
    content: Envelope | Poison


class Answer(StrEnum):
    """What the store says to somebody who wants to claim."""

    CLAIMED = "claimed"  #: yours until the lease ends
    AMBIGUOUS = "ambiguous"  #: yours, but an earlier holder of this attempt may have sent it
    REPORTED = "reported"  #: this attempt's failure is recorded; only the hand-over to the retry topic is missing
    BUSY = "busy"  #: another holds it: park the record until the lease ends
    TERMINAL = "terminal"  #: ended; nothing to do
    STALE = "stale"  #: this attempt is past
    REFUSED = "refused"  #: it could be had, but PostgreSQL's ceiling of sends is reached
    SUSPECT = "suspect"  #: it could be had, but holders of this attempt have died: ask for it alone
    MISSING = "missing"  #: no such notification


@dataclass(frozen=True, slots=True)
class Ask:
    """A wish to claim. `claim_id` is random per processing, so that a lost COMMIT reply can be asked again."""

    envelope: Envelope
    claim_id: UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """The store's answer to an `Ask`."""

    answer: Answer
    envelope: Envelope
    claim_id: UUID  #: of the holder: one's own when claimed, the reporter's when reported
    lease_until: datetime | None = None
    failure: Failure | None = None  #: when reported
    person: "Person | None" = None  #: when claimed
    takeovers: int = 0  #: when ambiguous: how many holders of this attempt have left it without an outcome


@dataclass(frozen=True, slots=True)
class Person:
    """What the last look before a send needs, read in the same statement as the claim."""

    active: bool
    erased: bool
    enabled: bool  #: category and channel are still wanted
    timezone: str
    quiet: QuietHours | None
    locale: str
    address: str
    sent_last_day: int
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A finished message on its way to one address."""

    id: UUID
    user_id: UUID
    category: Category
    address: str
    locale: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """A failed try whose consequence the retry consumer has to decide."""

    envelope: Envelope  #: with `failure`
    tries: int  #: used tries; deferrals do not count


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record given up: a notification with its failure, or bytes that are not ours."""

    reason: str
    envelope: Envelope | None = None
    record: Record | None = None  #: what was received, when it is not ours or was not read

    @property
    def unread_at(self) -> Position | None:
        """Where the record lay that was buried unread because it kills the process: it may have been ours."""
        if self.record is None or not isinstance(self.record.content, Poison):
            return None
        return self.record.position if self.reason.startswith(KILLS_THE_PROCESS) else None


@dataclass(frozen=True, slots=True)
class Step:
    """One move of one notification, as it was recorded."""

    id: UUID
    event: Event
    before: State | None
    after: State
    at: datetime
    attempt: int = 0
    reason: str | None = None
    due_at: datetime | None = None

"""What the parts of a delivery pass to each other."""

from asyncio import Semaphore
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from healthnotify.domain.delivery import (
    Claim,
    Outcome,
    Record,
    Step,
)
from healthnotify.domain.model import Channel
from healthnotify.domain.stops import Stops
from healthnotify.pipeline.ports import Breakers, ChannelPort


@dataclass(frozen=True, slots=True)
class Delivering:
    """How long a claim lasts, how long a send may take, and how many messages a user gets in 24 hours at most."""

    lease: timedelta
    send_timeout: timedelta
    daily_cap: int


@dataclass(frozen=True, slots=True)
class Ways:
    """What a claimed message may go out by, and who may still say no."""

    channels: Mapping[Channel, ChannelPort]
    turns: Mapping[Channel, Semaphore]  #: so many sends of a channel at a time; the others wait before the last no
    breakers: Breakers
    stops: Callable[[], Stops]
    clock: Callable[[], datetime]
    dice: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record and the id that it will be claimed with, the same one however often the store has to be asked: when a
    COMMIT's reply is lost, asking again finds our own claim."""

    record: Record
    claim_id: UUID
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A record and the claim that it led to."""

    record: Record
    claim: Claim


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a claim."""

    held: Held
    outcome: Outcome


@dataclass(slots=True)
class Taken:
    """What became of a batch of records."""

    to_send: list[Held] = field(default_factory=list)
    to_settle: list[Sent] = field(default_factory=list)  #: known without a send
    parked: list[Arrival] = field(default_factory=list)  #: somebody else's until then
    suspects: list[Arrival] = field(default_factory=list)  #: to be taken again, each alone
    finished: list[Record] = field(default_factory=list)
    buried: int = 0  #: of those that are finished: ids that nobody knows


@dataclass(slots=True)
class Settled:
    """What became of a batch of outcomes."""

    steps: list[Step] = field(default_factory=list)
    finished: list[Record] = field(default_factory=list)
    left: list[Sent] = field(default_factory=list)  #: to be settled again
    again: list[Record] = field(default_factory=list)  #: to be claimed again: the claim was lost

"""The cache, the road, the model, the channels, and what limits them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from healthnotify.domain.delivery import (
    Due,
    Envelope,
    Letter,
    Outcome,
    Position,
    Record,
    Step,
)
from healthnotify.domain.limits import Allowance
from healthnotify.domain.model import Brief, Draft, Entry
from healthnotify.pipeline.ports.store import Announced, DueIndex, Topic


class Staging(Protocol):
    """The cache and the due indexes. May be empty, cold or gone at any time."""

    def put(self, entries: Sequence[Entry]) -> None:
        """Cache the entries and index those that have a `due_at`."""

    def follow(self, steps: Sequence[Step]) -> None:
        """Bring entries and indexes in line with steps that PostgreSQL has recorded."""

    def due(self, index: DueIndex, now: datetime, limit: int, hide: timedelta) -> list[Due] | None:
        """What is due, the earliest first, hidden from other callers for `hide`. None when the cache is cold."""

    def is_cold(self) -> bool:
        """Whether it was lost or rolled back since the last `warm`."""

    def clear(self) -> None:
        """Forget everything, as before a rebuild."""

    def warm(self) -> None:
        """Say that the rebuild is complete."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What the cache holds of one notification."""

    entry: Entry
    indexes: frozenset[DueIndex]  #: those that hold its id


class Inspected(Protocol):
    """The cache, as an operator looks at it who doubts what it holds."""

    def look(self, ids: Sequence[UUID]) -> dict[UUID, Looked]:
        """What it holds of these; nothing of those that it has no entry of."""

    def replace(self, entries: Sequence[Entry]) -> None:
        """As `Staging.put`, over whatever is there, be it newer."""


class Road(Protocol):
    """Kafka, as a producer sees it."""

    def announce(self, topic: Topic, envelopes: Sequence[Envelope]) -> list[Announced]:
        """Produce and wait for the reports. What is not in the answer is *unknown*, not refused."""

    def bury(self, records: Sequence[Record]) -> list[Record]:
        """Put records that are not ours on the dead-letter topic, with bytes, place and reason."""

    def passed(self, positions: Sequence[Position]) -> set[Position]:
        """Those that the topic's consumers have committed past, or that the log no longer holds."""


class Intake(Protocol):
    """Kafka, as a consumer sees it. One thread calls `take`; any thread calls `begin` and `finish`."""

    def take(self, limit: int, wait: timedelta) -> list[Record]:
        """Up to `limit` records; with 0 it only keeps the membership alive. Commits what is finished."""

    def begin(self, records: Sequence[Record]) -> None:
        """These are in the works and will be finished soon: when their partitions are taken away it is waited for them
        a little. For what merely waits to be begun nobody waits: it is delivered to the new owner."""

    def finish(self, records: Sequence[Record]) -> None:
        """These are settled: their offsets may be committed once all before them are."""

    def assigned(self) -> Collection[int]:
        """The numbers of the partitions that are its own now; none before the first `take`. Any thread may ask."""

    def close(self) -> None:
        """Commit what is finished and leave the group."""


class Writer(Protocol):
    """The language model."""

    @property
    def model(self) -> str:
        """Which model, for provenance."""

    @property
    def prompt_id(self) -> str:
        """Which prompt, for provenance."""

    async def write(self, brief: Brief, deadline: timedelta) -> Draft:
        """A draft from the allow-list alone. Raises `NotWritten` with a reason."""


class NotWritten(Exception):
    """The model gave no usable draft; `reason` is a code such as rate_limited, timeout, refusal, bad_answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChannelPort(Protocol):
    """A way out. Sends one letter and says what came of it; never raises for what a provider does."""

    @property
    def at_once(self) -> int:
        """How many sends may be under way at a time."""

    def provider(self, letter: Letter) -> str:
        """Who would have to take it, by a name that breakers know it by."""

    async def send(self, letter: Letter) -> Outcome:
        """Answers `Accepted` or a `Failure`."""

    async def close(self) -> None:
        """Let go of connections."""


class Limiter(Protocol):
    """Counts requests; when its own server is away it counts in this process alone, and never refuses for that."""

    def take(self, limits: Mapping[str, int]) -> Allowance:
        """Count one request against each name, of which so many a minute are allowed; all of them in one round trip.

        The answer is that of the name which lets the fewest more through, so one that refuses comes first.
        """


class Breakers(Protocol):
    """Which providers are left alone just now. Shared through Redis; each process decides alone while that is away."""

    async def ask(self, provider: str) -> float:
        """0: go. Else the seconds for which to leave it alone. Whoever gets the 0 that ends a rest is its one probe."""

    async def tell(self, provider: str, *, good: bool) -> None:
        """What came of a send that was let through."""

    async def close(self) -> None:
        """Let go of connections."""

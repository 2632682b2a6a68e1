"""What keeps one bad record, or one bad provider, from harming all the others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from healthnotify.domain.model import Channel
from healthnotify.pipeline.ports.store import Topic


@dataclass(frozen=True, slots=True)
class Span:
    """Records that a process has in hand: those of a partition from `first` up to, not including, `end`."""

    partition: int
    first: int
    end: int
    deaths: int = 0  #: processes that have died with exactly these in hand


class CrashLog(Protocol):
    """What one process has in hand of a topic, kept where its death cannot take it. Names are those of the process.

    Written before anything is parsed, once a batch; it need not survive the server, only us.
    """

    def begin(self, spans: Sequence[Span]) -> None:
        """These are in hand now, one a partition, and nothing else of ours."""

    def suspects(self, partitions: Collection[int]) -> list[Span]:
        """What others had in hand in these partitions and never put down. To begin there takes their place."""

    def done(self, partitions: Collection[int] | None = None) -> None:
        """Nothing of ours is in hand any more, in these partitions or in all."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nobody consumes this topic until an operator says go."""

    topic: Topic
    since: datetime
    why: str


class Holds(Protocol):
    """Which topics nobody consumes because dead letters poured. Kept where a restart does not forget it."""

    def held(self, topic: Topic) -> Hold | None:
        """The hold on it, as it is now."""

    def hold(self, topic: Topic, why: str, at: datetime) -> Hold:
        """Nobody shall consume it; answers the hold that stands: an earlier one stays as it is."""

    def accepted(self, channel: Channel, since: datetime, most: int) -> int:
        """How many messages the channel has accepted since then; counting ends at `most`."""

    def unread(self, topic: Topic, since: datetime) -> int:
        """How many of its records were buried unread, because they kill: since then, and since a hold on it ended."""

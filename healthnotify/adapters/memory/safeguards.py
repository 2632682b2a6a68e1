"""The crash log and the holds in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from healthnotify.adapters.memory.store import MemoryStore
from healthnotify.domain.delivery import KILLS_THE_PROCESS
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import Event
from healthnotify.domain.model import Channel
from healthnotify.pipeline.ports import Hold, Span, Topic


@dataclass
class MemoryMarks:
    """What the processes of one test have in hand; `down` makes every call raise `Unavailable`."""

    rows: dict[tuple[Topic, int], tuple[UUID, Span]] = field(default_factory=dict)
    down: bool = False

    def log(self, topic: Topic) -> "MemoryCrashLog":
        """Of a new process."""
        return MemoryCrashLog(self, topic)


class MemoryCrashLog:
    """The CrashLog port's twin."""

    def __init__(self, marks: MemoryMarks, topic: Topic) -> None:
        self._marks = marks
        self._topic = topic
        self._owner = uuid4()

    def begin(self, spans: Sequence[Span]) -> None:
        """See `ports.CrashLog`."""
        self.done()
        self._marks.rows.update({(self._topic, span.partition): (self._owner, span) for span in spans})

    def suspects(self, partitions: Collection[int]) -> list[Span]:
        """See `ports.CrashLog`."""
        self._answer()
        found = [self._marks.rows.get((self._topic, partition)) for partition in sorted(partitions)]
        return [span for owner, span in filter(None, found) if owner != self._owner]

    def done(self, partitions: Collection[int] | None = None) -> None:
        """See `ports.CrashLog`."""
        self._answer()
        for place, (owner, span) in list(self._marks.rows.items()):
            wanted = partitions is None or span.partition in partitions
            if place[0] is self._topic and owner == self._owner and wanted:
                del self._marks.rows[place]

    def _answer(self) -> None:
        if self._marks.down:
            raise Unavailable("PostgreSQL", "switched off by the test")


class MemoryHolds:
    """The Holds port's twin; it looks at what the store in memory has recorded."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._held: dict[Topic, Hold] = {}
        self._seen: dict[Topic, int] = {}  # how many dead letters there were when a hold ended

    def held(self, topic: Topic) -> Hold | None:
        """See `ports.Holds`."""
        self._answer()
        return self._held.get(topic)

    def hold(self, topic: Topic, why: str, at: datetime) -> Hold:
        """See `ports.Holds`."""
        self._answer()
        return self._held.setdefault(topic, Hold(topic, at, why[:200]))

    def accepted(self, channel: Channel, since: datetime, most: int) -> int:
        """See `ports.Holds`."""
        self._answer()
        steps = [step for step in self._store.moves if step.event is Event.ACCEPTED and step.at > since]
        return min(most, sum(self._store.rows[step.id].plan.channel is channel for step in steps))

    def unread(self, topic: Topic, since: datetime) -> int:
        """See `ports.Holds`. Dead letters have no time here: all are counted that came after the last hold."""
        self._answer()
        letters = self._store.dead_letters[self._seen.get(topic, 0) :]
        records = [one.record for one in letters if one.reason.startswith(KILLS_THE_PROCESS)]
        return sum(record is not None and record.position.topic == topic for record in records)

    def resume(self, topic: Topic) -> None:
        """What an operator says."""
        self._held.pop(topic, None)
        self._seen[topic] = len(self._store.dead_letters)

    def _answer(self) -> None:
        if self._store.down:
            raise Unavailable("PostgreSQL", "switched off by the test")

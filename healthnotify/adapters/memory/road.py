"""The road and the intake in memory: a log of bytes, groups with committed offsets, switches for what goes wrong."""

import sys
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zlib import crc32

from healthnotify.adapters.envelope import Wire, encode, encode_buried
from healthnotify.adapters.offsets import OffsetTracker
from healthnotify.adapters.suspects import Suspects, Unread
from healthnotify.domain.delivery import Envelope, Position, Record
from healthnotify.domain.errors import Unavailable
from healthnotify.pipeline.ports import Announced, CrashLog, Topic

#: Which records something happens to: all, or those whose notification (or, for poison, nobody) is in the collection.
Some = Literal[True] | Collection[object]


@dataclass(slots=True)
class _Group:
    committed: dict[int, int] = field(default_factory=dict)
    members: list["MemoryIntake"] = field(default_factory=list)


class MemoryLog:
    """Topics of a few partitions, shared by the roads and intakes of one test. Safe to use from several threads."""

    def __init__(self, partitions: int = 4) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.topics: dict[Topic, list[list[Wire]]] = {topic: [[] for _ in range(partitions)] for topic in Topic}
        self.groups: dict[Topic, _Group] = {topic: _Group() for topic in Topic}

    def append(self, topic: Topic, wire: Wire) -> Position:
        """Put any bytes on a topic, in the partition of their key."""
        with self.changed:
            partitions = self.topics[topic]
            number = crc32(wire[0]) % len(partitions)
            partitions[number].append(wire)
            self.changed.notify_all()
            return Position(topic, number, len(partitions[number]) - 1)

    def records(self, topic: Topic) -> list[Wire]:
        """All that was ever put on a topic, partition by partition."""
        return [wire for partition in self.topics[topic] for wire in partition]

    def share_out(self, topic: Topic) -> None:
        """Divide the topic's partitions among the group's members; the changes take effect at once."""
        members = self.groups[topic].members
        for member in members:
            member.commit()  # all of them first: a new owner begins where the old one has committed
        for index, member in enumerate(members):
            member.own(range(index, len(self.topics[topic]), len(members)))


class MemoryRoad:
    """The Road port's twin. `silent` records do not arrive; `unheard` ones do, but their report is lost; when `down`
    every call raises `Unavailable`."""

    def __init__(self, log: MemoryLog, *, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._clock = clock
        self.silent: Some = ()
        self.unheard: Some = ()
        self.down = False

    def announce(self, topic: Topic, envelopes: Sequence[Envelope]) -> list[Announced]:
        """As the port says."""
        self._answer()
        announced = []
        for envelope in envelopes:
            wire = encode(envelope, topic, self._clock(), bytes(8))
            if place := self._put(topic, wire, envelope.id):
                announced.append(Announced(envelope, place))
        return announced

    def bury(self, records: Sequence[Record]) -> list[Record]:
        """As the port says."""
        self._answer()
        return [r for r in records if self._put(Topic.DEAD_LETTER, encode_buried(r, self._clock()), None)]

    def passed(self, positions: Sequence[Position]) -> set[Position]:
        """As the port says."""
        self._answer()
        with self._log.changed:
            return {place for place in positions if self._is_passed(place)}

    def close(self) -> None:
        """Nothing to let go of."""

    def _is_passed(self, place: Position) -> bool:
        topic = Topic(place.topic)
        partitions = self._log.topics[topic]
        held = place.partition < len(partitions) and place.offset < len(partitions[place.partition])
        return not held or self._log.groups[topic].committed.get(place.partition, 0) > place.offset

    def _put(self, topic: Topic, wire: Wire, whose: object) -> Position | None:
        if _concerns(self.silent, whose):
            return None
        place = self._log.append(topic, wire)
        return None if _concerns(self.unheard, whose) else place

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("Kafka", "switched off")


class MemoryIntake:
    """The Intake port's twin: a member of the topic's group from its first `take` on, until `close`."""

    def __init__(self, log: MemoryLog, topic: Topic, *, crash_log: CrashLog | None = None) -> None:
        self._log = log
        self._topic = topic
        self._group = log.groups[topic]
        self._suspects = Suspects(crash_log)
        self._tracker = OffsetTracker()
        self._next: dict[int, int] = {}  # the offset to take next, of each partition that is ours
        self._news = False

    def take(self, limit: int, wait: timedelta) -> list[Record]:
        """As the port says."""
        with self._log.changed:
            if self not in self._group.members:
                self._group.members.append(self)
                self._log.share_out(self._topic)
            self.commit()
            if not (self._suspects.waiting and limit):
                self._log.changed.wait_for(lambda: self._is_ready(limit), wait.total_seconds())
                self._receive(limit)
            self._news = False
            return self._read(limit)

    def begin(self, records: Collection[Record]) -> None:
        """As the port says; partitions change hands here without waiting."""
        with self._log.changed:
            for record in records:
                self._tracker.begin(record.position.partition, record.position.offset, record)

    def finish(self, records: Collection[Record]) -> None:
        """As the port says; it wants the very objects that `take` gave."""
        with self._log.changed:
            for record in records:
                self._tracker.finish(record.position.partition, record.position.offset, record)
            self._news = True
            self._log.changed.notify_all()

    def assigned(self) -> list[int]:
        """As the port says."""
        with self._log.changed:
            return self._tracker.assigned()

    def close(self) -> None:
        """Commit what is finished and leave the group."""
        with self._log.changed:
            self._suspects.close(sys.exception())
            self.own([])
            if self in self._group.members:
                self._group.members.remove(self)
                self._log.share_out(self._topic)

    def own(self, partitions: Collection[int]) -> None:
        """Take up these partitions at their committed offsets, and let go of the others."""
        self.commit()
        gone, fresh = set(self._next) - set(partitions), set(partitions) - set(self._next)
        self._tracker.drop(gone)
        self._suspects.gone(gone)
        self._tracker.assign(fresh)
        self._suspects.assigned(fresh)
        kept = {number: offset for number, offset in self._next.items() if number not in gone}
        self._next = kept | {number: self._group.committed.get(number, 0) for number in fresh}

    def commit(self) -> None:
        """Let the group have what is finished."""
        offsets = self._tracker.committable()
        self._group.committed.update(offsets)
        self._tracker.committed(offsets)

    def _is_ready(self, limit: int) -> bool:
        if limit == 0:
            return self._news
        partitions = self._log.topics[self._topic]
        return any(offset < len(partitions[number]) for number, offset in self._next.items())

    def _receive(self, limit: int) -> None:
        received: list[Unread] = []
        for number, start in self._next.items():
            for offset, (_, body, _) in enumerate(self._log.topics[self._topic][number][start:], start):
                if len(received) < limit:
                    received.append(Unread(number, offset, body))
                    self._next[number] = offset + 1
        self._suspects.add(received)

    def _read(self, limit: int) -> list[Record]:
        records = []
        for one, content in self._suspects.next(limit):
            record = Record(Position(self._topic, one.partition, one.offset), content)
            self._tracker.take(one.partition, one.offset, record)
            records.append(record)
        return records


def _concerns(some: Some, whose: object) -> bool:
    return some is True or whose in some

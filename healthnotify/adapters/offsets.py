"""Which offsets of the assigned partitions may be committed: all below the lowest unfinished one, never further."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Partition:
    """One assignment of one partition. `order` and `out` hold the same offsets, but for those finished out of turn."""

    order: deque[int] = field(default_factory=deque)  #: ascending, from the lowest unfinished one on
    out: dict[int, object] = field(default_factory=dict)  #: unfinished offset -> its delivery
    begun: set[int] = field(default_factory=set)  #: of these, those that somebody works on
    next: int | None = None  #: the offset after the last one taken
    committed: int | None = None

    def reached(self) -> int | None:
        """The lowest unfinished offset, or the one after all that was taken."""
        while self.order and self.order[0] not in self.out:
            self.order.popleft()
        return self.order[0] if self.order else self.next


class OffsetTracker:
    """What is out and what is finished, per assigned partition. Pure; whoever shares it among threads locks it.

    A delivery is known by its identity (`is`), not by its offset: after a partition went away and came back the same
    offset is delivered anew, and a completion that belongs to the old assignment must not finish the new delivery.
    Without that it would still lose nothing (what is finished is durable in PostgreSQL), unless the topic was deleted
    and made again, when the old offset names another record.
    """

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}

    def assign(self, partitions: Collection[int]) -> None:
        """Ours from now on, with nothing out; what was known of an earlier assignment is forgotten."""
        self._partitions.update({partition: _Partition() for partition in partitions})

    def drop(self, partitions: Collection[int]) -> None:
        """No longer ours."""
        for partition in partitions:
            self._partitions.pop(partition, None)

    def assigned(self) -> list[int]:
        """Which are ours."""
        return list(self._partitions)

    def take(self, partition: int, offset: int, delivery: object) -> bool:
        """Note that `delivery` is out. False, and nothing noted, when the partition is not ours."""
        here = self._partitions.get(partition)
        if here is None:
            return False
        here.order.append(offset)
        here.out[offset] = delivery
        here.next = offset + 1
        return True

    def begin(self, partition: int, offset: int, delivery: object) -> None:
        """Note that somebody works on it, who will finish it; as `finish`, of no effect for an earlier assignment."""
        here = self._partitions.get(partition)
        if here is not None and here.out.get(offset) is delivery:
            here.begun.add(offset)

    def finish(self, partition: int, offset: int, delivery: object) -> None:
        """Note that it is settled; of no effect for a delivery of an earlier assignment, or twice."""
        here = self._partitions.get(partition)
        if here is not None and here.out.get(offset) is delivery:
            del here.out[offset]
            here.begun.discard(offset)

    def in_the_works(self, partitions: Collection[int]) -> int:
        """How many records of these partitions somebody works on: others are out, too, but only wait."""
        return sum(len(here.begun) for p, here in self._partitions.items() if p in partitions)

    def committable(self) -> dict[int, int]:
        """Offset to commit for each partition where it is ahead of the one last committed."""
        reached = {partition: here.reached() for partition, here in self._partitions.items()}
        return {
            partition: offset
            for partition, offset in reached.items()
            if offset is not None and offset != self._partitions[partition].committed
        }

    def committed(self, offsets: Mapping[int, int]) -> None:
        """The broker has these now."""
        for partition, offset in offsets.items():
            if partition in self._partitions:
                self._partitions[partition].committed = offset

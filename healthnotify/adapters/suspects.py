"""What an intake does so that a record which kills the process is buried unread in the end, and stops nobody else.

Before a batch is read it is marked; the next batch takes the mark's place. A mark that is found when partitions change
hands is the trace of a death. What it covers is then taken one record at a time, each with its own mark, so that the
next death names the record; with the third it is not read any more.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from healthnotify.adapters.envelope import decode
from healthnotify.domain.delivery import KILLS_THE_PROCESS, Envelope, Poison
from healthnotify.domain.errors import HealthNotifyError, Unavailable
from healthnotify.pipeline.ports import CrashLog, Span

MOST_DEATHS: Final = 3  # over one record
STANDS: Final = 1.0  # seconds after which a mark is wiped though nothing new came: at once would cost a write each


@dataclass(frozen=True, slots=True)
class Unread:
    """A record as it was received."""

    partition: int
    offset: int
    value: bytes | None


class Suspects:
    """Of one intake, and of the thread that takes.

    Without a crash log, and while it does not answer, everything passes: then PostgreSQL is away, and nothing is sent.
    """

    def __init__(self, log: CrashLog | None) -> None:
        self._log = log
        self._waiting: list[Unread] = []
        self._new: set[int] = set()  # partitions whose marks nobody has looked at
        self._deaths: dict[int, Span] = {}  # what others died with, of each partition
        self._marked_at: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether records wait to be read one at a time."""
        return bool(self._waiting)

    def add(self, unread: Iterable[Unread]) -> None:
        """These have been received."""
        self._waiting += unread

    def next(self, limit: int) -> list[tuple[Unread, Envelope | Poison]]:
        """Up to `limit` that are to be handled together, read: all that wait when nobody has died over any of them."""
        self._look()
        batch = self._cut(limit)
        if not batch:
            self._rest()
            return []
        self._begin(batch)
        return [(one, self._read(one)) for one in batch]

    def assigned(self, partitions: Collection[int]) -> None:
        """Ours now; what was received of them before belongs to an older assignment."""
        self._forget(partitions)
        if self._log is not None:
            self._new |= set(partitions)

    def gone(self, partitions: Collection[int]) -> None:
        """No longer ours, and not by a death."""
        self._forget(partitions)
        self._try(lambda log: log.done(partitions))

    def close(self, problem: BaseException | None = None) -> None:
        """We end, and put down what we had in hand: unless `problem` ends us, an exception that may be its fault."""
        self._waiting.clear()
        self._marked_at = None
        if isinstance(problem, HealthNotifyError) or not isinstance(problem, Exception):
            self._try(lambda log: log.done())
        else:
            self._log = None  # that the partitions are let go of now makes it no better

    def _look(self) -> None:
        new = self._new & {one.partition for one in self._waiting}
        if new and self._log is not None:
            try:
                found = self._log.suspects(new)
            except Unavailable:
                return  # looked at with the next ones; what died by these dies once more
            self._deaths |= {span.partition: span for span in found}
            self._new -= new

    def _cut(self, limit: int) -> list[Unread]:
        """A suspect alone, or all before the first one."""
        deaths = [self._died(one) for one in self._waiting]
        count = min(limit, next((index for index, number in enumerate(deaths) if number), len(deaths)) or 1)
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _died(self, one: Unread) -> int:
        """How many have died with this record in hand, and may have died by it."""
        span = self._deaths.get(one.partition)
        if span is None or not span.first <= one.offset < span.end:
            return 0
        return span.deaths + 1

    def _begin(self, batch: Sequence[Unread]) -> None:
        spans: dict[int, Span] = {}
        for one in batch:
            known = spans.get(one.partition)
            first = known.first if known else one.offset
            spans[one.partition] = Span(one.partition, first, one.offset + 1, self._died(one))
        self._try(lambda log: log.begin(list(spans.values())))
        self._marked_at = time.monotonic()

    def _read(self, one: Unread) -> Envelope | Poison:
        deaths = self._died(one)
        if deaths >= MOST_DEATHS:
            return Poison(one.value or b"", f"{KILLS_THE_PROCESS}: {deaths} processes have ended over it")
        return decode(one.value)

    def _rest(self) -> None:
        """Nothing is in hand: what was has been handled by now, or is claimed."""
        if self._marked_at is not None and time.monotonic() - self._marked_at >= STANDS:
            self._marked_at = None
            self._try(lambda log: log.done())

    def _forget(self, partitions: Collection[int]) -> None:
        self._waiting = [one for one in self._waiting if one.partition not in partitions]
        self._new -= set(partitions)
        for partition in partitions:
            self._deaths.pop(partition, None)

    def _try(self, tell: Callable[[CrashLog], None]) -> None:
        if self._log is not None:
            try:
                tell(self._log)
            except Unavailable:
                return

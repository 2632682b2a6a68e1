"""The twin of the cache: same answers, no server, and switches for its two ways to fail."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from threading import RLock
from uuid import UUID

from healthnotify.adapters.staging import keys
from healthnotify.adapters.staging.inspection import Cached
from healthnotify.adapters.staging.order import WAITS_IN, goes_back, rank
from healthnotify.adapters.staging.shape import reach, score
from healthnotify.domain.delivery import Due, Step
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import ENDED, State
from healthnotify.domain.model import Entry
from healthnotify.pipeline.ports import DueIndex, Looked

_STATE_IN = {index: state for state, index in WAITS_IN.items()}


class MemoryStaging:
    """`ports.Staging` in memory. It has no clock, so nothing leaves it: `Cached.kept_until` says when it would."""

    def __init__(self) -> None:
        self.cold = True  #: as the real one before its first `warm`
        self.down = False  #: every call raises `Unavailable`
        self._held: dict[UUID, Cached] = {}
        self._ranks: dict[UUID, int] = {}
        self._due: dict[DueIndex, dict[UUID, int]] = {index: {} for index in DueIndex}
        self._rebuilds = False
        self._marked = False
        self._lock = RLock()

    def lose(self) -> None:
        """What FLUSHALL does."""
        self._remove_all()
        self.cold, self._marked = True, False

    def put(self, entries: Sequence[Entry]) -> None:
        """See `ports.Staging`."""
        with self._serving():
            for entry in entries:
                if self._is_news(entry.id, rank(entry), entry.due_at):
                    unchanged = self._order(entry.id) == (rank(entry), entry.due_at)
                    self._held[entry.id] = Cached(entry, entry.expires_at + keys.KEPT)
                    self._ranks[entry.id] = rank(entry)
                    self._place(entry, only_if_absent=unchanged)

    def look(self, ids: Sequence[UUID]) -> dict[UUID, Looked]:
        """See `ports.Inspected`."""
        with self._serving():
            return {
                key: Looked(self._held[key].entry, frozenset(index for index in DueIndex if key in self._due[index]))
                for key in ids
                if key in self._held
            }

    def replace(self, entries: Sequence[Entry]) -> None:
        """See `ports.Inspected`."""
        with self._serving():
            for entry in entries:
                self._held.pop(entry.id, None)
                self._ranks.pop(entry.id, None)
            self.put(entries)

    def follow(self, steps: Sequence[Step]) -> None:
        """See `ports.Staging`."""
        with self._serving():
            for step in steps:
                self._follow(step)

    def due(self, index: DueIndex, now: datetime, limit: int, hide: timedelta) -> list[Due] | None:
        """See `ports.Staging`."""
        with self._serving():
            if self.cold:
                return None
            waiting = self._due[index]
            ripe = sorted((at, str(id_), id_) for id_, at in waiting.items() if at <= reach(now))
            found: list[Due] = []
            for _, _, id_ in ripe:
                if len(found) == limit:
                    break
                found += self._take(index, id_, score(now + hide))
            return found

    def is_cold(self) -> bool:
        """See `ports.Staging`."""
        with self._serving():
            return self.cold

    def clear(self) -> None:
        """See `ports.Staging`."""
        with self._serving():
            self.cold = True
            self._rebuilds = self._marked = True
            self._remove_all()

    def warm(self) -> None:
        """See `ports.Staging`."""
        with self._serving():
            if not self._rebuilds or self._marked:
                self.cold = False
            self._rebuilds = self._marked = False

    def entries(self, timezone: str | None = None, day: date | None = None) -> Iterator[Cached]:
        """As `Inspection.entries`."""
        with self._serving():
            chosen = [one for one in self._held.values() if _is_of(one.entry, timezone, day)]
        yield from sorted(chosen, key=_reading_order)

    def forget(self, timezone: str | None = None, day: date | None = None) -> int:
        """As `Inspection.forget`."""
        with self._serving():
            self.cold, self._marked = True, False
            chosen = [id_ for id_, one in self._held.items() if _is_of(one.entry, timezone, day)]
            for id_ in chosen:
                del self._held[id_], self._ranks[id_]
                self._leave(id_)
            return len(chosen)

    def _serving(self) -> RLock:
        if self.down:
            raise Unavailable("Redis", "switched off by a test")
        return self._lock

    def _order(self, id_: UUID) -> tuple[int, datetime | None] | None:
        return (self._ranks[id_], self._held[id_].entry.due_at) if id_ in self._held else None

    def _is_news(self, id_: UUID, new: int, due_at: datetime | None) -> bool:
        cached = self._order(id_)
        if cached is None or new != cached[0]:
            return cached is None or new > cached[0]
        return cached[1] is None or (due_at is not None and due_at >= cached[1])

    def _follow(self, step: Step) -> None:
        held = self._held.get(step.id)
        if held is None:
            self._leave(step.id)
            return
        new = rank(step)
        if goes_back(step) and held.entry.state is State.FAILED:
            new = max(new, self._ranks[step.id] + 1)
        if not self._is_news(step.id, new, step.due_at):
            return
        unchanged = self._order(step.id) == (new, step.due_at)
        entry = replace(held.entry, state=step.after, attempt=step.attempt, due_at=step.due_at)
        until = step.at + keys.KEPT if step.after in ENDED else held.kept_until
        self._held[step.id] = Cached(entry, until)
        self._ranks[step.id] = new
        self._place(entry, only_if_absent=unchanged)

    def _place(self, entry: Entry, *, only_if_absent: bool) -> None:
        index = WAITS_IN.get(entry.state) if entry.due_at else None
        old = self._due[index].get(entry.id) if index else None
        self._leave(entry.id)
        if index and entry.due_at:
            self._due[index][entry.id] = old if only_if_absent and old is not None else score(entry.due_at)

    def _take(self, index: DueIndex, id_: UUID, hidden: int) -> list[Due]:
        held = self._held.get(id_)
        if held is None or held.entry.state is not _STATE_IN[index]:
            del self._due[index][id_]
            return []
        self._due[index][id_] = hidden
        return [_due(held.entry)]

    def _leave(self, id_: UUID) -> None:
        for waiting in self._due.values():
            waiting.pop(id_, None)

    def _remove_all(self) -> None:
        self._held.clear()
        self._ranks.clear()
        for waiting in self._due.values():
            waiting.clear()


def _is_of(entry: Entry, timezone: str | None, day: date | None) -> bool:
    return timezone in (None, entry.timezone) and day in (None, entry.local_date)


def _reading_order(one: Cached) -> tuple[date, str, int, str]:
    entry = one.entry
    return entry.local_date, entry.timezone, score(entry.send_at), str(entry.id)


def _due(entry: Entry) -> Due:
    return Due(
        id=entry.id,
        user_id=entry.user_id,
        category=entry.category,
        channel=entry.channel,
        attempt=entry.attempt,
        send_at=entry.send_at,
        expires_at=entry.expires_at,
    )

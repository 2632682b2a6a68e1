"""Each channel has a lane of its own, so that a slow one never slows another.

What is read from the road waits here until its lane has room. When a lane has stood full for a while and keeps others
from being read, what waits for it has overstayed: it is put off, and comes back later.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from healthnotify.domain.model import Channel

Item = TypeVar("Item")

#: How many may wait for their lanes together: some seconds' worth, at a kilobyte each. To wait costs nothing; to be put
#: off costs the database what a send does.
MOST_WAITING: Final = 10_000
#: Whoever has waited this long for a lane gives way to the others.
PATIENCE: Final = timedelta(seconds=2)
#: A channel of which nothing has come for so long has nobody to give way to.
LATELY: Final = timedelta(minutes=1)


@dataclass(slots=True)
class _Waiting(Generic[Item]):
    item: Item
    since: datetime
    not_before: datetime


@dataclass(slots=True)
class Lanes(Generic[Item]):
    """`sizes`: how many of a channel may be under way at a time. Not for two threads at once."""

    sizes: Callable[[Channel], int]
    most_waiting: int = MOST_WAITING
    patience: timedelta = PATIENCE
    _under_way: Counter[Channel] = field(default_factory=Counter)
    _waiting: dict[Channel, dict[int, _Waiting[Item]]] = field(default_factory=dict)  # by identity, in order
    _came: dict[Channel, datetime] = field(default_factory=dict)

    def room(self) -> int:
        """How many more may wait."""
        return max(0, self.most_waiting - sum(map(len, self._waiting.values())))

    def room_in(self, channel: Channel) -> int:
        """How many more may be under way."""
        return max(0, self.sizes(channel) - self._under_way[channel])

    def wait(self, channel: Channel, item: Item, *, now: datetime, not_before: datetime | None = None) -> None:
        """It waits from now on, and its lane is not for it before that instant."""
        self._waiting.setdefault(channel, {})[id(item)] = _Waiting(item, now, not_before or now)
        self._came[channel] = now

    def ready(self, now: datetime) -> list[Item]:
        """Those whose lanes have room for them now, as they came. They still wait until they `go`."""
        return [
            one.item
            for channel, line in self._waiting.items()
            for one in _first(line.values(), self.room_in(channel), now)
        ]

    def overstayed(self, now: datetime) -> list[Item]:
        """Those that are in the way of others, once nothing more can be read. They still wait until they `go`."""
        if self.room():
            return []
        others_came = {
            channel: any(now - came < LATELY for other, came in self._came.items() if other is not channel)
            for channel in self._waiting
        }
        return [
            one.item
            for channel, line in self._waiting.items()
            if others_came[channel] and not self.room_in(channel)
            for one in line.values()
            if one.not_before <= now and now - one.since >= self.patience
        ]

    def waiting(self) -> list[Item]:
        """All that wait."""
        return [one.item for line in self._waiting.values() for one in line.values()]

    def go(self, items: Iterable[Item]) -> None:
        """These wait no more."""
        for item in items:
            for line in self._waiting.values():
                line.pop(id(item), None)

    def begin(self, numbers: Mapping[Channel, int]) -> None:
        """So many more are under way."""
        self._under_way.update(numbers)

    def end(self, numbers: Mapping[Channel, int]) -> None:
        """So many are under way no more."""
        self._under_way.subtract(numbers)


def _first(line: Iterable[_Waiting[Item]], most: int, now: datetime) -> list[_Waiting[Item]]:
    found: list[_Waiting[Item]] = []
    if most:
        for one in line:
            if one.not_before <= now:
                found.append(one)
                if len(found) == most:
                    break
    return found

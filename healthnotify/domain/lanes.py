"""Each channel has a lane of its own, so that a slow one never slows another.

What is read from the road waits here until its lane has room. When a lane has stood full for a while and keeps others
from being read, what waits for it has overstayed: it is put off, and comes back later.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from healthnotify.domain.model import Channel

Item = TypeVar("Item")

#: How many may wait for their lanes together: some seconds' worth, at a kilobyte each. To wait costs nothing; to be put
#: off costs the database what a send does.
MOST_WAITING: Final = 20_000
#: Whoever has waited this long for a lane gives way to the others.
PATIENCE: Final = timedelta(seconds=2)
#: So many give way at a time: the others are not to wait for that either.
AT_A_TIME: Final = 500
#: A channel of which nothing has come for so long has nobody to give way to.
LATELY: Final = timedelta(minutes=1)
#: A lane is as wide as what its channel takes in so long: whatever is claimed beyond that waits under its lease.
SPAN: Final = timedelta(milliseconds=250)


@dataclass(slots=True)
class _Waiting(Generic[Item]):
    item: Item
    since: datetime
    not_before: datetime


@dataclass(slots=True)
class _Pace:
    """How many sends of a channel are answered in a `SPAN`."""

    since: datetime
    count: int = 0
    before: int = 0  # in the last span

    def add(self, number: int, now: datetime) -> None:
        """So many more."""
        if (elapsed := now - self.since) >= SPAN:
            self.before = round(self.count * (SPAN / elapsed))
            self.since, self.count = now, 0
        self.count += number

    def lately(self, now: datetime) -> int:
        """None, when the channel has stood still since."""
        return max(self.before, self.count) if now - self.since < PATIENCE else 0


@dataclass(slots=True)
class Lanes(Generic[Item]):
    """`least` and `most`: how many of a channel may be under way at a time. Not for two threads at once."""

    least: int
    most: int
    most_waiting: int = MOST_WAITING
    patience: timedelta = PATIENCE
    _under_way: Counter[Channel] = field(default_factory=Counter)
    _paces: dict[Channel, _Pace] = field(default_factory=dict)
    _waiting: dict[Channel, dict[int, _Waiting[Item]]] = field(default_factory=dict)  # by identity, in order
    _came: dict[Channel, datetime] = field(default_factory=dict)

    def room(self) -> int:
        """How many more may wait."""
        return max(0, self.most_waiting - sum(map(len, self._waiting.values())))

    def room_in(self, channel: Channel, now: datetime) -> int:
        """How many more may be under way."""
        pace = self._paces.get(channel)
        width = min(self.most, max(self.least, pace.lately(now) if pace else 0))
        return max(0, width - self._under_way[channel])

    def wait(self, channel: Channel, item: Item, *, now: datetime, not_before: datetime | None = None) -> None:
        """It waits from now on, and its lane is not for it before that instant."""
        self._waiting.setdefault(channel, {})[id(item)] = _Waiting(item, now, not_before or now)
        self._came[channel] = now

    def ready(self, now: datetime) -> list[Item]:
        """Those whose lanes have room for them now, as they came. They still wait until they `go`."""
        return [
            one.item
            for channel, line in self._waiting.items()
            for one in _first(line.values(), self.room_in(channel, now), now)
        ]

    def overstayed(self, now: datetime) -> list[Item]:
        """Those that are in the way of others, once nothing more can be read: they wait for the lane that will take the
        longest to take them. They still wait until they `go`."""
        if self.room():
            return []
        slowest = max(self._waiting, key=lambda channel: self._longest_wait(channel, now))
        others_came = any(now - came < LATELY for other, came in self._came.items() if other is not slowest)
        if self.room_in(slowest, now) or not others_came:
            return []
        line = itertools.takewhile(lambda one: now - one.since >= self.patience, self._waiting[slowest].values())
        return [one.item for one in itertools.islice(line, AT_A_TIME) if one.not_before <= now]

    def _longest_wait(self, channel: Channel, now: datetime) -> float:
        """How long the last one in that line will wait, in spans, by what the channel has lately done."""
        waiting, pace = len(self._waiting[channel]), self._paces.get(channel)
        if not waiting:
            return 0
        lately = pace.lately(now) if pace else 0
        return waiting / lately if lately else math.inf

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

    def answered(self, numbers: Mapping[Channel, int], now: datetime) -> None:
        """So many of a channel's sends have come to something."""
        for channel, number in numbers.items():
            self._paces.setdefault(channel, _Pace(now)).add(number, now)


def _first(line: Iterable[_Waiting[Item]], most: int, now: datetime) -> list[_Waiting[Item]]:
    found: list[_Waiting[Item]] = []
    if most:
        for one in line:
            if one.not_before <= now:
                found.append(one)
                if len(found) == most:
                    break
    return found

"""Suspects: what is sent one at a time, because it may be what ends its senders."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class OneByOne(Generic[Item]):
    """What may be ending its senders is sent one at a time, in an order of chance, and the next one only when the one
    before it is settled: so nothing has died without an outcome of its own because of its neighbour, over and over.

    `settled` is called by any thread.
    """

    def __init__(self, dice: Callable[[], float]) -> None:
        """`dice` answers a number from 0 to 1, and never 1."""
        self._dice = dice
        self._waiting: list[Item] = []
        self._under_way: Item | None = None

    def add(self, item: Item) -> None:
        """It waits."""
        self._waiting.append(item)

    def next(self) -> list[Item]:
        """The one whose turn it is now, if any."""
        if self._under_way is not None or not self._waiting:
            return []
        self._under_way = self._waiting.pop(int(self._dice() * len(self._waiting)))
        return [self._under_way]

    def settled(self, some: Iterable[Item]) -> None:
        """These are."""
        if any(one is self._under_way for one in some):
            self._under_way = None

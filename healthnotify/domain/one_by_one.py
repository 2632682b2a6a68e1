"""Suspects: what goes one at a time, because it may be what ends its senders."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class OneByOne(Generic[Item]):
    """What may be ending its senders goes one at a time, in an order of chance, and the next one only when the one
    before it is settled: so nothing has died without an outcome of its own because of its neighbour, over and over.

    `settled` is called by any thread.
    """

    def __init__(self, dice: Callable[[], float]) -> None:
        """`dice` answers a number from 0 to 1, and never 1."""
        self._dice = dice
        self._waiting: list[tuple[object, Item]] = []
        self._next: tuple[object, Item] | None = None
        self._under_way: object = None

    def add(self, key: object, item: Item) -> None:
        """It waits; `settled` will know it by its key, which is an object of its own."""
        self._waiting.append((key, item))

    def next(self) -> list[Item]:
        """The one whose turn it is now, if any; the same one until it has `gone`."""
        if self._next is None and self._under_way is None and self._waiting:
            self._next = self._waiting.pop(int(self._dice() * len(self._waiting)))
        return [self._next[1]] if self._next else []

    def gone(self) -> None:
        """The one whose turn it was is under way."""
        assert self._next is not None
        self._under_way, self._next = self._next[0], None

    def settled(self, keys: Iterable[object]) -> None:
        """These are."""
        if any(key is self._under_way for key in keys):
            self._under_way = None

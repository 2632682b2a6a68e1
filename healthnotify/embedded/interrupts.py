"""Ctrl-C, `kill` and a closed terminal become one exception, raised once, and never within what must be finished.

Only the first one counts: it begins the end, and a second Ctrl-C must not cut the cleaning up short. Blocking the
signals in the kernel instead would be handed down to every child, and another thread would take them all the same.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """Somebody asked us to end; `exit_code` is what a shell expects of a process that the signal ended."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class _Watch:
    """Signals belong to the process, so there is one of these."""

    def __init__(self) -> None:
        self.watchers = 0
        self.depth = 0
        self.arrived: int | None = None
        self.raised = False
        self.before: dict[int, Any] = {}

    def arrive(self, number: int, _frame: FrameType | None) -> None:
        if self.arrived is None:
            self.arrived = number
            self.raise_unless_held()

    def raise_unless_held(self) -> None:
        if self.arrived is not None and not self.raised and not self.depth:
            self.raised = True
            raise Interrupted(self.arrived)


_watch = _Watch()


def watch() -> None:
    """Take the signals over, except those that our parent ignores (`nohup`). Main thread only; `forget` as often."""
    _watch.watchers += 1
    if _watch.watchers > 1:
        return
    _watch.arrived, _watch.raised = None, False
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            _watch.before[number] = signal.signal(number, _watch.arrive)


def forget() -> None:
    """Give the signals back to whom they belonged."""
    _watch.watchers -= 1
    while not _watch.watchers and _watch.before:
        signal.signal(*_watch.before.popitem())


@contextmanager
def held() -> Iterator[None]:
    """What is inside runs to its end, and a signal that came meanwhile is raised after it. Nothing without `watch`."""
    _watch.depth += 1
    try:
        yield
    finally:
        _watch.depth -= 1
        _watch.raise_unless_held()

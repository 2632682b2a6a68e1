"""Who takes part: each stages its notifications, and has a process that publishes and one that drains.

A round: all is staged; the publisher runs until everything is published, then the drainer until everything is drained.
What is measured begins with the first moves that are seen, so that no start of a process counts, and ends with the
last. What was written is then counted.
"""

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench import ceiling
from bench.running import wait_until
from bench.turns import Disturbed, Round, rate
from healthnotify.apps.database import rows
from healthnotify.embedded.stack import Stack

LONGEST: Final = 90.0  # seconds that a part of a round may take
ALONE: Final = ("--without-gossip", "--without-mingle", "--without-heartbeat")


class Pair(ABC):
    """A publisher and a drainer on one table of notifications and one of moves."""

    name: str
    publisher: tuple[str, ...]
    drainer: tuple[str, ...]
    notifications: str
    moves: str

    def __init__(self, stack: Stack, files: Path, count: int) -> None:
        """`files`: where logs go."""
        self._stack = stack
        self._files = files
        self.count = count

    @abstractmethod
    def stage(self, count: int) -> None:
        """So many that are due; nothing of earlier ones stays."""

    def round(self) -> Round:
        """See `turns.Contestant`."""
        self.stage(self.count)
        publish = self._rate("publisher", self.publisher, "PENDING")
        drain = self._rate("drainer", self.drainer, "COMPLETED")
        self._count()
        return Round(publish, drain)

    def _rate(self, part: str, command: tuple[str, ...], state: str) -> float:
        """Notifications a second, by the sequence of the moves: to look at it costs next to nothing."""
        before = self._made()
        process = self._stack.begin(f"{self.name} {part}", command, self._files / f"{self.name}-{part}.log", {})
        try:
            wait_until(lambda: self._made() > before, [process], LONGEST)
            first, began = self._made(), time.perf_counter()
            wait_until(lambda: self._made() >= before + self.count, [process], LONGEST)
            wait_until(lambda: self._in_state(state) == self.count, [process], LONGEST)
            ended = time.perf_counter()
        finally:
            process.stop(seconds=25)
        return rate(self.count, first - before, ended - began)

    def _made(self) -> int:
        statement = "SELECT pg_sequence_last_value(pg_get_serial_sequence(%(moves)s, 'id')::regclass) AS made"
        return int(rows(statement, {"moves": self.moves})[0].made or 0)

    def _in_state(self, state: str) -> int:
        statement = f"SELECT count(*) AS n FROM {self.notifications} WHERE state = %(state)s"  # noqa: S608
        return int(rows(statement, {"state": state})[0].n)

    def _count(self) -> None:
        """Each moved twice, each is COMPLETED; anything else was not the job."""
        (row,) = rows(
            f"SELECT (SELECT count(*) FROM {self.moves} WHERE after = 'PENDING') AS published,"  # noqa: S608
            f" (SELECT count(*) FROM {self.moves} WHERE after = 'COMPLETED') AS accepted,"
            f" (SELECT count(*) FROM {self.notifications} WHERE state = 'COMPLETED') AS completed",
            {},
        )
        if set(row) != {self.count}:
            raise Disturbed(f"{self.name}: of {self.count}, {row}")


class Ceiling(Pair):
    """By hand."""

    name = "ceiling"
    publisher = (sys.executable, "-m", "bench.ceiling", "publish")
    drainer = (sys.executable, "-m", "bench.ceiling", "deliver")
    notifications, moves = "ceiling.notifications", "ceiling.moves"

    def stage(self, count: int) -> None:
        """See `Pair`."""
        ceiling.stage(count)


class Celery(Ceiling):
    """Two processes."""

    name = "celery"
    publisher = (sys.executable, "-m", "bench.on_celery")
    drainer = (*publisher[:2], "celery", "-A", "bench.on_celery", "worker", "-c", "2", "-l", "WARNING", *ALONE)


class Dramatiq(Ceiling):
    """Two processes of eight threads."""

    name = "dramatiq"
    publisher = (sys.executable, "-m", "bench.on_dramatiq")
    drainer = (*publisher[:2], "dramatiq", "bench.on_dramatiq", "-p", "2", "-t", "8")


class Ours(Pair):
    """The workers as production runs them."""

    name = "ours"
    publisher = (sys.executable, "-m", "bench.worker", "producer")
    drainer = (sys.executable, "-m", "bench.worker", "consumer")
    notifications, moves = "notifications", "moves"

    def __init__(self, stack: Stack, files: Path, count: int, stage: Callable[[int], Any]) -> None:
        """`stage` as in `Pair`."""
        super().__init__(stack, files, count)
        self._stage = stage

    def stage(self, count: int) -> None:
        """See `Pair`."""
        self._stage(count)

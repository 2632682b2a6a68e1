"""Which records consumers were given, and by whom: written down as they take, so that a second delivery is seen."""

import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from healthnotify.domain.delivery import Record

PAUSED: Final = "paused"
RESUMED: Final = "resumed"


@dataclass(frozen=True, slots=True)
class Take:
    """A record that a process was given."""

    pid: int
    topic: str
    partition: int
    offset: int


class NotedIntake:
    """An intake that writes down what it gives, and when its partitions are paused."""

    def __init__(self, intake: Any, kafka: Any, path: Path | None) -> None:
        """`kafka`: the KafkaIntake within."""
        self._intake = intake
        self._kafka = kafka
        self._path = path
        self._paused = False

    def take(self, limit: int, wait: timedelta) -> Sequence[Record]:
        """See `ports.Intake`."""
        records = self._intake.take(limit, wait)
        lines = [f"{one.topic} {one.partition} {one.offset}" for one in (record.position for record in records)]
        if self._kafka._paused is not self._paused:
            self._paused = self._kafka._paused
            lines.append(PAUSED if self._paused else RESUMED)
        if lines and self._path:
            with suppress(OSError), self._path.open("a") as notes:  # a fault may leave us no file to open
                notes.writelines(f"{os.getpid()} {line}\n" for line in lines)
        return records

    def __getattr__(self, name: str) -> Any:
        """All else is the intake's own."""
        return getattr(self._intake, name)


class Takes:
    """What all processes wrote, from a place on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def mark(self) -> int:
        """The place that we have come to."""
        return self._path.stat().st_size

    def since(self, mark: int) -> list[Take]:
        """Records that were given since then, in order."""
        return [Take(int(words[0]), words[1], int(words[2]), int(words[3])) for words in self._words(mark, 4)]

    def pauses(self, mark: int) -> int:
        """How often partitions were paused since then."""
        return sum(words[1] == PAUSED for words in self._words(mark, 2))

    def twice(self, mark: int) -> dict[tuple[str, int, int], list[int]]:
        """Records that were given more than once since then -> to which processes."""
        given = defaultdict(list)
        for take in self.since(mark):
            given[take.topic, take.partition, take.offset].append(take.pid)
        return {place: pids for place, pids in given.items() if len(pids) > 1}

    def _words(self, mark: int, count: int) -> list[list[str]]:
        with self._path.open("rb") as notes:
            notes.seek(mark)
            lines = [line.decode().split() for line in notes.read().splitlines(keepends=True) if line.endswith(b"\n")]
        return [words for words in lines if len(words) == count]

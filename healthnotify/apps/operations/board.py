"""What the figures said last, shared by every page and every stream of a process."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Final

import psycopg

from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.operations.figures import FIGURES, Figure
from healthnotify.apps.operations.minutes import OPEN, Minutes
from healthnotify.apps.operations.pacing import Pace
from healthnotify.domain.errors import Unavailable

#: For these statements alone: they use one processor, no compiler that would take longer than they do, and end by
#: themselves when the database is too busy to answer an onlooker.
MODEST: Final = """
    SELECT set_config(name, setting, true) FROM (VALUES
        ('max_parallel_workers_per_gather', '0'), ('jit', 'off'), ('statement_timeout', '5s')) AS modest(name, setting)
"""
TOO_DEAR: Final = "the database is too busy to answer this within 5 seconds"

#: Runs a figure's statement for the time between two instants; answers its document and the seconds that it took.
Ask = Callable[[Figure, datetime, datetime], tuple[Any, float]]


class TooDear(Exception):
    """The statement was ended before it had an answer."""

    def __init__(self, seconds: float) -> None:
        super().__init__(TOO_DEAR)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Reading:
    """What a figure said, and when; `problem` says why it is not newer."""

    document: Any = None
    at: datetime | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """PostgreSQL does not answer."""

    since: datetime
    problem: str


@dataclass
class Board:
    """Holds a reading of each figure. Whoever looks refreshes what is due; who looks at the same time waits for it."""

    ask: Ask = field(default_factory=lambda: ask)
    clock: Callable[[], float] = monotonic
    readings: dict[str, Reading] = field(default_factory=lambda: dict.fromkeys(FIGURES, Reading()))
    outage: Outage | None = None

    def __post_init__(self) -> None:
        self._paces = {name: Pace(figure.share) for name, figure in FIGURES.items()}
        self._minutes = {name: Minutes(figure.window) for name, figure in FIGURES.items() if figure.by_minute}
        self._one_at_a_time = threading.Lock()

    def refresh(self, now: Callable[[], datetime]) -> Mapping[str, Reading]:
        """Ask for each figure whose pause is over, and answer all of them."""
        with self._one_at_a_time:
            for name, pace in self._paces.items():
                if pace.is_due(self.clock()) and not self._read(name, pace, now()):
                    break  # the others would wait as long for the same silence
            return dict(self.readings)

    def _read(self, name: str, pace: Pace, now: datetime) -> bool:
        """False when PostgreSQL does not answer."""
        figure, minutes = FIGURES[name], self._minutes.get(name)
        since = minutes.since(now) if minutes else now - figure.window
        try:
            document, seconds = self.ask(figure, since, now)
        except TooDear as problem:
            pace.took(problem.seconds, self.clock())
            old = self.readings[name]
            self.readings[name] = Reading(old.document, old.at, TOO_DEAR)
        except Unavailable as problem:
            pace.failed(self.clock())
            self.outage = Outage(self.outage.since if self.outage else now, problem.problem)
            return False
        else:
            # A look back over what was missed is not repeated: the next one reads the open minutes alone.
            again = min(1.0, OPEN / (now - since)) if minutes else 1.0
            pace.took(seconds * again, self.clock())
            self.readings[name] = Reading(minutes.take(document, now) if minutes else document, now)
        self.outage = None
        return True


def ask(figure: Figure, since: datetime, now: datetime) -> tuple[Any, float]:
    """Ask PostgreSQL. Raises `TooDear` and `Unavailable`.

    The time is the caller's, waiting included, and so it is never less than what the database spent: a machine that is
    busy is asked more rarely.
    """
    began = None
    try:
        with all_or_nothing():
            rows(MODEST, {})
            began = monotonic()
            document = rows(figure.statement, {"since": since, "now": now})[0][0]
            seconds = monotonic() - began
    except Unavailable as problem:
        if isinstance(problem.__cause__, psycopg.errors.QueryCanceled) and began is not None:
            raise TooDear(monotonic() - began) from problem
        raise
    return json.loads(document) if isinstance(document, str) else document, seconds


#: Of this process.
BOARD: Final = Board()

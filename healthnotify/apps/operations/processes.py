"""What the running processes say of themselves and of the services they use."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from healthnotify.apps.operations.templatetags.words import instant
from healthnotify.domain.health import NOT_ASKED, OK

#: Each of these has to run somewhere.
WANTED: Final = ("planner", "builder", "producer", "consumer", "retry-consumer", "sweeper")
#: They report every five seconds; three reports missed are no accident.
SILENT_AFTER: Final = timedelta(seconds=15)
#: Who went away is still shown for so long.
REMEMBERED: Final = timedelta(minutes=10)
#: A process that has just begun knows nothing yet, and that is no problem.
FINE: Final = (OK, NOT_ASKED)


class Health(StrEnum):
    """How a process is."""

    RUNNING = "running"
    STUCK = "makes no progress"
    SILENT = "not heard of"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as it was heard of last."""

    worker: str
    health: Health
    host: str
    pid: int
    port: int | None
    started_at: datetime
    seen_at: datetime
    problem: str  #: why it is not alive, in its own words
    dependencies: Mapping[str, str]
    figures: Mapping[str, Any]

    @property
    def is_there(self) -> bool:
        """Whether what it says is about now."""
        return self.health in (Health.RUNNING, Health.STUCK)

    @property
    def down(self) -> dict[str, str]:
        """The services that do not answer it, each with the problem."""
        return {name: answer for name, answer in self.dependencies.items() if answer not in FINE}

    @property
    def where(self) -> str:
        """To find it."""
        return f"{self.worker} (process {self.pid} on {self.host})"


@dataclass(frozen=True, slots=True)
class Dependency:
    """A service as those see it who use it; `problem` is empty when none of them has one."""

    name: str
    problem: str
    said_by: tuple[str, ...]


def processes(reports: Iterable[Mapping[str, Any]], now: datetime) -> list[Process]:
    """In the order of the work: those that are there, those that fell silent lately, and those that ended and have
    nobody in their place."""
    known = [_process(report, now) for report in reports]
    there = {one.worker for one in known if one.is_there}
    shown = [one for one in known if one.is_there or (now - one.seen_at < REMEMBERED and _is_missed(one, there))]
    return sorted(shown, key=lambda one: (_place(one.worker), not one.is_there, one.started_at))


def missing(known: Sequence[Process]) -> list[str]:
    """Which kinds of worker do not run."""
    there = {one.worker for one in known if one.is_there}
    return [kind for kind in WANTED if kind not in there]


def dependencies(known: Iterable[Process]) -> list[Dependency]:
    """Each service that somebody uses, with each problem that somebody has with it."""
    said: dict[str, dict[str, list[str]]] = {}
    for one in known:
        for name, answer in one.dependencies.items() if one.is_there else ():
            said.setdefault(name, {}).setdefault("" if answer in FINE else answer, []).append(one.worker)
    return [
        Dependency(name, problem, tuple(dict.fromkeys(who)))
        for name, answers in sorted(said.items())
        for problem, who in sorted(answers.items())
        if problem or len(answers) == 1
    ]


def figure(known: Iterable[Process], name: str) -> dict[str, Any]:
    """What was counted last under that name, by whoever counted it."""
    counted = [one for one in known if one.is_there and one.figures.get(name)]
    latest = max(counted, key=lambda one: one.seen_at, default=None)
    return dict(latest.figures[name]) if latest else {}


def _is_missed(one: Process, there: Collection[str]) -> bool:
    return one.health is Health.SILENT or one.worker not in there


def _process(report: Mapping[str, Any], now: datetime) -> Process:
    seen_at = instant(report["seen_at"])
    return Process(
        worker=report["worker"],
        health=_health(report, seen_at, now),
        host=report["host"],
        pid=report["pid"],
        port=report["port"],
        started_at=instant(report["started_at"]),
        seen_at=seen_at,
        problem=report["problem"],
        dependencies=report["dependencies"],
        figures=report["figures"],
    )


def _health(report: Mapping[str, Any], seen_at: datetime, now: datetime) -> Health:
    if report["ended_at"]:
        return Health.ENDED
    if now - seen_at > SILENT_AFTER:
        return Health.SILENT
    return Health.RUNNING if report["alive"] else Health.STUCK


def _place(worker: str) -> int:
    return WANTED.index(worker) if worker in WANTED else len(WANTED)

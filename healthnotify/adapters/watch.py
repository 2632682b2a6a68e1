"""Looks after one process: asks what it needs, judges its pulse, serves its health, reports it."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from healthnotify.adapters import metrics
from healthnotify.adapters.backlog import DueBacklog, RoadBacklog
from healthnotify.adapters.health_server import HealthServer
from healthnotify.adapters.probes import EVERY, Need, Probe
from healthnotify.adapters.pulse import Pulse
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.health import NOT_ASKED, OK, Place, Report, patience, standstill, unready
from healthnotify.pipeline.ports import DueIndex, Topic

LOG: Final = logging.getLogger("healthnotify.watch")
POSTGRESQL, REDIS, KAFKA = "PostgreSQL", "Redis", "Kafka"

#: What each kind of process uses beside PostgreSQL. Redis is required by none: without it everything is slower.
USES: Final[Mapping[str, tuple[str, ...]]] = {
    "planner": (),
    "builder": (REDIS,),
    "producer": (REDIS, KAFKA),
    "consumer": (REDIS, KAFKA),
    "retry-consumer": (REDIS, KAFKA),
    "sweeper": (REDIS, KAFKA),
    "web": (REDIS,),
}

FAREWELL: Final = timedelta(seconds=2)  # what the goodbye may hold up the end of a process


class Reports(Protocol):
    """Where processes report."""

    def keep(self, report: Report) -> None:
        """It is so now. Raises `Unavailable`."""

    def goodbye(self, id_: UUID, at: datetime) -> None:
        """It ends. Raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Process:
    """Who is watched."""

    id: UUID
    worker: str
    host: str
    pid: int
    started_at: datetime


@dataclass(slots=True)
class Watch:
    """Of one process. `start` it once; `end` it when nothing more will be done."""

    process: Process
    pulse: Pulse
    patience: timedelta
    needs: Sequence[Need]
    reports: Reports
    clock: Callable[[], datetime]
    road: RoadBacklog | None = None
    due: DueBacklog | None = None
    tidy: Callable[[], None] = lambda: None  #: done with each report
    every: timedelta = EVERY
    port: int | None = None  #: of its own server, once there is one
    _probes: list[Probe] = field(init=False)
    _ending: threading.Event = field(init=False, default_factory=threading.Event)
    _reporter: threading.Thread | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._probes = [Probe(need) for need in self.needs]

    def serve(self, host: str, port: int) -> None:
        """Answer on that port, or on any free one when it is 0. Raises `Misconfigured` when it cannot be had."""
        server = HealthServer(host, port, self)
        self.port = server.port
        server.start()

    def start(self) -> None:
        """Ask and report from now on."""
        for probe in self._probes:
            probe.start(self._ending, self.every)
        self._reporter = threading.Thread(target=self._report_on, name="reports", daemon=True)
        self._reporter.start()

    def end(self) -> None:
        """Say goodbye, for as long as that may take."""
        self._ending.set()
        if self._reporter is not None:
            self._reporter.join(FAREWELL.total_seconds())

    def problem(self) -> str | None:
        """Why it is not alive; None when it is, or when something that it cannot do without does not answer.

        Most services are waited for in the loop, which then comes round. But a server that hangs leaves a call hanging,
        and to start the worker again would help nobody: time counts from when all of them answer again.
        """
        if self._away():
            self.pulse.excuse()
        topic = self.pulse.topic
        waiting = self.road.waiting(topic, self.pulse.assigned) if self.road and topic else None
        return standstill(self.pulse.signs(waiting), self.patience)

    def live(self) -> tuple[bool, dict[str, Any]]:
        """Whether it is alive, and the same in words."""
        problem, holds = self.problem(), self.pulse.why_it_holds
        more = {"problem": problem, "holds": holds}
        return problem is None, {"alive": problem is None} | {name: said for name, said in more.items() if said}

    def ready(self, *, tell: bool) -> tuple[bool, dict[str, Any]]:
        """Whether all that is required answers, and the same by name. `tell` says why not: that names hosts."""
        away = self._away()
        states = {
            probe.need.name: {"state": state if tell or state == OK else "away", "required": probe.need.required}
            for probe in self._probes
            for state in [probe.asked().state]
        }
        return not away, {"ready": not away, "dependencies": states}

    def exposition(self) -> bytes:
        """Its metrics."""
        return metrics.exposition(
            metrics.Figures(
                worker=self.process.worker,
                alive=self.problem() is None,
                holds=self.pulse.why_it_holds is not None,
                answers={name: state == OK for name, state in self._states().items() if state != NOT_ASKED},
                lag=self._lag(),
                due=self._due(),
            )
        )

    def report(self) -> Report:
        """What is to be said of it now."""
        now, since = self.clock(), self.pulse.since_it_did()
        why = self.pulse.why_it_holds
        figures = {"lag": self._lag(), "due": self._due(), "holds": {why: 1} if why else {}}
        return Report(
            id=self.process.id,
            worker=self.process.worker,
            host=self.process.host,
            pid=self.process.pid,
            port=self.port,
            started_at=self.process.started_at,
            seen_at=now,
            progress_at=None if since is None else now - since,
            problem=self.problem(),
            dependencies=self._states(),
            figures={name: some for name, some in figures.items() if some},
        )

    def _away(self) -> list[str]:
        return unready({probe.need.name: probe.asked() for probe in self._probes if probe.need.required})

    def _states(self) -> dict[str, str]:
        return {probe.need.name: probe.asked().state for probe in self._probes}

    def _lag(self) -> dict[str, int]:
        return self.road.lag() if self.road else {}

    def _due(self) -> dict[str, int]:
        return self.due.sizes() if self.due else {}

    def _report_on(self) -> None:
        """Until it ends, and then the goodbye."""
        while not self._ending.is_set():
            _try(lambda: self.reports.keep(self.report()))
            self.tidy()
            self._ending.wait(self.every.total_seconds())
        _try(lambda: self.reports.goodbye(self.process.id, self.clock()))


def _try(tell: Callable[[], None]) -> None:
    """While PostgreSQL is away it just goes on: then the page shows the process as not heard of, and so it is.

    A defect must not end the reports either, nor the work: it is logged, by its kind, for its text may quote a value.
    """
    try:
        tell()
    except Unavailable:
        return
    except Exception as problem:
        LOG.warning("no report: %s", type(problem).__name__)


def watching(
    process: Process,
    pulse: Pulse,
    *,
    lease: timedelta,
    reports: Reports,
    clock: Callable[[], datetime],
    ask_postgresql: Callable[[], None],
    due_sizes: Callable[[], Mapping[DueIndex, int]],
    look_at_road: Callable[[], Mapping[Topic, Mapping[int, Place]]],
    tidy: Callable[[], None],
) -> Watch:
    """A watch that asks what a process of this kind uses; nothing is asked before it starts."""
    uses = USES[process.worker]
    due = DueBacklog(due_sizes) if REDIS in uses else None
    road = RoadBacklog(look_at_road) if KAFKA in uses else None
    needs = [Need(POSTGRESQL, ask_postgresql)]
    needs += [Need(REDIS, due.ask, required=False)] if due else []
    needs += [Need(KAFKA, road.ask)] if road else []
    return Watch(process, pulse, patience(lease), needs, reports, clock, road, due, tidy)

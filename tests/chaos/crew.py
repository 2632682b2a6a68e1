"""The workers: started, watched, killed, and started again when they die; every death is counted with its cause."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.chaos.steps import worker_of
from tests.chaos.taken import Takes

PATIENCE: Final = 30.0  # seconds for a worker to start
TICK: Final = 0.02
PAUSE: Final = 0.2  # seconds before a worker that died is started again
#: Who works in each run; the sweeper only where it is asked for.
ROSTER: Final = ("planner", "builder", "producer", "consumer-1", "consumer-2", "retry-consumer")
SWEEPER: Final = "sweeper"


@dataclass
class Worker:
    """One that is to run; its process changes when it dies."""

    label: str
    pid: int = 0
    points: list[str] = field(default_factory=list)  #: where its next lives are to end, one each
    frozen: bool = False

    @property
    def kind(self) -> str:
        """Which worker it is: consumer-2 is a consumer."""
        return self.label.rstrip("0123456789").rstrip("-") if self.label.startswith("consumer") else self.label


@dataclass(frozen=True, slots=True)
class Death:
    """One end of a process, and why: killed by a fault, at a crash point, asked to end, or by itself."""

    label: str
    pid: int
    code: int
    cause: str


class Crew:
    """All workers of a run. Give the main thread's orders; deaths are seen in another thread."""

    def __init__(self, environment: Mapping[str, str], directory: Path) -> None:
        self._directory = directory
        self._note = directory / "crash-points.txt"
        self._note.touch()
        self._lock = threading.Condition()
        self._wanted: dict[str, Worker] = {}
        self._by_pid: dict[int, Worker] = {}
        self._expected: dict[int, str] = {}
        self.deaths: list[Death] = []
        self.takes = Takes(directory / "takes.txt")
        #: Settings of librdkafka's consumer for those that are started from now on, beside ours.
        self.consumer_settings: dict[str, Any] = {}
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(directory / "nursery.log").open("ab"),
            env={**os.environ, **environment},
        )
        threading.Thread(target=self._listen, name="crew", daemon=True).start()

    @property
    def kills(self) -> int:
        """How many processes of ours were ended by SIGKILL so far."""
        return sum(death.code == -signal.SIGKILL for death in self.deaths)

    @property
    def labels(self) -> tuple[str, ...]:
        """Who is to run just now."""
        return tuple(self._wanted)

    def employ(self, labels: tuple[str, ...]) -> None:
        """These are to run from now on, and no others; those that run go on."""
        for label in set(self._wanted) - set(labels):
            self.dismiss(label)
        for label in labels:
            if label not in self._wanted:
                self._wanted[label] = Worker(label)
                self._start(self._wanted[label])
        self.wait_for_all()

    def wait_for_all(self) -> None:
        """Until each of them has a process."""
        self._wait(lambda: all(worker.pid for worker in self._wanted.values()), "a worker did not start")

    def dismiss(self, label: str) -> None:
        """Ask it to end, and wait for that."""
        worker = self._wanted.pop(label)
        pid = worker.pid
        if pid:
            self._expected[pid] = "asked"
            self._signal(pid, signal.SIGTERM)
            self._wait(lambda: pid not in self._by_pid, f"{label} did not end", pid)

    def restart(self, label: str) -> None:
        """Ask it to end in order; it is started again at once."""
        pid = self._wanted[label].pid
        self._expected[pid] = "asked"
        self._signal(pid, signal.SIGTERM)
        self._wait(lambda: pid not in self._by_pid, f"{label} did not end", pid)
        self.wait_for_all()

    def kill(self, label: str) -> bool:
        """`kill -9`, if it has a process just now; it is started again."""
        pid = self._wanted[label].pid
        if not pid:
            return False
        self._expected[pid] = "killed"
        return self._signal(pid, signal.SIGKILL)

    def freeze(self, label: str) -> None:
        """SIGSTOP, until `thaw`."""
        self._wanted[label].frozen = self._signal(self._wanted[label].pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT for all that are frozen."""
        for worker in self._wanted.values():
            if worker.frozen and worker.pid:
                self._signal(worker.pid, signal.SIGCONT)
            worker.frozen = False

    def crash_at(self, *points: str) -> None:
        """Start the worker that has it anew, to die at that point; of two of the same worker it dies once at each.

        With two consumers only the first one is prepared, and the other one is left out until `employ` is asked again,
        so that the point is surely reached.
        """
        prepared: dict[str, list[str]] = {}
        for point in points:
            kind = worker_of(point)
            prepared.setdefault("consumer-1" if kind == "consumer" else kind, []).append(point)
        for label, its in prepared.items():
            if label == "consumer-1" and "consumer-2" in self._wanted:
                self.dismiss("consumer-2")
            if label in self._wanted:
                self.dismiss(label)
            self._wanted[label] = Worker(label, points=its)
            self._start(self._wanted[label])
        self.wait_for_all()

    def forget_points(self) -> None:
        """Whoever still waits to die at a point is started anew without it."""
        for label, worker in list(self._wanted.items()):
            if worker.points:
                self.dismiss(label)

    def pid(self, label: str) -> int:
        """Its process just now; 0 when it has none."""
        return self._wanted[label].pid

    def reached(self) -> Counter[str]:
        """How often each crash point has killed."""
        return Counter(line.split()[1] for line in self._note.read_text().splitlines())

    def stop(self) -> None:
        """Kill all that is left."""
        self._wanted.clear()
        if self._nursery.stdin:
            self._nursery.stdin.close()
        self._nursery.wait(10)

    def _start(self, worker: Worker) -> None:
        order = {
            "label": worker.label,
            "name": worker.kind,
            "crash_at": worker.points[0] if worker.points else "",
            "note": str(self._note),
            "takes": str(self._directory / "takes.txt"),
            "consumer": self.consumer_settings,
            "log": str(self._directory / f"{worker.label}.log"),
        }
        assert self._nursery.stdin
        self._nursery.stdin.write(json.dumps(order).encode() + b"\n")
        self._nursery.stdin.flush()

    def _listen(self) -> None:
        assert self._nursery.stdout
        for line in self._nursery.stdout:
            said = json.loads(line)
            with self._lock:
                if "started" in said:
                    self._has_started(said["name"], said["started"])
                elif "ended" in said:
                    self._has_ended(said["ended"], said["code"])
                self._lock.notify_all()

    def _has_started(self, label: str, pid: int) -> None:
        worker = self._wanted.get(label)
        if worker is None:
            self._expected[pid] = "asked"
            self._signal(pid, signal.SIGKILL)
            return
        worker.pid, worker.frozen = pid, False
        self._by_pid[pid] = worker

    def _has_ended(self, pid: int, code: int) -> None:
        worker = self._by_pid.pop(pid, None)
        if worker is None:
            return
        cause = self._expected.pop(pid, "")
        if not cause:
            at_point = any(line.startswith(f"{pid} ") for line in self._note.read_text().splitlines())
            cause = "crash point" if at_point else "by itself"
        if cause == "crash point" and worker.points:
            worker.points.pop(0)
        self.deaths.append(Death(worker.label, pid, code, cause))
        worker.pid = 0
        if self._wanted.get(worker.label) is worker:
            threading.Timer(PAUSE, self._start_again, (worker,)).start()

    def _start_again(self, worker: Worker) -> None:
        with self._lock:
            if self._wanted.get(worker.label) is worker:
                self._start(worker)

    def _wait(self, happened: Callable[[], bool], why: str, pid: int = 0) -> None:
        deadline = time.monotonic() + PATIENCE
        with self._lock:
            while not happened():
                if not self._lock.wait(TICK) and time.monotonic() > deadline:
                    if pid:
                        self._signal(pid, signal.SIGKILL)
                    raise TimeoutError(f"{why} within {PATIENCE:.0f} s; its log is in {self._directory}")

    def _signal(self, pid: int, number: signal.Signals) -> bool:
        """Only to children of our nursery that we know to live: a number may have gone to somebody else."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

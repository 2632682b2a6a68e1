"""A machine that has no file descriptors, no memory or no processor left for us."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Final

from tests.chaos.faults import fault
from tests.chaos.run import Run

PEOPLE: Final = 150
HOGS: Final = 8
SECONDS: Final = 6
BURN: Final = f"import time\nend = time.monotonic() + {SECONDS}\nwhile time.monotonic() < end: pass"
CONSUMERS: Final = ("consumer-1", "consumer-2")
FEW: Final = 8  # numbers of files: those below are taken for good, so that no other one can be had
#: What the log says then, in the words of psycopg or of Python.
TRACES: Final = {"descriptors": "connection is bad", "memory": "MemoryError"}
EVERYBODY: Final = ("producer", "builder", "retry-consumer", *CONSUMERS)


def _variants(_dice: Random, quick: bool) -> tuple[str, ...]:
    return ("descriptors",) if quick else ("descriptors", "memory", "processor")


@fault(
    46,
    "out of file descriptors, memory, CPU",
    done=f"For {SECONDS} s the workers may open no more files and lose all connections; or may have no more memory; or "
    f"{HOGS} processes burn all there is of the processors.",
    holds="Whoever cannot work waits, or ends and is started again; nothing is lost or sent twice beyond the promise.",
    variants=_variants,
)
def exhausted(run: Run) -> None:
    run.may_leave = True  # what could not be told to Redis is the sweeper's to find
    run.load(PEOPLE, seconds=5)
    run.wait_until_accepted(0.1)
    deaths = len(run.crew.deaths)
    if run.variant == "processor":
        _burn(run)
    else:
        _starve(run)
    ended = len(run.crew.deaths) - deaths
    run.notes.append(f"{ended} workers ended over it")


def _burn(run: Run) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    hogs = [subprocess.Popen([sys.executable, "-S", "-c", BURN]) for _ in range(HOGS)]
    for hog in hogs:
        hog.wait(10 * SECONDS)
    burnt = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    run.prove(burnt > 1, f"{burnt:.1f} s were burnt")
    run.notes.append(f"{burnt:.1f} s of processors were burnt in {SECONDS} s")


def _starve(run: Run) -> None:
    files = run.variant == "descriptors"
    if not files:
        run.crew.restart("consumer-1")  # it has no threads yet, and each needs memory
    pids = {label: pid for label in EVERYBODY if (pid := run.crew.pid(label))}
    deaths = len(run.crew.deaths)
    logs = {label: run.services.directory / f"{label}.log" for label in CONSUMERS}
    before = {label: len(log.read_text()) for label, log in logs.items()}
    with _limited(resource.RLIMIT_NOFILE if files else resource.RLIMIT_AS, pids):
        for name in ("http", "smtp", "postgres", "redis"):
            run.lines[name].reset()
        run.pause(SECONDS)
    said = sum(log.read_text()[before[label] :].count(TRACES[run.variant]) for label, log in logs.items())
    ended = {death.label for death in run.crew.deaths[deaths:]} & set(CONSUMERS)
    run.notes.append(f"the consumers said {said} times that there is nothing left; {len(ended)} of them ended")
    run.prove(said or ended, "no consumer met its limit")


@contextmanager
def _limited(kind: int, pids: dict[str, int]) -> Iterator[None]:
    """No more than they have now. Whoever is started anew has no limit."""
    before = {pid: resource.prlimit(pid, kind) for pid in pids.values()}
    try:
        for pid, (_, most) in before.items():
            resource.prlimit(pid, kind, (FEW if kind == resource.RLIMIT_NOFILE else _space(pid), most))
        yield
    finally:
        for pid, limit in before.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, kind, limit)


def _space(pid: int) -> int:
    """Bytes of its address space."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()

"""Workers that are measured: begun, watched, ended."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psutil

from bench.turns import Disturbed
from healthnotify.apps.database import rows
from healthnotify.embedded.process import Process
from healthnotify.embedded.stack import Stack

LONGEST: Final = 300.0  # seconds
LOOK: Final = 0.01  # seconds
WORKER: Final = (sys.executable, "manage.py", "worker")
QUIET: Final = (sys.executable, "-m", "bench.worker")  # on a channel that does nothing, or is slow

COUNT: Final = """
    SELECT count(*) AS n FROM notifications WHERE state = %(state)s AND channel = ANY(%(channels)s)
"""


@contextmanager
def running(
    stack: Stack, files: Path, command: Sequence[str], more: Mapping[str, str] | None = None, count: int = 1
) -> Iterator[list[Process]]:
    """So many processes of that command."""
    with ExitStack() as ends:
        begun = []
        for number in range(count):
            name = "-".join(command[2:])
            one = stack.begin(name, command, files / f"{name}-{number}.log", {"HEALTH_PORT": "0", **(more or {})})
            ends.callback(one.stop, seconds=25)
            begun.append(one)
        yield begun


def wait_until(true: Callable[[], bool], processes: Sequence[Process], seconds: float = LONGEST) -> float:
    """Seconds that it took. Raises `Disturbed` when a process ends, or the time is over."""
    began = time.perf_counter()
    while not true():
        if dead := [one.name for one in processes if one.exit_code is not None]:
            raise Disturbed(f"{dead[0]} ended")
        if time.perf_counter() - began > seconds:
            raise Disturbed(f"not done after {seconds:.0f} s")
        time.sleep(LOOK)
    return time.perf_counter() - began


def in_state(state: str, *channels: str) -> int:
    """How many notifications are."""
    return int(rows(COUNT, {"state": state, "channels": list(channels or ("email", "sms", "webhook"))})[0].n)


def family(process: Process) -> list[psutil.Process]:
    """It and all its children; none when it has ended."""
    try:
        head = psutil.Process(process.pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def seconds_of(process: Process) -> float:
    """Processor time so far."""
    return sum(one.cpu_times().user + one.cpu_times().system for one in family(process))


def megabytes(process: Process) -> float:
    """Memory that it holds."""
    return sum(one.memory_info().rss for one in family(process)) / 1e6

"""Memory of the workers over many notifications (python -m bench memory [--all]: a million), and time to first work."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

from bench import staging
from bench.running import LOOK, QUIET, WORKER, in_state, megabytes, running, wait_until
from bench.turns import Disturbed
from healthnotify.apps.database import rows
from healthnotify.embedded.process import Process
from healthnotify.embedded.stack import Stack

COUNT: Final = 100_000
WITH_ALL: Final = 1_000_000
CHUNK: Final = 20_000
USERS: Final = 10_000
MOST: Final = 150  # megabytes
SOON: Final = 2.0  # seconds
SETTLED: Final = 0.3  # of all: what a process holds after that share must not grow by more than a tenth
GROWTH: Final = 1.1
#: What was planned in hindsight has expired.
WORTH_WRITING: Final = """
    UPDATE notifications SET send_at = now() + interval '5 minutes', expires_at = now() + interval '4 hours'
    WHERE state = 'PLANNED'
"""
WAITING: Final = 12_300  # of which 256 are under way
SLOW: Final = "12"  # seconds that a send takes, so long that the others wait
READ: Final = 10.0  # seconds in which all are read
ALL: Final = ("planner", "builder", "producer", "consumer", "retry-consumer", "sweeper")
Begin = Callable[..., AbstractContextManager[list[Process]]]


def run(stack: Stack, files: Path) -> None:
    """Print all. Raises `Disturbed` when not everything was delivered.

    Processes find what they import compiled, as in the image that runs, also where Python is told not to keep it: to
    compile takes seconds, and leaves holes in the memory.
    """
    count = WITH_ALL if "--all" in sys.argv else COUNT
    some = staging.readers(USERS)
    compiled = {"PYTHONPYCACHEPREFIX": str(files / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}

    def begin(name: str, *more: str) -> AbstractContextManager[list[Process]]:
        command = QUIET if name in {"producer", "consumer"} else WORKER
        return running(stack, files, [*command, name, *more], compiled)

    _first_work(begin, some)  # which compiles
    print(f"\nFrom the start of a process to its first work (goal: under {SOON:.0f} s)")
    for name, took in _first_work(begin, some).items():
        print(f"  {name}: {took:.2f} s")
    _waiting(begin, some)
    _memory(begin, some, count)


def _first_work(begin: Begin, some: list[staging.Reader]) -> dict[str, float]:
    """From the start of the process to the first notification that it moves, with work lying ready."""
    times = {}
    staging.stage(1_000, some)
    for name, state in (("producer", "PENDING"), ("consumer", "COMPLETED")):
        with begin(name) as begun:
            times[name] = wait_until(lambda s=state: in_state(s) > 0, begun, seconds=60)  # type: ignore[misc]
            wait_until(lambda s=state: in_state(s) == 1_000, begun, seconds=60)  # type: ignore[misc]
    rows("UPDATE preferences SET next_due_at = now(), planned_until = now() - interval '1 day'", {})
    for name, state in (("planner", "PLANNED"), ("builder", "STAGED")):
        with begin(name) as begun:
            times[name] = wait_until(lambda s=state: in_state(s) > 0, begun, seconds=60)  # type: ignore[misc]
        rows(WORTH_WRITING, {})
    rows("UPDATE preferences SET next_due_at = NULL", {})
    return times


def _waiting(begin: Begin, some: list[staging.Reader]) -> None:
    """A consumer whose channel is so slow that nearly all that was published waits in it; then they are delivered."""
    staging.stage(WAITING, some)
    with begin("producer") as begun:
        wait_until(lambda: in_state("PENDING") == WAITING, begun)
    held = []
    with begin("consumer", SLOW) as begun:
        began = time.perf_counter()
        while time.perf_counter() - began < READ:
            held.append(megabytes(begun[0]))
            time.sleep(LOOK)
    print(f"Memory of a consumer with 12,000 waiting, MB (goal: under {MOST}): {held[-1]:.1f}, {max(held):.1f} at most")
    with begin("consumer") as begun:
        wait_until(lambda: in_state("COMPLETED") == WAITING, begun)


def _memory(begin: Begin, some: list[staging.Reader], count: int) -> None:
    """All six run; a chunk is staged when the one before is done. What the first chunks bring is what stays."""
    held: dict[str, list[float]] = {}
    with ExitStack() as ends:
        watched = {name: ends.enter_context(begin(name))[0] for name in ALL}
        for _ in range(0, count, CHUNK):
            staging.stage(CHUNK, some)
            wait_until(lambda: in_state("COMPLETED") == CHUNK, list(watched.values()), seconds=240)
            for name, process in watched.items():
                held.setdefault(name, []).append(megabytes(process))
    print(f"Memory over {count:,} notifications, MB (goal: flat, under {MOST})")
    for name, found in held.items():
        print(f"  {name:<15} {_verdict(found)}")


def _verdict(found: list[float]) -> str:
    """What it held once it had settled, at the end and at most."""
    settled = found[round(SETTLED * (len(found) - 1))]
    if settled <= 0:
        raise Disturbed("a process holds no memory: it is not there")
    flat = "flat" if found[-1] <= GROWTH * settled else "GROWS"
    return f"{settled:6.1f} settled, {found[-1]:6.1f} at the end, {max(found):6.1f} at most: {flat}"

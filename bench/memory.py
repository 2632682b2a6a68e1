"""Memory of the workers over many notifications (python -m bench memory [--all]: a million), and time to first work."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import staging
from bench.running import QUIET, WORKER, in_state, megabytes, running, wait_until
from bench.turns import Disturbed
from healthnotify.apps.database import rows
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
OTHERS: Final = ("planner", "builder", "retry-consumer", "sweeper")


def run(stack: Stack, files: Path) -> None:
    """Print both. Raises `Disturbed` when not everything was delivered."""
    count = WITH_ALL if "--all" in sys.argv else COUNT
    some = staging.readers(USERS)
    _first_work(stack, files, some)
    _memory(stack, files, some, count)


def _first_work(stack: Stack, files: Path, some: list[staging.Reader]) -> None:
    """From the start of the process to the first notification that it moves, with work lying ready."""
    staging.stage(1_000, some)
    print(f"\nFrom the start of a process to its first work (goal: under {SOON:.0f} s)")
    for name, state in (("producer", "PENDING"), ("consumer", "COMPLETED")):
        with running(stack, files, [*QUIET, name]) as begun:
            took = wait_until(lambda s=state: in_state(s) > 0, begun, seconds=60)  # type: ignore[misc]
            wait_until(lambda s=state: in_state(s) == 1_000, begun, seconds=60)  # type: ignore[misc]
        print(f"  {name}: {took:.2f} s")
    rows("UPDATE preferences SET next_due_at = now(), planned_until = now() - interval '1 day'", {})
    for name, state in (("planner", "PLANNED"), ("builder", "STAGED")):
        with running(stack, files, [*WORKER, name]) as begun:
            took = wait_until(lambda s=state: in_state(s) > 0, begun, seconds=60)  # type: ignore[misc]
        print(f"  {name}: {took:.2f} s")
        rows(WORTH_WRITING, {})
    rows("UPDATE preferences SET next_due_at = NULL", {})


def _memory(stack: Stack, files: Path, some: list[staging.Reader], count: int) -> None:
    """All six run; a chunk is staged when the one before is done. What the first chunks bring is what stays."""
    held: dict[str, list[float]] = {}
    with ExitStack() as ends:
        commands = dict.fromkeys(("producer", "consumer"), QUIET) | dict.fromkeys(OTHERS, WORKER)
        begun = {name: running(stack, files, [*command, name]) for name, command in commands.items()}
        watched = {name: ends.enter_context(one)[0] for name, one in begun.items()}
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

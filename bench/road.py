"""Our workers beside the ceiling, Celery and Dramatiq: publish all, then drain all, in turns."""

from functools import partial
from pathlib import Path
from typing import Final

from bench import ceiling, staging
from bench.contestants import Ceiling, Celery, Dramatiq, Ours
from bench.turns import ROUNDS, in_turns, last_line
from healthnotify.embedded.stack import Stack

USERS: Final = 10_000
COUNT: Final = 20_000
OF_QUEUES: Final = 2_000  # a round of theirs takes as long


def run(stack: Stack, files: Path) -> str:
    """Print a table; answers the line of ratios. Raises `Disturbed`."""
    ceiling.prepare()
    ours = Ours(stack, files, COUNT, partial(staging.stage, some=staging.readers(USERS)))
    found = in_turns(
        [
            ours,
            Ceiling(stack, files, COUNT),
            Celery(stack, files, OF_QUEUES),
            Dramatiq(stack, files, OF_QUEUES),
        ]
    )
    print(f"\nPublish all, then drain all, to a channel that does nothing (medians of {ROUNDS}, spread)")
    print(f"  {'':<10} {'published':<26} {'drained':<26} in sequence")
    for name, one in found.items():
        print(f"  {name:<10} {one.publish!s:<26} {one.drain!s:<26} {one.sequence}")
    return last_line(found)

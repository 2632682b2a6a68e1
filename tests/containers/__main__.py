"""python -m tests.containers: the containers, from the clone to the mail.

Where a Docker engine runs, it is used, with the real images. Where none does, root gets an engine of its own for as
long as this runs, and stand-ins of the images that Dockerfile and compose.yaml name: built from packages, because no
registry is asked. What then runs of ours is the real thing; PostgreSQL, Valkey, Kafka and Mailpit are the same programs
in other wrappings, and of the Kafka UI there is only its name and its port.
"""

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from healthnotify.embedded import interrupts
from tests.containers import engine, journey, stand_ins, tools
from tests.containers.compose import Failed, Stack

STARTED: Final = time.monotonic()


def main() -> int:
    """0 when all of it worked or, said loudly, when it cannot be tried here; else 1."""
    interrupts.watch()
    try:
        if engine.runs_here(os.environ):
            say("an engine runs here: it is used, with the images that it has or pulls")
            return travel(os.environ)
        if problem := tools.missing():
            say(f"SKIPPED: {problem}")
            return 0
        tools.install()
        cache = stand_ins.cache_folder()
        say("no engine runs here: one of our own, with STAND-INS for the images of the registries")
        with engine.own(cache, os.environ) as docker:
            stand_ins.build(cache, docker)
            say("the stand-ins are built")
            return travel(docker)
    except interrupts.Interrupted as interrupted:
        return interrupted.exit_code
    finally:
        interrupts.forget()


def travel(docker: Mapping[str, str]) -> int:
    """The user's way, with whatever images there are."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "healthnotify", docker)
        try:
            journey.go(stack, say)
        except Failed as problem:
            say(f"FAILED: {problem}")
            print(stack.last_words(), file=sys.stderr)
            return 1
        finally:
            stack.remove()
    say("removed; all is well")
    return 0


def say(line: str) -> None:
    """A line with the time since the start."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""All of it on one machine: services, web pages, workers; what to open first; and until when."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from healthnotify.commands.running import started
from healthnotify.embedded.interrupts import Interrupted
from healthnotify.embedded.postgres import closed_parent
from healthnotify.embedded.process import Process, StartFailed, is_root
from healthnotify.embedded.stack import Stack
from healthnotify.workers.everything import WORKERS

LOOK: Final = 0.3  # seconds between two looks whether all of it still runs
START: Final = 60  # seconds
ELSEWHERE: Final = Path("/var/lib/healthnotify")


def usual_place() -> str:
    """Beside the code; for root below a directory of root's own elsewhere, because its PostgreSQL is not root."""
    beside = Path("var", "up").resolve()
    return str(ELSEWHERE if is_root() and closed_parent(beside) else beside)


def stay(files: Path, given: Mapping[str, str], *, url: str, console: Console) -> None:
    """Until Ctrl-C. Data stay in `files`, and the next start goes on from them. Raises `StartFailed` when a part does
    not start or ends by itself, `Interrupted` when it is interrupted before all of it is up."""

    def tell(name: str, text: str) -> None:
        console.print(f"{name}: {text}", style="dim", highlight=False, markup=False)

    with Stack.start(files, given, tell=tell) as stack:
        manage = [sys.executable, sys.argv[0]]
        more = {"PUBLIC_URL": url}
        stack.output_of([*manage, "migrate", "--verbosity=0"], more)
        first = json.loads(stack.output_of([*manage, "welcome"], more))
        web = stack.begin("the web server", [*manage, "web"], _fresh(files / "web.log"), more)
        workers = stack.begin("the workers", [*manage, "worker", "all"], _fresh(files / "workers.log"), more)
        web.wait_until(lambda: "web" in started(web), seconds=START)  # by its word: another one may answer there
        workers.wait_until(lambda: started(workers) >= set(WORKERS), seconds=START)
        try:  # from the greeting on: who reads it may press Ctrl-C at once
            _greet(console, url, first, files, stack)
            _until_one_ends(web, workers)
        except Interrupted:
            console.print("\nEnding; `make up` goes on from here.")


def _fresh(log: Path) -> Path:
    """A log of this run alone; that of the run before is kept beside it."""
    if log.exists():
        log.replace(log.with_suffix(".before.log"))
    return log


def _until_one_ends(*parts: Process) -> None:
    while True:
        for part in parts:
            if part.exit_code is not None:
                raise StartFailed(part.name, f"it ended by itself with code {part.exit_code}", part.log)
        time.sleep(LOOK)


def _greet(console: Console, url: str, first: Mapping[str, str], files: Path, stack: Stack) -> None:
    """Where to look, and the first secrets, which are shown this once."""
    lines = [
        ("Operations", f"{url}/operations/"),
        ("API, to try it", f"{url}/api/docs/"),
        ("Admin", f"{url}/admin/"),
        ("Inbox", f"{stack.inbox.page}" if stack.inbox else "the servers that EMAIL_HOST and SMS_BASE_URL name"),
        ("Logs", f"{files}"),
    ]
    if "password" in first:
        lines.append(("Operator", f"admin, password {first['password']}   (shown this once)"))
    if "key" in first:
        lines.append(("API key", f"{first['key']}   (shown this once)"))
    console.print()
    for name, value in lines:
        console.print(f"{name + ':':<16}{value}", highlight=False, markup=False)
    if "password" not in first:
        console.print(
            "Operator and API key are those of the first start; `manage.py operator` and `api_key` make more."
        )
    console.print("\nAll of it is up; Ctrl-C ends it.")

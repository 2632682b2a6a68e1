"""The main job before one's eyes: invented people, the real workers, and an account of every notification."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from django.core.management import call_command
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table

from healthnotify import bootstrap
from healthnotify.apps.notifications.evidence import COLUMNS, Evidence, evidence
from healthnotify.apps.notifications.reading import samples
from healthnotify.apps.users import people
from healthnotify.commands.invented import due_at, somebody
from healthnotify.commands.running import started
from healthnotify.domain.lifecycle import State
from healthnotify.domain.people import NewPerson, first_due
from healthnotify.embedded import interrupts
from healthnotify.embedded.process import Process
from healthnotify.workers.everything import WORKERS

#: The demo is impatient; nothing else about it differs from a real installation.
IMPATIENT: Final = {
    "RETRY_FIRST_SECONDS": "2",
    "RETRY_LONGEST_SECONDS": "4",
    "DELIVERY_LEASE_SECONDS": "20",
    "SEND_TIMEOUT_SECONDS": "5",
    "PLAN_AHEAD_SECONDS": "60",
    "HEALTH_PORT": "0",  # several demos may run at once, beside a real installation
}
#: Between entering people and the first preferred time: the planner plans, the model writes.
LEAD: Final = timedelta(seconds=4)
#: The preferred times are spread over this.
SPREAD: Final = timedelta(seconds=6)
PATIENCE: Final = timedelta(minutes=3)
LOOK: Final = 0.3  # seconds between two looks at the ledger
SHOWN: Final = 3


def demonstrate(count: int, seed: int, workers_log: Path, inbox_log: Path | None, console: Console) -> bool:
    """Run the main job for `count` people on the services that the environment names; answers whether all is well."""
    interrupts.watch()
    call_command("migrate", verbosity=0)
    workers = Process("workers", [sys.executable, sys.argv[0], "worker", "all"], log=workers_log)
    users: list[UUID] = []
    try:
        _wait_for(workers, console)
        now = bootstrap.now()
        some = list(_people(count, seed, now))
        users = people.add(some, now=now, ring=bootstrap.ring())
        console.print(
            f"{len(users)} people in {len({person.timezone for person in some})} time zones; "
            f"their preferred time comes within {(LEAD + SPREAD).seconds} seconds."
        )
        _watch(users, workers, console)
    finally:
        workers.stop(seconds=30)
        people.deactivate(users)
    return _tell(users, inbox_log, console)


def _wait_for(workers: Process, console: Console) -> None:
    """Until each worker has said that it runs; a preferred time that passes before would only show the start-up."""
    with console.status("The six workers start …"):
        workers.wait_until(lambda: started(workers) >= set(WORKERS), seconds=60)


def _people(count: int, seed: int, now: datetime) -> Iterator[NewPerson]:
    """People whose preferred local time really is in a few seconds. A zone that turns its clocks back just now has two
    such times, and the first is over: somebody else is invented instead."""
    dice = bootstrap.dice(seed)
    while count:
        instant = now + LEAD + SPREAD * dice.random()
        person = due_at(replace(somebody(dice), external_id=f"demo-{uuid4()}"), instant)
        if first_due(person.preferences[0], person, now) == instant.replace(microsecond=0):
            count -= 1
            yield person


def _watch(users: Sequence[UUID], workers: Process, console: Console) -> None:
    """Show how it goes until everything has ended, the workers have, or patience has."""
    deadline = time.monotonic() + PATIENCE.total_seconds()
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        while time.monotonic() < deadline and workers.exit_code is None:
            found = evidence(users=users)
            live.update(_progress(found, len(users)))
            if found.planned == len(users) and not found.open:
                return
            time.sleep(LOOK)
    console.print(f"[red]Not all of it ended in time; the workers' log is {workers.log}[/red]")


def _progress(found: Evidence, total: int) -> Panel:
    counts: Counter[str] = Counter()
    for share in found.shares:
        counts[share.state] += share.notifications
    table = Table.grid(padding=(0, 2))
    for state in State:
        number = counts[state]
        table.add_row(state.value, str(number), ProgressBar(total=total, completed=number, width=50))
    return Panel(table, title="Notifications by state", expand=False)


def _tell(users: Sequence[UUID], inbox_log: Path | None, console: Console) -> bool:
    found = evidence(users=users)
    console.print(_breakdown(found))
    for sample in samples(users, bootstrap.ring())[:SHOWN]:
        title = f"{sample.channel}, {sample.wall_clock[11:]} {sample.timezone}, written by the {sample.source}"
        text = sample.text if sample.channel == "sms" else f"{sample.subject}\n\n{sample.text}"
        console.print(Panel(text, title=title, title_align="left", width=90))
    for key in found.unknown_outcomes:
        console.print(f"outcome unknown, never sent again: {key}")
    if found.possible_copies:
        console.print(f"possible second copies after a crash, within the promise: {found.possible_copies}")
    agrees = inbox_log is None or _agrees(found, inbox_log, console)
    console.print(found.line, highlight=False, soft_wrap=True)
    return agrees and found.balances and found.planned == len(users) and not found.open


def _breakdown(found: Evidence) -> Table:
    table = Table(title="What became of them", title_justify="left")
    for name in COLUMNS:
        table.add_column(name.replace("_", " "), justify="right" if name in COLUMNS[3:] else "left")
    for share in found.shares:
        table.add_row(*(str(value) for value in asdict(share).values()))
    return table


def _agrees(found: Evidence, inbox_log: Path, console: Console) -> bool:
    """Whether the inbox, which knows nothing of the ledger, tells the same."""
    accepted = [json.loads(line) for line in inbox_log.read_text(encoding="utf-8").splitlines()]
    copies = len(accepted) - len({one.get("client_id") or one["id"] for one in accepted})
    console.print(
        f"The inbox accepted {len(accepted)} messages ({copies} of them copies); "
        f"the ledger says {found.completed} completed, {len(found.unknown_outcomes)} unknown."
    )
    return found.completed <= len(accepted) - copies <= found.completed + len(found.unknown_outcomes)

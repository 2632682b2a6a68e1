"""How long a message takes from the request to the inbox, and how late those are that were planned."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any, Final
from uuid import uuid4

import requests

from bench.serving import a_key, web, workers
from healthnotify import bootstrap
from healthnotify.apps.database import rows
from healthnotify.apps.users import people
from healthnotify.commands.invented import due_at, somebody
from healthnotify.domain.model import Channel
from healthnotify.domain.people import NewPerson
from healthnotify.embedded.stack import Stack

ASKED_FOR: Final = 200
PLANNED: Final = 1_000
MINUTE: Final = timedelta(minutes=1)
LEAD: Final = timedelta(seconds=45)


def run(stack: Stack, files: Path) -> None:
    """Print percentiles of both."""
    assert stack.inbox is not None
    with web(stack, files) as url, workers(stack, files):
        waits = _asked_for(url, stack)
        lateness = _planned(stack)
    print("\nFrom the request to the inbox, one at a time (goal: p50 under 1 s, p99 under 2 s)")
    print(f"  {_percentiles(waits)}")
    print(f"Lateness of {PLANNED} planned within a minute (goal: p99 under 1 s)")
    print(f"  {_percentiles(lateness)}")


def _asked_for(url: str, stack: Stack) -> list[float]:
    """Seconds for each: POST begun, mail accepted."""
    caller = requests.Session()
    caller.headers["Authorization"] = f"Bearer {a_key()}"
    made = caller.post(
        f"{url}/api/v1/users",
        json={
            "external_id": f"bench-{uuid4()}",
            "name": "Ben",
            "timezone": "Etc/UTC",
            "channels": [{"channel": "email", "address": "bench@example.org"}],
        },
    )
    made.raise_for_status()
    rows("UPDATE users SET quiet_start = NULL, quiet_end = NULL", {})
    began = {}
    for number in range(ASKED_FOR):
        wish = {
            "user_id": made.json()["id"],
            "category": "service",
            "channel": "email",
            "subject": "A walk",
            "text": f"Ten minutes outside? {'!' * (number % 3)}",
        }
        now = time.time()
        answer = caller.post(f"{url}/api/v1/notifications", json=wish, headers={"Idempotency-Key": str(uuid4())})
        answer.raise_for_status()
        began[answer.json()["id"]] = now
        _wait_for(stack, answer.json()["id"])
    accepted = _accepted(stack)
    return [accepted[key] - instant for key, instant in began.items()]


def _planned(stack: Stack) -> list[float]:
    """Seconds for each: wanted, mail accepted."""
    dice, now = bootstrap.dice(7), bootstrap.now()
    some = [_wanting(dice, now + LEAD + MINUTE * (number / PLANNED)) for number in range(PLANNED)]
    users = people.add(some, now=now, ring=bootstrap.ring())
    found: Sequence[Any] = []
    deadline = time.monotonic() + 240
    while len(found) < PLANNED and time.monotonic() < deadline:
        time.sleep(1)
        statement = "SELECT id, send_at FROM notifications WHERE user_id = ANY(%(users)s) AND state = 'COMPLETED'"
        found = rows(statement, {"users": users})
    accepted = _accepted(stack)
    return [accepted[str(row.id)] - row.send_at.timestamp() for row in found]


def _wanting(dice: bootstrap.Dice, instant: datetime) -> NewPerson:
    person = replace(somebody(dice), external_id=f"bench-{uuid4()}")
    wish = replace(person.preferences[0], channel=Channel.EMAIL)
    return due_at(replace(person, preferences=(wish,)), instant)


def _wait_for(stack: Stack, key: str) -> None:
    deadline = time.monotonic() + 30
    while key not in _accepted(stack):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{key} did not arrive")
        time.sleep(0.02)


def _accepted(stack: Stack) -> dict[str, float]:
    """Notification -> when the inbox had it."""
    assert stack.inbox is not None
    lines = stack.inbox.log_path.read_text(encoding="utf-8").splitlines()
    found = (json.loads(line) for line in lines)
    return {one["id"].strip("<>").split("@")[0]: datetime.fromisoformat(one["time"]).timestamp() for one in found}


def _percentiles(seconds: Sequence[float]) -> str:
    cuts = quantiles(seconds, n=100)
    return (
        f"n={len(seconds)} p50={cuts[49]:.3f} s  p95={cuts[94]:.3f} s  p99={cuts[98]:.3f} s  max={max(seconds):.3f} s"
    )

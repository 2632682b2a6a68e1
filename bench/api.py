"""The API beside bare views on the same rows."""

from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from bench.load import CONNECTIONS, ROUNDS, Call, in_turns
from bench.serving import a_key, bare, web
from healthnotify import bootstrap
from healthnotify.apps.users import people
from healthnotify.commands.invented import somebody
from healthnotify.embedded.stack import Stack

USERS: Final = 2_000


def run(stack: Stack, files: Path) -> None:
    """Print requests a second and their ratio."""
    dice = bootstrap.dice(3)
    some = people.add([somebody(dice) for _ in range(USERS)], now=bootstrap.now(), ring=bootstrap.ring())
    key = {"Authorization": f"Bearer {a_key()}"}
    with web(stack, files) as ours, bare(stack, files) as other:
        print(f"\nAPI beside bare REST framework views ({CONNECTIONS} connections, medians of {ROUNDS} rounds)")
        for name, goal, method, address, body, status in (
            ("list 50 users", 0.8, "GET", "/users", None, 200),
            ("read a user", 0.8, "GET", f"/users/{some[0]}", None, 200),
            ("create a user", 0.5, "POST", "/users", _new, 201),
        ):
            full = Call(method, f"{ours}/api/v1{address}", lambda m=method: _headers(key, m), body, status)
            plain = Call(method, f"{other}{address}", dict, body, status)
            _print(name, goal, *in_turns(full, plain))


def _headers(key: dict[str, str], method: str) -> dict[str, str]:
    return key | ({"Idempotency-Key": str(uuid4())} if method == "POST" else {})


def _new() -> dict[str, Any]:
    return {
        "external_id": f"bench-{uuid4()}",
        "name": "Ben",
        "timezone": "Europe/Berlin",
        "channels": [{"channel": "email", "address": f"{uuid4()}@example.org"}],
        "goals": [{"goal": "walk_more", "target": 8000, "progress": 100, "streak": 2}],
        "preferences": [{"category": "nudge", "channel": "email", "times": ["08:30"]}],
    }


def _print(name: str, goal: float, ours: Any, other: Any) -> None:
    ratio = ours.middle / other.middle
    print(f"  {name:<14} {ours!s:<24} bare {other!s:<24} ratio {ratio:.2f} (goal: {goal} or more)")

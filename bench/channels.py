"""One consumer process on real channels: a webhook receiver that takes its time, an inbox, one channel hanging."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.request import urlopen

from bench import staging
from bench.running import QUIET, WORKER, in_state, megabytes, running, seconds_of, wait_until
from bench.turns import rate
from healthnotify.domain.model import Channel
from healthnotify.embedded.process import Process, answers, free_port
from healthnotify.embedded.stack import Stack

USERS: Final = 4_000
COUNT: Final = 12_000
ROUNDS: Final = 3
ANSWERS_AFTER: Final = 0.05  # seconds
HANGS: Final = -1.0
CHUNK: Final = 1_000  # how finely the two channels are mixed


@dataclass(frozen=True, slots=True)
class Drained:
    """What one consumer made of a backlog."""

    rate: float  #: notifications a second
    processor: float  #: seconds of the consumer a notification
    memory: float  #: megabytes


def run(stack: Stack, files: Path) -> None:
    """Print rates, what was in flight, processor time and memory."""
    with receiver(stack, files, "webhook", ANSWERS_AFTER) as (port, _), receiver(stack, files, "smtp") as (mail, _):
        hooked = staging.readers(USERS, Channel.WEBHOOK, f"http://127.0.0.1:{port}/")
        mailed = staging.readers(USERS)
        more = {"WEBHOOK_ALLOW_PRIVATE": "true", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(mail)}
        webhook = [_drain(stack, files, hooked, Channel.WEBHOOK, more) for _ in range(ROUNDS)]
        seen = _seen(port)
        email = [_drain(stack, files, mailed, Channel.EMAIL, more) for _ in range(ROUNDS)]
    print(f"\nOne consumer process, {COUNT:,} notifications, medians of {ROUNDS}")
    print(f"  webhook, answered after {ANSWERS_AFTER * 1000:.0f} ms: {_told(webhook)} (goal: 2,000/s)")
    average = seen["sum_in_flight"] / max(seen["looks"], 1)
    print(f"    in flight at the receiver: {average:.0f} on average, {seen['most_in_flight']} at most (goal: 200)")
    print(f"  e-mail to a local inbox: {_told(email)} (goal: 1,500/s)")
    _beside_a_hanging_one(stack, files)


def _beside_a_hanging_one(stack: Stack, files: Path) -> None:
    """E-mail alone, then with as many webhooks that are never answered among it."""
    with receiver(stack, files, "webhook", HANGS) as (port, _), receiver(stack, files, "smtp") as (mail, _):
        hooked = staging.readers(USERS, Channel.WEBHOOK, f"http://127.0.0.1:{port}/")
        mailed = staging.readers(USERS)
        more = {"WEBHOOK_ALLOW_PRIVATE": "true", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(mail)}
        alone, beside = [], []
        for _ in range(ROUNDS):
            alone.append(_drain(stack, files, mailed, Channel.EMAIL, more).rate)
            beside.append(_drain(stack, files, mailed, Channel.EMAIL, more, hanging=hooked).rate)
    share = median(beside) / median(alone)
    print(f"  e-mail beside a webhook that hangs: {median(beside):,.0f}/s of {median(alone):,.0f}/s alone")
    print(f"    it keeps {share:.2f} of its rate (goal: 0.9)")


def _drain(
    stack: Stack,
    files: Path,
    some: list[staging.Reader],
    channel: Channel,
    more: dict[str, str],
    *,
    hanging: list[staging.Reader] | None = None,
) -> Drained:
    """All is published before; the clock begins with the first that are seen to be delivered."""
    staging.forget()
    with staging.cold() as cache:
        for start in range(0, COUNT, CHUNK):
            staging.add(CHUNK, some, channel, cache, first=start)
            if hanging:
                staging.add(CHUNK, hanging, Channel.WEBHOOK, cache, first=start)
    with running(stack, files, [*QUIET, "producer"]) as producers:
        wait_until(lambda: in_state("PENDING") == COUNT * (2 if hanging else 1), producers)
    with running(stack, files, [*WORKER, "consumer"], more) as consumers:
        wait_until(lambda: in_state("COMPLETED", channel) > 0, consumers)
        first, before = in_state("COMPLETED", channel), seconds_of(consumers[0])
        took = wait_until(lambda: in_state("COMPLETED", channel) == COUNT, consumers)
        processor = (seconds_of(consumers[0]) - before) / (COUNT - first)
        return Drained(rate(COUNT, first, took), processor, megabytes(consumers[0]))


@contextmanager
def receiver(stack: Stack, files: Path, kind: str, seconds: float = 0) -> Iterator[tuple[int, Process]]:
    """Its port, and itself."""
    port = free_port()
    command = [sys.executable, "-m", "bench.receivers", kind, str(port), str(seconds)]
    one = stack.begin(f"{kind} receiver", command, files / f"{kind}.log", {})
    try:
        one.wait_until(lambda: answers(port), seconds=30)
        yield port, one
    finally:
        one.stop()


def _seen(port: int) -> dict[str, Any]:
    with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def _told(rounds: list[Drained]) -> str:
    rates = [one.rate for one in rounds]
    spread = f"{median(rates):,.0f}/s ({min(rates):,.0f}-{max(rates):,.0f})"
    processor = median(one.processor for one in rounds) * 1e6
    return f"{spread}, {processor:,.0f} us of its processor each, {max(one.memory for one in rounds):.0f} MB"

"""One, two and four consumer processes on twelve partitions of a slow channel: so slow that two cores are no limit."""

import os
import time
from pathlib import Path
from statistics import median
from typing import Final

from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from bench import staging
from bench.running import QUIET, in_state, running, wait_until
from bench.turns import Disturbed
from healthnotify.apps.database import rows
from healthnotify.embedded.stack import Stack
from healthnotify.pipeline.ports import Topic

SLOW: Final = 0.5  # seconds a send; longer than the span of `domain/lanes`, within which a lane would grow wider
IN_FLIGHT: Final = 60  # so one process sends 120 a second
SECONDS: Final = 8.0  # of a measurement
PROCESSES: Final = (1, 2, 4)
PARTITIONS: Final = 12
ROUNDS: Final = 3
GOAL: Final = 0.9


def run(stack: Stack, files: Path) -> None:
    """Print the rate of each number of processes. Raises `Disturbed` when the work was used up too soon."""
    some = staging.readers(2_000)
    _divide()
    print(f"\nScale-out: {IN_FLIGHT} in flight a process, {SLOW * 1000:.0f} ms a send, medians of {ROUNDS}")
    found: dict[int, list[float]] = {count: [] for count in PROCESSES}
    for number in range(ROUNDS):
        for count in PROCESSES if number % 2 == 0 else reversed(PROCESSES):
            found[count].append(_rate(stack, files, some, count))
    alone = median(found[1])
    for count, rates in found.items():
        spread = f"{min(rates):,.0f}-{max(rates):,.0f}"
        share = median(rates) / count / alone
        print(f"  {count} processes: {median(rates):,.0f}/s ({spread}), {share:.2f} a process (goal: {GOAL})")


def _divide() -> None:
    """Give the topic as many partitions as production has; embedded services make do with fewer."""
    topic = Topic.DAILY.value
    admin = AdminClient({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]})
    there = admin.list_topics(timeout=10).topics.get(topic)
    if there is None:
        admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result()
    elif len(there.partitions) < PARTITIONS:
        admin.create_partitions([NewPartitions(topic, PARTITIONS)])[topic].result()


def _rate(stack: Stack, files: Path, some: list[staging.Reader], count: int) -> float:
    """Notifications a second of so many processes, once all of them are at work."""
    backlog = round(count * IN_FLIGHT / SLOW * (SECONDS + 6))
    with running(stack, files, [*QUIET, "producer"]) as publishers:
        staging.stage(backlog, some)
        wait_until(lambda: in_state("PENDING") == backlog, publishers)
    more = {"IN_FLIGHT": str(IN_FLIGHT)}
    with running(stack, files, [*QUIET, "consumer", str(SLOW)], more, count) as consumers:
        full = round(0.9 * count * IN_FLIGHT)
        wait_until(lambda: _claimed() >= full, consumers, seconds=60)
        time.sleep(SLOW)
        before, began = in_state("COMPLETED"), time.perf_counter()
        time.sleep(SECONDS)
        after, took = in_state("COMPLETED"), time.perf_counter() - began
        if backlog - after < count * IN_FLIGHT * 2:
            raise Disturbed(f"only {backlog - after} of {backlog} were left: not all processes were busy to the end")
    return (after - before) / took


def _claimed() -> int:
    statement = "SELECT count(*) AS n FROM notifications WHERE state = 'PENDING' AND claim_id IS NOT NULL"
    return int(rows(statement, {})[0].n)

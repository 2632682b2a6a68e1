"""Brokers that are away, stand still, or are heard by one side only; and what producers hear instead of a report."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from healthnotify.pipeline.ports import Topic
from tests.chaos.faults import fault
from tests.chaos.frames import Api, Spoil
from tests.chaos.run import Run

AWAY: Final = 6  # seconds
#: Errors in a producer's answer, by their number in Kafka's protocol.
ANSWERS: Final = {
    "NOT_LEADER_OR_FOLLOWER": 6,
    "REQUEST_TIMED_OUT": 7,
    "TOPIC_AUTHORIZATION_FAILED": 29,
    "KAFKA_STORAGE_ERROR": 56,
}
#: What a topic can be told, so that brokers refuse what is produced, and append nothing.
REFUSALS: Final = {
    "not enough replicas": {"min.insync.replicas": "3"},
    "too large": {"max.message.bytes": "60"},
}


@fault(
    17,
    "two of three brokers down",
    done=f"Two brokers are killed with SIGKILL in mid-run and are away for {AWAY} s: no partition can be written, and "
    "nobody leads anything new.",
    holds="Nothing counts as published that two replicas do not have; all goes on when they are back.",
)
def two_down(run: Run) -> None:
    run.load(200, seconds=6)
    run.wait_until_accepted(0.15)
    nodes = run.services.kafka.nodes
    victims = run.dice.sample(nodes, 2)
    for node in victims:
        node.kill()
        run.services.kills += 1
    run.pause(1)  # what was on its way has been answered
    with _nothing_published(run):
        run.pause(AWAY)
    for node in victims:
        node.begin()
    for node in victims:
        node.wait()


@fault(
    18,
    "leader SIGSTOP",
    done="The broker that leads the first partition of the daily topic is stopped (SIGSTOP): it takes connections and "
    "says nothing. Another one leads, and 90 % are sent before the old one goes on and still believes that it leads.",
    holds="Clients leave it for the new leader by themselves; what it did not replicate counts for nothing.",
)
def leader_stands_still(run: Run) -> None:
    run.load(200, seconds=6)
    run.wait_until_accepted(0.15)
    leader = run.services.leader()
    with run.services.frozen(run.services.kafka.nodes[leader - 1].pid):
        began = time.monotonic()
        run.wait_for(lambda: run.services.leader() not in {leader, -1}, "another leader", seconds=30)
        run.prove(run.accepted() < 0.9 * len(run.loads.asked), "most was sent before another one led")
        run.wait_for(lambda: run.accepted() >= 0.9 * len(run.loads.asked), "90% accepted", seconds=60)
        run.notes.append(f"90% were accepted {time.monotonic() - began:.1f} s after the leader was stopped")


def _ways(_dice: Random, quick: bool) -> Sequence[Any]:
    return ("answers vanish",) if quick else ("requests vanish", "answers vanish")


@fault(
    19,
    "one-way partition",
    done="For 8 s all that clients say to the leading broker vanishes while the connections stay, or all that it "
    "answers: then it does what it is asked, and nobody hears of it. The brokers hear each other.",
    holds="An answer that never came means that nobody knows: it is asked again, and the claim drops second copies.",
    variants=_ways,
)
def one_way(run: Run) -> None:
    run.load(200, seconds=6)
    run.wait_until_accepted(0.15)
    line = run.lines[f"kafka-{run.services.leader()}"]
    before = line.spoiled
    weather = line.weather
    weather.lose_up, weather.lose_down = run.variant == "requests vanish", run.variant == "answers vanish"
    run.pause(8)
    run.prove(line.spoiled > before + 5, f"{line.spoiled - before} pieces have vanished")
    run.notes.append(f"{line.spoiled - before} pieces have vanished")
    line.heal()


@fault(
    20,
    "all brokers restarted",
    done="All brokers are restarted one after the other, or all of them are killed at the same time and started again.",
    holds="Producers and consumers find them again by themselves; nothing is lost.",
    variants=lambda _dice, quick: ("at once",) if quick else ("one by one", "at once"),
)
def all_restarted(run: Run) -> None:
    run.load(200, seconds=8)
    run.wait_until_accepted(0.15)
    cluster = run.services.kafka
    before = {node.pid for node in cluster.nodes}
    if run.variant == "at once":
        cluster.restart()
        run.services.kills += len(cluster.nodes)
    else:
        for node in cluster.nodes:
            node.restart()
            run.pause(run.dice.uniform(0.5, 1.5))
    run.prove(not before & {node.pid for node in cluster.nodes}, "one was not restarted")


@fault(
    23,
    "produce errors",
    done="For some seconds the daily topic refuses all that is produced (it wants more replicas than there are, or "
    "smaller records); or a third of the producers' answers say that they failed, while the brokers have the records.",
    holds="What was not confirmed is not PENDING, and is produced again; what is there twice is sent once.",
    variants=lambda _dice, quick: ("answers",) if quick else ("answers", *REFUSALS),
)
def produce_errors(run: Run) -> None:
    run.load(200, seconds=6)
    run.wait_until_accepted(0.1)
    if run.variant == "answers":
        spoils = [Spoil(Api.PRODUCE, "refuse", code, share=0.15) for code in ANSWERS.values()]
        run.spoil(*spoils)
        run.wait_until_accepted(0.8)
        done = dict(zip(ANSWERS, (spoil.done for spoil in spoils), strict=True))
        run.prove(sum(done.values()) > 3, f"answers were changed so often: {done}")
        run.notes.append(", ".join(f"{count} x {name}" for name, count in done.items()))
        return
    if run.variant == "not enough replicas":
        run.services.kafka.nodes[run.services.leader() % 3].kill()
        run.services.kills += 1
    with _configured(run, REFUSALS[run.variant]):
        run.pause(1)
        with _nothing_published(run):
            run.pause(4)


@fault(
    24,
    "delivery report times out, and the record is there",
    done="Brokers take what is produced, and for ten seconds no producer hears of it: each answer is lost. Consumers "
    "are at work meanwhile, or away, so that it is announced a second time before anybody has read the first.",
    holds="Unknown is not published: the row stays as it is and is announced again; the claim drops the second copy: "
    "everything is sent once.",
    variants=lambda _dice, quick: ("consumers away",) if quick else ("consumers at work", "consumers away"),
)
def report_lost(run: Run) -> None:
    spoil = Spoil(Api.PRODUCE, "lose_answer", about=Topic.DAILY.encode())
    run.load(150, seconds=5)
    run.wait_until_accepted(0.1)
    working = run.crew.labels
    if run.variant == "consumers away":
        for label in ("consumer-1", "consumer-2"):
            run.crew.dismiss(label)
    run.pause(1)  # what was on its way has been confirmed
    run.spoil(spoil)
    before, sent = run.published(), run.accepted()
    run.pause(10)
    run.prove(spoil.done, "no report was lost")
    if run.variant == "consumers at work":  # a claim knows without a report that Kafka has it
        run.prove(run.accepted() > sent, "nothing unconfirmed was sent")
    else:
        run.prove(run.published() == before, f"{run.published() - before} were confirmed in spite of it")
    run.spoil()
    run.crew.employ(working)
    run.wait_until_accepted(0.95)
    records = len({(take.topic, take.partition, take.offset) for take in run.taken() if take.topic == Topic.DAILY})
    if run.variant == "consumers away":
        run.prove(records > len(run.loads.asked), f"{records} records for {len(run.loads.asked)} notifications")
    run.notes.append(f"{spoil.done} reports were lost; {records} records for {len(run.loads.asked)} notifications")
    run.must_send_once("a record that was there twice was sent twice")


@contextmanager
def _nothing_published(run: Run) -> Iterator[None]:
    """Within, Kafka confirms nothing: else the fault took no effect."""
    before = run.published()
    run.prove(before < len(run.loads.asked), "nothing was left to be published")
    yield
    run.prove(run.published() == before, f"{run.published() - before} were published in spite of it")


@contextmanager
def _configured(run: Run, settings: Mapping[str, str]) -> Iterator[None]:
    """The daily topic is set so, and back again."""
    resource = ConfigResource(ResourceType.TOPIC, str(Topic.DAILY))
    found: dict[str, ConfigEntry] = {}
    _administer(
        run, lambda admin: found.update(admin.describe_configs([resource], request_timeout=5)[resource].result())
    )
    _administer(run, lambda admin: _set(admin, settings))
    try:
        yield
    finally:
        _administer(run, lambda admin: _set(admin, {name: found[name].value for name in settings}))


def _administer(run: Run, deed: Callable[[AdminClient], None]) -> None:
    """With a client of its own each time: one that has met a dead controller goes on waiting for it."""

    def is_done() -> bool:
        admin = AdminClient(
            {
                "bootstrap.servers": run.services.kafka.bootstrap_servers,
                "log_level": 0,
                "socket.timeout.ms": 3_000,
            }
        )
        try:
            deed(admin)
        except KafkaException:
            return False
        return True

    run.wait_for(is_done, "a controller that answers", seconds=60)


def _set(admin: AdminClient, settings: Mapping[str, str]) -> None:
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, str(Topic.DAILY), incremental_configs=entries)
    for done in admin.incremental_alter_configs([resource], request_timeout=5).values():
        done.result()

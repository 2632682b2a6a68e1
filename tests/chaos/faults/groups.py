"""Consumer groups in trouble: members that come and go, pauses, ends in order, fatal errors, commits that fail."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Final

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from healthnotify import bootstrap
from healthnotify.adapters.kafka.client import GROUPS
from healthnotify.apps.notifications import stopping
from healthnotify.domain.stops import Stop
from healthnotify.pipeline.ports import Topic
from tests.chaos.faults import fault
from tests.chaos.frames import Api, Spoil
from tests.chaos.run import Run
from tests.chaos.services import PARTITIONS

GROUP: Final = GROUPS[Topic.DAILY]
OPERATOR: Final = "operator:chaos"
STORMS: Final = 6  # times that somebody comes and somebody goes
TERMS: Final = 10  # SIGTERMs a run
#: With the sweeper on, and as many with it off: 100 in all.
TERM_CHUNKS: Final = 5
INVALID_REQUEST: Final = 42
OUT_OF_ORDER_SEQUENCE: Final = 45
#: Longer than `MAX_POLL_INTERVAL`, and longer than the lease.
STILL: Final = 7
MAX_POLL_INTERVAL: Final = 3_000  # milliseconds
BEYOND: Final = 10_000_000


@fault(
    5,
    "rebalance storm",
    done=f"While notifications go out, a third consumer joins and leaves {STORMS} times, and each time a stranger "
    "joins the group, takes a share of the partitions, reads, and leaves without a commit.",
    holds="Nothing is lost, and nothing is sent twice: whoever lets go of a partition has settled what it claimed, or "
    "its successor waits for the lease.",
)
def rebalance_storm(run: Run) -> None:
    run.lines["http"].weather.delay = 0.1
    run.load(300, seconds=12)
    run.wait_until_accepted(0.05)
    working = run.crew.labels
    shares = 0
    for _ in range(STORMS):
        run.crew.employ((*working, "consumer-3"))
        with _stranger(run) as stranger:
            run.pause(run.dice.uniform(0.5, 1.5))
            shares += bool(stranger.assignment())
        run.crew.dismiss("consumer-3")
    run.prove(shares >= STORMS / 2, f"the stranger had partitions {shares} times of {STORMS}")
    run.must_send_once("a rebalance sent something twice")
    run.notes.append(f"{len(run.taken_twice())} records were given twice")


@fault(
    6,
    "pause and rebalance",
    done="An operator stops everything, so that both consumers pause their partitions; then one of them is killed and "
    "a third one joins, and the partitions change hands while they are paused. Then the operator lets it go on, the "
    "third one leaves, and what was paused when it was given away comes back.",
    holds="Whoever has them resumes them: all that waits in Kafka goes out, and all that comes later.",
)
def pause_and_rebalance(run: Run) -> None:
    run.load(300, seconds=3)
    run.wait_until_accepted(0.1)
    with _stopped(Stop()):
        run.wait_for(lambda: run.pauses() >= len(_consumers(run)), "both consumers pause")
        run.crew.kill("consumer-2")
        run.crew.employ((*run.crew.labels, "consumer-3"))
        run.wait_for(lambda: len(shares := run.services.shares()) == 3 and all(shares), "three share the partitions")
        taken = run.accepted()
        run.pause(2)  # what is taken up in a pause is paused after another second without room
        run.prove(run.accepted() == taken, "something was sent in spite of the stop")
        run.prove(taken < len(run.loads.asked), "nothing was left to be sent")
    run.wait_until_accepted(0.95)
    run.crew.dismiss("consumer-3")
    run.wait_for(lambda: len(shares := run.services.shares()) == 2 and all(shares), "two share the partitions")
    run.load(100, seconds=1)
    run.wait_until_accepted(0.95)
    run.must_send_once("a pause sent something twice")


def _fatal(_dice: Random, quick: bool) -> Sequence[Any]:
    return ("consumer",) if quick else ("consumer", "retry-consumer", "producer")


@fault(
    7,
    "fatal client error",
    done="A broker's answer makes a client unusable: a heartbeat of the consumers' group, or of the retry consumer's, "
    "is answered with INVALID_REQUEST, or a batch of the producer with OUT_OF_ORDER_SEQUENCE_NUMBER.",
    holds="The process ends with an exit code that says so, is started again, and nothing is lost.",
    variants=_fatal,
)
def fatal_error(run: Run) -> None:
    spoil = {
        "consumer": Spoil(Api.GROUP_HEARTBEAT, "refuse", INVALID_REQUEST, about=GROUP.encode(), most=1),
        "retry-consumer": Spoil(
            Api.GROUP_HEARTBEAT, "refuse", INVALID_REQUEST, about=GROUPS[Topic.RETRY].encode(), most=1
        ),
        "producer": Spoil(Api.PRODUCE, "refuse", OUT_OF_ORDER_SEQUENCE, about=Topic.DAILY.encode(), most=1),
    }[run.variant]
    run.lines["http"].weather.delay = 0.1
    run.load(150, seconds=4)
    run.wait_until_accepted(0.1)
    before = len(run.crew.deaths)
    run.spoil(spoil)

    def ends() -> list[str]:
        some = run.crew.deaths[before:]
        return [f"{death.label} with {death.code}" for death in some if death.cause == "by itself" and death.code > 0]

    run.wait_for(lambda: ends() or spoil.done > 3, "the process ends by itself")
    run.prove(spoil.done, "no answer was changed")
    run.prove(any(run.variant in end for end in ends()), f"these have ended: {ends()}")
    run.wait_until_accepted(0.9)


@fault(
    8,
    "breach of max.poll.interval",
    done=f"A consumer stands still for {STILL} s right after a claim, in the thread that polls, and its heartbeats go "
    f"on; max.poll.interval is {MAX_POLL_INTERVAL / 1000:.0f} s here, the lease 4 s.",
    holds="It is put out of the group and its partitions go to the other one; when it goes on it sends nothing that is "
    "somebody else's by then, and joins again.",
)
def poll_breach(run: Run) -> None:
    run.crew.consumer_settings = {"max.poll.interval.ms": MAX_POLL_INTERVAL}
    working = run.crew.labels
    for label in _consumers(run):
        run.crew.dismiss(label)
    point = f"deliver.claim@{STILL}:3"
    run.crew.crash_at(point)
    run.crew.employ(working)
    before = run.crew.reached()["deliver.claim"]
    run.wait_for(lambda: len(shares := run.services.shares()) == 2 and all(shares), "both consumers at work")
    run.load(200, seconds=4)
    run.wait_for(lambda: run.crew.reached()["deliver.claim"] > before, "a consumer stands still")
    run.wait_for(lambda: _share_of_others(run) == PARTITIONS, "the other one has all partitions", seconds=STILL)
    run.wait_for(lambda: len(shares := run.services.shares()) == 2 and all(shares), "it joins again")
    run.notes.append(f"{run.taken_over()} claims were taken over while it stood still")


@fault(
    9,
    "SIGTERM under load",
    done=f"{TERMS} times a run a worker, mostly a consumer, is asked to end while much is under way, and started "
    "again. The line is slow, so that each finds some half sent.",
    holds="No copy of anything, and no record that a consumer had in hand when it was asked is given to anybody again.",
    variants=lambda _dice, quick: tuple(f"chunk {number}" for number in range(1 if quick else TERM_CHUNKS)),
)
def terminate(run: Run) -> None:
    run.lines["http"].weather.delay = 0.1
    run.lines["smtp"].weather.delay = 0.02
    run.load(60, seconds=2)
    asked: set[int] = set()
    victims = ("consumer-1", "consumer-2", "consumer-1", "consumer-2", "producer", "retry-consumer")
    for number in range(TERMS):
        run.load(25, seconds=1.5)
        taken = run.accepted()
        run.wait_for(lambda before=taken: run.accepted() >= before + 5, f"work before SIGTERM {number + 1}")
        run.pause(run.dice.uniform(0.0, 0.5))
        victim = run.dice.choice(victims)
        asked.add(run.crew.pid(victim))
        run.crew.restart(victim)
    codes = [death.code for death in run.crew.deaths if death.pid in asked]
    run.prove(len(codes) == TERMS, f"{len(codes)} have ended")
    run.must(lambda _: not any(codes), f"exit codes are {codes}")
    run.must_send_once("a graceful stop sent something twice")
    run.must(lambda _: not run.taken_over(), "a claim was left to be taken over")
    run.must(lambda _: not _given_again(run, asked), "a record in hand was given again after a graceful stop")
    run.notes.append(
        f"{len(run.taken_twice())} records were given twice, {_given_again(run, asked)} after a stop; "
        f"{run.doubts()} sends timed out"
    )


@fault(
    22,
    "offsets expired, group deleted",
    done="While nobody consumes, the consumers' groups are deleted with all their offsets; or their offsets point past "
    "the end, as after a topic was made anew.",
    holds="They begin with the oldest record: what was sent is not sent again, what was not is sent.",
    variants=lambda _dice, quick: ("deleted",) if quick else ("deleted", "past the end"),
)
def offsets_gone(run: Run) -> None:
    run.load(150, seconds=4)
    run.wait_until_accepted(0.3)
    working = run.crew.labels
    for label in (*_consumers(run), "retry-consumer"):
        run.crew.dismiss(label)
    run.wait_for(lambda: run.published() > run.accepted() + 10, "some wait in Kafka")
    admin = AdminClient({"bootstrap.servers": run.services.kafka.bootstrap_servers, "log_level": 0})
    for topic, group in GROUPS.items():
        places = [TopicPartition(topic, number, BEYOND) for number in range(PARTITIONS)]
        run.wait_for(lambda its=group: not run.services.shares(its), f"nobody is in {group}")
        if run.variant == "deleted":
            _wait_for_all(admin.delete_consumer_groups([group]))
        else:
            _wait_for_all(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]))
    run.crew.employ(working)
    run.wait_until_accepted(0.95)
    run.prove(run.taken_twice(), "no record was given again")
    run.notes.append(f"{len(run.taken_twice())} records of this run were given twice")
    run.must_send_once("a replay sent something twice")


@fault(
    25,
    "commit rejected",
    done="Every commit of the consumers is refused by the broker (it names an epoch that never was), or is done and "
    "its answer lost; meanwhile a consumer is killed, so that its partitions go back to where the last commit was.",
    holds="What is given again is not sent again; when commits are taken again they go on.",
    variants=lambda _dice, quick: ("stale",) if quick else ("stale", "lose_answer"),
)
def commit_rejected(run: Run) -> None:
    spoil = Spoil(Api.OFFSET_COMMIT, run.variant, about=GROUP.encode())
    run.spoil(spoil)
    run.load(200, seconds=5)
    run.wait_until_accepted(0.4)
    run.crew.kill("consumer-1")
    killed = time.monotonic()
    # Partitions are let go of with a last commit, and nothing is taken before its answer comes or is given up.
    run.wait_for(lambda: run.accepted() >= 0.9 * len(run.loads.asked), "90% accepted", seconds=60)
    run.notes.append(f"90% were accepted {time.monotonic() - killed:.1f} s after the kill")
    run.prove(spoil.done > 3, f"{spoil.done} commits were refused")
    if run.variant == "stale":
        run.wait_for(run.taken_twice, "a record is given again")
    run.notes.append(f"{spoil.done} commits were spoiled, {len(run.taken_twice())} records were given twice")


@contextmanager
def _stranger(run: Run) -> Iterator[Consumer]:
    """A member of the group that reads and never commits, as a second release that was started by mistake."""
    settings = {
        "bootstrap.servers": run.services.kafka.bootstrap_servers,
        "group.id": GROUP,
        "group.protocol": "consumer",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "log_level": 0,
    }
    stranger = Consumer(settings)
    stranger.subscribe([str(Topic.DAILY)])
    try:
        run.wait_for(lambda: stranger.consume(10, 0.1) or stranger.assignment(), "the stranger has partitions")
        yield stranger
    finally:
        stranger.close()


@contextmanager
def _stopped(what: Stop) -> Iterator[None]:
    stopping.stop(what, reason="chaos", actor=OPERATOR, at=bootstrap.now())
    try:
        yield
    finally:
        stopping.resume(what, actor=OPERATOR, at=bootstrap.now())


def _consumers(run: Run) -> list[str]:
    return [label for label in run.crew.labels if label.startswith("consumer")]


def _share_of_others(run: Run) -> int:
    """How many partitions the member with the most of them has."""
    return max(run.services.shares(), default=0)


def _given_again(run: Run, asked: set[int]) -> int:
    """Records that somebody had who was asked to end, and that were given to somebody later."""
    return sum(any(pid in asked for pid in pids[:-1]) for pids in run.taken_twice().values())


def _wait_for_all(done: dict[Any, Any]) -> None:
    for one in done.values():
        one.result()

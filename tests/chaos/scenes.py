"""What has to happen so that a step is taken at all: each scene ends with its worker about to take that step."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from healthnotify import bootstrap
from healthnotify.adapters.kafka import KafkaRoad
from healthnotify.apps.notifications import redrive, stopping, withdrawing
from healthnotify.apps.users import people
from healthnotify.domain.delivery import Envelope
from healthnotify.domain.model import Category, Channel
from healthnotify.domain.stops import Stop
from healthnotify.pipeline.ports import Topic
from tests.chaos.provider import Rule
from tests.chaos.run import Run
from tests.chaos.services import PARTITIONS

Scene = Callable[[Run, Sequence[str]], None]
PEOPLE: Final = 60
OPERATOR: Final = "operator:chaos"


def plain(run: Run, points: Sequence[str]) -> None:
    """A provider that refuses some for a while and some for good."""
    run.provider.rules(Rule("unavailable", share=0.25), Rule("refuse", share=0.1))
    run.crew.crash_at(*points)
    run.load(PEOPLE, seconds=2)


def unhurried(run: Run, points: Sequence[str]) -> None:
    """There is time enough for the model, also for a builder that has just been started."""
    run.crew.crash_at(*points)
    run.load(PEOPLE, seconds=1, lead=6)


def cold_cache(run: Run, points: Sequence[str]) -> None:
    """Redis does not answer, so that what is due is read from PostgreSQL."""
    run.provider.rules(Rule("unavailable", share=0.5))
    run.crew.crash_at(*points)
    run.lines["redis"].weather.refuse = True
    run.lines["redis"].reset()
    run.load(PEOPLE, seconds=2)


def unwanted_while_planned(run: Run, points: Sequence[str]) -> None:
    """Somebody leaves between planning and writing."""
    run.crew.dismiss("builder")
    run.load(PEOPLE, seconds=2)
    _wait_for_state(run, "PLANNED")
    people.deactivate(list(run.loads.asked)[:10])
    run.crew.crash_at(*points)


def unwanted_while_staged(run: Run, points: Sequence[str]) -> None:
    """Somebody leaves between staging and sending."""
    run.crew.crash_at(*points)
    run.crew.dismiss("producer")
    run.load(PEOPLE, seconds=2)
    _wait_for_state(run, "STAGED")
    people.deactivate(list(run.loads.asked)[:10])
    run.crew.employ((*_working(run), "producer"))


def withdrawn_while_staged(run: Run, points: Sequence[str]) -> None:
    """Somebody takes notifications back, of which the cache does not hear."""
    run.crew.dismiss("producer")
    run.load(PEOPLE, seconds=2)
    _wait_for_state(run, "STAGED")
    _withdraw(run, "STAGED")
    run.crew.crash_at(*points)


def withdrawn_while_waiting(run: Run, points: Sequence[str]) -> None:
    """Somebody takes back what waits for its next try."""
    run.provider.rules(Rule("unavailable"))
    run.load(PEOPLE, seconds=1)
    waiting = "SELECT id FROM notifications WHERE user_id = ANY(%s) AND state = 'RETRY' AND next_attempt_at > now()"
    run.wait_for(lambda: len(run.ledger.ask(waiting, list(run.loads.asked))) > 10, "ten wait for their next try")
    run.crew.dismiss("retry-consumer")
    _withdraw(run, "RETRY")
    run.provider.rules()
    run.crew.crash_at(*points)


def short_lived(run: Run, points: Sequence[str]) -> None:
    """What is staged expires before the producer comes round to it."""
    run.crew.dismiss("producer")
    run.load(PEOPLE, seconds=1)
    _wait_for_state(run, "STAGED")
    _expire_after(run, timedelta(seconds=1))
    run.pause(3)
    run.crew.crash_at(*points)
    run.crew.employ((*_working(run), "producer"))


def expiring_retries(run: Run, points: Sequence[str]) -> None:
    """Each try fails until the next one would come after the expiry."""
    run.provider.rules(Rule("too_many", retry_after="2"))  # so that the tries last for ten seconds
    run.crew.crash_at(*points)
    run.crew.dismiss("producer")
    run.load(PEOPLE, seconds=1)
    _wait_for_state(run, "STAGED")
    _expire_after(run, timedelta(seconds=8))
    run.crew.employ((*_working(run), "producer"))


def poison(topic: Topic) -> Scene:
    """Bytes that are not ours, among what is."""

    def scene(run: Run, points: Sequence[str]) -> None:
        run.provider.rules(Rule("unavailable", share=0.25))
        run.crew.crash_at(*points)
        run.load(PEOPLE, seconds=2)
        producer = Producer({"bootstrap.servers": run.services.kafka.bootstrap_servers})
        for _ in range(3):
            producer.produce(str(topic), b"\x00 not ours", uuid4().bytes)
        producer.flush(10)

    return scene


def unknown_id(run: Run, points: Sequence[str]) -> None:
    """A record of a notification that the ledger does not know."""
    run.crew.crash_at(*points)
    run.load(PEOPLE, seconds=2)
    now = bootstrap.now()
    road = KafkaRoad(bootstrap.kafka(), clock=bootstrap.now)
    road.announce(
        Topic.DAILY, [Envelope(uuid4(), uuid4(), Category.NUDGE, Channel.EMAIL, 1, now, now + timedelta(hours=1))]
    )
    road.close()


def flushed(run: Run, points: Sequence[str]) -> None:
    """Redis is emptied while notifications wait in it."""
    run.crew.dismiss("producer")
    run.load(PEOPLE, seconds=2)
    _wait_for_state(run, "STAGED")
    run.crew.crash_at(*points)
    run.services.redis.flushall()


def overdue(run: Run, points: Sequence[str]) -> None:
    """The producer is away for longer than the sweeper is patient."""
    run.crew.dismiss("producer")
    run.load(PEOPLE, seconds=1)
    run.crew.crash_at(*points)


def expired(run: Run, points: Sequence[str]) -> None:
    """The producer is away for longer than notifications are worth sending."""
    run.crew.dismiss("producer")
    run.load(PEOPLE, seconds=1)
    _wait_for_state(run, "STAGED")
    run.crew.crash_at(*points)
    _expire_after(run, timedelta(seconds=1))


def lost_on_the_road(run: Run, points: Sequence[str]) -> None:
    """Kafka loses records before anybody has read them."""
    run.crew.dismiss("consumer-1")
    run.crew.dismiss("consumer-2")
    run.load(PEOPLE, seconds=1)
    _wait_for_state(run, "PENDING")
    run.crew.dismiss("producer")
    lose_records(run, Topic.DAILY)
    run.crew.crash_at(*points)
    run.crew.employ((*_working(run), "consumer-1", "consumer-2", "producer"))


def lost_reports(run: Run, points: Sequence[str]) -> None:
    """A failure is recorded, its hand-over is not made, and the record is lost."""
    run.crew.dismiss("consumer-2")  # else it reads the record before that is lost
    run.provider.rules(Rule("unavailable"))
    run.crew.crash_at("deliver.report")
    run.load(PEOPLE, seconds=1)
    run.wait_for(lambda: run.crew.reached()["deliver.report"], "a consumer dies after its report")
    run.crew.dismiss("consumer-1")
    run.provider.rules()
    lose_records(run, Topic.DAILY)
    run.crew.crash_at(*points)
    run.crew.employ((*_working(run), "consumer-1", "consumer-2"))


def brought_back(run: Run, points: Sequence[str]) -> None:
    """An operator redrives what was refused for good."""
    run.provider.rules(Rule("refuse", share=0.2))  # not more: it must not be taken for a flood
    run.load(PEOPLE, seconds=1)
    run.wait_for(lambda: run.states().get("FAILED", 0) >= 3 and not run.open(), "three are given up, the rest ended")
    run.provider.rules()
    run.crew.crash_at(*points)
    given_up = [UUID(row.id) for row in run.ledger.rows(list(run.loads.asked)) if row.state == "FAILED"]
    redrive.redrive(redrive.Chosen(tuple(given_up)), actor=OPERATOR, at=bootstrap.now(), dry_run=False)


def stopped_on_the_road(run: Run, points: Sequence[str]) -> None:
    """An operator stops mail while it waits in Kafka; who takes it puts it off, and dies. Then it may go on."""
    for label in ("consumer-1", "consumer-2"):
        run.crew.dismiss(label)
    run.load(PEOPLE, seconds=1)
    _wait_for_state(run, "PENDING")
    before = run.crew.reached()
    mail = Stop(Channel.EMAIL)
    stopping.stop(mail, reason="chaos", actor=OPERATOR, at=bootstrap.now())
    try:
        run.crew.crash_at(*points)
        its = next(point for point in points if SCENES.get(point) is stopped_on_the_road)
        run.wait_for(lambda: run.crew.reached()[its] > before[its], f"death at {its}")
        run.prove(not run.accepted_on("email"), "mail was sent in spite of the stop")
    finally:
        stopping.resume(mail, actor=OPERATOR, at=bootstrap.now())


#: Step -> its scene, where the plain one does not lead to it.
SCENES: Final[dict[str, Scene]] = {
    "build.cancel": unwanted_while_planned,
    "build.write": unhurried,
    "publish.due_from_store": cold_cache,
    "publish.cancel": short_lived,
    "publish.latest": withdrawn_while_staged,
    "deliver.bury_on_road": poison(Topic.DAILY),
    "deliver.bury": poison(Topic.DAILY),
    "deliver.announce_dead_letter": unknown_id,
    "deliver.withhold": unwanted_while_staged,
    "deliver.put_off": stopped_on_the_road,
    "retry.bury_on_road": poison(Topic.RETRY),
    "retry.bury": poison(Topic.RETRY),
    "retry.cancel": expiring_retries,
    "retry.due_from_store": cold_cache,
    "retry.latest": withdrawn_while_waiting,
    "sweep.expire": expired,
    "sweep.follow": expired,
    "sweep.is_cold": flushed,
    "sweep.clear": flushed,
    "sweep.open_entries": flushed,
    "sweep.put": flushed,
    "sweep.warm": flushed,
    "sweep.overdue": overdue,
    "sweep.redriven": brought_back,
    "sweep.latest": brought_back,
    "sweep.still": lost_on_the_road,
    "sweep.passed": lost_on_the_road,
    "sweep.announce_daily": lost_on_the_road,
    "sweep.swept": lost_on_the_road,
    "sweep.announce_retry": lost_reports,
}
#: Without a sweeper that expires what is late, only the producer can; with it, the producer is never the first.
ONLY_WITHOUT_SWEEPER: Final = frozenset({"publish.cancel"})


def scene_for(points: Sequence[str]) -> Scene:
    """Of the first point that needs one of its own."""
    return next((SCENES[point] for point in points if point in SCENES), plain)


def lose_records(run: Run, topic: Topic) -> None:
    """Delete everything that is in that topic now."""
    admin = AdminClient({"bootstrap.servers": run.services.kafka.bootstrap_servers})
    ends = [TopicPartition(str(topic), number, -1) for number in range(PARTITIONS)]
    for done in admin.delete_records(ends).values():
        done.result()


def _working(run: Run) -> tuple[str, ...]:
    return run.crew.labels


def _wait_for_state(run: Run, state: str) -> None:
    run.wait_for(lambda: run.states().get(state, 0) >= PEOPLE, f"all are {state}")


def _withdraw(run: Run, state: str) -> None:
    rows = [row for row in run.ledger.rows(list(run.loads.asked)) if row.state == state]
    waiting = [row for row in rows if state == "STAGED" or row.next_attempt_at]  # the undecided cannot be taken back
    for row in waiting[:10]:
        withdrawing.withdraw(UUID(row.id), actor=OPERATOR, at=bootstrap.now())


def _expire_after(run: Run, time: timedelta) -> None:
    """As if they had been planned for less long; Redis must not know better."""
    run.ledger.ask(
        "UPDATE notifications SET expires_at = send_at + %s WHERE user_id = ANY(%s)", time, list(run.loads.asked)
    )
    run.services.redis.flushall()

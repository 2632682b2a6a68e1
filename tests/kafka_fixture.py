"""The road's two sides for tests: the twin, and one real broker a test run with names of their own for each test."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from healthnotify.adapters.envelope import Wire
from healthnotify.adapters.kafka import KafkaIntake, KafkaRoad, KafkaSettings, ensure_topics
from healthnotify.adapters.kafka.client import LOG
from healthnotify.adapters.memory.road import MemoryIntake, MemoryLog, MemoryRoad
from healthnotify.domain.delivery import Envelope, Record
from healthnotify.domain.model import Category, Channel
from healthnotify.embedded import kafka
from healthnotify.pipeline.ports import Intake, Road, Topic

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PATIENCE = 30.0  # seconds until a test that waits for records has failed
SOON = timedelta(seconds=0.2)
AT_ONCE = timedelta(0)


def an_envelope(user_id: UUID | None = None, **changes: object) -> Envelope:
    """An envelope; a test names only what it is about."""
    plain = Envelope(uuid4(), user_id or uuid4(), Category.NUDGE, Channel.EMAIL, 1, NOW, NOW + timedelta(hours=4))
    return replace(plain, **changes)


def require_kafka() -> None:
    """Skip on a machine without Java or Maven, and fail there in CI, where the real broker is the point."""
    if problem := kafka.missing(kafka.default_cache()):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no real Kafka: {problem}")


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.KafkaBroker]:
    """One real broker for the whole run."""
    require_kafka()
    broker = kafka.start(tmp_path_factory.mktemp("kafka") / "node", cache=kafka.default_cache())
    try:
        broker.wait()
        _wait_for_groups(broker)
        yield broker
    finally:
        broker.stop()


def _wait_for_groups(broker: kafka.KafkaBroker) -> None:
    """The first question about a group makes the topic that keeps them; until it is there, each is answered by no."""
    asker = Consumer(KafkaSettings(broker.bootstrap_servers).for_client() | {"group.id": "test"}, logger=LOG)

    def answers() -> bool:
        try:
            return bool(asker.committed([TopicPartition("any", 0)], timeout=1))
        except KafkaException:
            return False

    wait_until(answers, "no group coordinator")
    asker.close()


@pytest.fixture
def kafka_settings(kafka_broker: kafka.KafkaBroker) -> KafkaSettings:
    """Settings with topics and groups that are this test's own."""
    return KafkaSettings(kafka_broker.bootstrap_servers, partitions=3, prefix=f"{uuid4().hex[:12]}.")


class MemorySide:
    """The twin."""

    def __init__(self) -> None:
        self.log = MemoryLog(partitions=3)
        self.road: Road = MemoryRoad(self.log, clock=lambda: NOW)

    def intake(self, topic: Topic = Topic.DAILY) -> Intake:
        return MemoryIntake(self.log, topic)

    def put(self, topic: Topic, key: bytes, body: bytes | None) -> None:
        self.log.append(topic, (key, body or b"", []))

    def records(self, topic: Topic) -> list[Wire]:
        return self.log.records(topic)

    def close(self) -> None:
        pass


class KafkaSide:
    """The real thing, with topics of its own."""

    def __init__(self, settings: KafkaSettings) -> None:
        ensure_topics(settings)
        self.settings = settings
        self.road: Road = KafkaRoad(settings, clock=lambda: NOW)
        self._intakes: list[KafkaIntake] = []

    def intake(self, topic: Topic = Topic.DAILY) -> Intake:
        self._intakes.append(KafkaIntake(self.settings, topic))
        return self._intakes[-1]

    def put(self, topic: Topic, key: bytes, body: bytes | None) -> None:
        producer = Producer(self.settings.for_client() | {"partitioner": "murmur2_random"})
        producer.produce(self.settings.name(topic), body, key)
        assert producer.flush(PATIENCE) == 0

    def records(self, topic: Topic) -> list[Wire]:
        reader = Consumer(self.settings.for_client() | {"group.id": "test", "enable.auto.commit": False})
        places = [TopicPartition(self.settings.name(topic), number, 0) for number in range(self.settings.partitions)]
        count = sum(reader.get_watermark_offsets(place, timeout=PATIENCE)[1] for place in places)
        reader.assign(places)
        found = [(m.key(), m.value(), m.headers() or []) for m in reader.consume(count, PATIENCE)]
        reader.close()
        return found

    def close(self) -> None:
        for intake in self._intakes:
            intake.close()
        self.road.close()  # type: ignore[attr-defined]
        admin = AdminClient(self.settings.for_client(), logger=LOG)
        for gone in admin.delete_topics([self.settings.name(topic) for topic in Topic]).values():
            gone.result()


Side = MemorySide | KafkaSide


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    """Road and intakes that share topics: of the twin, and of the real broker."""
    if request.param == "memory":
        yield MemorySide()
        return
    yield from _real_side(request.getfixturevalue("kafka_settings"))


@pytest.fixture(params=["consumer", "classic"])
def kafka_side(request: pytest.FixtureRequest, kafka_settings: KafkaSettings) -> Iterator[KafkaSide]:
    """The real broker only, once with each group protocol."""
    yield from _real_side(replace(kafka_settings, group_protocol=request.param))


def _real_side(settings: KafkaSettings) -> Iterator[KafkaSide]:
    real = KafkaSide(settings)
    yield real
    real.close()


def take(intake: Intake, count: int) -> list[Record]:
    """Take until there are `count` records."""
    found: list[Record] = []
    deadline = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {len(found)} of {count} records came"
        found += intake.take(count - len(found), SOON)
    return found


@dataclass
class Reader:
    """Takes in a thread of its own, as a worker does, and finishes what it takes unless told not to."""

    intake: Intake
    finishes: bool = True
    taken: list[Record] = field(default_factory=list)
    failure: Exception | None = None  #: raised again where the reader was used

    def __enter__(self) -> "Reader":
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._end.is_set():
                records = self.intake.take(100, timedelta(seconds=0.05))
                self.taken += records
                if self.finishes:
                    self.intake.finish(records)
        except Exception as problem:
            self.failure = problem


def wait_until(happened: Callable[[], object], why: str) -> None:
    """Look until `happened()` is true."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, why
        threading.Event().wait(0.02)

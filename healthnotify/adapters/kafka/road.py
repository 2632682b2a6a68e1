"""Kafka as a producer sees it: nothing counts as announced before the brokers have confirmed it."""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from healthnotify.adapters.envelope import Wire, encode, encode_buried
from healthnotify.adapters.kafka.client import (
    GROUPS,
    LOG,
    PATIENCE,
    QUEUE_FULL,
    UNKNOWN_TOPIC,
    KafkaSettings,
    is_fatal,
    said_by,
)
from healthnotify.domain.delivery import Envelope, Position, Record
from healthnotify.domain.errors import Fatal, Unavailable
from healthnotify.pipeline.ports import Announced, Topic

SPAN_BYTES: Final = 8
TICK: Final = 0.05  # seconds
SLACK: Final = 2.0  # seconds beyond the delivery timeout, after which librdkafka reports a failure itself


class KafkaRoad:
    """The Road port. Any thread may call it; a call waits for its own records only."""

    def __init__(self, settings: KafkaSettings, *, clock: Callable[[], datetime]) -> None:
        """`clock` gives the aware UTC instant that records carry as their time."""
        self._settings = settings
        self._clock = clock
        self._fatal: KafkaError | None = None
        self._observers: dict[str, Consumer] = {}
        patience = round(settings.delivery_timeout.total_seconds() * 1000)
        self._producer = Producer(
            {
                **settings.for_client(),
                "enable.idempotence": True,
                "acks": "all",
                "delivery.timeout.ms": patience,
                "topic.metadata.propagation.max.ms": patience // 2,  # sooner, so that a missing topic is named as such
                "linger.ms": 2,
                "compression.type": "lz4",
                "partitioner": "murmur2_random",  # as Java's clients do, so that everybody finds a user in one place
                "error_cb": self._heard_error,
            },
            logger=LOG,
        )

    def announce(self, topic: Topic, envelopes: Sequence[Envelope]) -> list[Announced]:
        """Produce and wait for the reports; answers those that Kafka confirmed, in the order given.

        When none was confirmed the reason is raised: `Unavailable`, `Misconfigured`, or `Fatal`.
        """
        now, name = self._clock(), self._settings.name(topic)
        wires = (encode(envelope, name, now, secrets.token_bytes(SPAN_BYTES)) for envelope in envelopes)
        places = self._deliver(name, wires)
        return [Announced(envelope, place) for envelope, place in zip(envelopes, places, strict=False) if place]

    def bury(self, records: Sequence[Record]) -> list[Record]:
        """Put records that are not ours on the dead-letter topic; answers those that Kafka confirmed."""
        now = self._clock()
        places = self._deliver(self._settings.name(Topic.DEAD_LETTER), (encode_buried(r, now) for r in records))
        return [record for record, place in zip(records, places, strict=False) if place]

    def passed(self, positions: Sequence[Position]) -> set[Position]:
        """Those that the topic's consumers have committed past, or that the log no longer holds."""
        found: set[Position] = set()
        for topic, places in groupby(sorted(positions, key=lambda place: place.topic), lambda place: place.topic):
            try:
                found |= self._passed_in(topic, list(places))
            except KafkaException as problem:
                raise said_by(problem.args[0], self._settings) from None
        return found

    def close(self) -> None:
        """Wait for what is on its way, a delivery timeout at most, and let go."""
        self._producer.flush(self._settings.delivery_timeout.total_seconds())
        for observer in self._observers.values():
            observer.close()

    def _deliver(self, topic: str, wires: Iterable[Wire]) -> list[Position | None]:
        reports = _Reports()
        deadline = time.monotonic() + self._settings.delivery_timeout.total_seconds() + SLACK
        for wire in wires:
            self._produce(topic, wire, reports, deadline)
        while reports.awaited and self._fatal is None and time.monotonic() < deadline:
            self._producer.poll(TICK)
        self._judge(topic, reports)
        return reports.places

    def _produce(self, topic: str, wire: Wire, reports: "_Reports", deadline: float) -> None:
        """Hand one record to librdkafka; when its queue is full, wait for room as long as the deadline allows."""
        key, body, headers = wire
        heard = reports.expect()
        while True:
            try:
                self._producer.produce(topic, body, key, headers=headers, on_delivery=heard)
            except BufferError:
                if time.monotonic() < deadline:
                    self._producer.poll(TICK)
                    continue
                heard(KafkaError(QUEUE_FULL), None)
            except KafkaException as problem:
                heard(problem.args[0], None)
            return

    def _judge(self, topic: str, reports: "_Reports") -> None:
        """Raise when nothing was confirmed; say how many are missing when something was."""
        if self._fatal is not None:
            raise Fatal(f"Kafka: the producer is beyond repair ({self._fatal.str()})")
        missing = sum(place is None for place in reports.places)
        if not missing:
            return
        if missing == len(reports.places):
            if reports.error is None:
                raise Unavailable("Kafka", f"no delivery report for {missing} records of {topic}")
            raise said_by(reports.error, self._settings)
        why = reports.error.str() if reports.error else "no report"
        LOG.warning("Kafka did not confirm %d of %d records for %s: %s", missing, len(reports.places), topic, why)

    def _heard_error(self, error: KafkaError) -> None:
        if is_fatal(error):
            self._fatal = error

    def _passed_in(self, topic: str, places: Sequence[Position]) -> set[Position]:
        observer = self._observer(topic)
        asked = [TopicPartition(topic, partition) for partition in {place.partition for place in places}]
        committed = {found.partition: found.offset for found in observer.committed(asked, timeout=PATIENCE)}
        held = {each.partition: _held(observer, each) for each in asked}
        return {
            place
            for place in places
            if committed[place.partition] > place.offset or place.offset not in held[place.partition]
        }

    def _observer(self, topic: str) -> Consumer:
        """A client that looks at a group's offsets without joining it."""
        groups = {self._settings.name(known): self._settings.group(known) for known in GROUPS}
        group = groups.get(topic, "healthnotify.observer")
        if group not in self._observers:
            self._observers[group] = Consumer({**self._settings.for_client(), "group.id": group}, logger=LOG)
        return self._observers[group]


class _Reports:
    """What came of the records of one call, in the order in which they were produced."""

    def __init__(self) -> None:
        self.places: list[Position | None] = []
        self.awaited: set[int] = set()  #: not a counter: threads that poll call each other's reports
        self.error: KafkaError | None = None  #: the first one

    def expect(self) -> Callable[[KafkaError | None, Message | None], None]:
        """What to call when the next record's report comes."""
        index = len(self.places)
        self.places.append(None)
        self.awaited.add(index)
        return partial(self._hear, index)

    def _hear(self, index: int, error: KafkaError | None, message: Message | None) -> None:
        if error is not None or message is None:
            self.error = self.error or error
        else:
            place = (message.topic(), message.partition(), message.offset())
            self.places[index] = Position(*place)  # type: ignore[arg-type]  # a delivered record has all three
        self.awaited.discard(index)


def _held(observer: Consumer, asked: TopicPartition) -> range:
    """The offsets that the log holds; none where there is no such partition."""
    try:
        low, high = observer.get_watermark_offsets(asked, timeout=PATIENCE)
    except KafkaException as problem:
        if problem.args[0].code() in UNKNOWN_TOPIC:
            return range(0)
        raise
    return range(low, high)

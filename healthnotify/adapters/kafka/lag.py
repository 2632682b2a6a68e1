"""How far the consumers have come on each topic, and how far there is to go."""

from collections.abc import Iterable
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from healthnotify.adapters.kafka.client import GROUPS, LOG, KafkaSettings, missing_topic, said_by
from healthnotify.domain.health import Place
from healthnotify.pipeline.ports import Topic

SOON: Final = 3.0  # seconds for each question; a healthy cluster answers in milliseconds


class KafkaLag:
    """Asks the cluster, by a client for each group that never joins it.

    Not by librdkafka's admin client, which has the same answers: a request of its that times out, or that meets a
    coordinator on the move, can abort the whole process (librdkafka's issues 4605 and 5040, both open in November 2026;
    seen here with a broker that hung for a minute).
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._observers: dict[Topic, Consumer] = {}

    def look(self) -> dict[Topic, dict[int, Place]]:
        """The places of each consumed topic, by partition. Raises `Unavailable`, and `Misconfigured` without topics."""
        try:
            return {topic: self._places(topic) for topic in GROUPS}
        except KafkaException as problem:
            raise said_by(problem.args[0], self._settings) from None

    def _places(self, topic: Topic) -> dict[int, Place]:
        name, observer = self._settings.name(topic), self._observer(topic)
        # All topics: one that is missing might come into being if it were asked for by name, set up as brokers like it.
        there = observer.list_topics(timeout=SOON).topics
        if name not in there:
            raise missing_topic(f"topic {name} does not exist", self._settings)
        ends = _offsets(observer, name, there[name].partitions, OFFSET_END)
        asked = [TopicPartition(name, partition) for partition in ends]
        committed = {place.partition: place.offset for place in observer.committed(asked, timeout=SOON)}
        new = [partition for partition, end in ends.items() if end and committed[partition] < 0]
        committed |= _offsets(observer, name, new, OFFSET_BEGINNING)  # where a group that never committed begins
        return {partition: Place(max(0, committed[partition]), end) for partition, end in ends.items()}

    def _observer(self, topic: Topic) -> Consumer:
        if topic not in self._observers:
            settings = {**self._settings.for_client(), "group.id": self._settings.group(topic)}
            self._observers[topic] = Consumer({**settings, "allow.auto.create.topics": False}, logger=LOG)
        return self._observers[topic]


def _offsets(observer: Consumer, name: str, partitions: Iterable[int], which: int) -> dict[int, int]:
    """The first or the last offset of each partition, asked for in one question to each leader."""
    asked = [TopicPartition(name, partition, which) for partition in partitions]
    found = observer.offsets_for_times(asked, timeout=SOON) if asked else []
    for place in found:
        if place.error is not None:
            raise KafkaException(place.error)
    return {place.partition: place.offset for place in found}

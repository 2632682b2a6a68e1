"""After the last run: the canary's name is in no worker's log, in no request to the model, nowhere in Kafka (I10)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

from confluent_kafka import Consumer, TopicPartition

from healthnotify.pipeline.ports import Topic
from tests.chaos.load import CANARY
from tests.chaos.services import PARTITIONS, Services

PATIENCE: Final = 10.0  # seconds for an answer of Kafka
CHUNK: Final = 1000


def leaks(services: Services) -> list[str]:
    """Where the name stands, and should not."""
    name = CANARY.encode()
    files = [*services.directory.glob("*.log"), *(services.directory / "model").glob("*")]
    found = [f"{path.name} holds the canary's name" for path in files if name in _bytes(path)]
    return found + [
        f"{topic} holds it" for topic in Topic if any(name in record for record in _records(services, topic))
    ]


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _records(services: Services, topic: Topic) -> Iterator[bytes]:
    """Key, body and headers of all that the topic still has."""
    reader = Consumer(
        {"bootstrap.servers": services.kafka.bootstrap_servers, "group.id": uuid4().hex, "enable.auto.commit": False}
    )
    try:
        for number in range(PARTITIONS):
            low, high = reader.get_watermark_offsets(TopicPartition(str(topic), number), timeout=PATIENCE)
            reader.assign([TopicPartition(str(topic), number, low)])
            while low < high and (some := reader.consume(min(CHUNK, high - low), PATIENCE)):
                low += len(some)
                yield from (repr((one.key(), one.value(), one.headers())).encode() for one in some)
    finally:
        reader.close()

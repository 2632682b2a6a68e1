"""librdkafka's settings for a member of a consumer group, with either group protocol."""

from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaError

from healthnotify.adapters.kafka.client import UNSUPPORTED, KafkaSettings

#: What a cluster without KIP-848 says; librdkafka wraps it in a fatal error and keeps only the words.
TOO_OLD: Final = tuple(KafkaError(code).str() for code in UNSUPPORTED)

#: Settings that one group protocol has and the other forbids; with KIP-848 the brokers set the session's timeout.
PROTOCOLS: Final[Mapping[str, Mapping[str, Any]]] = {
    "consumer": {"group.protocol": "consumer"},
    "classic": {
        "group.protocol": "classic",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 1_000,
    },
}


def of_a_member(settings: KafkaSettings, group: str, protocol: str) -> dict[str, Any]:
    """All but what it is to call."""
    return {
        **settings.for_client(),
        **PROTOCOLS[protocol],
        "group.id": group,
        "socket.timeout.ms": 5_000,  # it asks three times, and until then a commit keeps partitions from changing hands
        "allow.auto.create.topics": False,  # made in passing it would have the broker's settings, not ours
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",  # librdkafka's default skips what came before the first start
        # A pause throws away what was fetched ahead, so little is: some 2,000 records. The back-off would
        # otherwise make a full second of silence of each time that this little is full.
        "queued.max.messages.kbytes": 2_048,
        "fetch.queue.backoff.ms": 10,
        # Each of twelve partitions answers with this much (or with one record, however long), and all of it is held
        # until it is read: with librdkafka's megabyte that was 14 MB of a long backlog.
        "fetch.message.max.bytes": 131_072,
        "fetch.wait.max.ms": 100,  # a partition that is resumed waits for the fetch that is under way
    }

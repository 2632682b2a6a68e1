"""What every Kafka client here shares: settings, names, the log, and what librdkafka's errors mean to us."""

# ruff: noqa: SLF001 - the codes of librdkafka's own errors begin with an underscore, and are public

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from confluent_kafka import KafkaError

from healthnotify.domain.errors import Fatal, HealthNotifyError, Misconfigured, Unavailable
from healthnotify.pipeline.ports import Topic

LOG: Final = logging.getLogger("healthnotify.kafka")

#: The consumer group of each topic that is consumed.
GROUPS: Final[Mapping[Topic, str]] = {
    Topic.DAILY: "healthnotify.consumer",
    Topic.RETRY: "healthnotify.retry-consumer",
}

PATIENCE: Final = 5.0  #: seconds for a question that a healthy cluster answers in milliseconds

UNKNOWN_TOPIC: Final = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
)
ALL_BROKERS_DOWN: Final = KafkaError._ALL_BROKERS_DOWN
QUEUE_FULL: Final = KafkaError._QUEUE_FULL
UNSUPPORTED: Final = (KafkaError.UNSUPPORTED_VERSION, KafkaError._UNSUPPORTED_FEATURE)
FORBIDDEN: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where Kafka is and how we use it. `prefix` goes before the names of topics and groups on a shared cluster."""

    bootstrap_servers: str
    partitions: int = 12
    replication: int = 1
    group_protocol: str = "consumer"  #: KIP-848; or classic
    create_topics: bool = True
    prefix: str = ""
    delivery_timeout: timedelta = timedelta(seconds=10)

    def name(self, topic: Topic) -> str:
        """The topic's name on the cluster."""
        return f"{self.prefix}{topic}"

    def group(self, topic: Topic) -> str:
        """The name of the group that consumes this topic."""
        return f"{self.prefix}{GROUPS[topic]}"

    def for_client(self) -> dict[str, Any]:
        """librdkafka's settings that producers and consumers have in common."""
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": "healthnotify",
            "socket.timeout.ms": 10_000,  # not 60 s: a broker that hangs is left for another one soon
            "reconnect.backoff.max.ms": 1_000,  # not 10 s: a broker that is back is found at once
            "log.connection.close": False,
        }


def is_fatal(error: KafkaError) -> bool:
    """Whether the client that says this is beyond repair."""
    return error.fatal() or error.code() == KafkaError._FATAL


def said_by(error: KafkaError, settings: KafkaSettings) -> HealthNotifyError:
    """Our error for one of librdkafka's: whose fault it is, and what to do."""
    if is_fatal(error):
        return Fatal(f"Kafka: the client is beyond repair ({error.str()})")
    if error.code() in UNKNOWN_TOPIC:
        return missing_topic(error.str(), settings)
    if error.code() in FORBIDDEN:
        return Misconfigured("KAFKA_BOOTSTRAP_SERVERS", error.str(), "Give this client the right in the cluster's ACLs")
    return unavailable(error, settings)


def missing_topic(problem: str, settings: KafkaSettings) -> Misconfigured:
    """A topic that is not there and that we may not, or could not, make."""
    return Misconfigured(
        "KAFKA_CREATE_TOPICS",
        f"{problem} on KAFKA_BOOTSTRAP_SERVERS={settings.bootstrap_servers}",
        "Create the topic, or set KAFKA_CREATE_TOPICS=true and start again",
    )


def unavailable(error: KafkaError, settings: KafkaSettings) -> Unavailable:
    """No answer, or none that counts."""
    return Unavailable("Kafka", f"KAFKA_BOOTSTRAP_SERVERS={settings.bootstrap_servers}: {error.str()}")

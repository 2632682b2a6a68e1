"""Kafka for one machine: the real broker where Java and Maven are, else librdkafka's own inside this process."""

from healthnotify.embedded.kafka.artifacts import VERSION, available, default_cache, fetch, is_fetched, missing
from healthnotify.embedded.kafka.broker import KafkaBroker, start
from healthnotify.embedded.kafka.cluster import KafkaCluster, start_cluster
from healthnotify.embedded.kafka.in_process import InProcessBroker

__all__ = [
    "VERSION",
    "InProcessBroker",
    "KafkaBroker",
    "KafkaCluster",
    "available",
    "default_cache",
    "fetch",
    "is_fetched",
    "missing",
    "start",
    "start_cluster",
]

"""Kafka: the road as a producer sees it, the intake as a consumer sees it, and the topics that both need."""

from healthnotify.adapters.kafka.client import GROUPS, KafkaSettings
from healthnotify.adapters.kafka.intake import KafkaIntake
from healthnotify.adapters.kafka.lag import KafkaLag
from healthnotify.adapters.kafka.road import KafkaRoad
from healthnotify.adapters.kafka.topics import ensure_topics

__all__ = ["GROUPS", "KafkaIntake", "KafkaLag", "KafkaRoad", "KafkaSettings", "ensure_topics"]

"""What every process takes from outside: the clock, dice, the key ring, the cache, Kafka's address."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from healthnotify.apps.privacy import keyring
from healthnotify.given import needed, secret, setting

if TYPE_CHECKING:
    from healthnotify.adapters.kafka import KafkaSettings
    from healthnotify.adapters.staging import RedisStaging


def now() -> datetime:
    """The clock on the wall, in UTC."""
    return datetime.now(UTC)


Dice = random.Random


def dice(seed: int | None = None) -> Dice:
    """Dice, the same ones for the same seed. For jitter and invented people, never for secrets."""
    return Dice(seed)


def ring() -> keyring.KeyRing:
    """The key ring of `ENCRYPTION_KEYS`. Raises `Misconfigured`."""
    return keyring.parse(secret("encryption_keys"))


def staging() -> RedisStaging:
    """The cache that `REDIS_URL` names. Raises `Misconfigured`."""
    from healthnotify.adapters.staging import connect

    return connect(needed("redis_url", secret("redis_url"), "Name the server, for example redis://localhost:6379/0"))


def kafka() -> KafkaSettings:
    """How to reach Kafka. Raises `Misconfigured`."""
    from healthnotify.adapters.kafka import KafkaSettings

    servers = needed("kafka_bootstrap_servers", setting("kafka_bootstrap_servers"), "Name it as host:port")
    return KafkaSettings(
        bootstrap_servers=servers,
        partitions=setting("kafka_partitions"),
        replication=setting("kafka_replication"),
        group_protocol=setting("kafka_group_protocol"),
        create_topics=setting("kafka_create_topics"),
    )

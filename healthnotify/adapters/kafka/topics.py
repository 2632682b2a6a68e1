"""The three topics: made when missing, with the settings that the protocol needs."""

import time
from collections.abc import Collection
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic  # type: ignore[attr-defined]

from healthnotify.adapters.kafka.client import LOG, PATIENCE, KafkaSettings, missing_topic, said_by
from healthnotify.domain.errors import Misconfigured, Unavailable
from healthnotify.pipeline.ports import Topic

DAY: Final = 24 * 3600 * 1000  # milliseconds
RETENTION: Final = {Topic.DAILY: 7 * DAY, Topic.RETRY: 7 * DAY, Topic.DEAD_LETTER: 90 * DAY}

#: Bytes of a batch of records, as producers compress and send it (theirs is at most 1 MB). A dead letter quotes at most
#: 16 KiB of what it buries; its topic takes more than the others so that what they took can always be buried.
LARGEST_BATCH: Final = {Topic.DAILY: 1 << 20, Topic.RETRY: 1 << 20, Topic.DEAD_LETTER: 2 << 20}

SAFE_COPIES: Final = 3  #: replicas from which on two must have a record before it counts as written
IN_PROCESS: Final = "mockCluster"  #: how the id of librdkafka's in-process cluster begins


def ensure_topics(settings: KafkaSettings) -> None:
    """Make the topics that are missing; those that exist stay as they are.

    Raises `Unavailable` when no broker answers within some seconds, `Misconfigured` when a topic is missing and may not
    or cannot be made.
    """
    admin = AdminClient(settings.for_client(), logger=LOG)
    there = _ask(admin, settings)
    missing = [topic for topic in Topic if settings.name(topic) not in there.topics]
    if not missing:
        return
    if not settings.create_topics:
        raise missing_topic(f"topic {settings.name(missing[0])} does not exist", settings)
    if (there.cluster_id or "").startswith(IN_PROCESS):
        _make_by_asking(admin, settings, missing)
    else:
        _make(admin, settings, missing)
    _wait_for(admin, settings, {settings.name(topic) for topic in missing})


def _ask(admin: AdminClient, settings: KafkaSettings, topic: str | None = None) -> ClusterMetadata:
    try:
        return admin.list_topics(topic, timeout=PATIENCE) if topic else admin.list_topics(timeout=PATIENCE)
    except KafkaException as problem:
        raise said_by(problem.args[0], settings) from None


def _make(admin: AdminClient, settings: KafkaSettings, missing: Collection[Topic]) -> None:
    wanted = [_new(topic, settings) for topic in missing]
    for name, made in admin.create_topics(wanted, request_timeout=PATIENCE).items():
        try:
            made.result()
        except KafkaException as problem:
            error = problem.args[0]
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process of ours was faster
                raise _refused(name, error, settings) from None


def _new(topic: Topic, settings: KafkaSettings) -> NewTopic:
    return NewTopic(
        settings.name(topic),
        num_partitions=settings.partitions,
        replication_factor=settings.replication,
        config={
            "cleanup.policy": "delete",
            "retention.ms": str(RETENTION[topic]),
            "max.message.bytes": str(LARGEST_BATCH[topic]),
            # With acks=all: one broker may be lost with everything on it, and writing goes on while one is away.
            "min.insync.replicas": "2" if settings.replication >= SAFE_COPIES else "1",
        },
    )


def _refused(name: str, error: KafkaError, settings: KafkaSettings) -> Exception:
    if error.code() == KafkaError.INVALID_REPLICATION_FACTOR:
        fix = "Set it to the number of brokers at most"
        return Misconfigured("KAFKA_REPLICATION", f"topic {name} cannot have {settings.replication} replicas", fix)
    if error.code() in {KafkaError.POLICY_VIOLATION, KafkaError.INVALID_CONFIG, KafkaError.INVALID_PARTITIONS}:
        fix = "Create the topic by hand with what the cluster allows"
        return Misconfigured("KAFKA_CREATE_TOPICS", f"the cluster refused topic {name} ({error.str()})", fix)
    return said_by(error, settings)


def _make_by_asking(admin: AdminClient, settings: KafkaSettings, missing: Collection[Topic]) -> None:
    """librdkafka's in-process broker cannot be told; a topic comes into being when it is asked for by name."""
    for topic in missing:
        _ask(admin, settings, settings.name(topic))


def _wait_for(admin: AdminClient, settings: KafkaSettings, names: Collection[str]) -> None:
    """Until each partition has a leader, so that the first record finds one."""
    deadline = time.monotonic() + PATIENCE
    while not _have_leaders(_ask(admin, settings), names):
        if time.monotonic() > deadline:
            raise Unavailable("Kafka", f"new topics have no leaders after {PATIENCE:.0f} s: {', '.join(sorted(names))}")
        time.sleep(0.02)


def _have_leaders(there: ClusterMetadata, names: Collection[str]) -> bool:
    partitions = [there.topics[name].partitions for name in names if name in there.topics]
    return len(partitions) == len(names) and all(
        found and all(partition.leader >= 0 for partition in found.values()) for found in partitions
    )

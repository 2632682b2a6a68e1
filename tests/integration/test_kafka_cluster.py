"""Several embedded brokers: one cluster, in which a node may die and comes back, and clients go where they are told."""

import pytest
from confluent_kafka.admin import AdminClient

from healthnotify.adapters.kafka import KafkaRoad, KafkaSettings, ensure_topics
from healthnotify.embedded import kafka
from healthnotify.pipeline.ports import Topic
from tests.chaos.proxy import Sky
from tests.kafka_fixture import NOW, an_envelope, require_kafka, wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    require_kafka()
    made = kafka.start_cluster(tmp_path_factory.mktemp("kafka") / "cluster", cache=kafka.default_cache())
    try:
        made.wait()
        yield made
    finally:
        made.stop()


def topic_of(cluster):
    return AdminClient({"bootstrap.servers": cluster.bootstrap_servers}).list_topics(timeout=10).topics[Topic.DAILY]


def test_a_record_is_confirmed_while_one_of_three_is_dead_and_it_catches_up(cluster):
    settings = KafkaSettings(cluster.bootstrap_servers, partitions=3, replication=3)
    ensure_topics(settings)
    road = KafkaRoad(settings, clock=lambda: NOW)
    assert {len(partition.isrs) for partition in topic_of(cluster).partitions.values()} == {3}

    cluster.nodes[0].kill()
    wait_until(lambda: 1 not in {p.leader for p in topic_of(cluster).partitions.values()}, "nobody took over")
    letters = [an_envelope() for _ in range(20)]
    assert [one.envelope for one in road.announce(Topic.DAILY, letters)] == letters

    cluster.nodes[0].restart()
    wait_until(lambda: all(len(p.isrs) == 3 for p in topic_of(cluster).partitions.values()), "it did not catch up")
    road.close()


def test_clients_are_told_the_outside_ports(tmp_path):
    """What stands at the outside port leads in: a client may ask there as soon as it has been told."""
    require_kafka()
    line = Sky().line("kafka")
    cluster = kafka.start_cluster(tmp_path / "cluster", cache=kafka.default_cache(), count=1, outside=[line.port])
    try:
        line.target = cluster.doors[0]
        cluster.wait()
        through = AdminClient({"bootstrap.servers": f"127.0.0.1:{cluster.doors[0]}"})
        brokers = through.list_topics(timeout=30).brokers
    finally:
        cluster.stop()

    assert [broker.port for broker in brokers.values()] == [line.port]
    assert cluster.bootstrap_servers == f"127.0.0.1:{line.port}"

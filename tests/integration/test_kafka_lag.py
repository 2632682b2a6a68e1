"""How far each group has come, asked of a real broker and of librdkafka's in-process one."""

from collections.abc import Iterator

import pytest

from healthnotify.adapters.kafka import KafkaIntake, KafkaLag, KafkaRoad, KafkaSettings, ensure_topics
from healthnotify.domain.errors import Misconfigured, Unavailable
from healthnotify.embedded.kafka.in_process import InProcessBroker
from healthnotify.pipeline.ports import Topic
from tests.kafka_fixture import NOW, an_envelope, take, wait_until


@pytest.fixture(params=["in process", pytest.param("kafka", marks=pytest.mark.kafka)])
def settings(request: pytest.FixtureRequest) -> Iterator[KafkaSettings]:
    if request.param == "kafka":
        yield request.getfixturevalue("kafka_settings")
        return
    broker = InProcessBroker()
    broker.wait()
    yield KafkaSettings(broker.bootstrap_servers)
    broker.stop()


def lags(lag: KafkaLag) -> dict[Topic, int]:
    """Nothing while a new topic's leaders are still made known: the probe asks again, and so does the test."""
    try:
        found = lag.look()
    except Unavailable:
        return {}
    return {topic: sum(place.lag for place in places.values()) for topic, places in found.items()}


def test_it_counts_what_is_not_consumed_also_for_a_group_that_has_never_begun(settings: KafkaSettings) -> None:
    ensure_topics(settings)
    lag = KafkaLag(settings)
    wait_until(lambda: lags(lag) == {Topic.DAILY: 0, Topic.RETRY: 0}, "it has begun")

    road = KafkaRoad(settings, clock=lambda: NOW)
    road.announce(Topic.DAILY, [an_envelope() for _ in range(20)])
    road.announce(Topic.RETRY, [an_envelope()])
    assert lags(lag) == {Topic.DAILY: 20, Topic.RETRY: 1}

    intake = KafkaIntake(settings, Topic.DAILY)
    records = take(intake, 20)
    assert lags(lag) == {Topic.DAILY: 20, Topic.RETRY: 1}, "what is taken is not yet consumed"
    intake.finish(records)
    intake.close()
    wait_until(lambda: lags(lag) == {Topic.DAILY: 0, Topic.RETRY: 1}, "the commit is seen")
    road.close()


def test_it_makes_no_topic_by_asking_for_it(settings: KafkaSettings) -> None:
    lag = KafkaLag(settings)

    for _ in range(2):
        with pytest.raises(Misconfigured, match="KAFKA_CREATE_TOPICS"):
            lag.look()


def test_a_cluster_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="Kafka"):
        KafkaLag(KafkaSettings("127.0.0.1:1")).look()

"""What every road promises, on the twin and on the real Kafka."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from healthnotify.adapters.envelope import KEPT, decode, decode_buried
from healthnotify.adapters.kafka import KafkaIntake, KafkaRoad, KafkaSettings, ensure_topics
from healthnotify.domain.delivery import Failure, FailureKind, Position
from healthnotify.domain.errors import Misconfigured, Unavailable
from healthnotify.embedded.kafka import InProcessBroker
from healthnotify.embedded.process import free_port
from healthnotify.pipeline.ports import Topic
from tests.kafka_fixture import AT_ONCE, NOW, MemorySide, Side, an_envelope, take

NOBODY = f"127.0.0.1:{free_port()}"


def test_what_is_announced_is_on_the_topic_where_the_answer_says(side: Side) -> None:
    envelopes = [an_envelope() for _ in range(50)]

    announced = side.road.announce(Topic.DAILY, envelopes)

    assert [each.envelope for each in announced] == envelopes
    taken = take(side.intake(), 50)
    assert {(r.position, r.content) for r in taken} == {(each.position, each.envelope) for each in announced}


def test_one_users_records_keep_their_order(side: Side) -> None:
    users = [uuid4() for _ in range(5)]
    envelopes = [an_envelope(user, attempt=number) for number in range(1, 21) for user in users]

    side.road.announce(Topic.DAILY, envelopes[:50])
    side.road.announce(Topic.DAILY, envelopes[50:])

    taken = [record.content for record in take(side.intake(), 100)]
    for user in users:
        attempts = [envelope.attempt for envelope in taken if envelope.user_id == user]
        assert all(earlier < later for earlier, later in pairwise(attempts))


def test_announcing_nothing_is_nothing(side: Side) -> None:
    assert side.road.announce(Topic.DAILY, []) == []
    assert side.road.bury([]) == []
    assert side.road.passed([]) == set()


def test_a_failure_travels_with_its_envelope(side: Side) -> None:
    failure = Failure(FailureKind.TRANSIENT, "smtp_451", retry_after=timedelta(seconds=90), until=NOW)
    sent = an_envelope(attempt=3, failure=failure)

    side.road.announce(Topic.RETRY, [sent])

    assert take(side.intake(Topic.RETRY), 1)[0].content == sent


def test_what_a_provider_says_about_a_person_is_in_no_record(side: Side) -> None:
    gossip = Failure(FailureKind.PERMANENT, "550 <canary.person@example.com> Canary Person does not live here")

    side.road.announce(Topic.DEAD_LETTER, [an_envelope(failure=gossip)])

    (wire,) = side.records(Topic.DEAD_LETTER)
    assert b"canary" not in repr(wire).lower().encode()
    assert decode(wire[1]).failure.reason == "not_a_code"


def test_records_say_what_they_are_in_their_headers(side: Side) -> None:
    sent = an_envelope(attempt=2)
    side.road.announce(Topic.DAILY, [sent])

    ((key, _, headers),) = side.records(Topic.DAILY)
    named = dict(headers)
    assert key == str(sent.user_id).encode()
    assert named["content-type"] == b"application/json"
    assert named["ce_id"].startswith(f"{sent.id}:2:".encode())
    assert named["traceparent"].split(b"-")[1] == sent.id.hex.encode()


@pytest.mark.parametrize("body", [b"\xff not json", b"{}", b"x" * (KEPT + 1)], ids=["bytes", "schema", "long"])
def test_what_is_not_ours_is_buried_with_its_bytes_place_and_reason(side: Side, body: bytes) -> None:
    side.put(Topic.DAILY, b"stranger", body)
    (poison,) = take(side.intake(), 1)

    assert side.road.bury([poison]) == [poison]

    ((_, letter, _),) = side.records(Topic.DEAD_LETTER)
    buried = decode_buried(letter)
    assert Position(buried.topic, buried.partition, buried.offset) == poison.position
    assert (buried.raw, buried.size) == (body[:KEPT], len(body))
    assert buried.sha256 == hashlib.sha256(body).hexdigest()
    assert buried.reason == poison.content.reason


def test_an_envelope_is_not_buried_as_if_it_were_poison(side: Side) -> None:
    side.road.announce(Topic.DAILY, [an_envelope()])

    with pytest.raises(TypeError, match="announced, not buried"):
        side.road.bury(take(side.intake(), 1))


def test_a_place_has_passed_when_the_consumers_have_committed_beyond_it(side: Side) -> None:
    user = uuid4()
    first, second = (each.position for each in side.road.announce(Topic.DAILY, [an_envelope(user), an_envelope(user)]))
    assert side.road.passed([first, second]) == set()

    intake = side.intake()
    records = take(intake, 2)
    intake.finish(records[:1])
    intake.close()

    assert side.road.passed([first, second]) == {first}


def test_each_topic_has_consumers_of_its_own(side: Side) -> None:
    (daily,) = side.road.announce(Topic.DAILY, [an_envelope()])
    (retry,) = side.road.announce(Topic.RETRY, [an_envelope()])
    intake = side.intake(Topic.RETRY)
    intake.finish(take(intake, 1))
    intake.close()

    assert side.road.passed([daily.position, retry.position]) == {retry.position}


def test_a_place_that_the_log_does_not_hold_has_passed(side: Side) -> None:
    (held,) = side.road.announce(Topic.DAILY, [an_envelope()])
    beyond = replace(held.position, offset=1)
    no_such_partition = replace(held.position, partition=99)

    assert side.road.passed([held.position, beyond, no_such_partition]) == {beyond, no_such_partition}


def test_the_twin_can_lose_a_record_or_only_its_report() -> None:
    side = MemorySide()
    lost, unheard, fine = envelopes = [an_envelope() for _ in range(3)]
    side.road.silent, side.road.unheard = {lost.id}, {unheard.id}

    announced = side.road.announce(Topic.DAILY, envelopes)

    assert [each.envelope for each in announced] == [fine]
    assert {decode(body) for _, body, _ in side.records(Topic.DAILY)} == {unheard, fine}


def test_the_twin_can_be_down() -> None:
    side = MemorySide()
    side.road.down = True

    with pytest.raises(Unavailable, match="Kafka"):
        side.road.announce(Topic.DAILY, [an_envelope()])


@pytest.mark.kafka
def test_topics_are_made_as_the_protocol_needs_them(kafka_settings: KafkaSettings) -> None:
    ensure_topics(kafka_settings)
    ensure_topics(kafka_settings)

    admin = AdminClient(kafka_settings.for_client())
    found = admin.list_topics(timeout=10).topics
    assert {len(found[kafka_settings.name(topic)].partitions) for topic in Topic} == {kafka_settings.partitions}
    name = kafka_settings.name(Topic.DEAD_LETTER)
    (answer,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
    entries = {name: entry.value for name, entry in answer.result().items()}
    assert entries["retention.ms"] == str(90 * 24 * 3600 * 1000)
    assert int(entries["max.message.bytes"]) > 1 << 20


@pytest.mark.kafka
def test_a_missing_topic_that_may_not_be_made_is_named_with_the_fix(kafka_settings: KafkaSettings) -> None:
    settings = replace(kafka_settings, create_topics=False, delivery_timeout=timedelta(seconds=2))
    road = KafkaRoad(settings, clock=lambda: NOW)

    for attempt in (
        lambda: ensure_topics(settings),
        lambda: KafkaIntake(settings, Topic.DAILY).take(1, AT_ONCE),
        lambda: road.announce(Topic.DAILY, [an_envelope()]),
    ):
        with pytest.raises(Misconfigured, match="KAFKA_CREATE_TOPICS=true") as caught:
            attempt()
        assert caught.value.field == "KAFKA_CREATE_TOPICS"
    with pytest.raises(Misconfigured, match=settings.name(Topic.DAILY)):
        ensure_topics(settings)
    road.close()


@pytest.mark.kafka
def test_more_replicas_than_brokers_names_the_setting(kafka_settings: KafkaSettings) -> None:
    with pytest.raises(Misconfigured, match="KAFKA_REPLICATION"):
        ensure_topics(replace(kafka_settings, replication=3))


def test_a_broker_that_is_not_there_is_named_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("healthnotify.adapters.kafka.topics.PATIENCE", 0.5)
    monkeypatch.setattr("healthnotify.adapters.kafka.intake.PATIENCE", 0.5)
    monkeypatch.setattr("healthnotify.adapters.kafka.road.PATIENCE", 0.5)
    settings = KafkaSettings(NOBODY, delivery_timeout=timedelta(seconds=0.5))
    road = KafkaRoad(settings, clock=lambda: NOW)

    for attempt in (
        lambda: ensure_topics(settings),
        lambda: KafkaIntake(settings, Topic.DAILY).take(1, AT_ONCE),
        lambda: road.announce(Topic.DAILY, [an_envelope()]),
        lambda: road.passed([Position(Topic.DAILY, 0, 0)]),
    ):
        with pytest.raises(Unavailable, match=f"KAFKA_BOOTSTRAP_SERVERS={NOBODY}"):
            attempt()


def test_the_broker_inside_this_process_serves_a_demo() -> None:
    broker = InProcessBroker()
    settings = KafkaSettings(broker.bootstrap_servers)
    ensure_topics(settings)
    road, intake = KafkaRoad(settings, clock=lambda: NOW), KafkaIntake(settings, Topic.DAILY)

    announced = road.announce(Topic.DAILY, [an_envelope() for _ in range(20)])
    intake.finish(take(intake, 20))
    intake.close()

    assert road.passed([each.position for each in announced]) == {each.position for each in announced}
    road.close()
    broker.stop()

"""What every intake promises, on the twin and on the real Kafka; and what only real groups can do."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from healthnotify.adapters.kafka import KafkaIntake, KafkaRoad, KafkaSettings
from healthnotify.domain.delivery import Envelope, Poison
from healthnotify.domain.errors import Unavailable
from healthnotify.embedded import kafka
from healthnotify.embedded.process import descendants
from healthnotify.pipeline.ports import Intake, Topic
from tests.kafka_fixture import (
    AT_ONCE,
    NOW,
    PATIENCE,
    SOON,
    KafkaSide,
    Reader,
    Side,
    an_envelope,
    require_kafka,
    take,
    wait_until,
)

LONG = timedelta(minutes=10)  # longer than a test may last: who waits for it has failed


def announce(side: Side, count: int = 1, user: object = None) -> list[Envelope]:
    envelopes = [an_envelope(user) for _ in range(count)]
    assert len(side.road.announce(Topic.DAILY, envelopes)) == count
    return envelopes


def contents(records) -> list[Envelope | Poison]:
    return [record.content for record in records]


def test_what_is_unfinished_when_a_process_dies_is_delivered_again(side: Side) -> None:
    announce(side, 5)
    dying = side.intake()
    records = take(dying, 5)
    dying.close()

    assert {r.position for r in take(side.intake(), 5)} == {r.position for r in records}


def test_it_knows_which_partitions_are_its_own_and_shares_them_with_a_colleague(side: Side) -> None:
    announce(side, 1)
    first, second = side.intake(), side.intake()
    assert list(first.assigned()) == []
    first.finish(take(first, 1))
    assert sorted(first.assigned()) == [0, 1, 2]

    with Reader(first), Reader(second):
        wait_until(lambda: first.assigned() and second.assigned(), "they share")
        wait_until(lambda: sorted([*first.assigned(), *second.assigned()]) == [0, 1, 2], "each has its own")


def test_what_is_finished_is_not_delivered_again(side: Side) -> None:
    announce(side, 5)
    first = side.intake()
    first.finish(take(first, 5))
    first.close()
    later = announce(side, 2)

    assert set(contents(take(side.intake(), 2))) == set(later)


def test_offsets_are_committed_up_to_the_lowest_unfinished_one_only(side: Side) -> None:
    envelopes = announce(side, 5, user=uuid4())
    first = side.intake()
    records = take(first, 5)
    first.finish([records[0], *records[2:]])
    first.close()

    assert contents(take(side.intake(), 4)) == envelopes[1:]


def test_commits_are_made_while_records_are_taken(side: Side) -> None:
    announce(side, 3)
    intake = side.intake()
    records = take(intake, 3)
    intake.finish(records)

    places = {record.position for record in records}
    wait_until(lambda: intake.take(1, AT_ONCE) or side.road.passed(list(places)) == places, "nothing was committed")


def test_a_limit_is_kept(side: Side) -> None:
    announce(side, 10)
    intake = side.intake()

    sizes = [len(take(intake, 1)), len(intake.take(3, LONG)), len(take(intake, 6))]

    assert sizes[0] == 1
    assert sizes[1] <= 3
    assert sizes[2] == 6


def test_without_room_nothing_is_taken_and_nothing_is_lost(side: Side) -> None:
    intake = side.intake()
    announce(side)
    held = take(intake, 1)
    waiting = announce(side, 4)

    assert [intake.take(0, timedelta(seconds=0.4)) for _ in range(4)] == [[]] * 4

    assert set(contents(take(intake, 4))) == set(waiting)
    assert held[0].content not in waiting


def test_without_room_it_comes_back_as_soon_as_something_is_finished(side: Side) -> None:
    announce(side)
    intake = side.intake()
    records = take(intake, 1)
    assert intake.take(0, timedelta(seconds=1.1)) == []  # from here on the real one is paused, and polls
    finisher = threading.Timer(0.1, intake.finish, [records])
    finisher.start()

    assert intake.take(0, LONG) == []

    finisher.join()


def test_poison_is_delivered_as_poison_and_stops_nobody(side: Side) -> None:
    user = uuid4()
    before = announce(side, 1, user)
    side.put(Topic.DAILY, str(user).encode(), b'{"version": 7}')
    side.put(Topic.DAILY, str(user).encode(), None)
    after = announce(side, 1, user)

    got = contents(take(side.intake(), 4))

    assert [got[0], got[3]] == [*before, *after]
    assert [poison.reason.partition(":")[0] for poison in got[1:3]] == ["unknown_version", "missing_body"]
    assert got[1].raw == b'{"version": 7}'


def test_a_completion_of_an_older_assignment_does_not_finish_the_new_delivery(side: Side) -> None:
    announce(side)
    intake = side.intake()
    (old,) = take(intake, 1)
    intake.close()
    (new,) = take(intake, 1)  # it joins again, and the same record is delivered anew
    assert new == old

    intake.finish([old])
    intake.close()

    assert take(side.intake(), 1) == [new]


def test_two_members_share_the_work_and_each_record_is_taken_once(side: Side) -> None:
    with Reader(side.intake()) as first, Reader(side.intake()) as second:
        sent: list[Envelope] = []

        def both_have_some() -> bool:
            sent.extend(announce(side, 6))
            return bool(first.taken and second.taken)

        wait_until(both_have_some, "the second member got nothing")
        wait_until(lambda: len(first.taken) + len(second.taken) >= len(sent), "records are missing")

    got = contents(first.taken) + contents(second.taken)
    assert sorted(map(repr, got)) == sorted(map(repr, sent))


def test_closing_twice_and_finishing_after_it_is_harmless(side: Side) -> None:
    announce(side)
    intake = side.intake()
    records = take(intake, 1)
    intake.close()
    intake.finish(records)
    intake.close()


@pytest.mark.kafka
def test_a_partition_that_was_paused_when_it_moved_is_read_again(kafka_side: KafkaSide) -> None:
    """A pause survives revoke and re-assign in librdkafka: without an explicit resume the records never come."""
    first, second = kafka_side.intake(), kafka_side.intake()
    announce(kafka_side)
    first.finish(take(first, 1))
    wait_until(lambda: first.take(0, SOON) or first._paused, "it was not paused")

    with Reader(second) as newcomer:
        wait_until(lambda: first.take(0, SOON) or (announce(kafka_side, 3) and newcomer.taken), "no rebalance")
    second.close()
    sent = announce(kafka_side, 20)

    got: set[object] = set()
    wait_until(lambda: got.update(contents(first.take(100, SOON))) or got >= set(sent), "paused for ever")


@pytest.mark.kafka
def test_a_rebalance_while_there_is_no_room_brings_nothing(kafka_side: KafkaSide) -> None:
    full = kafka_side.intake()
    announce(kafka_side, 9)
    wait_until(lambda: full.take(0, SOON) or full._paused, "it was not paused")
    joined = wait_for_assignment(full)

    assert joined
    assert full.take(0, timedelta(seconds=0.5)) == []


def wait_for_assignment(intake: Intake) -> bool:
    wait_until(lambda: intake.take(0, SOON) or intake._consumer.assignment(), "nothing was assigned")
    return True


@pytest.mark.kafka
def test_a_partition_that_is_revoked_waits_for_its_records_that_are_in_the_works(
    kafka_side: KafkaSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = kafka_side.intake(), kafka_side.intake()
    announce(kafka_side, 12)
    held = take(first, 12)
    first.begin(held)
    drain = drain_of(first, monkeypatch)

    with Reader(first), Reader(second) as newcomer:
        assert drain.wait(PATIENCE)
        first.finish(held)
        wait_until(lambda: announce(kafka_side, 3) and newcomer.taken, "the newcomer got no partition")

    assert not {r.position for r in newcomer.taken} & {r.position for r in held}


def drain_of(intake: KafkaIntake, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when it waits for what is in the works."""
    began, ask = threading.Event(), intake._tracker.in_the_works
    monkeypatch.setattr(intake._tracker, "in_the_works", lambda ours: began.set() or ask(ours))
    return began


@pytest.mark.kafka
def test_nobody_waits_for_what_is_not_begun(kafka_side: KafkaSide) -> None:
    patient = KafkaIntake(kafka_side.settings, Topic.DAILY, drain=LONG)
    announce(kafka_side, 12)
    waiting = take(patient, 12)

    with Reader(patient), Reader(kafka_side.intake()) as newcomer:
        wait_until(lambda: newcomer.taken, "it waited for what nobody works on")
    patient.close()

    assert {r.position for r in newcomer.taken} <= {r.position for r in waiting}


@pytest.mark.kafka
def test_what_outlasts_the_drain_is_delivered_to_the_new_owner(kafka_side: KafkaSide) -> None:
    slow = KafkaIntake(kafka_side.settings, Topic.DAILY, drain=timedelta(seconds=0.1))
    announce(kafka_side, 12)
    held = take(slow, 12)
    slow.begin(held)

    with Reader(slow), Reader(kafka_side.intake()) as newcomer:
        wait_until(lambda: newcomer.taken, "the newcomer got nothing")
    slow.close()

    assert {r.position for r in newcomer.taken} <= {r.position for r in held}


@pytest.mark.kafka
def test_nothing_is_lost_or_left_behind_in_a_storm_of_rebalances(kafka_side: KafkaSide) -> None:
    sent: list[Envelope] = []
    got: list[object] = []
    with Reader(kafka_side.intake()) as steady:
        for _ in range(3):
            with Reader(kafka_side.intake()) as guest:
                wait_until(lambda: sent.extend(announce(kafka_side, 30)) or guest.taken, "the guest got nothing")
            guest.intake.close()
            got += contents(guest.taken)
        wait_until(lambda: set(got) | set(contents(steady.taken)) >= set(sent), "records are missing")
    places = [each.position for each in steady.taken]
    steady.intake.close()

    assert len(got) + len(steady.taken) == len(sent), "a record that was finished in time was delivered twice"
    assert kafka_side.road.passed(places) == set(places)


@pytest.fixture(scope="module")
def lone_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.KafkaBroker]:
    """A broker of this module's own, to be stopped and started, that refuses KIP-848 groups as an older one would."""
    require_kafka()
    directory = tmp_path_factory.mktemp("lone-kafka")
    settings = {"group.coordinator.rebalance.protocols": "classic"}
    broker = kafka.start(Path(directory) / "node", cache=kafka.default_cache(), settings=settings)
    try:
        broker.wait()
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def lone_side(lone_broker: kafka.KafkaBroker) -> Iterator[KafkaSide]:
    settings = KafkaSettings(lone_broker.bootstrap_servers, partitions=2, prefix=f"{uuid4().hex[:12]}.")
    side = KafkaSide(settings)
    yield side
    side.close()


@pytest.mark.kafka
def test_a_cluster_without_the_new_protocol_is_served_with_the_classic_one(lone_side: KafkaSide) -> None:
    sent = announce(lone_side, 5)
    intake = lone_side.intake()
    assert lone_side.settings.group_protocol == "consumer"

    intake.finish(records := take(intake, 5))
    intake.close()

    assert set(contents(records)) == set(sent)
    places = {record.position for record in records}
    assert lone_side.road.passed(list(places)) == places


@contextmanager
def frozen(broker: kafka.KafkaBroker) -> Iterator[None]:
    """It answers nothing, and nobody is told that it does not."""
    every = [*descendants(broker.pid), broker.pid]
    for pid in every:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in every:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.kafka
def test_a_last_commit_that_nobody_answers_keeps_nobody_from_taking(
    lone_side: KafkaSide, lone_broker: kafka.KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    classic = replace(lone_side.settings, group_protocol="classic")
    first = KafkaIntake(classic, Topic.DAILY, drain=LONG)
    announce(lone_side, 6)
    held = take(first, 6)
    first.begin(held)
    drain, goes_on = drain_of(first, monkeypatch), threading.Event()
    monkeypatch.setattr(first, "_pause", lambda *_, **__: drain.is_set() and goes_on.set())

    with Reader(first), Reader(KafkaIntake(classic, Topic.DAILY)) as newcomer:
        assert drain.wait(PATIENCE)
        with frozen(lone_broker):
            first.finish(held)
            assert goes_on.wait(5), "it waits for the answer"
        wait_until(lambda: announce(lone_side, 3) and newcomer.taken, "the newcomer got no partition")
    first.close()
    newcomer.intake.close()

    assert not {r.position for r in newcomer.taken} & {r.position for r in held}


@pytest.mark.kafka
def test_an_outage_is_said_and_survived(
    lone_side: KafkaSide, lone_broker: kafka.KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("healthnotify.adapters.kafka.intake.OUTAGE", 0.2)
    road = KafkaRoad(replace(lone_side.settings, delivery_timeout=timedelta(seconds=1)), clock=lambda: NOW)
    intake = KafkaIntake(replace(lone_side.settings, group_protocol="classic"), Topic.DAILY)
    announce(lone_side)
    held = take(intake, 1)

    lone_broker.stop()
    with pytest.raises(Unavailable, match="KAFKA_BOOTSTRAP_SERVERS"):
        road.announce(Topic.DAILY, [an_envelope()])
    with pytest.raises(Unavailable, match="KAFKA_BOOTSTRAP_SERVERS"):
        wait_until(lambda: intake.take(1, SOON), "the outage was not noticed")
    intake.finish(held)
    lone_broker.restart()

    sent = an_envelope()
    wait_until(lambda: announced_at_last(road, sent), "it could not announce again")
    wait_until(lambda: sent in contents(taken_at_last(intake)), "it could not take again")
    road.close()
    intake.close()


def announced_at_last(road: KafkaRoad, envelope: Envelope) -> bool:
    try:
        return bool(road.announce(Topic.DAILY, [envelope]))
    except Unavailable:
        return False


def taken_at_last(intake: Intake) -> list:
    try:
        return intake.take(10, SOON)
    except Unavailable:
        return []

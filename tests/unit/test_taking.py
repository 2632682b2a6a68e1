"""What a consumer takes: which of it is in the works, and what it says of a record that is buried unread."""

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest

from healthnotify.adapters import suspects
from healthnotify.domain.delivery import KILLS_THE_PROCESS, Accepted, Ask, Poison
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Channel
from healthnotify.domain.stops import Stop
from healthnotify.pipeline.deliver import Sent, Settled
from healthnotify.pipeline.ports import DueIndex, Topic
from healthnotify.pipeline.publish import publish
from healthnotify.workers.floodgate import Floodgate
from healthnotify.workers.taking import Taking
from tests.builders import NOON, a_person, a_preference, record_of, staged
from tests.twin_app import QuickLoop, TwinApp
from tests.world import MINUTE

EVERY = frozenset(range(12))


def published(count=1):
    """An app with so many records on the road, and the entries of what they announce."""
    app = TwinApp()
    entries = staged(app.store, [a_person(preferences=(a_preference(Channel.EMAIL),)) for _ in range(count)], NOON)
    app.instant = NOON + 5 * MINUTE
    publish(DueIndex.DAILY, now=app.now(), limit=100, store=app.store, staging=app.staging, road=app.road)
    return app, entries


def taking_of(app, told=lambda _: None):
    """A consumer's, and its intake."""
    intake = app.intake(Topic.DAILY)
    return intake, Taking(app, intake, Floodgate(QuickLoop("consumer"), app, Topic.DAILY), told)


def test_in_the_works_is_what_it_hands_out_until_it_is_finished():
    app, _ = published(2)
    intake, taking = taking_of(app)

    to_send, _ = taking.take(8)

    assert len(to_send) == 2
    assert intake._tracker.in_the_works(EVERY) == 2
    intake.finish([held.record for held in to_send])
    assert intake._tracker.in_the_works(EVERY) == 0


def test_what_is_parked_because_somebody_else_holds_it_is_not_in_the_works():
    app, (entry, _) = published(2)
    app.store.claim([Ask(record_of(entry), uuid4())], app.now(), app.now() + MINUTE)
    intake, taking = taking_of(app)

    to_send, _ = taking.take(8)

    assert len(to_send) == 1
    assert intake._tracker.in_the_works(EVERY) == 1


def test_what_is_put_off_is_in_the_works_until_it_is_settled():
    app, _ = published()
    app.store.stopped.add(Stop(channel=Channel.EMAIL))
    intake, taking = taking_of(app)

    to_send, to_settle = taking.take(8)

    assert (len(to_send), len(to_settle)) == (0, 1)
    assert intake._tracker.in_the_works(EVERY) == 1


def test_it_tells_of_the_notification_that_ends_with_a_record_that_is_buried_unread(monkeypatch):
    app, (entry,) = published()
    told = []
    intake, taking = taking_of(app, told.extend)
    monkeypatch.setattr(suspects, "decode", lambda value: Poison(value, f"{KILLS_THE_PROCESS}: 3 processes"))

    assert taking.take(8) == ([], [])

    assert [step.event for step in told] == [Event.REFUSED, Event.GAVE_UP]
    assert app.store.rows[entry.id].state is State.FAILED
    intake.commit()
    assert sum(app.log.groups[Topic.DAILY].committed.values()) == 1


def left_open(app, entries, times):
    """So many have died over these."""
    for _ in range(times):
        asks = [Ask(record_of(entry), uuid4()) for entry in entries]
        app.store.claim(asks, app.now(), app.now() + MINUTE, alone=True)
        app.instant += 2 * MINUTE


def test_whose_holders_died_twice_waits_for_the_other_to_be_settled():
    app, (first, second, third) = published(3)
    left_open(app, [first, second], times=3)
    _, taking = taking_of(app)

    to_send, _ = taking.take(8)

    assert sorted(held.claim.takeovers for held in to_send) == [0, 3]
    assert third.id in {held.claim.envelope.id for held in to_send}
    again, _ = taking.take(8)
    assert again == []
    taking.settled([Sent(held, Accepted()) for held in to_send], Settled())
    (last,), _ = taking.take(8)
    assert {first.id, second.id, third.id} == {held.claim.envelope.id for held in (*to_send, last)}


def test_a_suspect_that_waits_is_nobodys_so_that_the_next_death_is_not_counted_against_it():
    app, entries = published(20)
    left_open(app, entries, times=2)
    _, taking = taking_of(app)

    (one,), _ = taking.take(8)
    app.instant += 2 * MINUTE
    app.log.groups[Topic.DAILY].members.clear()  # it dies
    _, survivor = taking_of(app)
    (next_one, *none), _ = survivor.take(8)

    assert none == []
    assert one.claim.takeovers == 2
    assert sum(row.lease_until > app.now() for row in app.store.rows.values()) == 1
    assert next_one.claim.takeovers == (3 if next_one.claim.envelope.id == one.claim.envelope.id else 2)


def test_a_suspect_keeps_its_turn_when_postgresql_is_away():
    app, entries = published(1)
    left_open(app, entries, times=2)
    _, taking = taking_of(app)
    plain, refused = app.store.claim, []

    def away_when_alone(asks, *rest, alone=False):
        if alone and not refused:
            refused.extend(asks)
            raise Unavailable("postgresql", "it is away")
        return plain(asks, *rest, alone=alone)

    app.store.claim = away_when_alone
    with pytest.raises(Unavailable):
        taking.take(8)

    (held,), _ = taking.take(8)

    assert held.claim.claim_id == refused[0].claim_id  # asked with the same id, it would find its own claim


def test_a_suspect_of_a_channel_that_is_stopped_waits():
    app, entries = published(1)
    left_open(app, entries, times=2)
    _, taking = taking_of(app)
    app.store.stopped.add(Stop(channel=Channel.EMAIL))

    for _ in range(3):
        assert taking.take(8) == ([], [])
        app.instant += MINUTE / 10
    app.store.stopped.clear()
    app.instant += MINUTE

    (held,), _ = taking.take(8)
    assert held.claim.takeovers == 2


def test_ids_that_nobody_knows_make_it_hold_after_one_row_of_them_however_good_the_day_was():
    app, (entry,) = published()
    gate = Floodgate(QuickLoop("consumer"), app, Topic.DAILY)
    taking = Taking(app, app.intake(Topic.DAILY), gate, lambda _: None)
    taking.take(8)
    gate.passed(100_000, 0)
    app.road.announce(Topic.DAILY, [replace(record_of(entry), id=uuid4()) for _ in range(200)])

    for _ in range(50):  # each takes what its lanes have room for, and has those again that wait for their burial
        taking.take(8)
        app.instant += MINUTE / 60

    assert app.holds.held(Topic.DAILY).why == "records: 51 dead letters in a row"
    assert len(app.store.dead_letters) == 51


def test_what_waits_for_its_lane_goes_with_its_partition():
    app, _ = published(200)
    intake, taking = taking_of(app)
    taking.take(200)
    _, other = taking_of(app)
    before = waiting_by_partition(taking)

    other.take(0)  # it joins the group
    taking.take(0)

    ours = set(intake.assigned())
    assert 0 < len(ours) < len(EVERY)
    assert waiting_by_partition(taking) == {number: count for number, count in before.items() if number in ours}


def waiting_by_partition(taking):
    """How many wait for their lanes."""
    return Counter(one.record.position.partition for one in taking._lanes.waiting())

"""Delivery, on twins: its order, and what a crash or a silence in between leaves."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.adapters.memory.road import MemoryIntake
from healthnotify.domain.delivery import Failure, FailureKind
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Channel, QuietHours
from healthnotify.pipeline import deliver
from healthnotify.pipeline.ports import DueIndex, Topic
from tests.builders import NOON, REFUSED, a_person, a_preference, record_of
from tests.world import DELIVERING, MINUTE, SECOND


async def test_a_delivery_completes_and_its_offset_is_committed(world):
    (entry,) = world.stage()
    world.publish()

    steps, _, left = await world.deliver()

    assert [step.after for step in steps] == [State.COMPLETED]
    assert left == []
    (letter,) = world.channel.letters
    assert (letter.address, letter.id) == ("anna@example.org", entry.id)


async def test_a_failure_is_recorded_then_announced_then_moved(world):
    (entry,) = world.stage()
    world.channel = ScriptedChannel([REFUSED])
    world.publish()

    steps, _, _ = await world.deliver()

    assert [(step.after, step.reason) for step in steps] == [(State.RETRY, "smtp_451")]
    (record,) = world.retries.take(10, timedelta(0))
    assert record.content == replace(record_of(entry), failure=REFUSED)


async def test_a_failure_that_kafka_does_not_confirm_is_settled_later_and_the_record_is_kept(world):
    (entry,) = world.stage()
    world.channel = ScriptedChannel([REFUSED])
    world.publish()
    world.road.silent = {entry.id}

    steps, finished, left = await world.deliver()
    assert (steps, finished, len(left)) == ([], [], 1)

    world.road.silent = ()
    steps, finished, left = world.settle(left)
    assert [step.after for step in steps] == [State.RETRY]
    assert (len(finished), left) == (1, [])


async def test_the_next_consumer_hands_on_a_failure_that_its_predecessor_only_recorded(world):
    (entry,) = world.stage()
    world.channel = ScriptedChannel([REFUSED])
    world.publish()
    world.road.silent = {entry.id}
    await world.deliver()
    world.road.silent = ()
    world.daily.close()
    world.daily = MemoryIntake(world.log, Topic.DAILY)

    steps, _, _ = await world.deliver()

    assert [step.after for step in steps] == [State.RETRY]
    assert len(world.channel.letters) == 1


async def test_somebody_elses_claim_is_parked_until_its_lease_ends(world):
    world.stage()
    world.publish()
    (record,) = world.daily.take(10, timedelta(0))
    world.claim([deliver.Arrival(record, uuid4(), world.now)])

    taken = world.claim([deliver.Arrival(record, uuid4(), world.now)])

    assert taken.to_send == taken.finished == []
    assert [arrival.not_before for arrival in taken.parked] == [world.now + MINUTE]


@pytest.mark.parametrize(("channel", "copies"), [(Channel.EMAIL, 1), (Channel.SMS, 0)])
async def test_after_a_crash_in_the_send_only_a_channel_without_harm_gets_a_second_copy(world, channel, copies):
    world.stage(a_person(preferences=(a_preference(channel),)))
    world.publish()
    (record,) = world.daily.take(10, timedelta(0))
    world.claim([deliver.Arrival(record, uuid4(), world.now)])  # and then this consumer dies
    world.now += MINUTE

    steps, _, _ = world.settle(await world.send(world.claim([deliver.Arrival(record, uuid4(), world.now)])))

    assert len(world.channel.letters) == copies
    if channel is Channel.SMS:
        assert [(step.after, step.reason) for step in steps] == [(State.RETRY, "outcome_unknown")]
        assert [(step.after, step.reason) for step in world.retry()] == [(State.FAILED, "outcome_unknown")]
    else:
        assert [step.after for step in steps] == [State.COMPLETED]


@pytest.mark.parametrize(("channel", "reason"), [(Channel.EMAIL, "timeout"), (Channel.SMS, "outcome_unknown")])
async def test_an_unknown_outcome_is_tried_again_only_where_a_copy_does_no_harm(world, channel, reason):
    world.stage(a_person(preferences=(a_preference(channel),)))
    world.channel = ScriptedChannel([Failure(FailureKind.UNKNOWN, "timeout")])
    world.publish()
    await world.deliver()

    ends = world.retry()

    assert ends[-1].reason == reason
    assert ends[-1].after is (State.FAILED if channel is Channel.SMS else State.RETRY)


async def test_an_id_that_nobody_knows_is_a_dead_letter(world):
    world.stage()
    world.publish()
    world.store.rows.clear()

    taken = world.take()

    assert len(taken.finished) == 1
    assert [letter.reason for letter in world.store.dead_letters] == ["unknown_notification"]
    assert len(world.log.records(Topic.DEAD_LETTER)) == 1


async def test_an_unknown_id_whose_dead_letter_is_not_confirmed_is_kept(world):
    world.stage()
    world.publish()
    world.store.rows.clear()
    world.road.silent = True

    taken = world.take()

    assert taken.finished == []
    assert len(taken.parked) == 1
    assert world.store.dead_letters == []


@pytest.mark.parametrize("change", ["opted_out", "user_inactive", "erased"])
async def test_who_left_after_staging_gets_nothing(world, change):
    (entry,) = world.stage()
    world.publish()
    person = world.store.people[entry.user_id]
    changed = {
        "opted_out": replace(person, preferences=(a_preference(enabled=False),)),
        "user_inactive": replace(person, active=False),
        "erased": person,
    }
    world.store.people[entry.user_id] = changed[change]
    if change == "erased":
        world.store.erased.add(entry.user_id)

    steps, _, _ = await world.deliver()

    assert world.channel.letters == []
    assert [(step.after, step.reason) for step in steps] == [(State.CANCELLED, change)]


async def test_quiet_hours_are_looked_at_again_before_the_send_and_use_no_try(world):
    from datetime import time

    (entry,) = world.stage()
    world.publish()
    person = world.store.people[entry.user_id]
    world.store.people[entry.user_id] = replace(person, quiet=QuietHours(time(13), time(13, 30)))

    steps, _, _ = await world.deliver()
    scheduled = world.retry()

    assert world.channel.letters == []
    assert [(step.after, step.reason) for step in steps] == [(State.RETRY, "quiet_hours")]
    assert scheduled[-1].due_at == NOON + 30 * MINUTE
    world.now = NOON + 30 * MINUTE
    world.publish(DueIndex.RETRY)
    await world.deliver()
    assert world.state(entry) is State.COMPLETED
    assert world.store.rows[entry.id].attempt - world.store.rows[entry.id].uncounted == 1


async def test_a_send_that_could_outlast_its_lease_is_put_off(world):
    world.stage()
    world.publish()
    taken = world.take()
    world.now += 50 * SECOND  # the claim waited behind slow ones

    steps, _, _ = world.settle(await world.send(taken))

    assert world.channel.letters == []
    assert [step.reason for step in steps] == ["lease_too_short"]


async def test_a_channel_that_is_not_configured_is_a_failure_with_a_name(world):
    world.stage()
    world.publish()

    sent = [await deliver.send(held, ways=world.ways({}), delivering=DELIVERING) for held in world.take().to_send]

    assert [one.outcome.reason for one in sent] == ["channel_not_configured"]


async def test_the_daily_cap_holds_back_with_a_reason(world):
    from datetime import time

    times = tuple(time(13, minute) for minute in (1, 2, 3))
    world.stage(a_person(preferences=(a_preference(times=times),)))
    world.publish()
    narrow = replace(DELIVERING, daily_cap=2)
    for record in world.daily.take(10, timedelta(0)):
        taken = deliver.take(
            [deliver.Arrival(record, uuid4(), world.now)],
            now=world.now,
            store=world.store,
            road=world.road,
            delivering=narrow,
            burying=9,
        )
        world.settle(await world.send(taken))

    assert len(world.channel.letters) == 2
    assert sorted(row.reason or "" for row in world.store.rows.values()) == ["", "", "capped"]

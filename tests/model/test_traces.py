"""The code is tied to the model: what the real verbs and workers do is a way through it, effect by effect."""

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.adapters.memory.road import MemoryLog, MemoryRoad
from healthnotify.domain.delivery import KILLS_THE_PROCESS, DeadLetter, Failure, FailureKind, Poison, Position
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Channel
from healthnotify.pipeline import deliver
from healthnotify.pipeline.ports import Announced, DueIndex, Topic
from healthnotify.workers import consumer, producer, retry_consumer
from tests.builders import BAD_ADDRESS, NOON, REFUSED, a_person, a_preference, staged
from tests.model.following import NotAllowed, follow
from tests.model.recorded import RecordedApp, RecordedWorld, scenario
from tests.model.recording import Trace
from tests.model.scenarios import ALL_FAULTS, CRASH, KILLS
from tests.twin_app import TwinApp, running, until
from tests.world import MINUTE

NOWHERE = Position(Topic.DAILY, 0, 0)
SILENCE = Failure(FailureKind.UNKNOWN, "timeout")


def is_a_way_through(world, channel=Channel.EMAIL, kinds=ALL_FAULTS):
    """The record is one, and ends where the store has ended."""
    ends = follow(world.trace.events, scenario(channel, len(world.trace.ids), kinds=kinds))
    (row,) = world.store.rows.values()
    assert row.state in {w.rows[0].state for w in ends}
    assert row.attempt in {w.rows[0].attempt for w in ends}
    return [event[1] for event in world.trace.events]


@pytest.fixture
def world():
    return RecordedWorld()


async def test_a_delivery(world):
    world.one()
    world.publish()
    await world.deliver()

    done = is_a_way_through(world)
    assert done == ["announce", "published", "follow", "claim", "send", "complete", "follow", "finish"]


async def test_a_failure_then_a_success(world):
    world.one()
    world.channel = ScriptedChannel([REFUSED])
    world.publish()
    await world.deliver()
    world.retry()
    world.now += MINUTE
    world.publish(DueIndex.RETRY)
    await world.deliver()

    assert is_a_way_through(world)[-3:] == ["complete", "follow", "finish"]


async def test_a_refusal_for_good(world):
    world.one()
    world.channel = ScriptedChannel([BAD_ADDRESS])
    world.publish()
    await world.deliver()
    world.retry()

    assert is_a_way_through(world)[-5:] == ["undecided", "announce", "give_up", "follow", "finish"]


async def test_all_tries_used_up_then_brought_back(world):
    entry = world.one()
    world.channel = ScriptedChannel([REFUSED] * 3)
    world.publish()
    for _ in range(3):
        await world.deliver()
        world.retry()
        world.now += 2 * MINUTE
        world.publish(DueIndex.RETRY)
    assert world.state(entry) is State.FAILED
    world.store.redrive([entry.id], at=world.now)
    world.sweep()
    await world.deliver()

    done = is_a_way_through(world)
    assert world.state(entry) is State.COMPLETED
    assert done.count("give_up") == 1


async def test_a_record_that_somebody_else_holds_and_then_nobody():
    world = RecordedWorld()
    world.one()
    world.publish()
    world.take()
    world.begin_anew()
    (record,) = world.daily.take(10, timedelta(0))
    taken = world.claim([deliver.Arrival(record, uuid4(), world.now)])
    (parked,) = taken.parked
    world.now = parked.not_before
    world.settle(await world.send(world.claim(taken.parked)))

    answers = [event[4] for event in world.trace.events if event[1] == "claim"]
    assert answers == ["claimed", "busy", "ambiguous"]
    is_a_way_through(world)


async def test_a_text_whose_holder_died_is_given_up_and_not_sent_again():
    world = RecordedWorld(Channel.SMS)
    entry = world.one()
    world.publish()
    await world.send(world.take())
    world.begin_anew()
    world.now += 2 * MINUTE
    await world.deliver()
    world.retry()

    assert world.state(entry) is State.FAILED
    assert len(world.channel.letters) == 1
    is_a_way_through(world, Channel.SMS)


async def test_an_unknown_outcome_of_a_text():
    world = RecordedWorld(Channel.SMS)
    world.one()
    world.channel = ScriptedChannel([SILENCE])
    world.publish()
    await world.deliver()
    world.retry()

    assert "give_up" in is_a_way_through(world, Channel.SMS)


async def test_an_unknown_outcome_of_an_email_and_a_second_try(world):
    world.one()
    world.channel = ScriptedChannel([SILENCE])
    world.publish()
    await world.deliver()
    world.retry()
    world.now += MINUTE
    world.publish(DueIndex.RETRY)
    await world.deliver()

    assert is_a_way_through(world).count("claim") == 2


async def test_a_record_that_is_there_twice(world):
    entry = world.one()
    world.road._port.unheard = {entry.id}
    world.publish()
    world.road._port.unheard = ()
    world.now += MINUTE
    world.publish()
    taken = world.take()
    world.settle(await world.send(taken))
    world.claim(taken.parked)

    answers = [event[4] for event in world.trace.events if event[1] == "claim"]
    assert answers == ["claimed", "terminal"]
    is_a_way_through(world)


async def test_what_must_not_be_sent_any_more(world):
    entry = world.one()
    world.publish()
    world.store.erased.add(entry.user_id)
    await world.deliver()

    assert world.state(entry) is State.CANCELLED
    assert "withhold" in is_a_way_through(world)


async def test_what_is_put_off_until_its_holder_may_send(world):
    """The lease is nearly over, so it is not sent: a deferral, which costs no try."""
    entry = world.one()
    world.publish()
    taken = world.take()
    world.now += MINUTE - timedelta(seconds=5)
    world.settle(await world.send(taken))
    world.retry()
    world.publish(DueIndex.RETRY)
    await world.deliver()

    assert world.state(entry) is State.COMPLETED
    assert world.store.rows[entry.id].uncounted == 1
    is_a_way_through(world)


async def test_a_failure_that_was_only_recorded_is_handed_on_by_the_next(world):
    entry = world.one()
    world.channel = ScriptedChannel([REFUSED])
    world.publish()
    sent = await world.send(world.take())
    world.road._port.silent = {entry.id}
    world.settle(sent)
    world.road._port.silent = ()
    world.begin_anew()
    await world.deliver()
    world.retry()

    answers = [event[4] for event in world.trace.events if event[1] == "claim"]
    assert answers == ["claimed", "reported"]
    is_a_way_through(world)


async def test_what_a_dead_consumer_left_on_the_road_unmoved(world):
    """The retry consumer catches up: the record was confirmed, and the consumer died before it moved the row."""
    entry = world.one()
    world.channel = ScriptedChannel([REFUSED])
    world.publish()
    sent = await world.send(world.take())
    world.road._port.unheard = {entry.id}
    world.settle(sent)
    world.road._port.unheard = ()
    world.begin_anew()
    world.retry()

    assert world.store.rows[entry.id].next_attempt_at is not None
    is_a_way_through(world)


async def test_what_is_put_off_without_a_claim(world):
    entry = world.one()
    world.publish()
    arrivals = [deliver.Arrival(one, uuid4(), world.now) for one in world.daily.take(10, timedelta(0))]
    with world.acting("consumer"):
        taken = deliver.put_off(arrivals, "stopped", world.now, now=world.now, store=world.store)
    world.settle(taken.to_settle)
    world.retry()
    world.publish(DueIndex.RETRY)
    await world.deliver()

    assert world.state(entry) is State.COMPLETED
    assert "put_off" in is_a_way_through(world)


async def test_what_the_sweeper_puts_back_on_the_road(world):
    """The consumer was faster than the delivery report, so nobody knows where the record lies; then it dies."""
    entry = world.one()
    world.road._port.unheard = {entry.id}
    world.publish()
    world.road._port.unheard = ()
    world.take()
    world.begin_anew()
    world.now += 10 * MINUTE
    world.sweep()
    await world.deliver()

    done = is_a_way_through(world)
    assert done.count("swept") == 1
    assert world.state(entry) is State.COMPLETED


async def test_a_cache_that_is_lost_and_rebuilt(world):
    entry = world.one()
    world.channel = ScriptedChannel([REFUSED])
    world.publish()
    await world.deliver()
    world.retry()
    world.staging.lose()
    world.trace.note("Redis", "is emptied")
    world.sweep()
    world.now += MINUTE
    world.publish(DueIndex.RETRY)
    await world.deliver()

    assert world.state(entry) is State.COMPLETED
    is_a_way_through(world)


async def test_two_in_one_batch(world):
    """One is accepted, the other is refused: the effects of a batch are those of its notifications. Published one by
    one, because the model's producer has one in hand at a time."""
    world.channel = ScriptedChannel([REFUSED])
    for _ in range(2):
        world.one()
        world.publish()
    await world.deliver()
    world.retry()
    world.now += MINUTE
    world.publish(DueIndex.RETRY)
    await world.deliver()

    ends = follow(world.trace.events, replace(scenario(notifications=2), faults=0))
    assert {row.state for w in ends for row in w.rows} == {State.COMPLETED}


@pytest.mark.parametrize("is_down", [False, True], ids=["redis is there", "redis is away"])
@pytest.mark.parametrize(
    "outcomes", [(), (REFUSED,), (BAD_ADDRESS,), (REFUSED,) * 3, (SILENCE,)], ids=lambda one: f"{len(one)} failures"
)
async def test_the_workers_themselves(is_down, outcomes):
    app, trace = TwinApp(), Trace()
    app.log = MemoryLog(partitions=1)
    app.road = MemoryRoad(app.log, clock=app.now)
    app.channel = ScriptedChannel(outcomes)
    app.staging.warm()
    staged(app.store, [a_person(preferences=(a_preference(),))], NOON)
    app.staging.put([entry for chunk in app.store.open_entries(10) for entry in chunk])
    app.staging.down = is_down
    app.instant = NOON + 5 * MINUTE
    (row,) = app.store.rows.values()
    trace.number(row.plan.id)

    async with _at_work(app, trace):
        while row.ended_at is None:
            await until(lambda: row.ended_at is not None or (row.next_attempt_at or NOON) > app.instant, "it goes on")
            app.instant = max(app.instant, row.next_attempt_at or app.instant)
        ended = row.state

    ends = follow(trace.events, scenario(cached=not is_down))
    assert ended in {w.rows[0].state for w in ends}
    assert {"commit", "finish", "follow"} <= {event[1] for event in trace.events}


DEADLY = frozenset({KILLS, CRASH})


def unread(intake):
    """What the fourth who is given the one record that there is knows of it."""
    (record,) = intake.take(10, timedelta(0))
    return record, replace(record, content=Poison(b"unread", KILLS_THE_PROCESS))


def test_a_record_that_is_buried_unread_ends_its_notification(world):
    entry = world.one()
    world.publish()
    record, killer = unread(world.daily)
    world.bury(killer)
    world.daily.finish([record])

    done = is_a_way_through(world, kinds=DEADLY)
    assert done == ["announce", "published", "follow", "bury", "end", "follow", "finish"]
    assert world.state(entry) is State.FAILED


def test_what_somebody_has_claimed_ends_only_when_the_sweeper_has_offered_it_again(world):
    entry = world.one()
    world.publish()
    world.take()
    world.begin_anew()
    record, killer = unread(world.daily)
    world.bury(killer)
    assert world.state(entry) is State.PENDING
    world.daily.finish([record])
    world.daily.commit()
    world.now += 10 * MINUTE
    world.sweep()
    world.bury(unread(world.daily)[1])

    assert [event[4] for event in world.trace.events if event[1] == "end"] == [False, True]
    is_a_way_through(world, kinds=DEADLY)
    assert world.state(entry) is State.FAILED


async def test_a_retry_record_that_is_buried_unread_ends_it_too(world):
    entry = world.one()
    world.channel = ScriptedChannel([REFUSED])
    world.publish()
    await world.deliver()
    world.bury(unread(world.retries)[1])

    assert is_a_way_through(world, kinds=DEADLY)[-3:] == ["bury", "end", "follow"]
    assert world.state(entry) is State.FAILED


def test_a_notification_that_ends_before_its_dead_letter_is_no_way_through(world):
    world.one()
    world.publish()
    _, killer = unread(world.daily)
    with world.acting("consumer"):
        world.store.bury([DeadLetter(KILLS_THE_PROCESS, record=killer)], world.now)

    with pytest.raises(NotAllowed, match=r"'end'"):
        is_a_way_through(world, kinds=DEADLY)


def _at_work(app, trace):
    names = {"producer": producer, "consumer": consumer, "retry consumer": retry_consumer}
    return _all_running({RecordedApp(app, trace, name): worker for name, worker in names.items()})


@asynccontextmanager
async def _all_running(workers):
    async with AsyncExitStack() as stack:
        for one, worker in workers.items():
            await stack.enter_async_context(running(one, worker))
        yield


async def test_a_consumer_that_finishes_before_it_records_is_no_way_through(world):
    world.one()
    world.publish()
    taken = world.take()
    sent = await world.send(taken)
    world.daily.finish([held.record for held in taken.to_send])
    world.settle(sent)

    with pytest.raises(NotAllowed, match=r"'finish'"):
        is_a_way_through(world)


async def test_a_consumer_that_sends_before_it_claims_is_no_way_through(world):
    world.one()
    world.publish()
    taken = world.take()
    await world.send(taken)
    await world.send(taken)  # twice under one claim

    with pytest.raises(NotAllowed, match=r"'send'"):
        is_a_way_through(world)


def test_a_producer_that_records_before_it_announces_is_no_way_through(world):
    """As `publish`, with its two effects in the wrong order."""
    world.one()
    with world.acting("producer"):
        (due,) = world.store.due(DueIndex.DAILY, world.now, 10)
        world.store.published(DueIndex.DAILY, [Announced(due.envelope(1), NOWHERE)], world.now)
        world.road.announce(Topic.DAILY, [due.envelope(1)])

    with pytest.raises(NotAllowed, match=r"'published'"):
        is_a_way_through(world)


async def test_a_settlement_in_the_wrong_order_is_no_way_through(world):
    """As `settle`, but the retry record comes before the failure is recorded."""
    world.one()
    world.channel = ScriptedChannel([REFUSED])
    world.publish()
    (sent,) = await world.send(world.take())
    claim = sent.held.claim
    with world.acting("consumer"):
        announced = world.road.announce(Topic.RETRY, [replace(claim.envelope, failure=sent.outcome)])
        world.store.report({claim.envelope.id: (claim, sent.outcome)}, world.now)
        world.store.returned([(claim, announced[0].position)], world.now)

    with pytest.raises(NotAllowed, match=r"'announce'"):
        is_a_way_through(world)

"""What keeps a message from going out although it is due: stops, breakers, the ceiling; nothing of it is lost."""

from datetime import timedelta
from uuid import uuid4

import pytest

from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.domain.breaker import BreakerRule
from healthnotify.domain.delivery import Accepted, Failure, FailureKind
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Category, Channel
from healthnotify.domain.stops import Stop, Stops
from healthnotify.pipeline import deliver
from healthnotify.pipeline.ports import DueIndex
from tests.builders import REFUSED, a_person, a_preference
from tests.world import DELIVERING, MINUTE, SECOND

BAD_ADDRESS = Failure(FailureKind.PERMANENT, "smtp_550")


@pytest.mark.parametrize(
    ("stops", "held"),
    [
        ([], set()),
        ([Stop(channel=Channel.SMS)], {(Channel.SMS, Category.NUDGE), (Channel.SMS, Category.SERVICE)}),
        ([Stop(category=Category.NUDGE)], {(Channel.SMS, Category.NUDGE), (Channel.EMAIL, Category.NUDGE)}),
        ([Stop()], {(ch, ca) for ch in (Channel.SMS, Channel.EMAIL) for ca in (Category.NUDGE, Category.SERVICE)}),
    ],
)
def test_what_a_stop_holds(stops, held):
    together = Stops.of(stops)

    kinds = [(ch, ca) for ch in (Channel.SMS, Channel.EMAIL) for ca in (Category.NUDGE, Category.SERVICE)]
    assert {kind for kind in kinds if together.hold(*kind)} == held


@pytest.mark.parametrize("stop", [Stop(), Stop(channel=Channel.EMAIL), Stop(category=Category.NUDGE)])
async def test_what_is_stopped_is_not_published_and_goes_its_way_afterwards(world, stop):
    (entry,) = world.stage()
    world.store.stopped.add(stop)

    assert world.publish() == []
    assert world.state(entry) is State.STAGED

    world.store.stopped.clear()
    world.now += MINUTE
    assert [step.after for step in world.publish()] == [State.PENDING]
    assert [step.after for step in (await world.deliver())[0]] == [State.COMPLETED]


@pytest.mark.parametrize("other", [Stop(channel=Channel.SMS), Stop(category=Category.SERVICE)])
def test_what_is_not_stopped_goes_on(world, other):
    world.stage()
    world.store.stopped.add(other)

    assert [step.after for step in world.publish()] == [State.PENDING]


def test_what_is_stopped_does_not_stand_in_the_way_while_the_cache_is_cold(world):
    world.stage(*[a_person() for _ in range(150)], a_person(preferences=(a_preference(Channel.SMS),)))
    world.staging.clear()
    world.store.stopped.add(Stop(channel=Channel.EMAIL))

    (step,) = world.publish()  # looks at 100

    assert world.store.rows[step.id].plan.channel is Channel.SMS


async def test_what_was_claimed_before_the_stop_is_not_sent_and_uses_no_try(world):
    (entry,) = world.stage()
    world.publish()
    taken = world.take()
    world.store.stopped.add(Stop(channel=Channel.EMAIL))

    steps, _, _ = world.settle(await world.send(taken))

    assert [(step.after, step.reason) for step in steps] == [(State.RETRY, deliver.STOPPED)]
    assert world.channel.letters == []
    world.retry()
    row = world.store.rows[entry.id]
    assert (row.attempt - row.uncounted, row.next_attempt_at) == (0, world.now + deliver.STOP_REST)


async def test_what_is_on_the_road_is_put_off_without_a_claim_and_comes_back(world):
    (entry,) = world.stage()
    world.publish()
    arrivals = [deliver.Arrival(record, uuid4(), world.now) for record in world.daily.take(10, timedelta(0))]

    taken = deliver.put_off(arrivals, deliver.STOPPED, world.now + MINUTE, now=world.now, store=world.store)
    steps, finished, left = world.settle(taken.to_settle)

    assert [(step.after, step.reason) for step in steps] == [(State.RETRY, deliver.STOPPED)]
    assert (len(finished), left) == (1, [])
    world.retry()
    assert world.publish(DueIndex.RETRY) == []
    world.now += MINUTE
    assert [step.after for step in world.publish(DueIndex.RETRY)] == [State.PENDING]
    assert [step.after for step in (await world.deliver())[0]] == [State.COMPLETED]
    assert world.store.rows[entry.id].attempt - world.store.rows[entry.id].uncounted == 1


async def test_what_may_have_been_sent_cannot_be_put_off(world):
    world.stage()
    world.publish()
    (record,) = world.daily.take(10, timedelta(0))
    world.claim([deliver.Arrival(record, uuid4(), world.now)])  # and then this consumer dies
    world.now += 2 * MINUTE
    arrival = deliver.Arrival(record, uuid4(), world.now)

    taken = deliver.put_off([arrival], deliver.STOPPED, world.now + MINUTE, now=world.now, store=world.store)

    assert taken.to_settle == []


# breakers


async def fail(world, number):
    """So many sends, each refused for the time being."""
    world.channel = ScriptedChannel(lambda _: REFUSED)
    world.stage(*[a_person() for _ in range(number)])
    world.publish()
    await world.deliver()
    world.retry()


async def test_a_provider_that_fails_is_left_alone_and_what_waits_for_it_uses_no_try(world):
    world.breakers.rule = BreakerRule(least=5, rest=30)
    await fail(world, 12)

    assert len(world.channel.letters) == 5
    put_off = [row for row in world.store.rows.values() if row.failure.reason == deliver.BREAKER_OPEN]
    assert len(put_off) == 7
    assert {row.attempt - row.uncounted for row in put_off} == {0}
    assert {row.next_attempt_at for row in put_off} == {world.now + 45 * SECOND}  # 30 seconds and half as much again


async def test_after_its_rest_one_is_tried_and_then_all_go(world):
    world.breakers.rule = BreakerRule(least=5, rest=30)
    await fail(world, 12)
    world.channel = ScriptedChannel()

    world.now += 10 * MINUTE
    world.publish(DueIndex.RETRY)
    await world.deliver()

    assert len(world.channel.letters) == 12
    assert {row.state for row in world.store.rows.values()} == {State.COMPLETED}


async def test_while_the_probe_is_out_nobody_else_goes(world):
    world.breakers.rule = BreakerRule(least=5, rest=30)
    await fail(world, 12)
    world.now += 10 * MINUTE
    asked = []

    class Curious(ScriptedChannel):
        async def send(self, letter):
            asked.append(await world.breakers.ask(self.provider(letter)))
            return await super().send(letter)

    world.channel = Curious()
    world.publish(DueIndex.RETRY)
    await world.deliver()

    assert asked[0] > 0
    assert set(asked[1:]) == {0}


@pytest.mark.parametrize("outcome", [BAD_ADDRESS, Accepted("x"), Failure(FailureKind.TRANSIENT, "smtp_busy")])
async def test_what_says_nothing_against_a_provider(world, outcome):
    world.breakers.rule = BreakerRule(least=5)
    world.channel = ScriptedChannel(lambda _: outcome)
    world.stage(*[a_person() for _ in range(12)])
    world.publish()

    await world.deliver()

    assert len(world.channel.letters) == 12


async def test_an_unknown_outcome_counts_against_a_provider(world):
    world.breakers.rule = BreakerRule(least=5)
    world.channel = ScriptedChannel(lambda _: Failure(FailureKind.UNKNOWN, "timeout"))
    world.stage(*[a_person() for _ in range(12)])
    world.publish()

    await world.deliver()

    assert len(world.channel.letters) == 5


# turns and the ceiling


async def test_who_waited_so_long_for_a_turn_that_the_lease_is_short_is_not_sent(world):
    world.stage()
    world.publish()
    taken = world.take()
    world.now += DELIVERING.lease - DELIVERING.send_timeout + SECOND

    steps, _, _ = world.settle(await world.send(taken))

    assert [(step.after, step.reason) for step in steps] == [(State.RETRY, deliver.TOO_LATE_TO_SEND)]
    assert world.channel.letters == []


async def test_what_the_ceiling_refuses_is_put_off_and_not_lost(world):
    person = a_person(preferences=(a_preference(Channel.EMAIL), a_preference(Channel.SMS)))
    world.stage(person)
    world.store.ceiling = 1
    world.publish()

    await world.deliver()

    assert len(world.channel.letters) == 1
    (held_back,) = [row for row in world.store.rows.values() if row.state is State.RETRY]
    assert held_back.failure.reason == deliver.CEILING
    world.retry()
    assert held_back.next_attempt_at == world.now + deliver.CEILING_REST
    assert held_back.attempt - held_back.uncounted == 0


async def test_what_may_have_been_sent_and_is_refused_by_the_ceiling_is_parked(world):
    world.stage()
    world.publish()
    (record,) = world.daily.take(10, timedelta(0))
    world.claim([deliver.Arrival(record, uuid4(), world.now)])  # and then this consumer dies
    world.store.ceiling = 1
    world.now += 2 * MINUTE

    taken = world.claim([deliver.Arrival(record, uuid4(), world.now)])

    assert [arrival.not_before for arrival in taken.parked] == [world.now + deliver.CEILING_REST]
    assert taken.to_send == taken.to_settle == taken.finished == []

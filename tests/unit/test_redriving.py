"""What an operator brings back goes the road again, once; on twins."""

from datetime import timedelta

from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.domain.delivery import Accepted
from healthnotify.domain.lifecycle import Event, State
from healthnotify.pipeline.ports import Topic
from tests.builders import BAD_ADDRESS
from tests.world import DUE, SECOND


async def a_failed(world):
    """Refused for good, buried, given up; the cache knows."""
    (entry,) = world.stage()
    world.channel = ScriptedChannel([BAD_ADDRESS])
    world.publish()
    await world.deliver()
    world.retry()
    assert world.state(entry) is State.FAILED
    return entry


def cached(world, entry):
    return world.staging._held[entry.id].entry.state


async def test_the_sweepers_next_round_announces_it_and_it_is_sent(world):
    entry = await a_failed(world)
    world.store.redrive([entry.id], at=world.now)
    world.now += SECOND

    (step,) = world.sweep()
    assert (step.event, step.after) == (Event.REPUBLISHED, State.PENDING)
    await world.deliver()

    assert world.state(entry) is State.COMPLETED
    assert len(world.channel.letters) == 2
    assert cached(world, entry) is State.COMPLETED


async def test_the_cache_hears_of_it_from_the_sweeper(world):
    entry = await a_failed(world)
    world.store.redrive([entry.id], at=world.now)
    assert cached(world, entry) is State.FAILED

    world.sweep()

    assert cached(world, entry) is State.PENDING


async def test_without_redis_it_goes_on(world):
    entry = await a_failed(world)
    world.staging.down = True
    world.store.redrive([entry.id], at=world.now)

    world.sweep()
    await world.deliver()

    assert world.state(entry) is State.COMPLETED


async def test_who_dies_between_announcing_and_recording_announces_it_twice_and_it_is_sent_once(world):
    entry = await a_failed(world)
    world.store.redrive([entry.id], at=world.now)
    world.road.unheard = {entry.id}
    assert world.sweep() == []
    world.road.unheard = ()

    assert len(world.sweep()) == 1
    await world.deliver()
    await world.deliver()

    assert len(world.log.records(Topic.DAILY)) == 3
    assert len(world.channel.letters) == 2
    assert world.state(entry) is State.COMPLETED


async def test_brought_back_twice_at_once_it_is_sent_once(world):
    entry = await a_failed(world)
    answers = [world.store.redrive([entry.id], at=world.now)[0] for _ in range(2)]
    world.sweep()
    world.sweep()
    await world.deliver()

    assert [answer.obstacle is None for answer in answers] == [True, False]
    assert len(world.channel.letters) == 2
    assert len(world.store.rows[entry.id].accepted_by) == 1


async def test_it_has_all_of_its_tries_again(world):
    entry = await a_failed(world)
    world.channel = ScriptedChannel([BAD_ADDRESS, Accepted()])
    world.store.redrive([entry.id], at=world.now)
    world.sweep()
    await world.deliver()
    world.retry()

    assert world.state(entry) is State.FAILED
    assert (world.store.rows[entry.id].attempt, world.store.rows[entry.id].uncounted) == (2, 1)
    assert [letter.envelope.attempt for letter in world.store.dead_letters] == [1, 2]


async def test_what_is_on_the_road_already_is_left_alone(world):
    entry = await a_failed(world)
    world.store.redrive([entry.id], at=world.now)
    world.sweep()

    assert world.sweep() == []
    world.now = DUE + timedelta(minutes=2)
    assert world.sweep() == []

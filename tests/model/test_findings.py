"""What the model, and reading the code for it, has found to be wrong: each with the real verbs, and mended since."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.adapters.memory.road import MemoryIntake
from healthnotify.domain.delivery import Accepted, Answer, Ask
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Channel
from healthnotify.domain.stops import Stop
from healthnotify.pipeline import deliver
from healthnotify.pipeline.deliver import Arrival, Sent
from healthnotify.pipeline.ports import DueIndex, Topic
from healthnotify.pipeline.publish import publish
from healthnotify.workers.floodgate import Floodgate
from healthnotify.workers.taking import Taking
from tests.builders import BAD_ADDRESS, NOON, REFUSED, a_person, a_preference, ask, record_of, staged
from tests.twin_app import QuickLoop, TwinApp
from tests.world import DELIVERING, MINUTE, SECOND, World

TEXT = a_person(preferences=(a_preference(Channel.SMS),))


@pytest.fixture
def world():
    return World()


def arrivals(world):
    return [Arrival(record, uuid4(), world.now) for record in world.daily.take(10, timedelta(0))]


def dies(world):
    """The consumer, with all that it had finished and not committed."""
    world.log.groups[Topic.DAILY].members.clear()
    world.daily = MemoryIntake(world.log, Topic.DAILY)


async def test_a_text_whose_takeover_has_to_be_asked_for_twice_is_not_sent_twice(world):
    """A holder dies after its send; the next takes over, but the COMMIT's reply is lost (or Kafka is away while
    another record of the batch is to be buried): asked again, the same claim is no longer ambiguous."""
    world.stage(TEXT)
    world.publish()
    await world.send(world.take())
    dies(world)
    world.now += 2 * MINUTE
    again = arrivals(world)
    assert world.store.claim(_asks(again), world.now, world.now + MINUTE)[0].answer is Answer.AMBIGUOUS

    world.settle(await world.send(world.claim(again)))

    assert len(world.channel.letters) == 1


def test_postgresql_too_remembers_that_a_claim_took_over(committed):
    (entry,) = staged(committed, [TEXT])
    committed.claim([ask(entry)], NOON, NOON + MINUTE)
    again, later = ask(entry), NOON + 2 * MINUTE

    answers = [committed.claim([again], later, later + MINUTE)[0].answer for _ in range(2)]

    assert answers == [Answer.AMBIGUOUS, Answer.AMBIGUOUS]


async def test_a_record_is_not_finished_for_a_holder_that_has_lost_its_own(world):
    """The old consumer keeps what it had not asked for when its partition went away. The new one is suspended in its
    send, the old one takes over, and the new one finishes the only record that is left, then the old one dies."""
    (entry,) = world.stage()
    world.publish()
    old = arrivals(world)
    dies(world)  # as a rebalance: the old one lives on, with its memory
    world.channel = ScriptedChannel([REFUSED])
    sent = await world.send(world.take())
    world.now += 2 * MINUTE
    deliver.take(old, now=world.now, store=world.store, road=world.road, delivering=DELIVERING, burying=9)
    world.settle(sent)  # too late: the claim is the old one's, which now dies
    world.now += 2 * MINUTE

    await world.deliver()
    dies(world)
    await world.deliver()

    assert world.state(entry) is State.COMPLETED


async def test_what_expires_between_the_claim_and_the_send_is_not_sent(world):
    (entry,) = world.stage()
    world.publish()
    world.now = entry.expires_at - SECOND
    taken = world.take()
    world.now = entry.expires_at + SECOND
    await world.send(taken)

    assert world.channel.letters == []


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.SMS])
async def test_two_claims_of_one_notification_may_be_settled_in_one_batch(world, channel):
    """A suspended consumer holds two records of one attempt: its own claim's end comes after the second one's, and
    only the last of the two outcomes is recorded, which is the one that is not wanted. Both records are finished."""
    (entry,) = world.stage(a_person(preferences=(a_preference(channel),)))
    world.road.unheard = {entry.id}
    world.publish()
    world.road.unheard = ()
    world.now += MINUTE
    world.publish()
    first, second = arrivals(world)
    (held,) = world.claim([first]).to_send
    world.now += 2 * MINUTE
    taken = world.claim([second])
    world.channel = ScriptedChannel([BAD_ADDRESS])
    newer = await world.send(taken)

    world.settle([*newer, Sent(held, REFUSED)])

    assert world.store.rows[entry.id].failure is not None


async def test_each_acceptance_of_a_batch_is_counted(world):
    """The same with two acceptances: evidence is to find the duplicate."""
    (entry,) = world.stage()
    world.road.unheard = {entry.id}
    world.publish()
    world.road.unheard = ()
    world.now += MINUTE
    world.publish()
    first, second = arrivals(world)
    (held,) = world.claim([first]).to_send
    world.now += 2 * MINUTE
    (newer,) = world.claim([second]).to_send

    _, _, left = world.settle([Sent(held, Accepted("one")), Sent(newer, Accepted("two"))])
    world.settle(left)

    assert len(world.store.rows[entry.id].accepted_by) == 2


async def test_the_cache_hears_of_a_success_whose_neighbour_kafka_did_not_take(world):
    """COMPLETED is recorded, then the announcement of another's failure raises: the second settlement finds nothing to
    do, and the cache shows PENDING until it forgets the entry."""
    good, bad = world.stage(a_person(), a_person())
    world.publish()
    sent = [
        Sent(held, Accepted("one") if held.claim.envelope.id == good.id else REFUSED) for held in world.take().to_send
    ]
    world.road.down = True
    with pytest.raises(Unavailable):
        world.settle(sent)
    world.road.down = False
    world.settle(sent)

    assert bad.id != good.id
    states = {one.entry.id: one.entry.state for one in world.staging.entries()}
    assert states[good.id] is State.COMPLETED


async def test_a_retry_whose_neighbour_could_not_be_buried_is_in_the_due_index(world):
    """The wait is recorded, then the dead letter of another raises: the cache is never told of the wait, and the retry
    is late by the sweeper's patience."""
    waits, fails = world.stage(a_person(), a_person())
    world.publish()
    outcomes = {waits.id: REFUSED, fails.id: BAD_ADDRESS}
    world.settle([Sent(held, outcomes[held.claim.envelope.id]) for held in world.take().to_send])
    records = world.retries.take(10, timedelta(0))
    world.retries.take = lambda *_: records
    world.road.down = True
    with pytest.raises(Unavailable):
        world.retry()
    world.road.down = False
    world.retry()

    assert world.indexed(DueIndex.RETRY, world.now + MINUTE) == [waits.id]


def test_the_sweeper_announces_once_what_it_announced(world):
    """One topic takes records, the other does not: what is on the first is announced there in each round anew."""
    failed, claimed = world.stage(a_person(), a_person())
    world.publish()
    taken = {held.claim.envelope.id: held.claim for held in world.take().to_send}
    world.store.report({failed.id: (taken[failed.id], REFUSED)}, world.now)
    for entry in (failed, claimed):
        world.store.rows[entry.id].position = None
    world.now += 10 * MINUTE
    plain = world.road.announce
    world.road.announce = lambda topic, envelopes: _refuse() if topic is Topic.DAILY else plain(topic, envelopes)
    for _ in range(2):
        with pytest.raises(Unavailable):
            world.sweep()

    assert len(world.log.records(Topic.RETRY)) == 1


def test_an_undecided_try_is_found_whatever_else_is_asked_for(world):
    """The twin only: PostgreSQL finds it. Two records of one notification in a batch, the stale one last."""
    (entry,) = world.stage()
    world.publish()
    (held,) = world.take().to_send
    world.store.report({entry.id: (held.claim, REFUSED)}, world.now)
    failed = replace(record_of(entry), failure=REFUSED)

    _, waiting = world.store.undecided([failed, replace(failed, attempt=0)], world.now)

    assert [one.envelope.id for one in waiting] == [entry.id]


def test_what_is_put_off_stays_in_hand_when_postgresql_goes_away_right_after():
    """The deferral is recorded, then the claim of another record raises: nobody holds the record any more, so nobody
    hands it on, and its partition is committed no further until the process ends. The sweeper leaves it alone, because
    its place on the road is not passed."""
    app = TwinApp()
    staged(app.store, [a_person(preferences=(a_preference(one),)) for one in (Channel.EMAIL, Channel.SMS)], NOON)
    app.instant = NOON + 5 * MINUTE
    publish(DueIndex.DAILY, now=app.now(), limit=10, store=app.store, staging=app.staging, road=app.road)
    app.store.stopped.add(Stop(channel=Channel.EMAIL))
    taking = Taking(app, app.intake(Topic.DAILY), Floodgate(QuickLoop("consumer"), app, Topic.DAILY), list)
    plain, app.store.claim = app.store.claim, lambda *_, **__: _refuse()
    with pytest.raises(Unavailable):
        taking.take(8)
    app.store.claim = plain

    to_send, to_settle = taking.take(8)

    assert len(to_send) + len(to_settle) == 2


def _refuse():
    raise Unavailable("test", "switched off")


def _asks(some):
    return [Ask(one.record.content, one.claim_id) for one in some]

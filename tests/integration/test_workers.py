"""The six workers' own `run`, together in one event loop, on twins: the clock is in the test's hand."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.domain.delivery import Accepted
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import ENDED, MOVES, Event, State
from healthnotify.domain.model import Channel
from healthnotify.pipeline.ports import DueIndex, Topic
from healthnotify.workers import builder, consumer, flow, planner, producer, retry_consumer, sweeper, taking
from tests.builders import BAD_ADDRESS, NOON, REFUSED, a_person, a_preference, ask
from tests.twin_app import LOOK, TwinApp, running, until
from tests.world import DUE, MINUTE, POLICY, SECOND

ALL = (planner, builder, producer, consumer, retry_consumer, sweeper)

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    for place, name in ((flow, "AGAIN"), (flow, "BREATH"), (taking, "WAIT"), (retry_consumer, "WAIT")):
        monkeypatch.setattr(place, name, timedelta(seconds=LOOK))


@pytest.fixture(autouse=True)
def log():
    with structlog.testing.capture_logs() as lines:
        yield lines


async def until_all_ended(app, count):
    """Go on, from one instant that something waits for to the next."""
    await until(lambda: app.states()[State.STAGED] == count, "everything is written")
    app.instant = DUE
    while not (len(app.store.rows) == count and all(row.state in ENDED for row in app.store.rows.values())):
        await until(app.rest, f"{app.states()} do not come to rest")
        app.instant = max([app.instant, *(row.next_attempt_at or DUE for row in app.store.rows.values())])
        await until(lambda: not app.due_again(), "what is due again is published")


def by_address(refused_once=(), refused=(), gone=()):
    """A channel whose answers depend on the address."""
    seen = set()

    def answer(letter):
        person = letter.address.partition("@")[0]
        if person in gone:
            return BAD_ADDRESS
        if person in refused or (person in refused_once and person not in seen):
            seen.add(person)
            return REFUSED
        return Accepted(str(letter.id))

    return answer


def people(count, channel=Channel.EMAIL):
    return [
        a_person(
            addresses={Channel.EMAIL: f"p{number}@example.org", Channel.SMS: "+4915112345678"},
            preferences=(a_preference(channel),),
        )
        for number in range(count)
    ]


def the_ledger_is_sound(app):
    """Every move is in the table and follows the one before; what ended says why, and was accepted once at most."""
    chains = {}
    for step in app.store.moves:
        if step.event is Event.PLANNED:
            assert step.id not in chains
            assert step.before is None
        else:
            assert step.before is chains[step.id]
            assert MOVES[step.before, step.event] is step.after
        chains[step.id] = step.after
    assert chains == {key: row.state for key, row in app.store.rows.items()}
    buried = {letter.envelope.id for letter in app.store.dead_letters if letter.envelope}
    for key, row in app.store.rows.items():
        assert len(row.accepted_by) == (row.state is State.COMPLETED)
        assert (key in buried) == (row.state is State.FAILED)


async def test_everybody_gets_one_message_or_a_reason(log):
    app = TwinApp(by_address(refused_once={"p1", "p2"}, refused={"p3"}, gone={"p4"}))
    app.store.add(people(20), NOON)

    async with running(app, *ALL):
        await until_all_ended(app, 20)
        await until(lambda: not (app.uncommitted(Topic.DAILY) + app.uncommitted(Topic.RETRY)), "all is committed")

    the_ledger_is_sound(app)
    assert app.states() == {State.COMPLETED: 18, State.FAILED: 2}
    assert sorted(app.sent().values()) == [1] * 17 + [2, 2, POLICY.attempts]
    assert sorted(letter.reason for letter in app.store.dead_letters) == ["smtp_451", "smtp_550"]
    assert len(app.log.records(Topic.DEAD_LETTER)) == 2
    logged = [one for line in log if line["event"] == "step" for one in line["each"]]
    assert Counter((s.id, s.event, s.attempt) for s in app.store.moves) == Counter(
        (line["correlation_id"], line["cause"], line["attempt"]) for line in logged
    )
    assert app.channel.is_closed
    assert [writer.is_closed for writer in app.writers] == [True]
    assert not app.log.groups[Topic.DAILY].members
    assert not app.log.groups[Topic.RETRY].members


async def test_without_redis_all_the_same():
    app = TwinApp(by_address(refused_once={"p1"}))
    app.staging.down = True
    app.store.add(people(5), NOON)

    async with running(app, *ALL):
        await until_all_ended(app, 5)

    the_ledger_is_sound(app)
    assert app.states() == {State.COMPLETED: 5}
    assert sorted(app.sent().values()) == [1, 1, 1, 1, 2]


async def test_an_empty_redis_is_filled_by_the_sweeper():
    app = TwinApp()
    app.store.add(people(3), NOON)

    async with running(app, planner, builder):
        await until(lambda: app.states()[State.STAGED] == 3, "everything is written")
    app.staging.lose()
    assert list(app.staging.entries()) == []
    async with running(app, sweeper):
        await until(lambda: not app.staging.cold, "the cache is rebuilt")

    assert len(app.staging.due(DueIndex.DAILY, DUE, 10, SECOND)) == 3


async def test_a_preference_that_cannot_be_planned_is_told_about_and_keeps_nobody_waiting(log):
    app = TwinApp()
    app.store.add(people(2), NOON)
    broken, _ = app.store.preferences.values()
    app.store.preferences[broken.id] = replace(broken, timezone="Mars/Olympus")

    async with running(app, planner):
        await until(lambda: len(app.store.rows) == 1, "the other one is planned")

    (told,) = [line for line in log if line["event"] == "unplannable"]
    assert told["preference"] == broken.id
    assert "timezone: " in told["problem"]


# consumer


async def published(app, some):
    """On the road, at the time they are due; answers the ids."""
    app.store.add(some, NOON)
    async with running(app, planner, builder):
        await until(lambda: app.states()[State.STAGED] == len(some), "everything is written")
    app.instant = DUE
    async with running(app, producer):
        await until(lambda: app.states()[State.PENDING] == len(some), "everything is published")
    return list(app.store.rows)


@pytest.mark.parametrize(("topic", "worker"), [(Topic.DAILY, consumer), (Topic.RETRY, retry_consumer)])
async def test_poison_is_buried_and_finished_and_its_neighbours_are_not_kept_waiting(topic, worker):
    app = TwinApp(by_address(refused={"p0", "p1"}) if topic is Topic.RETRY else by_address())
    await published(app, people(4))
    app.log.append(topic, (b"somebody", b"\xff\x00 not ours", []))
    app.log.append(topic, (b"else", b"{}", []))

    async with running(app, consumer, retry_consumer):
        await until(app.rest, "the neighbours are handled")
        await until(lambda: len(app.store.dead_letters) == 2, "the poison is buried")
        await until(lambda: not app.uncommitted(topic), "and finished")

    assert {letter.record.content.raw for letter in app.store.dead_letters} == {b"\xff\x00 not ours", b"{}"}
    assert {letter.record.position.topic for letter in app.store.dead_letters} == {topic}
    assert len(app.log.records(Topic.DEAD_LETTER)) == 2
    the_ledger_is_sound(app)


@pytest.mark.parametrize(("topic", "worker"), [(Topic.DAILY, consumer), (Topic.RETRY, retry_consumer)])
async def test_poison_whose_burial_is_not_confirmed_is_kept_until_it_is(topic, worker):
    app = TwinApp()
    app.road.silent = True
    app.log.append(topic, (b"somebody", b"not ours", []))
    asked = Tries(app.road, "bury")

    async with running(app, worker):
        await until(lambda: asked.count > 3, "it is tried again and again")
        assert app.uncommitted(topic) == 1
        assert app.store.dead_letters == []
        app.road.silent = ()
        await until(lambda: not app.uncommitted(topic), "it is finished")

    assert len(app.store.dead_letters) == 1


class Tries:
    """Counts the calls of a method."""

    def __init__(self, what, name):
        self.count = 0
        self.seen = []  # the arguments of all calls
        self._method = getattr(what, name)
        setattr(what, name, self._call)

    def _call(self, *args, **kwargs):
        self.count += 1
        self.seen += args
        return self._method(*args, **kwargs)


async def test_what_somebody_else_holds_is_parked_and_delivered_after_the_lease():
    app = TwinApp()
    held, free = await published(app, people(2))
    entry = next(one.entry for one in app.staging.entries() if one.entry.id == held)
    app.store.claim([ask(entry)], app.instant, app.instant + MINUTE)  # by a consumer that is dead now
    claims = Tries(app.store, "claim")

    async with running(app, consumer):
        await until(lambda: app.store.rows[free].state is State.COMPLETED, "the other one is delivered")
        seen = claims.count
        await until(lambda: claims.count > seen + 2, "it goes on")
        app.instant += MINUTE - timedelta(milliseconds=1)
        seen = claims.count
        await until(lambda: claims.count > seen + 2, "it goes on")
        asked = [one.envelope.id for some in claims.seen if isinstance(some, list) for one in some]
        assert asked.count(held) == 1  # PostgreSQL is not asked again and again meanwhile
        assert set(app.sent()) == {free}
        assert app.uncommitted(Topic.DAILY)
        app.instant += timedelta(milliseconds=1)
        await until(lambda: app.store.rows[held].state is State.COMPLETED, "it is delivered after the lease")
        await until(lambda: not app.uncommitted(Topic.DAILY), "and finished")

    assert app.sent() == {held: 1, free: 1}
    assert [step.event for step in app.store.moves if step.id == held][-2:] == [Event.TAKEN_OVER, Event.ACCEPTED]


class Gate(ScriptedChannel):
    """Keeps every letter until it is opened."""

    def __init__(self, answer=lambda letter: Accepted(str(letter.id))):
        super().__init__(answer)
        self.open = asyncio.Event()

    async def send(self, letter):
        outcome = await super().send(letter)
        await self.open.wait()
        return outcome


@pytest.mark.parametrize("answer", [Accepted("yes"), REFUSED], ids=["accepted", "refused"])
async def test_without_postgresql_for_a_while_nothing_is_sent_and_nothing_is_sent_twice(answer, log):
    app = TwinApp()
    await published(app, people(20))
    app.channel = Gate(lambda _: answer)

    async with running(app, consumer):
        await until(lambda: len(app.channel.letters) == app.in_flight, "as many are under way as may be")
        app.store.down = True
        app.channel.open.set()
        await until(lambda: len([one for one in log if one["event"] == "unavailable"]) > 5, "it is told about")
        assert len(app.channel.letters) == app.in_flight
        assert app.states() == {State.PENDING: 20}
        app.store.down = False
        await until(lambda: not app.states()[State.PENDING], "the rest is sent")
        await until(lambda: not app.uncommitted(Topic.DAILY), "and finished")

    assert app.sent() == dict.fromkeys(app.store.rows, 1)
    assert {line["service"] for line in log if line["event"] == "unavailable"} == {"PostgreSQL"}
    assert app.states() == {State.COMPLETED if isinstance(answer, Accepted) else State.RETRY: 20}


async def test_without_kafka_for_a_while_failures_are_handed_on_later_and_nothing_is_sent_twice(log):
    app = TwinApp()
    await published(app, people(5))
    app.channel = Gate(lambda _: REFUSED)

    async with running(app, consumer):
        await until(lambda: len(app.channel.letters) == 5, "all are under way")
        app.road.down = True
        app.channel.open.set()
        await until(lambda: len([one for one in log if one["event"] == "unavailable"]) > 3, "it is told about")
        app.road.down, app.road.silent = False, True
        tries = Tries(app.road, "announce")
        await until(lambda: tries.count > 3, "unconfirmed ones are tried again")
        assert app.uncommitted(Topic.DAILY) == 5
        app.road.silent = ()
        await until(lambda: app.states()[State.RETRY] == 5, "they are handed on")

    assert app.sent() == dict.fromkeys(app.store.rows, 1)
    the_ledger_is_sound(app)


async def test_asked_to_end_in_the_middle_it_finishes_what_it_holds_and_the_next_one_does_the_rest():
    app = TwinApp()
    await published(app, people(20))
    app.channel = gate = Gate()

    async with running(app, consumer) as loops:
        await until(lambda: len(gate.letters) == app.in_flight, "as many are under way as may be")
        polls = Tries(app.intakes[-1], "take")
        loops[0].stop()
        await until(lambda: polls.count > 3, "it polls on while it drains")
        gate.open.set()

    assert app.states() == {State.COMPLETED: app.in_flight, State.PENDING: 20 - app.in_flight}
    assert gate.is_closed
    async with running(app, consumer):
        await until(lambda: app.states() == {State.COMPLETED: 20}, "the rest is sent")
    assert app.sent() == dict.fromkeys(app.store.rows, 1)
    the_ledger_is_sound(app)


@pytest.mark.parametrize(("topic", "worker"), [(Topic.DAILY, consumer), (Topic.RETRY, retry_consumer)])
async def test_kafka_that_is_away_at_the_start_is_waited_for(topic, worker, log):
    app = TwinApp()
    app.log.append(topic, (b"somebody", b"not ours", []))
    away = [Unavailable("Kafka", "nobody is there")] * 3
    intake = app.intake

    def refusing(topic):
        if away:
            raise away.pop()
        return intake(topic)

    app.intake = refusing
    async with running(app, worker):
        await until(lambda: len(app.store.dead_letters) == 1, "it begins")

    assert len([line for line in log if line["event"] == "unavailable"]) == 3


# retry consumer


async def test_a_dead_letter_that_is_not_confirmed_leaves_the_try_undecided():
    app = TwinApp(by_address(gone={"p0"}))
    (key,) = await published(app, people(1))
    async with running(app, consumer):
        await until(lambda: app.states()[State.RETRY] == 1, "the refusal is handed on")
    app.road.silent = {key}
    tries = Tries(app.road, "announce")

    async with running(app, retry_consumer):
        await until(lambda: tries.count > 3, "it is tried again and again")
        assert app.store.rows[key].state is State.RETRY
        assert app.uncommitted(Topic.RETRY) == 1
        app.road.silent = ()
        await until(lambda: app.states()[State.FAILED] == 1, "it is given up")
        await until(lambda: not app.uncommitted(Topic.RETRY), "and finished")

    the_ledger_is_sound(app)


async def test_the_retry_consumer_loses_nothing_while_postgresql_is_away(log):
    app = TwinApp(by_address(refused_once={"p0", "p1", "p2"}))
    await published(app, people(3))
    async with running(app, consumer):
        await until(lambda: app.states()[State.RETRY] == 3, "the refusals are handed on")
    app.store.down = True

    async with running(app, retry_consumer):
        await until(lambda: len([one for one in log if one["event"] == "unavailable"]) > 2, "it is tried again")
        app.store.down = False
        await until(app.rest, "the next tries have their time")
        app.instant += MINUTE
        await until(lambda: app.states()[State.PENDING] == 3, "they are published again")
        await until(lambda: not app.uncommitted(Topic.RETRY), "and finished")
    async with running(app, consumer):
        await until(lambda: app.states()[State.COMPLETED] == 3, "they are delivered")

    the_ledger_is_sound(app)
    assert set(app.sent().values()) == {2}

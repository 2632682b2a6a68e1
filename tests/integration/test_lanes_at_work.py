"""The consumer's own `run`, on twins: a slow channel, a stop and a failing provider, and what the others notice."""

import asyncio
import threading
from datetime import timedelta
from functools import partial

import pytest

from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.domain.breaker import BreakerRule
from healthnotify.domain.lanes import PATIENCE, Lanes
from healthnotify.domain.lifecycle import ENDED, State
from healthnotify.domain.model import Channel
from healthnotify.domain.stops import Stop
from healthnotify.pipeline import deliver
from healthnotify.pipeline.ports import DueIndex, Topic
from healthnotify.workers import consumer, producer, retry_consumer, taking
from tests.builders import REFUSED, a_person, a_preference, staged
from tests.twin_app import LOOK, TwinApp, running, until
from tests.world import DUE, MINUTE

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    for place in (taking, retry_consumer):
        monkeypatch.setattr(place, "WAIT", timedelta(seconds=LOOK))
    monkeypatch.setattr(taking, "Lanes", partial(Lanes, most_waiting=12))


class Hanging(ScriptedChannel):
    """It answers nobody until it is released."""

    def __init__(self):
        super().__init__()
        self.released = asyncio.Event()

    async def send(self, letter):
        self.letters.append(letter)
        await self.released.wait()
        return self._answer(letter)


class App(TwinApp):
    def __init__(self):
        super().__init__()
        self.sms = Hanging()

    def channels(self):
        return {Channel.EMAIL: self.channel, Channel.SMS: self.sms}

    def of(self, channel):
        return [row for row in self.store.rows.values() if row.plan.channel is channel]


def on_the_road(app, **numbers):
    """So many of each channel are staged, due and on the road, in turns."""
    kinds = [Channel(name) for name, number in numbers.items() for _ in range(number)]
    people = [a_person(preferences=(a_preference(kind),)) for kind in kinds]
    app.staging.clear()
    app.staging.warm()
    app.staging.put(staged(app.store, people))
    app.instant = DUE


async def test_a_channel_that_hangs_holds_up_nobody_else(monkeypatch):
    app = App()
    on_the_road(app, sms=60, email=60)

    async with running(app, producer, consumer, retry_consumer):
        await until(lambda: len(app.sms.letters) == app.in_flight, "as many hang as may")
        while not all(row.state is State.COMPLETED for row in app.of(Channel.EMAIL)):
            app.instant += PATIENCE
            await a_moment()
        assert len(app.sms.letters) == app.in_flight
        put_off = [row for row in app.of(Channel.SMS) if row.failure and row.failure.reason == deliver.LANE_FULL]
        assert put_off
        assert {row.attempt - row.uncounted for row in put_off if row.state is State.RETRY} == {0}
        app.sms.released.set()
        while not all(row.state in ENDED for row in app.store.rows.values()):
            app.instant += timedelta(seconds=1)
            await a_moment()

    assert app.states() == {State.COMPLETED: 120}
    assert set(app.sent().values()) == {1}
    assert len({letter.id for letter in app.sms.letters}) == len(app.sms.letters) == 60


async def test_what_only_waits_its_turn_is_not_put_off():
    app = App()
    app.sms.released.set()
    on_the_road(app, sms=100)

    async with running(app, producer, consumer, retry_consumer):
        await until(lambda: app.states() == {State.COMPLETED: 100}, "all are sent")

    assert all(row.uncounted == 0 for row in app.store.rows.values())


async def test_a_stop_works_while_everything_runs_and_nothing_is_lost_by_it():
    app = App()
    app.sms.released.set()
    on_the_road(app, sms=10, email=10)
    app.store.stopped.add(Stop(channel=Channel.SMS))

    async with running(app, producer, consumer, retry_consumer):
        await until(lambda: len(app.sent()) == 10, "the other channel goes on")
        app.store.stopped = {Stop()}
        app.instant += MINUTE
        assert app.sms.letters == []
        app.store.stopped = set()
        while app.states() != {State.COMPLETED: 20}:
            app.instant += timedelta(seconds=30)
            await a_moment()

    assert len(app.sms.letters) == 10


async def test_on_the_road_a_stop_puts_off_what_it_names_and_takes_nothing_when_it_is_of_everything():
    app = App()
    on_the_road(app, sms=10, email=10)
    async with running(app, producer):
        await until(lambda: app.states() == {State.PENDING: 20}, "all are on the road")
    app.store.stopped = {Stop()}

    async with running(app, consumer, retry_consumer):
        for _ in range(20):
            await a_moment()
        assert app.states() == {State.PENDING: 20}
        app.store.stopped = {Stop(channel=Channel.SMS)}
        app.instant += MINUTE
        await until(lambda: app.states() == {State.COMPLETED: 10, State.RETRY: 10}, "one goes, the other waits")

    assert {row.failure.reason for row in app.of(Channel.SMS)} == {deliver.STOPPED}
    assert app.sms.letters == []


async def test_a_provider_that_fails_is_left_alone_by_the_consumer_and_all_arrive_when_it_is_well_again():
    app = App()
    app.breaker_rule = BreakerRule(least=5, rest=0.05, longest_rest=0.1)
    ill = True
    app.channel = ScriptedChannel(lambda letter: REFUSED if ill else app_accepts(letter))
    on_the_road(app, email=60)

    async with running(app, producer, consumer, retry_consumer):
        await until(lambda: app.states()[State.RETRY] == 60, "all wait")
        assert len(app.channel.letters) < 30, "most were not even tried"
        ill = False
        while app.states() != {State.COMPLETED: 60}:
            app.instant += timedelta(seconds=5)
            await a_moment()

    assert not app.staging.due(DueIndex.RETRY, app.instant, 100, timedelta(0))


async def a_moment():
    await asyncio.to_thread(threading.Event().wait, LOOK)


def app_accepts(letter):
    return ScriptedChannel()._answer(letter)


async def test_while_the_cache_is_cold_each_is_announced_once_all_the_same():
    app = App()
    on_the_road(app, email=120)
    app.staging.clear()
    plain = app.road.announce

    def slowly(topic, envelopes):
        threading.Event().wait(20 * LOOK)  # as Kafka takes its time, so that both batches could be under way
        return plain(topic, envelopes)

    app.road.announce = slowly

    async with running(app, producer):
        await until(lambda: app.states() == {State.PENDING: 120}, "all are on the road")

    assert len(app.log.records(Topic.DAILY)) == 120

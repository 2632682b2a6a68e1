"""Dead letters pour on the daily topic: poison, and ids that nobody knows; on twins."""

from functools import partial

import pytest

from healthnotify.adapters.envelope import encode
from healthnotify.domain.lifecycle import State
from healthnotify.pipeline.ports import Topic
from healthnotify.workers import builder, consumer, planner, producer
from healthnotify.workers.floodgate import Floodgate
from tests.builders import NOON
from tests.integration.test_floodgate import _short_waits, log, people, poured, seconds_later
from tests.kafka_fixture import an_envelope
from tests.twin_app import TwinApp, running, until
from tests.world import DUE

__all__ = ["_short_waits", "log"]
pytestmark = pytest.mark.timeout(60)


def poison(app, number):
    app.log.append(Topic.DAILY, (b"key %d" % number, b"not ours", []))


def unknown(app, _):
    app.log.append(Topic.DAILY, encode(an_envelope(), Topic.DAILY, NOON, bytes(8)))


@pytest.mark.parametrize("put", [poison, unknown])
async def test_it_holds_instead_of_draining_the_topic(put, log, monkeypatch):
    monkeypatch.setattr(consumer, "Floodgate", partial(Floodgate, most=60))
    app = TwinApp()
    for number in range(300):
        put(app, number)

    async with running(app, consumer) as (loop,):
        await until(lambda: loop.pulse.why_it_holds, "it holds")
        left = app.uncommitted(Topic.DAILY)
        assert left >= 180
        await until(lambda: app.holds.held(Topic.DAILY), "everybody is told")
        app.holds.resume(Topic.DAILY)
        await seconds_later(app)
        await until(lambda: len(app.store.dead_letters) > 300 - left, "it goes on")

    assert poured(log)[0]["topic"] == Topic.DAILY


async def test_what_it_has_in_hand_is_sent_while_it_holds(log):
    app = TwinApp()
    app.store.add(people(20), NOON)
    async with running(app, planner, builder):
        await until(lambda: app.states()[State.STAGED] == 20, "everything is written")
    app.instant = DUE
    async with running(app, producer):
        await until(lambda: app.states()[State.PENDING] == 20, "everything is published")
    app.holds.hold(Topic.DAILY, "51 dead letters in a row", DUE)

    async with running(app, consumer) as (loop,):
        await until(lambda: loop.pulse.why_it_holds, "it holds")
        assert app.states() == {State.PENDING: 20}
        app.holds.resume(Topic.DAILY)
        await seconds_later(app)
        await until(lambda: app.states() == {State.COMPLETED: 20}, "they are sent")

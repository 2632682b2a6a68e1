"""Workers that die over what they have in hand, and those that only end; on twins."""

import time

import pytest
import structlog

from healthnotify.adapters import suspects
from healthnotify.adapters.suspects import MOST_DEATHS
from healthnotify.domain.delivery import KILLS_THE_PROCESS
from healthnotify.domain.lifecycle import State
from healthnotify.pipeline.ports import Topic
from healthnotify.workers import builder, consumer, planner, producer, retry_consumer
from tests.builders import NOON
from tests.integration.test_floodgate import _short_waits, people
from tests.twin_app import LOOK, QuickLoop, TwinApp, running, until
from tests.world import DUE

__all__ = ["_short_waits"]
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _marks_stand(monkeypatch):
    """Also on a machine that stands still for a second between the mark and the claim."""
    monkeypatch.setattr(suspects, "STANDS", 60.0)


@pytest.fixture(autouse=True)
def _log():
    with structlog.testing.capture_logs():
        yield


async def published(app, count):
    app.store.add(people(count), NOON)
    async with running(app, planner, builder):
        await until(lambda: app.states()[State.STAGED] == count, "everything is written")
    app.instant = DUE
    async with running(app, producer):
        await until(lambda: app.states()[State.PENDING] == count, "everything is published")
    return list(app.store.rows)


def wait_until_nothing_is_in_hand(app):
    while any(row.state is State.PENDING and row.claim_id is not None for row in app.store.rows.values()):
        time.sleep(LOOK)


@pytest.mark.parametrize(("worker", "topic"), [(consumer, Topic.DAILY), (retry_consumer, Topic.RETRY)])
async def test_a_worker_that_is_asked_to_end_leaves_no_mark(worker, topic):
    app = TwinApp()
    await published(app, 5)

    async with running(app, worker):
        await until(lambda: app.intakes and app.intakes[-1].assigned(), "it takes")

    assert app.marks.rows == {}
    assert topic in app.log.topics


async def test_a_notification_that_cannot_even_be_claimed_ends_three_workers_and_no_more():
    app = TwinApp()
    deadly, *others = await published(app, 6)
    claim = app.store.claim

    def breaks(asks, now, lease_until, *, alone):
        if any(one.envelope.id == deadly for one in asks):
            wait_until_nothing_is_in_hand(app)  # else it would be left to a lease, which never ends on this clock
            raise ZeroDivisionError
        return claim(asks, now, lease_until, alone=alone)

    app.store.claim = breaks
    for _ in range(MOST_DEATHS):
        with pytest.raises(ZeroDivisionError):
            await consumer.run(QuickLoop("consumer"), app)
    async with running(app, consumer):
        await until(lambda: app.states()[State.COMPLETED] == 5, "the others are sent")
        await until(lambda: not app.uncommitted(Topic.DAILY), "and finished")

    assert [letter.reason.partition(":")[0] for letter in app.store.dead_letters] == [KILLS_THE_PROCESS]
    assert app.store.rows[deadly].state is State.FAILED
    assert set(app.sent()) == set(others)
    assert set(app.sent().values()) == {1}

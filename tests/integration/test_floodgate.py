"""Dead letters pour, and the consumers' own `run` stops taking until an operator says go; on twins."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import structlog

from healthnotify.adapters.pulse import Pulse
from healthnotify.domain.delivery import (
    KILLS_THE_PROCESS,
    Accepted,
    DeadLetter,
    Failure,
    FailureKind,
    Poison,
    Position,
    Record,
)
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Channel
from healthnotify.pipeline.ports import DueIndex, Topic
from healthnotify.workers import builder, consumer, flow, planner, producer, retry_consumer, taking
from healthnotify.workers.floodgate import Floodgate
from healthnotify.workers.loop import Loop
from tests.builders import BAD_ADDRESS, NOON, a_person, a_preference, record_of
from tests.twin_app import LOOK, TwinApp, running, until
from tests.world import DUE, SECOND

BAD_KEY = Failure(FailureKind.PERMANENT, "smtp_535")
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    for place, name in ((flow, "AGAIN"), (flow, "BREATH"), (taking, "WAIT"), (retry_consumer, "WAIT")):
        monkeypatch.setattr(place, name, timedelta(seconds=LOOK))


@pytest.fixture(autouse=True)
def log():
    with structlog.testing.capture_logs() as lines:
        yield lines


def poured(log):
    return [line for line in log if line["event"] == "dead_letters_pour"]


def people(count, channel=Channel.EMAIL):
    return [a_person(preferences=(a_preference(channel),)) for _ in range(count)]


async def tried(app, *some):
    """All of them were sent once; what failed waits for its decision."""
    app.store.add([person for persons in some for person in persons], NOON)
    count = sum(map(len, some))
    async with running(app, planner, builder):
        await until(lambda: app.states()[State.STAGED] == count, "everything is written")
    app.instant = DUE
    async with running(app, producer, consumer):
        await until(lambda: app.states()[State.RETRY] + app.states()[State.COMPLETED] == count, "everything is tried")
    return count


async def seconds_later(app, seconds=1.1):
    app.instant += timedelta(seconds=seconds)


async def test_a_provider_that_refuses_everything_ends_in_a_hold_and_not_in_a_heap_of_dead_letters(log):
    app = TwinApp(lambda _: BAD_KEY)
    count = await tried(app, people(300))

    async with running(app, retry_consumer) as (loop,):
        await until(lambda: app.holds.held(Topic.RETRY), "it holds")
        await until(lambda: loop.pulse.why_it_holds, "it says so")
        assert loop.pulse.why_it_holds == "email: 50 of 50 became dead letters within 5 minutes"

    assert app.states() == {State.FAILED: 50, State.RETRY: count - 50}
    assert len(app.store.dead_letters) == 50
    assert [line["why"] for line in poured(log)] == ["email: 50 of 50 became dead letters within 5 minutes"]


async def test_a_restart_does_not_drain_on_and_an_operators_word_lets_it_go_on_within_two_seconds(log):
    app = TwinApp(lambda _: BAD_KEY)
    await tried(app, people(60))
    async with running(app, retry_consumer):
        await until(lambda: app.holds.held(Topic.RETRY), "it holds")

    async with running(app, retry_consumer) as (loop,):
        await until(lambda: loop.pulse.why_it_holds, "the new one holds too")
        for _ in range(5):
            await seconds_later(app)
        assert app.states()[State.RETRY] == 10
        app.holds.resume(Topic.RETRY)
        await seconds_later(app, 2)
        await until(lambda: app.states()[State.FAILED] == 60, "it goes on")
        assert loop.pulse.why_it_holds is None

    assert [line["topic"] for line in log if line["event"] == "resumed"] == [Topic.RETRY]


async def test_one_channel_that_fails_is_seen_among_many_that_do_not(log):
    def answer(letter):
        return BAD_KEY if "@" in letter.address else Accepted(str(letter.id))

    app = TwinApp(answer)
    await tried(app, people(60), people(300, Channel.SMS))

    async with running(app, retry_consumer):
        await until(lambda: app.holds.held(Topic.RETRY), "it holds")

    assert app.holds.held(Topic.RETRY).why.startswith("email: ")


async def test_addresses_that_are_wrong_now_and_then_are_no_flood(log):
    wrong = set()

    def answer(letter):
        if len(wrong) < 6 and letter.id not in wrong:
            wrong.add(letter.id)
            return BAD_ADDRESS
        return Accepted(str(letter.id))

    app = TwinApp(answer)
    await tried(app, people(60))

    async with running(app, retry_consumer):
        await until(lambda: app.states()[State.FAILED] == 6, "they are given up")
        await until(lambda: not app.uncommitted(Topic.RETRY), "and finished")

    assert app.holds.held(Topic.RETRY) is None
    assert poured(log) == []


async def test_retries_that_are_due_go_out_while_it_holds(log):
    app = TwinApp(lambda _: Failure(FailureKind.TRANSIENT, "smtp_451"))
    await tried(app, people(2))
    async with running(app, retry_consumer):
        await until(app.rest, "the next tries have their time")
        app.holds.hold(Topic.RETRY, "51 dead letters in a row", app.instant)
        await seconds_later(app, 60)
        await until(lambda: app.states()[State.PENDING] == 2, "they are published all the same")


async def test_poison_that_pours_on_the_retry_topic_is_a_flood_too(log):
    app = TwinApp()
    for number in range(200):
        app.log.append(Topic.RETRY, (b"key %d" % number, b"not ours", []))

    async with running(app, retry_consumer):
        await until(lambda: app.holds.held(Topic.RETRY), "it holds")

    assert len(app.store.dead_letters) == 50
    assert app.uncommitted(Topic.RETRY) == 150


@pytest.mark.parametrize("kind", ["not ours", "of ids that nobody knows"])
async def test_what_pours_after_a_good_day_is_stopped_as_soon_as_after_none(log, kind):
    app = TwinApp()
    app.store.add(people(300), NOON)
    async with running(app, planner, builder):
        await until(lambda: app.states()[State.STAGED] == 300, "everything is written")
    known = app.store.overdue(DueIndex.DAILY, DUE + SECOND, 1)[0]
    app.instant = DUE
    async with running(app, producer, consumer):
        await until(lambda: app.states()[State.COMPLETED] == 300, "everything is sent")
        if kind == "not ours":
            for number in range(200):
                app.log.append(Topic.DAILY, (b"key %d" % number, b"not ours", []))
        else:
            app.road.announce(Topic.DAILY, [replace(record_of(known), id=uuid4()) for _ in range(200)])

        await until(lambda: app.holds.held(Topic.DAILY), "it holds")

    assert len(app.store.dead_letters) == 51
    assert app.uncommitted(Topic.DAILY) >= 149


# the gate itself


class Gated:
    def __init__(self):
        self.app = TwinApp()
        self.loop = Loop("test", Pulse())
        self.gate = self.new()

    def new(self, topic=Topic.DAILY):
        return Floodgate(self.loop, self.app, topic)


def test_near_to_a_flood_few_are_buried_and_none_while_it_holds():
    it = Gated()
    assert it.gate.burying() == 0  # nobody has said yet whether it holds
    it.gate.room(256)
    it.gate.passed(10_000, 0)
    assert it.gate.burying() == 51
    it.gate.passed(19, 19)

    assert it.gate.burying() == 51 - 19
    assert it.gate.room(256) == 256  # to read is not to bury
    it.gate.passed(32, 32)
    assert it.gate.burying() == 0


def test_who_starts_again_after_many_deaths_over_different_records_holds_until_told_otherwise():
    """A broken release dies over every record: three deaths and one burial at a time it would drain the topic."""
    it = Gated()
    reason = f"{KILLS_THE_PROCESS}: 3 processes have ended over it"
    letters = [DeadLetter(reason, record=Record(Position(Topic.DAILY, 0, n), Poison(b"", reason))) for n in range(6)]
    it.app.store.bury(letters[:5], NOON)
    assert it.new().room(9) == 9
    it.app.store.bury(letters[5:], NOON)

    assert it.new().room(9) == 0
    assert it.app.holds.held(Topic.DAILY).why.startswith("6 records have ended processes within an hour")
    it.app.holds.resume(Topic.DAILY)
    assert it.new().room(9) == 9


def test_until_postgresql_has_said_so_nothing_is_taken_and_while_it_is_away_what_it_said_last_counts():
    it = Gated()
    it.app.store.down = True
    assert it.gate.room(256) == 0
    assert it.loop.pulse.why_it_holds is None  # it has not poured

    it.app.store.down = False
    assert it.gate.room(256) == 256
    it.app.store.down = True
    it.app.instant += 5 * SECOND
    assert it.gate.room(256) == 256


def test_a_flood_while_postgresql_is_away_is_written_down_when_it_is_back():
    it = Gated()
    it.gate.room(1)
    it.app.store.down = True
    it.gate.passed(51, 51)
    assert it.gate.room(256) == 0

    it.app.store.down = False
    it.app.instant += 2 * SECOND

    assert it.gate.room(256) == 0
    assert it.app.holds.held(Topic.DAILY).why == "records: 51 dead letters in a row"


def test_a_colleagues_hold_holds_everybody_of_that_topic_and_nobody_else():
    it = Gated()
    colleague, other = it.new(), it.new(Topic.RETRY)
    assert [one.room(9) for one in (it.gate, colleague, other)] == [9, 9, 9]
    colleague.passed(51, 51)
    colleague.room(9)
    it.app.instant += 1.1 * SECOND

    assert [one.room(9) for one in (it.gate, colleague, other)] == [0, 0, 9]


def test_who_is_let_go_on_begins_to_count_anew_and_holds_again_when_it_pours_on():
    it = Gated()
    it.gate.room(1)
    it.gate.passed(51, 51)
    it.gate.room(1)
    it.app.holds.resume(Topic.DAILY)
    it.app.instant += 1.1 * SECOND
    assert it.gate.room(9) == 9

    it.gate.passed(19, 19)
    assert it.gate.room(9) == 9
    it.gate.passed(32, 32)
    assert it.gate.room(9) == 0


def test_a_held_consumer_is_alive_although_records_wait():
    """Else whatever starts dead processes again would start it again and again."""
    it = Gated()
    it.app.holds.hold(Topic.DAILY, "51 dead letters in a row", NOON)
    it.loop.pulse.consumes(Topic.DAILY, tuple)
    it.loop.pulse._consumed -= 3600

    it.gate.room(9)

    assert it.loop.pulse.signs(timedelta(hours=1)).consumed < SECOND
    assert it.loop.pulse.why_it_holds == "51 dead letters in a row"

"""The loop of all workers: when it calls, what it waits out, what it lets up, and how it ends."""

import asyncio
import os
import signal
import threading
from datetime import timedelta

import pytest
import structlog

from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import Fatal, Misconfigured, Unavailable
from healthnotify.domain.lifecycle import Event, State
from healthnotify.workers import flow as flows
from healthnotify.workers import loop as loops
from healthnotify.workers.flow import Flow, Job
from healthnotify.workers.loop import Loop, Overrun
from tests.builders import NOON

LONG = timedelta(hours=1)  # nobody waits for it to pass
NO_TIME = timedelta(0)
PATIENCE = 20  # seconds until a test that waits for something has failed

pytestmark = pytest.mark.timeout(60)


def a_step(number=0):
    return Step(number, Event.PLANNED, None, State.PLANNED, NOON)


@pytest.fixture(autouse=True)
def log():
    """Every line that is logged, as a dictionary."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def loop():
    return Loop("test")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """So that nothing here takes as long as a worker's real pauses; no test measures them."""
    for name in ("AGAIN", "BREATH"):
        monkeypatch.setattr(flows, name, timedelta(milliseconds=1))


def script(loop, *turns):
    """An `act` that takes its turns one after the other, and asks the loop to end with the last."""
    left = list(turns)

    def act():
        turn = left.pop(0)
        if not left:
            call_soon(loop.stop)
        if isinstance(turn, Exception):
            raise turn
        return turn

    running = asyncio.get_running_loop()

    def call_soon(what):
        done = threading.Event()
        running.call_soon_threadsafe(lambda: (what(), done.set()))
        assert done.wait(PATIENCE)

    return act


class Pauses:
    """In the place of `Loop.pause`: notes how long it was to be, and goes on."""

    def __init__(self, loop, monkeypatch):
        self.asked = []
        monkeypatch.setattr(loop, "pause", self._pause)

    async def _pause(self, time):
        self.asked.append(time.total_seconds())


@pytest.fixture
def pauses(loop, monkeypatch):
    return Pauses(loop, monkeypatch)


# every


async def test_after_steps_it_calls_again_at_once_and_after_none_it_pauses(loop, pauses, log):
    await loop.every(timedelta(seconds=7), script(loop, [a_step(1)], [a_step(2), a_step(3)], [], [a_step(4)]))

    assert pauses.asked == [7]
    assert [one["correlation_id"] for line in log if line["event"] == "step" for one in line["each"]] == [1, 2, 3, 4]


async def test_it_always_calls_in_the_same_thread_which_is_not_the_loops(loop, pauses):
    threads = []
    act = script(loop, [a_step()], [], Unavailable("Redis", "away"), [])

    def noting():
        threads.append(threading.get_ident())
        return act()

    await loop.every(NO_TIME, noting)

    assert len(threads) == 4
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


async def test_a_service_that_is_away_is_waited_out_and_told_about_once_a_try(loop, pauses, log):
    away = Unavailable("PostgreSQL", "no answer")
    await loop.every(NO_TIME, script(loop, away, away, away, [a_step()]))

    troubles = [line for line in log if line["event"] == "unavailable"]
    assert [(line["service"], line["problem"], line["log_level"]) for line in troubles] == [
        ("PostgreSQL", "no answer", "warning")
    ] * 3
    assert pauses.asked == [0.25, 0.5, 1]


async def test_the_pauses_grow_up_to_a_limit_and_begin_anew_after_an_answer(loop, pauses):
    away = Unavailable("PostgreSQL", "no answer")
    await loop.every(NO_TIME, script(loop, *[away] * 8, [a_step()], away, [a_step()]))

    assert pauses.asked == [0.25, 0.5, 1, 2, 4, 8, 10, 10, 0.25]


@pytest.mark.parametrize("problem", [Misconfigured("X", "y", "Z"), Fatal("z"), ZeroDivisionError()], ids=repr)
async def test_whatever_else_is_raised_goes_up_as_it_is(loop, problem):
    with pytest.raises(type(problem)) as raised:
        await loop.every(NO_TIME, script(loop, [a_step()], problem, []))

    assert raised.value is problem


async def within_patience(awaitable):
    async with asyncio.timeout(PATIENCE):
        return await awaitable


async def test_asked_to_end_in_a_pause_it_ends_at_once(loop):
    called = asyncio.Event()
    running = asyncio.get_running_loop()
    worker = asyncio.create_task(loop.every(LONG, lambda: running.call_soon_threadsafe(called.set) and []))
    await within_patience(called.wait())
    loop.stop()

    await within_patience(worker)


async def test_asked_to_end_while_a_service_is_away_it_does_not_try_again(loop, monkeypatch):
    tries = []

    async def pause(_):
        loop.stop()

    def act():
        tries.append(1)
        raise Unavailable("Kafka", "away")

    monkeypatch.setattr(loop, "pause", pause)
    with pytest.raises(Unavailable):
        await loop.every(NO_TIME, act)

    assert len(tries) == 1


async def test_what_is_made_at_the_start_is_waited_for_like_all_else(loop, pauses, log):
    assert await loop.obtain(script(loop, Unavailable("Kafka", "away"), "made", "never")) == "made"
    assert [line["event"] for line in log] == ["unavailable"]


# Flow


class Works:
    """A job whose items are numbers; the test lets each of them be done."""

    def __init__(self, loop, items=()):
        self.loop = loop
        self.waiting = list(items)
        self.ready = []  # results that need no work
        self.rooms = []
        self.under_way = {}
        self.most = 0
        self.settled = []
        self.batches = []
        self.troubles = []  # raised by the next settles
        self.take_troubles = []
        self.leaves = 0  # this many settles leave all of it
        self.changed = asyncio.Condition()
        self.running = asyncio.get_running_loop()

    def take(self, room):
        self.rooms.append(room)
        if self.take_troubles:
            raise self.take_troubles.pop(0)
        items, self.waiting = self.waiting[:room], self.waiting[room:]
        results, self.ready = (self.ready, []) if room else ([], self.ready)
        self.tell()
        return items, results

    async def work(self, item):
        self.under_way[item] = asyncio.get_running_loop().create_future()
        self.most = max(self.most, len(self.under_way))
        self.tell()
        await self.under_way[item]
        del self.under_way[item]
        return item

    def settle(self, results):
        self.batches.append(list(results))
        self.tell()
        if self.troubles:
            raise self.troubles.pop(0)
        if self.leaves:
            self.leaves -= 1
            return [], list(results)
        self.settled += results
        self.tell()
        return [a_step(one) for one in results], []

    def tell(self):
        async def notify():
            async with self.changed:
                self.changed.notify_all()

        self.running.call_soon_threadsafe(lambda: self.running.create_task(notify()))

    async def until(self, happened):
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(happened)

    def let(self, *items, fail=None):
        for item in items:
            if fail:
                self.under_way[item].set_exception(fail)
            else:
                self.under_way[item].set_result(None)

    def start(self, limit=2, **but):
        flow = Flow(self.loop, Job(self.take, self.work, self.settle), limit=limit, **but)
        self.flow = asyncio.create_task(flow.run())
        return self.flow


@pytest.fixture
async def works(loop):
    made = Works(loop)
    yield made
    made.flow.cancel()
    await asyncio.gather(made.flow, return_exceptions=True)


async def test_never_more_than_the_limit_is_in_the_works_and_polling_goes_on(works):
    works.waiting = list(range(5))
    works.start(limit=2)
    await works.until(lambda: len(works.under_way) == 2 and works.rooms[-3:] == [0, 0, 0])
    works.let(0)
    await works.until(lambda: 2 in works.under_way)
    works.let(1, 2)
    await works.until(lambda: {3, 4} <= set(works.under_way))
    works.let(3, 4)
    await works.until(lambda: sorted(works.settled) == [0, 1, 2, 3, 4])

    assert works.most == 2
    assert max(works.rooms) == 2


async def test_what_is_done_but_not_settled_still_takes_room(works):
    works.waiting = [0, 1, 2]
    works.leaves = 10**9
    works.start(limit=2)
    await works.until(lambda: len(works.under_way) == 2)
    works.let(0, 1)
    await works.until(lambda: len(works.batches) > 3)
    seen = len(works.rooms)
    await works.until(lambda: len(works.rooms) > seen + 2)
    assert set(works.rooms[seen:]) == {0}

    works.leaves = 0
    await works.until(lambda: 2 in works.under_way)
    assert sorted(works.settled) == [0, 1]


async def test_results_that_need_no_work_are_settled(works, log):
    works.ready = [7, 8]
    works.start()
    await works.until(lambda: works.settled == [7, 8])

    works.loop.stop()
    await within_patience(works.flow)
    assert works.most == 0
    assert [one["correlation_id"] for line in log if line["event"] == "step" for one in line["each"]] == [7, 8]


async def test_what_settle_leaves_is_settled_later(works):
    works.ready = [7]
    works.leaves = 2
    works.start()
    await works.until(lambda: works.settled == [7])

    assert works.batches == [[7], [7], [7]]


async def test_a_store_that_is_away_costs_no_result(works, pauses):
    works.ready = [7, 8]
    works.troubles = [Unavailable("PostgreSQL", "away")] * 2
    works.start()
    await works.until(lambda: works.settled == [7, 8])

    assert works.batches == [[7, 8]] * 3


async def test_asked_to_end_it_takes_nothing_new_and_settles_what_is_open(works):
    works.waiting = [0, 1, 2]
    works.start(limit=2)
    await works.until(lambda: len(works.under_way) == 2)
    works.loop.stop()
    seen = len(works.rooms)
    await works.until(lambda: len(works.rooms) > seen + 3)
    assert not works.flow.done()
    works.let(0)
    await works.until(lambda: works.settled == [0])
    polled = len(works.rooms)
    await works.until(lambda: len(works.rooms) > polled + 3)  # there is room again, and it is not used
    works.let(1)
    await within_patience(works.flow)

    assert sorted(works.settled) == [0, 1]
    assert works.waiting == [2]
    assert set(works.rooms[seen + 1 :]) == {0}


async def test_services_that_are_away_while_it_drains_do_not_cut_it_short(works):
    works.waiting = [0]
    works.start()
    await works.until(lambda: len(works.under_way) == 1)
    works.troubles = [Unavailable("PostgreSQL", "away")] * 3
    works.take_troubles = [Unavailable("Kafka", "away")] * 3
    works.loop.stop()
    works.let(0)
    await within_patience(works.flow)

    assert works.settled == [0]
    assert works.batches == [[0]] * 4


async def test_what_is_not_settled_in_time_is_an_overrun(works, monkeypatch):
    monkeypatch.setattr(loops, "DRAIN", timedelta(milliseconds=50))
    works.waiting = [0]
    works.start()
    await works.until(lambda: len(works.under_way) == 1)
    works.loop.stop()

    with pytest.raises(Overrun):
        await within_patience(works.flow)


@pytest.mark.parametrize("where", ["take", "work", "settle"])
@pytest.mark.parametrize("problem", [Misconfigured("X", "y", "Z"), ZeroDivisionError()], ids=repr)
async def test_a_problem_anywhere_ends_it_with_that_problem(works, where, problem):
    works.waiting = [0]
    works.start()
    await works.until(lambda: len(works.under_way) == 1)
    if where == "take":
        works.take_troubles = [problem]
    elif where == "settle":
        works.troubles = [problem]
        works.let(0)
    else:
        works.let(0, fail=problem)

    with pytest.raises(type(problem)) as raised:
        await within_patience(works.flow)

    assert raised.value is problem


async def test_a_second_problem_is_logged_and_not_lost(works, log):
    works.waiting = [0, 1]
    works.start()
    await works.until(lambda: len(works.under_way) == 2)
    works.let(0, fail=Fatal("the first"))
    works.let(1, fail=Fatal("the second"))

    with pytest.raises(Fatal, match="the first"):
        await within_patience(works.flow)

    assert [line["problem"] for line in log if line["event"] == "also"] == ["the second"]


async def test_after_an_empty_take_it_pauses_and_after_a_full_one_it_does_not(works, monkeypatch):
    naps = []

    async def nap(seconds):
        naps.append(seconds)
        await nap_really(0)

    nap_really = asyncio.sleep
    monkeypatch.setattr(loops.asyncio, "sleep", nap)
    works.waiting = [0]
    works.start(idle=timedelta(seconds=77))
    await works.until(lambda: len(works.rooms) >= 3)

    assert naps[:2] == [77, 77]


# run


def test_a_run_ends_in_order_on_sigterm_and_says_so(log):
    async def main(loop):
        os.kill(os.getpid(), signal.SIGTERM)
        await loop.asked_to_end()

    loops.run("test", main)

    assert [line["event"] for line in log] == ["started", "ended"]
    assert {line["log_level"] for line in log} == {"info"}


def test_a_service_that_is_away_when_it_is_asked_to_end_is_no_failure(log):
    async def main(loop):
        loop.stop()
        await loop.patiently(None, away)

    def away():
        raise Unavailable("Kafka", "away")

    loops.run("test", main)

    assert [line["event"] for line in log] == ["started", "unavailable", "ended"]


def test_what_we_raise_on_purpose_ends_it_with_one_line_without_traceback(log):
    async def main(loop):
        raise Fatal("the client is beyond repair")

    with pytest.raises(Fatal):
        loops.run("test", main)

    (ended,) = [line for line in log if line["event"] == "ended"]
    assert ended == {
        "event": "ended",
        "kind": "Fatal",
        "problem": "the client is beyond repair",
        "worker": "test",
        "log_level": "error",
    }


def test_a_defect_ends_it_with_its_kind_and_place_but_without_its_message(log):
    async def main(loop):
        raise ZeroDivisionError("anna@example.org")

    with pytest.raises(SystemExit) as end:
        loops.run("test", main)

    (ended,) = [line for line in log if line["event"] == "ended"]
    assert end.value.code == 1
    assert ended["kind"] == "ZeroDivisionError"
    assert "in main" in ended["where"][-1]

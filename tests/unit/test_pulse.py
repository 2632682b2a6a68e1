"""What the loop tells the pulse, and what the pulse shows."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from healthnotify.adapters import pulse as pulses
from healthnotify.adapters.counted import CountedStaging, WatchedIntake
from healthnotify.adapters.memory.road import MemoryIntake, MemoryLog
from healthnotify.adapters.memory.staging import MemoryStaging
from healthnotify.adapters.memory.store import MemoryStore
from healthnotify.adapters.pulse import Pulse
from healthnotify.domain.errors import Unavailable
from healthnotify.pipeline.ports import Topic
from healthnotify.workers.loop import Loop
from tests.builders import staged

AT_ONCE = timedelta(0)


class Clock:
    """In the place of `monotonic`."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(pulses, "monotonic", made)
    return made


@pytest.fixture
def pulse(clock):
    return Pulse()


def ages(pulse):
    signs = pulse.signs(None)
    return tuple(None if age is None else age.seconds for age in (signs.round, signs.call, signs.consumed))


def test_it_ages_until_the_loop_comes_round(pulse, clock):
    clock.seconds += 40
    assert ages(pulse) == (40, 0, None)

    pulse.came_round()
    assert ages(pulse) == (0, 0, None)


async def test_a_turn_of_the_loop_is_coming_round(pulse, clock):
    loop = Loop("test", pulse)
    clock.seconds += 40
    with ThreadPoolExecutor(1) as thread:
        await loop.patiently(thread, list)

    assert ages(pulse) == (0, 0, None)


async def test_waiting_for_a_service_is_coming_round_and_no_reason_to_consume(pulse, clock, monkeypatch):
    loop = Loop("test", pulse)
    pulse.consumes(Topic.DAILY, list)
    seen = []

    async def pause(_):
        seen.append(ages(pulse))
        loop.stop()

    def away():
        clock.seconds += 40
        raise Unavailable("Kafka", "away")

    monkeypatch.setattr(loop, "pause", pause)
    with ThreadPoolExecutor(1) as thread, pytest.raises(Unavailable):
        await loop.patiently(thread, away)

    assert seen == [(0, 0, 0)]


async def test_a_call_that_does_not_return_is_seen_though_another_part_of_the_loop_goes_on(pulse, clock):
    loop = Loop("test", pulse)
    begun, go_on = threading.Event(), threading.Event()

    def hangs():
        begun.set()
        go_on.wait(20)

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        hanging = asyncio.create_task(loop.patiently(one, hangs))
        await asyncio.to_thread(begun.wait, 20)
        clock.seconds += 40
        await loop.patiently(other, list)
        assert ages(pulse) == (0, 40, None)
        go_on.set()
        await hanging

    assert ages(pulse) == (0, 0, None)


def test_a_long_call_shows_signs_of_life_by_what_it_calls(pulse, clock):
    staging = CountedStaging(MemoryStaging(), pulse)

    def rebuild():
        clock.seconds += 40
        before = ages(pulse)
        staging.put(staged(MemoryStore()))
        return before, ages(pulse)

    assert pulse.during(rebuild) == ((40, 40, None), (40, 0, None))


def test_taking_and_finishing_records_is_consuming(pulse, clock):
    log = MemoryLog(partitions=1)
    intake = WatchedIntake(MemoryIntake(log, Topic.DAILY), Topic.DAILY, pulse)
    clock.seconds += 40
    assert intake.take(10, AT_ONCE) == []
    assert ages(pulse) == (40, 0, 40)

    log.append(Topic.DAILY, (b"somebody", b"anything", []))
    records = intake.take(10, AT_ONCE)
    assert ages(pulse) == (40, 0, 0)
    clock.seconds += 40
    intake.finish([])
    assert ages(pulse) == (80, 0, 40)
    intake.finish(records)
    assert ages(pulse) == (80, 0, 0)
    assert (pulse.topic, pulse.assigned) == (Topic.DAILY, [0])


async def test_only_a_turn_that_did_something_is_progress(pulse, clock):
    loop = Loop("test", pulse)
    loop.counted("act", list)()
    assert pulse.since_it_did() is None

    loop.counted("act", lambda: ["a step"])()
    clock.seconds += 40
    assert pulse.since_it_did() == timedelta(seconds=40)

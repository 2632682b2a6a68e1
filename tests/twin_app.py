"""All that a worker needs, of twins: the clock is in the test's hand."""

import asyncio
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from healthnotify.adapters.breakers import SharedBreakers
from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.adapters.memory.road import MemoryIntake, MemoryLog, MemoryRoad
from healthnotify.adapters.memory.safeguards import MemoryHolds, MemoryMarks
from healthnotify.adapters.memory.staging import MemoryStaging
from healthnotify.adapters.memory.store import MemoryStore
from healthnotify.adapters.memory.writer import ScriptedWriter
from healthnotify.bootstrap import App
from healthnotify.domain.breaker import BreakerRule
from healthnotify.domain.budget import RetryBudget
from healthnotify.domain.delivery import Accepted
from healthnotify.domain.lifecycle import ENDED, State
from healthnotify.domain.model import Channel, Draft
from healthnotify.workers import loop
from tests.builders import NOON, PLANNING
from tests.world import DELIVERING, PATIENCE, POLICY, WRITING

LOOK = 0.005  # seconds between two looks
LONGEST = 20  # seconds until a test that waits for something has failed


class QuickLoop(loop.Loop):
    """Pauses are short: what they wait for is the clock in the test's hand."""

    async def pause(self, _):
        await super().pause(timedelta(seconds=LOOK))


class TwinApp:
    """As `bootstrap.App`, of twins."""

    batch, in_flight, drafts_in_flight = 50, 8, 8
    breaker_rule = BreakerRule(least=10_000)  # what a test lets a channel say is not to open it in passing
    delivering, planning, writing, retry_policy, patience = DELIVERING, PLANNING, WRITING, POLICY, PATIENCE

    def __init__(self, answer=lambda letter: Accepted(str(letter.id))):
        self.instant = NOON
        self.retry_budget = RetryBudget()
        self.store = MemoryStore()
        self.holds = MemoryHolds(self.store)
        self.marks = MemoryMarks()
        self.staging = MemoryStaging()
        self.log = MemoryLog(partitions=2)
        self.road = MemoryRoad(self.log, clock=self.now)
        self.channel = ScriptedChannel(answer)
        self.intakes = []
        self.writers = []

    def now(self):
        return self.instant

    def dice(self):
        return 0.5

    def new_id(self):
        return uuid4()

    def channels(self):
        return {Channel.EMAIL: self.channel, Channel.SMS: self.channel}

    def breakers(self):
        return SharedBreakers(None, self.breaker_rule)

    ways = App.ways

    def intake(self, topic):
        self.intakes.append(MemoryIntake(self.log, topic, crash_log=self.marks.log(topic)))
        return self.intakes[-1]

    def writer(self):
        self.writers.append(ClosableWriter())
        return self.writers[-1]

    # what tests ask

    def states(self):
        return Counter(row.state for row in self.store.rows.values())

    def rest(self):
        """Whether everything that is left waits for the clock."""
        waiting = [r for r in self.store.rows.values() if r.state is State.RETRY and r.next_attempt_at is not None]
        return len(waiting) + sum(self.states()[state] for state in ENDED) == len(self.store.rows)

    def due_again(self):
        waiting = [row for row in self.store.rows.values() if row.state is State.RETRY]
        return [row for row in waiting if row.next_attempt_at is not None and row.next_attempt_at <= self.instant]

    def uncommitted(self, topic):
        return sum(map(len, self.log.topics[topic])) - sum(self.log.groups[topic].committed.values())

    def sent(self):
        return Counter(letter.id for letter in self.channel.letters)


class ClosableWriter(ScriptedWriter):
    def __init__(self):
        super().__init__([Draft("A walk?", "{greeting}\nTen minutes outside would do.")])
        self.is_closed = False

    async def close(self):
        self.is_closed = True


@asynccontextmanager
async def running(app, *workers):
    """These workers run; afterwards they are asked to end, and they do so without an error."""
    loops = [QuickLoop(worker.__name__.rpartition(".")[2]) for worker in workers]
    tasks = [asyncio.create_task(worker.run(one, app)) for worker, one in zip(workers, loops, strict=True)]
    try:
        yield loops
        for one in loops:
            one.stop()
        async with asyncio.timeout(LONGEST):
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(happened, why):
    """Look until it has; the other tasks go on meanwhile."""
    deadline = time.monotonic() + LONGEST
    while not happened():
        assert time.monotonic() < deadline, why
        await asyncio.to_thread(threading.Event().wait, LOOK)

"""All ports in memory, with the clock in the test's hand."""

from asyncio import Semaphore
from datetime import timedelta
from uuid import uuid4

import pytest

from healthnotify.adapters.memory.breakers import MemoryBreakers
from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.adapters.memory.road import MemoryIntake, MemoryLog, MemoryRoad
from healthnotify.adapters.memory.staging import MemoryStaging
from healthnotify.adapters.memory.store import MemoryStore
from healthnotify.domain.budget import RetryBudget
from healthnotify.domain.model import Channel
from healthnotify.domain.retry_policy import RetryPolicy
from healthnotify.pipeline import build, deliver
from healthnotify.pipeline.bury import bury
from healthnotify.pipeline.ports import DueIndex, Topic
from healthnotify.pipeline.publish import publish
from healthnotify.pipeline.retry import retry
from healthnotify.pipeline.sweep import Patience, sweep
from tests.builders import NOON, a_person, staged

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
DUE = NOON + 5 * MINUTE
DELIVERING = deliver.Delivering(lease=MINUTE, send_timeout=15 * SECOND, daily_cap=10)
WRITING = build.Writing(lease=MINUTE, deadline=20 * SECOND)
POLICY = RetryPolicy(attempts=3, first=10 * SECOND)
PATIENCE = Patience()


class World:
    """Everything in memory, with the clock in the test's hand."""

    def __init__(self):
        self.now = NOON
        self.store = MemoryStore()
        self.staging = MemoryStaging()
        self.staging.clear()
        self.staging.warm()
        self.log = MemoryLog()
        self.road = MemoryRoad(self.log, clock=lambda: self.now)
        self.daily = MemoryIntake(self.log, Topic.DAILY)
        self.retries = MemoryIntake(self.log, Topic.RETRY)
        self.channel = ScriptedChannel()
        self.breakers = MemoryBreakers(clock=self._seconds)
        self.budget = RetryBudget()

    def _seconds(self):
        return self.now.timestamp()

    def stage(self, *people):
        entries = staged(self.store, list(people) or [a_person()])
        self.staging.put(entries)
        self.now = DUE
        return entries

    def publish(self, index=DueIndex.DAILY):
        return publish(
            index,
            now=self.now,
            limit=100,
            store=self.store,
            staging=self.staging,
            road=self.road,
            stops=self.store.stops(),
        )

    def take(self):
        arrivals = [deliver.Arrival(record, uuid4(), self.now) for record in self.daily.take(100, timedelta(0))]
        return self.claim(arrivals)

    def claim(self, arrivals):
        """Suspects after the others, one by one."""
        taken = self._claim(arrivals)
        for suspect in taken.suspects:
            alone = self._claim([suspect], alone=True)
            for field in ("to_send", "to_settle", "parked", "finished"):
                getattr(taken, field).extend(getattr(alone, field))
        return taken

    def _claim(self, arrivals, *, alone=False):
        taken = deliver.take(
            arrivals, now=self.now, store=self.store, road=self.road, delivering=DELIVERING, burying=100, alone=alone
        )
        self.daily.finish(taken.finished)
        return taken

    async def send(self, taken):
        ways = self.ways({Channel.EMAIL: self.channel, Channel.SMS: self.channel})
        sent = [await deliver.send(held, ways=ways, delivering=DELIVERING) for held in taken.to_send]
        return sent + taken.to_settle

    def ways(self, channels):
        turns = {channel: Semaphore(port.at_once) for channel, port in channels.items()}
        return deliver.Ways(channels, turns, self.breakers, self.store.stops, lambda: self.now, lambda: 0.5)

    def settle(self, sent):
        settled = deliver.settle(sent, now=self.now, store=self.store, staging=self.staging, road=self.road)
        self.daily.finish(settled.finished)
        return settled.steps, settled.finished, settled.left

    async def deliver(self):
        return self.settle(await self.send(self.take()))

    def retry(self, dice=0.5):
        records = self.retries.take(100, timedelta(0))
        steps, settled = retry(
            [record.content for record in records],
            now=self.now,
            store=self.store,
            staging=self.staging,
            road=self.road,
            policy=POLICY,
            budget=self.budget,
            dice=lambda: dice,
        )
        if settled:
            self.retries.finish(records)
        return steps

    def bury(self, *records):
        return bury(records, now=self.now, store=self.store, staging=self.staging, road=self.road)

    def sweep(self):
        return sweep(now=self.now, limit=100, store=self.store, staging=self.staging, road=self.road, patience=PATIENCE)

    def state(self, entry):
        return self.store.rows[entry.id].state

    def indexed(self, index, at=None):
        return [due.id for due in self.staging.due(index, at or self.now, 100, timedelta(0)) or []]


@pytest.fixture
def world():
    """A fresh one."""
    return World()

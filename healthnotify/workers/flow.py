"""Many at a time: taken in batches, worked on concurrently, settled in batches, drained at the end."""

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import perf_counter
from typing import Final, Generic, TypeVar

from healthnotify.adapters.metrics import count_part
from healthnotify.adapters.telemetry import Log
from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import Unavailable
from healthnotify.workers.loop import Loop

Item = TypeVar("Item")
Result = TypeVar("Result")

AGAIN: Final = timedelta(milliseconds=250)  # before what Kafka did not confirm is tried again
BREATH: Final = timedelta(milliseconds=20)  # between two looks while it drains
STRETCH: Final = 64  # items that are worked on without a pause before others have a turn


@dataclass(frozen=True, slots=True)
class Job(Generic[Item, Result]):
    """Work that runs concurrently between a blocking beginning and a blocking end, both on batches.

    `take(room)` answers items to work on and results that need no work; `settle` answers the steps and what it could
    not settle yet.
    """

    take: Callable[[int], tuple[Sequence[Item], Sequence[Result]]]
    work: Callable[[Item], Awaitable[Result]]
    settle: Callable[[Sequence[Result]], tuple[Sequence[Step], Sequence[Result]]]


class Flow(Generic[Item, Result]):
    """Keeps up to `limit` items in the works.

    `take(0)` is still called while everything is busy, and while it drains: a consumer must keep polling. `idle` is
    the pause after an empty `take`.
    """

    def __init__(self, loop: Loop, job: Job[Item, Result], *, limit: int, idle: timedelta = timedelta(0)) -> None:
        self._loop = loop
        self._job = job
        self._limit = limit
        self._idle = idle
        self._waiting: deque[Item] = deque()  # nobody works on them yet
        self._done: list[Result] = []
        self._news = asyncio.Event()  # something is done
        self._open = 0  # items and results that were taken and are not settled

    async def run(self) -> None:
        """Until it is asked to end; raises `Overrun` when what is open is not settled within `DRAIN` then.

        What else a part of it raises goes up as it is, not in a group, and ends the other parts.
        """
        try:
            async with asyncio.TaskGroup() as group:
                others = [group.create_task(self._settling()), group.create_task(self._loop.overrun())]
                await self._taking(group)
                for other in others:
                    other.cancel()
        except BaseExceptionGroup as problems:
            raise first_of(problems, self._loop.log) from None

    async def _taking(self, group: asyncio.TaskGroup) -> None:
        with ThreadPoolExecutor(1) as thread:
            while not (self._loop.stopping and self._open == 0):
                room = 0 if self._loop.stopping else max(0, self._limit - self._open)
                try:
                    take = self._loop.counted("take", partial(self._job.take, room), any)
                    items, results = await self._loop.patiently(thread, take)
                except Unavailable:  # asked to end: what is open may still be settled
                    items, results = [], []
                    await asyncio.sleep(AGAIN.total_seconds())
                self._open += len(items) + len(results)
                if results:
                    self._put_down(results)
                if items:
                    self._waiting.extend(items)
                    group.create_task(self._working(group))
                else:
                    await asyncio.sleep((BREATH if self._loop.stopping else self._idle).total_seconds())

    async def _working(self, group: asyncio.TaskGroup) -> None:
        """Work on what waits until nothing does. While one item has to wait for somebody, the next has a task of its
        own: there are as many as there are waits at a time, and none where there is nothing to wait for."""
        for number in itertools.count(1):
            if not self._waiting:
                return
            item = self._waiting.popleft()
            if number == 1 and self._waiting:
                group.create_task(self._working(group))
            began = perf_counter()
            result = await self._job.work(item)
            count_part(self._loop.worker, "work", perf_counter() - began)
            self._put_down([result])
            if number % STRETCH == 0:
                await asyncio.sleep(0)

    def _put_down(self, results: Sequence[Result]) -> None:
        """To be settled."""
        self._done += results
        self._news.set()

    async def _settling(self) -> None:
        with ThreadPoolExecutor(1) as thread:
            while True:
                await self._news.wait()
                self._news.clear()
                batch, self._done = self._done, []
                try:
                    settle = self._loop.counted("settle", partial(self._job.settle, batch), any)
                    steps, left = await self._loop.patiently(thread, settle)
                except Unavailable:  # asked to end: tried again for as long as the drain may last
                    steps, left = [], batch
                self._loop.log.steps(steps)
                self._open -= len(batch) - len(left)
                if left:
                    self._put_down(left)
                    await asyncio.sleep(AGAIN.total_seconds())


def first_of(problems: BaseExceptionGroup[BaseException], log: Log) -> BaseException:
    """What ended a group of tasks; what came up beside it is logged."""
    first, *others = problems.exceptions
    for other in others:
        log.broken("also", other)
    return first

"""Publishes what is due, five times a second, two batches at a time."""

import asyncio
from datetime import timedelta
from typing import Final

from healthnotify.bootstrap import App
from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import Unavailable
from healthnotify.pipeline.ports import DueIndex
from healthnotify.pipeline.publish import publish
from healthnotify.workers.flow import first_of
from healthnotify.workers.loop import Loop

PERIOD: Final = timedelta(milliseconds=200)


async def run(loop: Loop, app: App) -> None:
    """Until it is asked to end."""
    store, staging, road = await loop.obtain(lambda: (app.store, app.staging, app.road))

    def act() -> list[Step]:
        return publish(
            DueIndex.DAILY,
            now=app.now(),
            limit=app.batch,
            store=store,
            staging=staging,
            road=road,
            stops=store.stops(),
        )

    def beside() -> list[Step]:
        """While one batch waits for Kafka, this one is with PostgreSQL. The cache hides from it what the other has
        taken; PostgreSQL, which is asked while that is cold, would give both the same."""
        try:
            return [] if staging.is_cold() else act()
        except Unavailable:
            return []  # the other waits for whoever is away, and says so

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(loop.every(PERIOD, act))
            group.create_task(loop.every(PERIOD, beside))
    except BaseExceptionGroup as problems:
        raise first_of(problems, loop.log) from None

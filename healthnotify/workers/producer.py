"""Publishes what is due, five times a second, two batches at a time."""

import asyncio
from datetime import timedelta
from typing import Final

from healthnotify.bootstrap import App
from healthnotify.domain.delivery import Step
from healthnotify.pipeline.ports import DueIndex
from healthnotify.pipeline.publish import publish
from healthnotify.workers.flow import first_of
from healthnotify.workers.loop import Loop

PERIOD: Final = timedelta(milliseconds=200)
#: While one batch waits for Kafka, the other is with PostgreSQL. What one has taken is hidden from the other, as it is
#: from other producers.
AT_A_TIME: Final = 2


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

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_A_TIME):
                group.create_task(loop.every(PERIOD, act))
    except BaseExceptionGroup as problems:
        raise first_of(problems, loop.log) from None

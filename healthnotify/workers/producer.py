"""Publishes what is due, five times a second."""

from datetime import timedelta

from healthnotify.bootstrap import App
from healthnotify.pipeline.ports import DueIndex
from healthnotify.pipeline.publish import publish
from healthnotify.workers.loop import Loop


async def run(loop: Loop, app: App) -> None:
    """Until it is asked to end."""
    await loop.every(
        timedelta(milliseconds=200),
        lambda: publish(
            DueIndex.DAILY,
            now=app.now(),
            limit=app.batch,
            store=app.store,
            staging=app.staging,
            road=app.road,
            stops=app.store.stops(),
        ),
    )

"""Puts back on its way what stands still; rebuilds Redis. Once a second it looks, and mostly finds nothing."""

from datetime import timedelta

from healthnotify.bootstrap import App
from healthnotify.pipeline.sweep import sweep
from healthnotify.workers.loop import Loop


async def run(loop: Loop, app: App) -> None:
    """Until it is asked to end."""
    await loop.every(
        timedelta(seconds=1),
        lambda: sweep(
            now=app.now(),
            limit=app.batch,
            store=app.store,
            staging=app.staging,
            road=app.road,
            patience=app.patience,
        ),
    )

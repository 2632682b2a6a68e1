"""Plans what is due soon, once a second."""

from datetime import timedelta

from healthnotify.bootstrap import App
from healthnotify.pipeline.plan import plan
from healthnotify.workers.loop import Loop


async def run(loop: Loop, app: App) -> None:
    """Until it is asked to end."""
    await loop.every(
        timedelta(seconds=1),
        lambda: plan(now=app.now(), limit=app.batch, store=app.store, planning=app.planning),
    )

"""Decides what follows a failed try, and publishes the next one when its time has come."""

from datetime import timedelta
from functools import partial
from typing import Final

from healthnotify.bootstrap import App
from healthnotify.domain.delivery import Envelope, Record, Step
from healthnotify.pipeline.bury import bury
from healthnotify.pipeline.ports import DueIndex, Topic
from healthnotify.pipeline.publish import publish
from healthnotify.pipeline.retry import retry
from healthnotify.workers.loop import Loop

WAIT: Final = timedelta(milliseconds=200)


async def run(loop: Loop, app: App) -> None:
    """Until it is asked to end."""
    intake = await loop.obtain(partial(app.intake, Topic.RETRY))
    held: list[Record] = []  # records that are not settled yet

    def act() -> list[Step]:
        held.extend(intake.take(app.batch - len(held), WAIT))
        now = app.now()
        buried = bury(held, now=now, store=app.store, road=app.road)
        intake.finish(buried)
        held[:] = [record for record in held if record not in buried]
        envelopes = [record.content for record in held if isinstance(record.content, Envelope)]
        steps, settled = retry(
            envelopes,
            now=now,
            store=app.store,
            staging=app.staging,
            road=app.road,
            policy=app.retry_policy,
            dice=app.dice,
        )
        if settled:
            ours = [record for record in held if isinstance(record.content, Envelope)]
            intake.finish(ours)
            held[:] = [record for record in held if record not in ours]
        due = publish(DueIndex.RETRY, now=now, limit=app.batch, store=app.store, staging=app.staging, road=app.road)
        return steps + due

    try:
        await loop.every(timedelta(0), act)
    finally:
        intake.close()

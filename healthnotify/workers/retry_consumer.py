"""Decides what follows a failed try, and publishes the next one when its time has come."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from healthnotify.bootstrap import App
from healthnotify.domain.delivery import Envelope, Poison, Record, Step
from healthnotify.pipeline.bury import bury
from healthnotify.pipeline.ports import DueIndex, Topic
from healthnotify.pipeline.publish import publish
from healthnotify.pipeline.retry import retry
from healthnotify.workers.floodgate import Floodgate
from healthnotify.workers.loop import Loop

WAIT: Final = timedelta(milliseconds=200)
MOST: Final = 100  # taken at a time: should all of them be given up, the flood ends with them


async def run(loop: Loop, app: App) -> None:
    """Until it is asked to end."""
    intake = await loop.obtain(partial(app.intake, Topic.RETRY))
    gate = Floodgate(loop, app, Topic.RETRY, most=MOST)
    held: list[Record] = []  # records that are not settled yet

    def finish(records: Sequence[Record]) -> None:
        intake.finish(records)
        held[:] = [record for record in held if record not in records]

    def act() -> list[Step]:
        held.extend(intake.take(gate.room(app.batch - len(held)), WAIT))
        now = app.now()
        poison = [record for record in held if isinstance(record.content, Poison)][: gate.burying()]
        buried, ended = bury(poison, now=now, store=app.store, staging=app.staging, road=app.road)
        finish(buried)
        ours = list(held)
        envelopes = [record.content for record in ours if isinstance(record.content, Envelope)]
        steps, settled = retry(
            envelopes,
            now=now,
            store=app.store,
            staging=app.staging,
            road=app.road,
            policy=app.retry_policy,
            budget=app.retry_budget,
            dice=app.dice,
        )
        gate.passed(len(buried) + settled * len(envelopes), len(buried))
        gate.decided(envelopes, steps)
        if settled:
            finish([record for record in ours if isinstance(record.content, Envelope)])
        due = {"now": now, "limit": app.batch, "stops": app.store.stops()}
        return ended + steps + publish(DueIndex.RETRY, store=app.store, staging=app.staging, road=app.road, **due)

    try:
        await loop.every(timedelta(0), act)
    finally:
        intake.close()

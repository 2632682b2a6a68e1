"""Sends what is on the daily topic: many at a time, in any order, each claimed before and recorded after."""

from collections.abc import Sequence
from functools import partial

from healthnotify.adapters.metrics import count_sent
from healthnotify.bootstrap import App
from healthnotify.domain.delivery import Step
from healthnotify.domain.model import Channel
from healthnotify.pipeline import deliver
from healthnotify.pipeline.ports import Topic
from healthnotify.workers.floodgate import Floodgate
from healthnotify.workers.flow import Flow, Job
from healthnotify.workers.loop import Loop
from healthnotify.workers.taking import WIDEST, Taking


async def run(loop: Loop, app: App) -> None:
    """Until it is asked to end; then it takes no more, finishes what it holds, commits and leaves the group."""
    channels = app.channels()  # before Kafka is waited for: a setting that is missing is told at once
    intake = await loop.obtain(partial(app.intake, Topic.DAILY))
    taking = Taking(app, intake, Floodgate(loop, app, Topic.DAILY), loop.log.steps)
    breakers = app.breakers()
    ways = app.ways(channels, breakers, stops=lambda: taking.stops)

    async def send(held: deliver.Held) -> deliver.Sent:
        sent = await deliver.send(held, ways=ways, delivering=app.delivering)
        count_sent(sent, app.now())
        return sent

    def settle(sent: Sequence[deliver.Sent]) -> tuple[list[Step], list[deliver.Sent]]:
        it = deliver.settle(sent, now=app.now(), store=app.store, staging=app.staging, road=app.road)
        intake.finish(it.finished)
        taking.settled(sent, it)
        return it.steps, it.left

    try:
        await Flow(loop, Job(taking.take, send, settle), limit=WIDEST * app.in_flight * len(Channel)).run()
    finally:
        intake.close()
        await breakers.close()
        for channel in channels.values():
            await channel.close()

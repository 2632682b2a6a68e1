"""Sends what is on the daily topic: many at a time, in any order, each claimed before and recorded after."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from healthnotify.adapters.metrics import count_sent
from healthnotify.bootstrap import App
from healthnotify.domain.delivery import Poison, Step
from healthnotify.pipeline import deliver
from healthnotify.pipeline.bury import bury
from healthnotify.pipeline.ports import Topic
from healthnotify.workers.flow import Flow, Job
from healthnotify.workers.loop import Loop

WAIT: Final = timedelta(milliseconds=100)


async def run(loop: Loop, app: App) -> None:
    """Until it is asked to end; then it takes no more, finishes what it holds, commits and leaves the group."""
    channels = app.channels()  # before Kafka is waited for: a setting that is missing is told at once
    intake = await loop.obtain(partial(app.intake, Topic.DAILY))
    waiting: list[deliver.Arrival] = []  # parked, or not yet handled because a service was away

    def take(room: int) -> tuple[list[deliver.Held], list[deliver.Sent]]:
        records = intake.take(max(0, room - len(waiting)), WAIT)
        now = app.now()  # after the wait: what was published during it is not early
        waiting.extend(deliver.Arrival(record, app.new_id(), now) for record in records)
        ready = [arrival for arrival in waiting if arrival.not_before <= now and room]
        poison = [arrival.record for arrival in ready if isinstance(arrival.record.content, Poison)]
        ours = [arrival for arrival in ready if not isinstance(arrival.record.content, Poison)]
        buried = bury(poison, now=now, store=app.store, road=app.road)
        taken = deliver.take(ours, now=now, store=app.store, road=app.road, delivering=app.delivering)
        done = {id(arrival) for arrival in ours} | {id(record) for record in buried}
        waiting[:] = [one for one in waiting if not done & {id(one), id(one.record)}] + taken.parked
        intake.finish(buried + taken.finished)
        return taken.to_send, taken.to_settle

    async def send(held: deliver.Held) -> deliver.Sent:
        sent = await deliver.send(held, now=app.now(), channels=channels, delivering=app.delivering)
        count_sent(sent, app.now())
        return sent

    def settle(sent: Sequence[deliver.Sent]) -> tuple[list[Step], list[deliver.Sent]]:
        steps, finished, left = deliver.settle(sent, now=app.now(), store=app.store, staging=app.staging, road=app.road)
        intake.finish(finished)
        return steps, left

    try:
        await Flow(loop, Job(take, send, settle), limit=app.in_flight).run()
    finally:
        intake.close()
        for channel in channels.values():
            await channel.close()

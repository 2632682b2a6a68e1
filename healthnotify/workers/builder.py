"""Writes what is planned, many drafts at a time."""

from collections.abc import Sequence
from datetime import timedelta

from healthnotify.bootstrap import App
from healthnotify.domain.delivery import Step
from healthnotify.domain.model import Assignment, Message
from healthnotify.pipeline import build
from healthnotify.workers.flow import Flow, Job
from healthnotify.workers.loop import Loop


async def run(loop: Loop, app: App) -> None:
    """Until it is asked to end; drafts that are under way then are finished."""
    writer = app.writer()

    def take(room: int) -> tuple[list[Assignment], list[Message]]:
        if loop.stopping:
            return [], []
        taken = build.take(now=app.now(), limit=room, store=app.store, writing=app.writing)
        loop.log.steps(taken.steps)
        return taken.to_write, taken.ready

    async def write(assignment: Assignment) -> Message:
        return await build.write(assignment, now=app.now(), writer=writer, writing=app.writing)

    def settle(messages: Sequence[Message]) -> tuple[list[Step], list[Message]]:
        return build.settle(messages, now=app.now(), store=app.store, staging=app.staging), []

    try:
        await Flow(loop, Job(take, write, settle), limit=app.drafts_in_flight, idle=timedelta(milliseconds=200)).run()
    finally:
        await writer.close()

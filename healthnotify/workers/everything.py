"""All workers on one machine: one process each, started again when one dies, ended together."""

import asyncio
import sys
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from time import monotonic
from typing import Final

from healthnotify.domain.errors import Fatal
from healthnotify.workers.loop import DRAIN, Loop

WORKERS: Final = ("planner", "builder", "producer", "consumer", "retry-consumer", "sweeper")
PAUSE: Final = timedelta(seconds=1)
#: A worker that dies this often in a minute will not get better by itself.
MOST_DEATHS: Final = 5


async def run(loop: Loop, ports: Mapping[str, int]) -> None:
    """Each with that port for its health, until it is asked to end; raises `Fatal` when one cannot be kept alive."""
    async with asyncio.TaskGroup() as group:
        kept = [group.create_task(_keep(loop, name, port)) for name, port in ports.items()]
    for problem in filter(None, (one.result() for one in kept)):
        raise Fatal(problem)


async def _keep(loop: Loop, name: str, port: int) -> str | None:
    """Until we are asked to end; answers why it cannot be kept alive. To raise would leave the others' processes."""
    deaths: deque[float] = deque(maxlen=MOST_DEATHS)
    while not loop.stopping:
        child = await asyncio.create_subprocess_exec(sys.executable, sys.argv[0], "worker", name, f"--port={port}")
        loop.log.note("worker_started", name=name, pid=child.pid)
        code = await _end_of(loop, child)
        if loop.stopping:
            loop.log.note("worker_ended", name=name, code=code)
            return None
        loop.log.trouble("worker_died", name=name, code=code)
        deaths.append(monotonic())
        if len(deaths) == MOST_DEATHS and deaths[-1] - deaths[0] < timedelta(minutes=1).total_seconds():
            loop.stop()
            return f"the worker {name} died {MOST_DEATHS} times within a minute; its log lines above say why"
        await loop.pause(PAUSE)
    return None


async def _end_of(loop: Loop, child: asyncio.subprocess.Process) -> int:
    """Its exit code; once we are asked to end, it is asked too, and ended when it does not."""
    ended = asyncio.ensure_future(child.wait())
    asked = asyncio.ensure_future(loop.asked_to_end())
    await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not ended.done():
        child.terminate()
        try:
            async with asyncio.timeout(DRAIN.total_seconds() + 5):
                await asyncio.shield(ended)
        except TimeoutError:
            child.kill()
    return await ended

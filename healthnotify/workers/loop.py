"""The one loop: calls a verb again and again, logs each step once, waits out trouble, ends in order."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import perf_counter
from typing import Final, TypeVar

import uvloop

from healthnotify.adapters.metrics import count_part
from healthnotify.adapters.pulse import Pulse
from healthnotify.adapters.telemetry import Log
from healthnotify.adapters.watch import Watch
from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import HealthNotifyError, Unavailable

Result = TypeVar("Result")

DRAIN: Final = timedelta(seconds=20)
LONGEST_PAUSE: Final = timedelta(seconds=10)
#: When the collector looks for cycles. Tens of thousands of records may wait here, and hold none.
RARELY: Final = (50_000, 20, 50)


class Overrun(Exception):
    """The drain took longer than `DRAIN`."""


class Loop:
    """One worker's run: its log, its pulse, and whether it has been asked to end."""

    def __init__(self, worker: str, pulse: Pulse | None = None) -> None:
        self.worker = worker
        self.log = Log(worker)
        self.pulse = pulse or Pulse()
        self._stop = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether SIGTERM or Ctrl-C has come."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask it to end."""
        self._stop.set()

    async def asked_to_end(self) -> None:
        """Wait for it."""
        await self._stop.wait()

    async def pause(self, time: timedelta) -> None:
        """Wait, but not longer than until it is asked to end."""
        try:
            await asyncio.wait_for(self._stop.wait(), time.total_seconds())
        except TimeoutError:
            return

    async def overrun(self) -> None:
        """Raises `Overrun` when the drain takes too long after the request to end."""
        await self.asked_to_end()
        await asyncio.sleep(DRAIN.total_seconds())
        raise Overrun

    async def every(self, period: timedelta, act: Callable[[], Sequence[Step]]) -> None:
        """Call `act`, always in the same thread: at once again when it did something, else after `period`."""
        with ThreadPoolExecutor(1) as thread:
            while not self.stopping:
                steps = await self.patiently(thread, self.counted("act", act))
                self.log.steps(steps)
                if not steps:
                    await self.pause(period)

    def counted(
        self, part: str, call: Callable[[], Result], came: Callable[[Result], bool] = bool
    ) -> Callable[[], Result]:
        """The same call; when something `came` of it, that and its time are noted. Idle turns would drown the rest."""

        def noting() -> Result:
            began = perf_counter()
            result = call()
            if came(result):
                self.pulse.did()
                count_part(self.worker, part, perf_counter() - began)
            return result

        return noting

    async def patiently(self, thread: ThreadPoolExecutor, act: Callable[[], Result]) -> Result:
        """Call `act` until its services answer, with longer and longer pauses; whatever else it raises goes up.

        Asked to end in the meantime, it raises `Unavailable` like `act` did: the caller knows what it still holds.
        """
        pause = timedelta(milliseconds=250)
        while True:
            try:
                result = await asyncio.get_running_loop().run_in_executor(thread, self.pulse.during, act)
                self.pulse.came_round()
                return result
            except Unavailable as problem:
                self.pulse.waited()
                self.log.trouble("unavailable", service=problem.service, problem=problem.problem)
                await self.pause(pause)
                if self.stopping:
                    raise
                pause = min(2 * pause, LONGEST_PAUSE)

    async def obtain(self, make: Callable[[], Result]) -> Result:
        """What `make` gives as soon as its service answers, as `patiently` does it."""
        with ThreadPoolExecutor(1) as thread:
            return await self.patiently(thread, make)


def run(worker: str, main: Callable[[Loop], Awaitable[None]], watch: Watch | None = None) -> None:
    """Run a worker until SIGTERM or Ctrl-C; what it raises ends the process with a non-zero code.

    A service that was away when it was asked to end is no reason for that: what it held was settled or is on the road.
    `watch` looks after it meanwhile.
    """

    gc.freeze()
    gc.set_threshold(*RARELY)

    async def run() -> None:
        loop = Loop(worker, watch.pulse if watch else None)
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, loop.stop)
        loop.log.note("started", **({"port": watch.port} if watch else {}))
        if watch:
            watch.start()
        try:
            await main(loop)
        except BaseException as problem:
            if not (isinstance(problem, Unavailable) and loop.stopping):
                loop.log.broken("ended", problem)
                # A defect has been told without its message; Python would print that, and all of the traceback, again.
                raise problem if isinstance(problem, HealthNotifyError) else SystemExit(1) from None
        finally:
            if watch:
                watch.end()
        loop.log.note("ended")

    uvloop.run(run())

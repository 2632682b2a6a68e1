"""A worker as production runs it, but for the channel, which accepts everything, at once or after so many seconds.

python -m bench.worker producer|consumer [SECONDS]
"""

import asyncio
import os
import sys
from importlib import import_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from healthnotify import bootstrap
from healthnotify.domain.delivery import Accepted, Letter, Outcome
from healthnotify.domain.model import Channel
from healthnotify.given import setting
from healthnotify.pipeline.ports import ChannelPort
from healthnotify.workers import loop


class Nothing:
    """A channel that does nothing, for as long as it is told."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @property
    def at_once(self) -> int:
        """As many as there may be."""
        return 100_000

    def provider(self, _: Letter) -> str:
        """One that never fails."""
        return "nothing"

    async def send(self, _: Letter) -> Outcome:
        """Accepted."""
        if self._seconds:
            await asyncio.sleep(self._seconds)
        return Accepted()

    async def close(self) -> None:
        """Nothing to let go of."""


class App(bootstrap.App):
    """As in production, on that channel."""

    def channels(self) -> dict[Channel, ChannelPort]:
        """Nothing, over every channel."""
        seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
        return {channel: Nothing(seconds) for channel in Channel}


def main() -> None:
    """What `manage.py worker NAME` does."""
    name = sys.argv[1]
    bootstrap.app()
    app = App()
    watch = bootstrap.watch(name, app.pulse)
    watch.serve(setting("health_host"), 0)
    worker = import_module(f"healthnotify.workers.{name}")
    loop.run(name, lambda running: worker.run(running, app), watch)


if __name__ == "__main__":
    main()

"""The model behind a breaker: a server that fails is left alone, and templates take over at once."""

from datetime import timedelta
from typing import Final

from healthnotify.adapters.counted import ClosableWriter
from healthnotify.domain.model import Brief, Draft
from healthnotify.pipeline.ports import Breakers, NotWritten

OPEN: Final = "breaker_open"
#: Reasons that say that the server does not do its work. A bad draft is work, and a limit has its own wait.
DOWN: Final = frozenset({"timeout", "server_error", "unreachable"})


class GuardedWriter:
    """The Writer port."""

    def __init__(self, writer: ClosableWriter, breakers: Breakers) -> None:
        self._writer = writer
        self._breakers = breakers
        self._provider = f"model:{writer.model}"

    @property
    def model(self) -> str:
        """See `ports.Writer`."""
        return self._writer.model

    @property
    def prompt_id(self) -> str:
        """See `ports.Writer`."""
        return self._writer.prompt_id

    async def write(self, brief: Brief, deadline: timedelta) -> Draft:
        """See `ports.Writer`."""
        if await self._breakers.ask(self._provider):
            raise NotWritten(OPEN)
        try:
            draft = await self._writer.write(brief, deadline)
        except NotWritten as problem:
            await self._breakers.tell(self._provider, good=problem.reason not in DOWN)
            raise
        await self._breakers.tell(self._provider, good=True)
        return draft

    async def close(self) -> None:
        """Let go of connections."""
        await self._writer.close()
        await self._breakers.close()

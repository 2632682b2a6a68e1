"""The live page: one collector a process, started by the first viewer and ended after the last, feeds every stream."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from time import monotonic
from typing import Any, Final

from healthnotify.apps.operations import panels
from healthnotify.apps.operations.board import BOARD, Board, Reading
from healthnotify.apps.operations.panels import PANELS, Fragment
from healthnotify.apps.operations.templatetags.words import clock

ROUND: Final = 1.0  #: seconds between two looks at what is due
BEAT: Final = 5.0  #: seconds of silence after which a stream says that it still lives
#: Then a stream ends and the browser comes again, so that whoever was logged out stops seeing.
LONGEST: Final = 300.0

Now = Callable[[], datetime]


class Live:
    """What viewers see. Each stream remembers what it has sent, so a slow one holds up nobody and piles up nothing."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._seen: dict[str, tuple[Reading, ...]] = {}
        self.fragments: dict[str, Fragment] = {}
        self.alarm = ""
        self.viewers = 0
        self._collector: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @property
    def is_collecting(self) -> bool:
        """Whether anybody looks."""
        return self._collector is not None and not self._collector.done()

    def look(self, now: Now) -> None:
        """Refresh what is due, and render what has changed. Blocks: call it in a thread."""
        readings = self._board.refresh(now)
        self.alarm = panels.alarm(readings, self._board.outage, now())
        for name, panel in PANELS.items():
            sources = tuple(readings[source] for source in panel.sources)
            # What is said of workers changes with the clock: those that are not heard of say nothing new.
            if self._seen.get(name) != sources or "workers" in panel.sources:
                self.fragments[name] = panels.render(name, readings, now())
                self._seen[name] = sources

    async def stream(self, now: Now, *, longest: float = LONGEST, beat: float = BEAT) -> AsyncIterator[str]:
        """Server-sent events: all of it first, then what changes, with a beat whenever nothing does."""
        self._join(now)
        until = monotonic() + longest
        sent: dict[str, str] = {}
        try:
            yield "retry: 3000\n\n"
            while monotonic() < until:
                news = self._news
                if self.fragments:
                    yield self._message(sent, now())
                await self._wait_for(news, beat)
        finally:
            self._leave()

    def _message(self, sent: dict[str, str], now: datetime) -> str:
        pieces = []
        for fragment in list(self.fragments.values()):
            at = str(clock(fragment.at))
            piece = {"name": fragment.name, "at": at}
            if sent.get(fragment.name) != fragment.html:
                piece["html"] = sent[fragment.name] = fragment.html
            pieces.append(piece)
        return event({"at": f"{now:%H:%M:%S}", "alarm": self.alarm, "panels": pieces})

    def _join(self, now: Now) -> None:
        self.viewers += 1
        if not self.is_collecting:
            self._news = asyncio.Event()
            self._collector = asyncio.create_task(self._collect(now), name="operations collector")

    def _leave(self) -> None:
        self.viewers -= 1
        if not self.viewers and self._collector:
            self._collector.cancel()
            self._collector = None

    async def _collect(self, now: Now) -> None:
        while True:
            await asyncio.to_thread(self.look, now)
            old, self._news = self._news, asyncio.Event()
            old.set()
            await asyncio.sleep(ROUND)

    async def _wait_for(self, news: asyncio.Event, beat: float) -> None:
        """Until there is news, or a beat is due. A collector that broke is a defect: it ends every stream, loudly."""
        heard = asyncio.ensure_future(news.wait())
        waited: set[asyncio.Future[Any]] = {heard} | ({self._collector} if self._collector else set())
        try:
            await asyncio.wait(waited, timeout=beat, return_when=asyncio.FIRST_COMPLETED)
        finally:
            heard.cancel()
        if self._collector and self._collector.done():
            self._collector.result()


def event(message: dict[str, Any]) -> str:
    """One server-sent event; JSON has no line breaks of its own."""
    return f"data: {json.dumps(message, ensure_ascii=False, separators=(',', ':'))}\n\n"


#: Of this process.
LIVE: Final = Live(BOARD)

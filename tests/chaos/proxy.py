"""A TCP proxy that stands between the workers and each service, and spoils the line as it is told to."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

from tests.chaos.frames import Dialogue, Spoil

LOOPBACK: Final = "127.0.0.1"
CHUNK: Final = 65536


@dataclass
class Weather:
    """What becomes of the bytes; everything may be changed at any time."""

    delay: float = 0.0  #: seconds that each chunk waits, in both directions
    rate: float = 0.0  #: bytes a second in each direction; 0 is without limit
    lose_up: bool = False  #: what clients say vanishes, the connection stays
    lose_down: bool = False  #: what the service says vanishes, the connection stays
    refuse: bool = False  #: new connections are ended at once


class Line:
    """One service's line: its port for clients, and its weather."""

    def __init__(self, name: str, sky: "Sky") -> None:
        self.name = name
        self.weather = Weather()
        self.target = 0  #: the service's own port; set before anybody connects
        self.connections = 0  #: that were ever made
        self.spoiled = 0  #: chunks and connections that the weather got: the proof that it took effect
        self._sky = sky
        self._open: set[asyncio.StreamWriter] = set()
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, 0))
        self.port = int(listening.getsockname()[1])
        sky.run(self._listen(listening))

    def heal(self) -> None:
        """Fine weather again; connections that black holes have swallowed bytes of are reset."""
        torn = self.weather.lose_up or self.weather.lose_down
        self.weather = Weather()
        if torn:
            self.reset()

    def reset(self) -> None:
        """Break every open connection off."""
        self._sky.run(self._reset())

    async def _listen(self, listening: socket.socket) -> None:
        self._server = await asyncio.start_server(self._serve, sock=listening, limit=CHUNK)

    async def _reset(self) -> None:
        for writer in list(self._open):
            self.spoiled += 1
            with contextlib.suppress(OSError):
                linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, 0 s: the other side sees a reset, not an end
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.weather.refuse:
            self.spoiled += 1
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.target, limit=CHUNK)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        dialogue = Dialogue(lambda: self._sky.spoils) if self.name.startswith("kafka") else None
        pumps = [
            asyncio.ensure_future(self._pump(reader, far_writer, dialogue, up=True)),
            asyncio.ensure_future(self._pump(far_reader, writer, dialogue, up=False)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        self._open -= ends
        for end in ends:
            end.transport.abort() if end.is_closing() else end.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, dialogue: Dialogue | None, *, up: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(CHUNK):
                weather = self.weather
                if weather.delay or weather.rate:
                    self.spoiled += 1
                    await asyncio.sleep(weather.delay + (len(chunk) / weather.rate if weather.rate else 0))
                if self.weather.lose_up if up else self.weather.lose_down:
                    self.spoiled += 1
                    continue
                sink.write(dialogue.carry(chunk, up=up) if dialogue else chunk)
                await sink.drain()


class Sky:
    """All lines, in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="sky", daemon=True).start()
        self.lines: dict[str, Line] = {}
        self.spoils: list[Spoil] = []  #: what becomes of single requests to Kafka

    def line(self, name: str) -> Line:
        """A new one; its `port` is open at once, its `target` is yours to set."""
        self.lines[name] = Line(name, self)
        return self.lines[name]

    def heal(self) -> None:
        """Fine weather everywhere."""
        self.spoils = []
        for line in self.lines.values():
            line.heal()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """In the thread of the lines, and wait for it."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

"""Receivers that are faster than what they measure, each a process of its own.

python -m bench.receivers webhook PORT SECONDS     answers after so long; with a negative time never
python -m bench.receivers smtp PORT

`GET /` of the webhook receiver answers what it has seen, as JSON.
"""

import asyncio
import json
import sys
from typing import Final, cast

import uvloop

ANSWER: Final = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
GREETING: Final = b"220 bench ESMTP\r\n"
ABILITIES: Final = b"250-bench\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
END_OF_TEXT: Final = b"\r\n.\r\n"


class Seen:
    """What has come so far."""

    def __init__(self) -> None:
        self.accepted = self.connections = self.in_flight = self.most_in_flight = 0
        self.sum_in_flight = self.looks = 0

    def begun(self) -> None:
        """A request is here."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.sum_in_flight += self.in_flight
        self.looks += 1

    def ended(self) -> None:
        """It is answered."""
        self.in_flight -= 1
        self.accepted += 1


class Receiver(asyncio.BufferedProtocol):
    """Hands on what comes."""

    def __init__(self) -> None:
        self._buffer = bytearray(64 * 1024)

    def get_buffer(self, _: int) -> bytearray:
        """See `asyncio.BufferedProtocol`."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self.received(bytes(self._buffer[:nbytes]))

    def received(self, some: bytes) -> None:
        """Work on it."""
        raise NotImplementedError


class Webhook(Receiver):
    """One request after the other on a connection that is kept."""

    def __init__(self, seen: Seen, seconds: float) -> None:
        super().__init__()
        self._seen, self._seconds = seen, seconds
        self._left = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._seen.connections += 1

    def received(self, some: bytes) -> None:
        """See `Receiver`."""
        self._left += some
        while (end := self._left.find(b"\r\n\r\n")) >= 0:
            head = self._left[:end].lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(self._left) < end + 4 + size:
                return
            self._left = self._left[end + 4 + size :]
            self._answer(is_question=head.startswith(b"get"))

    def _answer(self, *, is_question: bool) -> None:
        if is_question:
            told = json.dumps(vars(self._seen)).encode()
            self._transport.write(ANSWER % (b"200 OK", len(told), told))
            return
        self._seen.begun()
        if self._seconds >= 0:
            asyncio.get_running_loop().call_later(self._seconds, self._accept)

    def _accept(self) -> None:
        self._seen.ended()
        if not self._transport.is_closing():
            self._transport.write(ANSWER % (b"202 Accepted", 2, b"{}"))


class Inbox(Receiver):
    """As much of SMTP as our sender speaks."""

    def __init__(self) -> None:
        super().__init__()
        self._left = b""
        self._is_text = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(GREETING)

    def received(self, some: bytes) -> None:
        """See `Receiver`."""
        self._left += some
        while True:
            mark = END_OF_TEXT if self._is_text else b"\r\n"
            told, found, rest = self._left.partition(mark)
            if not found:
                return
            self._left = rest
            self._transport.write(self._reply(told))

    def _reply(self, told: bytes) -> bytes:
        if self._is_text:
            self._is_text = False
            return b"250 taken\r\n"
        verb = told[:4].upper()
        if verb == b"EHLO":
            return ABILITIES
        if verb == b"DATA":
            self._is_text = True
            return b"354 go on\r\n"
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n"


async def main(kind: str, port: int, seconds: float) -> None:
    """Until it is ended."""
    seen = Seen()
    make = Inbox if kind == "smtp" else lambda: Webhook(seen, seconds)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", port)  # type: ignore[arg-type]
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0))

"""Letters, and small servers on the loopback address that misbehave exactly as they are told to."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from healthnotify.adapters.channels.email import SmtpChannel
from healthnotify.domain.delivery import Letter
from healthnotify.domain.model import Category

LOOPBACK = "127.0.0.1"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PATIENT = timedelta(seconds=20)
IMPATIENT = timedelta(seconds=0.3)

PIPELINING = {"EHLO": b"250-here\r\n250 PIPELINING\r\n"}  #: to a `MailServer`

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def a_letter(address: str = "ada@example.com", **but) -> Letter:
    return Letter(
        **{
            "id": uuid4(),
            "user_id": UUID(int=1),
            "category": Category.NUDGE,
            "address": address,
            "locale": "en",
            "subject": "A short walk?",
            "text": "Ten minutes outside would do.",
            **but,
        }
    )


@contextlib.asynccontextmanager
async def channel_to(port: int, **but: Any) -> AsyncIterator[SmtpChannel]:
    options = {
        "host": LOOPBACK,
        "port": port,
        "sender": "Dr. Ångström <notify@health.example>",
        "unsubscribe_url": lambda letter: f"https://health.example/u/{letter.id}?a=1&b=2",
        "clock": lambda: NOW,
        "timeout": PATIENT,
        **but,
    }
    channel = SmtpChannel(**options)
    try:
        yield channel
    finally:
        await channel.close()


class Do(Enum):
    HANG = auto()
    CLOSE = auto()
    TRICKLE = auto()  #: answer a byte at a time, without end


async def misbehave(what: bytes | Do, writer: asyncio.StreamWriter) -> None:
    """Answer so, and end the connection unless it was bytes."""
    if isinstance(what, bytes):
        writer.write(what)
        return
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        gone = asyncio.ensure_future(writer.wait_closed())
        while what is not Do.CLOSE and not gone.done():
            if what is Do.TRICKLE:
                writer.write(b"2")
                await writer.drain()
            await asyncio.wait({gone}, timeout=0.02)
    writer.transport.abort()
    raise ConnectionError


@contextlib.asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serves on a free port."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handler(reader, writer)
        open_ones.discard(writer)
        writer.transport.abort()

    server = await asyncio.start_server(handle, LOOPBACK, 0, ssl=tls, limit=2**22)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in open_ones:
            writer.transport.abort()


async def free_port() -> int:
    """A port that was just given up, so nobody listens there."""
    async with listening(misbehave) as port:
        return port


class MailServer:
    """Speaks SMTP; `answers` replaces the good answer to a verb, or to GREETING or DOT (the end of the message)."""

    GOOD: Mapping[str, bytes] = {
        "GREETING": b"220 here\r\n",
        "EHLO": b"250 here\r\n",
        "DATA": b"354 go on\r\n",
        "DOT": b"250 queued as Q1\r\n",
        "QUIT": b"221 bye\r\n",
    }

    def __init__(self, answers: Mapping[str, bytes | Do] | None = None, *, letters_per_connection: int = 1000) -> None:
        self.answers = {**self.GOOD, **(answers or {})}
        self.letters_per_connection = letters_per_connection
        self.connections = 0
        self.letters: list[bytes] = []
        self.heard: list[str] = []
        self.asked = asyncio.Event()  #: a verb has come that is answered by a misbehaviour

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        letters = 0
        await self._answer("GREETING", writer)
        while line := await reader.readline():
            verb = line.split()[0].decode().upper()
            await self._answer(verb, writer)
            if verb == "DATA" and self.answers["DATA"] == self.GOOD["DATA"]:
                self.letters.append(await reader.readuntil(b"\r\n.\r\n"))
                await self._answer("DOT", writer)
                letters += 1
            if verb == "QUIT" or letters == self.letters_per_connection:
                return

    async def _answer(self, verb: str, writer: asyncio.StreamWriter) -> None:
        self.heard.append(verb)
        answer = self.answers.get(verb, b"250 OK\r\n")
        if isinstance(answer, Do):
            self.asked.set()
        await misbehave(answer, writer)


class Turns:
    """Answers whatever comes next with the next of these, and keeps what came, as it came."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = answers
        self.heard: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in self.answers:
            writer.write(answer)
            self.heard.append(await reader.read(2**16))


class HttpServer:
    """Reads each request whole, then answers so, or misbehaves."""

    def __init__(self, answer: bytes | Do, then: Do | None = None) -> None:
        self.answer = answer
        self.then = then
        self.connections = 0
        self.bodies: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length:")[2].split()[0])
            self.bodies.append(await reader.readexactly(length))
            await misbehave(self.answer, writer)
            if self.then:
                await misbehave(self.then, writer)


def a_certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for localhost, signed by itself, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address(LOOPBACK))])
    today = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(today - timedelta(days=1)).not_valid_after(today + timedelta(days=1))
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + signed.public_bytes(serialization.Encoding.PEM)
    (folder / "server.pem").write_bytes(pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    client = ssl.create_default_context(cafile=folder / "server.pem")
    return server, client

"""A local inbox: takes mail over SMTP and texts over the SMS provider's HTTP, and writes down what it accepted.

Every accepted message is one JSON line in the log, flushed before the sender gets its answer, so the log is the judge
of what was really sent. Faults are asked for by options and drawn from a seed: the same run fails in the same way.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import logging
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path
from typing import Any, Final, TextIO

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from healthnotify.embedded import inbox_page
from healthnotify.embedded.inbox_faults import Fate, Faults
from healthnotify.embedded.process import Process, answers, free_port

LOOPBACK: Final = "127.0.0.1"
MOST_SHOWN: Final = 200
LARGEST_MAIL: Final = 256 * 1024  # bytes
LARGEST_FORM: Final = 64 * 1024  # bytes
PLAIN_ADDRESS: Final = re.compile(r"\s*<([\w.+-]+@[\w.-]+)>\s*(.*)", re.ASCII)
HEADERS: Final = ("From", "Date", "List-Unsubscribe", "List-Unsubscribe-Post", "Content-Type")


class Log:
    """The accepted messages, one JSON line each."""

    def __init__(self, sink: TextIO) -> None:
        self._sink = sink
        self.latest: deque[dict[str, Any]] = deque(maxlen=MOST_SHOWN)  #: what the page shows, the newest first

    def accept(self, kind: str, **parts: Any) -> None:
        """Write one down; it is with the operating system when this returns."""
        now = datetime.fromtimestamp(time.time(), UTC).isoformat()
        message = {"time": now, "kind": kind, **parts}
        self._sink.write(json.dumps(message, ensure_ascii=False) + "\n")
        self._sink.flush()
        self.latest.appendleft(message)


class Door(SMTP):
    """aiosmtpd's protocol with a shorter way for plain addresses: its own builds a class for each one it parses."""

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        plain = PLAIN_ADDRESS.fullmatch(arg)
        return (plain[1], plain[2]) if plain else super()._getaddr(arg)


class MailDrop:
    """aiosmtpd's handler: refuses at RCPT, accepts at the end of DATA."""

    def __init__(self, log: Log, fate: Fate) -> None:
        self._log = log
        self._fate = fate

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Say, too, that commands need not wait for each other; aiosmtpd reads line by line, but does not tell."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", *responses[-1:]]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        match self._fate.of_recipient(address):
            case "for_good":
                return "550 5.1.1 No such mailbox here"
            case "for_a_while":
                return "451 4.3.0 Try again in a while"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        mail = message_from_bytes(bytes(envelope.content or b""))
        identity = str(mail["Message-ID"] or "")
        fate = self._fate.of_message(identity)
        if fate == "hang":
            await asyncio.Event().wait()
        self._log.accept(
            "email",
            id=identity,
            to=envelope.rcpt_tos,
            subject=_decoded(mail["Subject"]),
            text=_part(mail, "text/plain"),
            html=_part(mail, "text/html"),
            headers={name: str(mail[name]) for name in HEADERS if name in mail},
            sender=envelope.mail_from,
            connection=id(server),  # tells whether connections are used again
        )
        if fate == "close" and server.transport:
            server.transport.abort()
        return "250 2.0.0 Accepted"


class Provider:
    """The SMS provider's one resource: POST …/Accounts/{account}/Messages.json."""

    def __init__(self, log: Log, fate: Fate) -> None:
        self._log = log
        self._fate = fate
        self._count = 0

    async def post(self, request: web.Request) -> web.Response:
        """Take or refuse a text."""
        form = await request.post()
        recipient, sender, body = (str(form.get(name, "")) for name in ("To", "From", "Body"))
        if not request.headers.get("Authorization", "").startswith("Basic "):
            return _refusal(401, 20003, "Authentication Error - No credentials provided")
        if not (recipient and sender and body):
            return _refusal(400, 21602, "To, From and Body are required")
        match self._fate.of_recipient(recipient):
            case "for_good":
                return _refusal(400, 21211, "The 'To' number is not a valid phone number")
            case "for_a_while":
                return _refusal(503, 20503, "Service unavailable")
        return await self._take(request, recipient, sender, body)

    async def _take(self, request: web.Request, recipient: str, sender: str, body: str) -> web.Response:
        client_id = request.headers.get("Idempotency-Key", "")
        fate = self._fate.of_message(client_id or f"{recipient}|{body}")
        if fate == "hang":
            await asyncio.Event().wait()
        self._count += 1
        sid = f"SM{self._count:032x}"
        self._log.accept("sms", id=sid, client_id=client_id, to=[recipient], subject="", text=body, sender=sender)
        if fate == "close" and request.transport:
            request.transport.abort()
        answer = {"sid": sid, "status": "queued", "to": recipient, "from": sender, "body": body, "error_code": None}
        return web.json_response(answer, status=201)


def _refusal(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message, "more_info": "", "status": status}, status=status)


def _decoded(header: str | None) -> str:
    try:
        return str(make_header(decode_header(header or "")))
    except (LookupError, ValueError):  # a charset that nobody knows
        return str(header)


def _part(mail: Message, content_type: str) -> str:
    for part in mail.walk():
        if part.get_content_type() == content_type:
            content = part.get_payload(decode=True)
            return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    return ""


async def serve(smtp_port: int, http_port: int, sink: TextIO, faults: Faults) -> contextlib.AsyncExitStack:
    """Listen on the loopback address; what is returned stops it (`aclose`)."""
    log, fate = Log(sink), Fate(faults)
    loop = asyncio.get_running_loop()
    make = functools.partial(
        Door, MailDrop(log, fate), data_size_limit=LARGEST_MAIL, hostname="localhost", ident="inbox", loop=loop
    )
    app = web.Application(client_max_size=LARGEST_FORM)
    app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", Provider(log, fate).post)
    app.router.add_get("/", inbox_page.shown(log.latest))
    app.router.add_get("/messages", inbox_page.as_json(log.latest))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    stack = contextlib.AsyncExitStack()
    mail = await loop.create_server(make, LOOPBACK, smtp_port)
    stack.callback(mail.close)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, LOOPBACK, http_port).start()
    return stack


async def _run(smtp_port: int, http_port: int, log: Path, faults: Faults) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    with log.open("a", encoding="utf-8") as sink:
        async with await serve(smtp_port, http_port, sink, faults):
            await ended.wait()


class Inbox:
    """The inbox as a child process. Its attributes are known at once; it listens when `wait` returns."""

    def __init__(self, directory: Path, faults: Faults) -> None:
        self.smtp_port = free_port()
        self.http_port = free_port()
        self.sms_base_url = f"http://{LOOPBACK}:{self.http_port}"
        self.page = f"{self.sms_base_url}/"  #: what it accepted, for a browser; /messages has the same as JSON
        self.log_path = directory / "inbox.jsonl"
        options = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(faults).items()]
        command = [sys.executable, "-m", __name__, f"--smtp-port={self.smtp_port}", f"--http-port={self.http_port}"]
        self._process = Process(
            "the inbox", [*command, f"--log={self.log_path}", *options], log=directory / "inbox.log"
        )

    def wait(self, *, seconds: float = 15) -> "Inbox":
        """Until it listens on both ports. Raises `StartFailed`."""
        self._process.wait_until(lambda: answers(self.smtp_port) and answers(self.http_port), seconds=seconds)
        return self

    def messages(self) -> list[dict[str, Any]]:
        """What it accepted so far, in order; a line that is being written is left out."""
        if not self.log_path.exists():
            return []
        lines: Iterable[str] = self.log_path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def stop(self) -> None:
        """End it; its log stays."""
        self._process.stop()


def start(directory: Path, faults: Faults | None = None) -> Inbox:
    """Start an inbox that writes into `directory`; does not wait for it."""
    directory.mkdir(parents=True, exist_ok=True)
    return Inbox(directory, faults or Faults())


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("a share is a number from 0 to 1")
    return share


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m healthnotify.embedded.inbox", description=__doc__)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    for fault in fields(Faults):
        kind = {"seed": int, "while_seconds": float}.get(fault.name, _share)
        parser.add_argument(f"--{fault.name.replace('_', '-')}", type=kind, default=fault.default)
    given = vars(parser.parse_args())
    smtp_port, http_port, log = (given.pop(name) for name in ("smtp_port", "http_port", "log"))
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd speaks of every command, addresses included
    with contextlib.suppress(ImportError):
        import uvloop  # twice the mails a second where it exists

        uvloop.install()
    asyncio.run(_run(smtp_port, http_port, log, Faults(**given)))


if __name__ == "__main__":
    main()

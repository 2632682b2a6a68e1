"""The provider, and the only judge of what was accepted: SMTP, a webhook receiver, and SMS over Twilio's HTTP.

It writes a line for each request with its number, its instant, its channel, the notification's id, what it did and
whether that is an acceptance; the line is with the operating system before anybody is answered. Numbers without a gap
say that the log is complete. A port of its own takes rules for misbehaving.
"""

import argparse
import asyncio
import functools
import json
import logging
import random
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Final, TextIO

import uvloop
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from healthnotify.embedded.inbox import Door

LOOPBACK: Final = "127.0.0.1"
LARGE: Final = 10 * 1024 * 1024
MESSAGE_ID: Final = re.compile(r"<([0-9a-f-]{36})@")
ACCEPT: Final = "accept"
FOLLOWED: Final = "followed"  # somebody came to the trap

#: What can be done to a request instead of taking it -> whether it is taken all the same.
DEEDS: Final = {
    "hang": False,  # no answer at all
    "trickle": False,  # a byte at a time, without end
    "close": False,  # the connection is ended without an answer
    "accept_close": True,  # taken, and the connection is ended before the answer
    "accept_hang": True,  # taken, and never answered
    "accept_headers": True,  # taken, the headers are sent, and the body never comes
    "too_many": False,  # 429 (SMTP: 451) with `retry_after`
    "unavailable": False,  # 503 (SMTP: 451)
    "refuse": False,  # 400 (SMTP: 550): for good
    "error_body": False,  # 200 with an error in the body
    "html": False,  # 200 with a page
    "large": False,  # 200 with 10 MB
    "redirect": False,  # to a link-local address
    "redirect_home": False,  # to a trap of ours, which writes down who comes
    "cached_error": False,  # 500, and for this id for ever: the provider replays what it said to the key
}
#: By Standard Webhooks each 2xx is an acceptance, whatever the body says.
ANY_200: Final = frozenset({"error_body", "html", "large"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A misbehaviour: for that channel (or *), this share of requests, the first so many of each id (0: all)."""

    do: str
    channel: str = "*"
    share: float = 1.0
    first: int = 0
    retry_after: str = "1"


class Provider:
    """Decides and writes down."""

    def __init__(self, sink: TextIO, seed: int) -> None:
        self._sink = sink
        self._dice = random.Random(seed)
        self.rules: list[Rule] = []
        self.number = 0
        self._seen: Counter[str] = Counter()
        self._cached: set[str] = set()

    def decide(self, channel: str, key: str) -> Rule:
        """What to do with this request. The first rule that fits and whose dice fall so; else it is taken."""
        self._seen[key] += 1
        if key in self._cached:
            return Rule("cached_error")
        for rule in self.rules:
            fits = rule.channel in {"*", channel} and (not rule.first or self._seen[key] <= rule.first)
            if fits and self._dice.random() < rule.share:
                if rule.do == "cached_error":
                    self._cached.add(key)
                return rule
        return Rule(ACCEPT)

    def note(self, channel: str, key: str, rule: Rule) -> None:
        """Write it down; it is with the operating system when this returns."""
        self.number += 1
        is_taken = rule.do == ACCEPT or DEEDS[rule.do] or (channel == "webhook" and rule.do in ANY_200)
        at = datetime.fromtimestamp(time.time(), UTC).isoformat()
        line = {"number": self.number, "at": at, "channel": channel, "id": key, "did": rule.do, "accepted": is_taken}
        self._sink.write(json.dumps(line) + "\n")
        self._sink.flush()

    # SMTP

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's hook: a whole mail has come."""
        found = MESSAGE_ID.match(str(message_from_bytes(bytes(envelope.content or b""))["Message-ID"] or ""))
        rule = self.decide("email", found[1] if found else "")
        self.note("email", found[1] if found else "", rule)
        match rule.do:
            case "hang" | "accept_hang" | "accept_headers" | "trickle":
                await asyncio.Event().wait()
            case "html":
                return "<html><body>Welcome to the hotel's network</body></html>"
            case "close" | "accept_close" if server.transport:
                server.transport.abort()
            case "refuse":
                return "550 5.1.1 No such mailbox here"
            case "too_many" | "unavailable" | "cached_error":
                return "451 4.3.0 Try again in a while"
        return "250 2.0.0 Accepted"

    # HTTP

    async def webhook(self, request: web.Request) -> web.StreamResponse:
        """A user's own receiver."""
        await request.read()
        return await self._answer(request, "webhook", request.headers.get("webhook-id", ""), web.Response(status=204))

    async def sms(self, request: web.Request) -> web.StreamResponse:
        """POST …/Accounts/{account}/Messages.json."""
        await request.post()
        good = web.json_response({"sid": f"SM{self.number + 1:032x}", "status": "queued"}, status=201)
        return await self._answer(request, "sms", request.headers.get("Idempotency-Key", ""), good)

    async def trap(self, _: web.Request) -> web.Response:
        """Nobody has any business here: somebody has followed a redirect."""
        self.number += 1
        at = datetime.fromtimestamp(time.time(), UTC).isoformat()
        line = {"number": self.number, "at": at, "channel": "trap", "id": "", "did": FOLLOWED, "accepted": False}
        self._sink.write(json.dumps(line) + "\n")
        self._sink.flush()
        return web.Response(status=204)

    async def _answer(self, request: web.Request, channel: str, key: str, good: web.Response) -> web.StreamResponse:
        rule = self.decide(channel, key)
        self.note(channel, key, rule)
        match rule.do:
            case "hang" | "accept_hang":
                await asyncio.Event().wait()
            case "trickle":
                await _trickle(request)
            case "accept_headers":
                begun = web.StreamResponse(status=good.status)
                begun.content_length = 1000
                await begun.prepare(request)
                await asyncio.Event().wait()
            case "close" | "accept_close" if request.transport:
                request.transport.abort()
        return ANSWERS[rule.do](rule) if rule.do in ANSWERS else good


ANSWERS: Final = {
    "too_many": lambda rule: web.json_response({"code": 20429}, status=429, headers={"Retry-After": rule.retry_after}),
    "unavailable": lambda _: web.json_response({"code": 20503}, status=503),
    "refuse": lambda _: web.json_response({"code": 21211}, status=400),
    "error_body": lambda _: web.json_response({"code": 30001, "status": "failed", "message": "Queue overflow"}),
    "html": lambda _: web.Response(text="<html><body>Welcome to the hotel's network</body></html>"),
    "large": lambda _: web.Response(body=b" " * LARGE),
    "redirect": lambda _: web.Response(status=307, headers={"Location": "http://169.254.169.254/latest/"}),
    "redirect_home": lambda _: web.Response(status=307, headers={"Location": "/trap"}),
    "cached_error": lambda _: web.json_response({"code": 20500}, status=500),
}


async def _trickle(request: web.Request) -> None:
    """An answer that never ends, not even its headers."""
    while request.transport and not request.transport.is_closing():
        request.transport.write(b"H")
        await asyncio.sleep(random.uniform(0.05, 0.1))


async def _serve(given: argparse.Namespace, sink: TextIO) -> None:
    provider = Provider(sink, given.seed)
    loop = asyncio.get_running_loop()
    make = functools.partial(Door, provider, data_size_limit=262144, hostname="localhost", ident="chaos", loop=loop)
    await loop.create_server(make, LOOPBACK, given.smtp_port)

    async def take_rules(request: web.Request) -> web.Response:
        provider.rules = [Rule(**rule) for rule in await request.json()]
        return web.json_response({"number": provider.number})

    async def tell(_: web.Request) -> web.Response:
        return web.json_response({"number": provider.number})

    outside, control = web.Application(), web.Application()
    outside.router.add_post("/hook/{name}", provider.webhook)
    outside.router.add_route("*", "/trap", provider.trap)
    outside.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", provider.sms)
    control.router.add_post("/rules", take_rules)
    control.router.add_get("/", tell)
    for app, port in ((outside, given.http_port), (control, given.control_port)):
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, port).start()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("smtp-port", "http-port", "control-port"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, required=True)
    given = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    with given.log.open("a", encoding="utf-8") as sink:
        uvloop.run(_serve(given, sink))


if __name__ == "__main__":
    main()

"""What every channel keeps to, the twin as well as those that reach a real server."""

import asyncio
import contextlib
import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from aiohttp import web

from healthnotify.adapters.channels.email import SmtpChannel
from healthnotify.adapters.channels.sms import TwilioSms
from healthnotify.adapters.channels.webhook import WebhookChannel
from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.domain.delivery import Accepted, Failure, FailureKind, Letter
from healthnotify.embedded import inbox
from healthnotify.embedded.inbox_faults import Faults
from healthnotify.embedded.process import free_port
from healthnotify.pipeline.ports import ChannelPort
from tests.channel_servers import LOOPBACK, NOW, PATIENT, a_letter

FAULTS = {
    None: Faults(),
    "for_good": Faults(refuse_for_good=1),
    "for_a_while": Faults(refuse_for_a_while=1),
    "close": Faults(accept_then_close=1),
}
TWINS_ANSWER = {
    "for_good": Failure(FailureKind.PERMANENT, "smtp_550"),
    "for_a_while": Failure(FailureKind.TRANSIENT, "smtp_451"),
    "close": Failure(FailureKind.UNKNOWN, "disconnected"),
}


@dataclass
class World:
    """A channel, the address of somebody it reaches, and the ids of the letters that reached them."""

    channel: ChannelPort
    address: str
    arrived: Callable[[], list[str]]


Opening = Callable[[str | None], Awaitable[World]]


def twin(fault: str | None) -> World:
    channel = ScriptedChannel(lambda letter: TWINS_ANSWER.get(fault) or Accepted(str(letter.id)))
    kept = fault in {None, "close"}
    return World(channel, "ada@example.com", lambda: [str(letter.id) for letter in channel.letters if kept])


async def email(fault: str | None, stack: contextlib.AsyncExitStack) -> World:
    port, log = await served(fault, stack, smtp=True)
    channel = SmtpChannel(
        host=LOOPBACK,
        port=port,
        sender="Us <us@health.example>",
        unsubscribe_url=lambda letter: f"https://health.example/u/{letter.id}",
        clock=lambda: NOW,
        timeout=PATIENT,
    )
    return World(channel, "ada@example.com", lambda: [line["id"].strip("<>").partition("@")[0] for line in lines(log)])


async def sms(fault: str | None, stack: contextlib.AsyncExitStack) -> World:
    port, log = await served(fault, stack, smtp=False)
    channel = TwilioSms(
        base_url=f"http://{LOOPBACK}:{port}",
        account="AC1",
        token="t",
        sender="+15005550006",
        timeout=PATIENT,
        clock=lambda: NOW,
    )
    return World(channel, "+447911123456", lambda: [line["client_id"] for line in lines(log)])


async def served(fault: str | None, stack: contextlib.AsyncExitStack, *, smtp: bool) -> tuple[int, io.StringIO]:
    log, ports = io.StringIO(), (free_port(), free_port())
    await stack.enter_async_context(await inbox.serve(*ports, log, FAULTS[fault]))
    return ports[0 if smtp else 1], log


def lines(log: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def webhook(fault: str | None, stack: contextlib.AsyncExitStack) -> World:
    arrived: list[str] = []

    async def hook(request: web.Request) -> web.Response:
        body = await request.json()
        if fault in {None, "close"}:
            arrived.append(body["id"])
        if fault == "close":
            request.transport.abort()
        return web.Response(status={"for_good": 410, "for_a_while": 503}.get(fault, 204))

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, LOOPBACK, port).start()
    channel = WebhookChannel(
        secret="MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", allow_private=True, timeout=PATIENT, clock=lambda: NOW
    )
    return World(channel, f"http://{LOOPBACK}:{port}/hook", lambda: arrived)


@pytest.fixture(params=["twin", "email", "sms", "webhook"])
async def opening(request):
    """Opens the world of one channel, with a fault or without."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_world(fault: str | None = None) -> World:
            makers = {"email": email, "sms": sms, "webhook": webhook}
            world = twin(fault) if request.param == "twin" else await makers[request.param](fault, stack)
            stack.push_async_callback(world.channel.close)
            return world

        yield open_world


def letters_to(world: World, count: int) -> list[Letter]:
    return [a_letter(world.address) for _ in range(count)]


async def test_an_accepted_letter_has_arrived_once_under_its_own_id(opening: Opening):
    world = await opening()
    (letter,) = letters_to(world, 1)

    outcome = await world.channel.send(letter)

    assert isinstance(outcome, Accepted)
    assert outcome.receipt
    assert world.arrived() == [str(letter.id)]


async def test_letters_sent_at_the_same_time_all_arrive_once(opening: Opening):
    world = await opening()
    letters = letters_to(world, 100)

    outcomes = await asyncio.gather(*map(world.channel.send, letters))

    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert sorted(world.arrived()) == sorted(str(letter.id) for letter in letters)


@pytest.mark.parametrize(
    ("fault", "kind", "arrived"),
    [
        ("for_good", FailureKind.PERMANENT, 0),
        ("for_a_while", FailureKind.TRANSIENT, 0),
        ("close", FailureKind.UNKNOWN, 1),
    ],
)
async def test_a_failure_is_of_the_kind_that_it_is(opening: Opening, fault, kind, arrived):
    world = await opening(fault)

    outcome = await world.channel.send(*letters_to(world, 1))

    assert isinstance(outcome, Failure)
    assert outcome.kind is kind
    assert len(world.arrived()) == arrived


async def test_a_channel_may_be_closed_twice_and_unused(opening: Opening):
    world = await opening()

    await world.channel.close()
    await world.channel.close()


async def test_a_twins_list_is_used_up_and_then_everything_is_accepted():
    refused = Failure(FailureKind.TRANSIENT, "smtp_451")
    channel = ScriptedChannel([refused])
    letters = [a_letter(), a_letter()]

    assert [await channel.send(letter) for letter in letters] == [refused, Accepted(str(letters[1].id))]
    assert channel.letters == letters

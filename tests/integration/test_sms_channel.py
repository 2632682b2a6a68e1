"""SMS over a Twilio-compatible API: what is definite, and what is not."""

import contextlib
import json
from base64 import b64decode
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from healthnotify.adapters.channels.sms import TwilioSms
from healthnotify.domain.delivery import Accepted, Failure, FailureKind
from tests.channel_servers import IMPATIENT, LOOPBACK, NOW, PATIENT, Do, HttpServer, a_letter, free_port, listening

TRANSIENT, PERMANENT, UNKNOWN = FailureKind.TRANSIENT, FailureKind.PERMANENT, FailureKind.UNKNOWN
NUMBER = "+447911123456"
PATH = "/2010-04-01/Accounts/AC1/Messages.json"


@contextlib.asynccontextmanager
async def a_channel(base_url, **but):
    options = {"account": "AC1", "token": "t0ken", "sender": "+15005550006", "timeout": PATIENT, "clock": lambda: NOW}
    channel = TwilioSms(base_url=base_url, **{**options, **but})
    try:
        yield channel
    finally:
        await channel.close()


async def outcome_of(answer, within=PATIENT, then=None):
    async with (
        listening(HttpServer(answer, then)) as port,
        a_channel(f"http://{LOOPBACK}:{port}", timeout=within) as channel,
    ):
        return await channel.send(a_letter(NUMBER))


def http(status: int, said: object = "", **headers) -> bytes:
    body = said if isinstance(said, str) else json.dumps(said)
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    return f"HTTP/1.1 {status} So\r\n{''.join(lines)}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def test_the_text_alone_is_sent_in_the_providers_form(httpserver):
    httpserver.expect_request(PATH, method="POST").respond_with_json({"sid": "SM42", "status": "queued"}, 201)
    letter = a_letter(NUMBER, subject="Not for SMS", text="Zeit für & eine Pause 😀")
    async with a_channel(httpserver.url_for("/")) as channel:
        assert await channel.send(letter) == Accepted("SM42")

    request, _ = httpserver.log[0]
    assert parse_qs(request.data.decode()) == {"To": [NUMBER], "From": ["+15005550006"], "Body": [letter.text]}
    assert b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"AC1:t0ken"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Idempotency-Key"] == str(letter.id)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (http(201, {"sid": "SM1"}), Accepted("SM1")),
        (http(200, {"sid": "SM1"}), Accepted("SM1")),
        (http(400, {"code": 21211, "status": 400}), Failure(PERMANENT, "sms_21211")),
        (http(400, {"code": 21610, "status": 400}), Failure(PERMANENT, "sms_21610")),
        (http(400, "<html>"), Failure(PERMANENT, "http_400")),
        (http(400, {"code": "ada@example.com"}), Failure(PERMANENT, "http_400")),
        (http(422, "[]"), Failure(PERMANENT, "http_422")),
        (http(401, {"code": 20003}), Failure(TRANSIENT, "sms_auth")),
        (http(403, {"code": 20403}), Failure(TRANSIENT, "sms_auth")),
        (http(404, {"code": 20404}), Failure(TRANSIENT, "sms_auth")),
        (http(302, Location="http://169.254.169.254/"), Failure(TRANSIENT, "redirect")),
        (http(408), Failure(TRANSIENT, "http_408")),
        (http(429, Retry_After="3"), Failure(TRANSIENT, "http_429", timedelta(seconds=3))),
        (http(503, Retry_After="-3"), Failure(TRANSIENT, "http_503")),
    ],
)
async def test_an_answer_that_says_what_happened_is_definite(answer, outcome):
    assert await outcome_of(answer) == outcome


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http(500), "http_500"),
        (http(502), "http_502"),
        (http(504), "http_504"),
        (http(201, "<html>Welcome</html>"), "bad_answer"),
        (http(201, ""), "bad_answer"),
        (http(201, {"sid": None}), "bad_answer"),
        (http(200, {"sid": 7}), "bad_answer"),
        (http(200, ["sid"]), "bad_answer"),
        (http(201, '{"sid": "SM1"' + " " * 1_000_000 + "}"), "bad_answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "bad_answer"),
        (Do.CLOSE, "disconnected"),
        (Do.HANG, "timeout"),
    ],
)
async def test_an_answer_that_leaves_a_doubt_is_unknown(answer, reason):
    assert await outcome_of(answer, within=IMPATIENT if isinstance(answer, Do) else PATIENT) == Failure(UNKNOWN, reason)


@pytest.mark.parametrize("then", [Do.CLOSE, Do.HANG])
async def test_an_acceptance_whose_sid_never_comes_is_unknown(then):
    half = b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"sid": "SM'

    assert await outcome_of(half, within=IMPATIENT, then=then) == Failure(UNKNOWN, "bad_answer")


async def test_nobody_listening_is_a_definite_failure():
    async with a_channel(f"http://{LOOPBACK}:{await free_port()}") as channel:
        assert await channel.send(a_letter(NUMBER)) == Failure(TRANSIENT, "connection_refused")


async def test_a_kept_connection_that_the_provider_closed_leaves_no_doubt():
    served = HttpServer(http(201, {"sid": "SM1"}, Connection="close"))
    async with listening(served) as port, a_channel(f"http://{LOOPBACK}:{port}") as channel:
        outcomes = [await channel.send(a_letter(NUMBER)) for _ in range(5)]

    assert outcomes == [Accepted("SM1")] * 5


@pytest.mark.parametrize(
    ("text", "reason"), [("", "empty"), ("a" * (6 * 153 + 1), "too_long"), ("ç" * (6 * 67 + 1), "too_long")]
)
async def test_a_text_of_too_many_segments_costs_nothing(text, reason):
    served = HttpServer(http(201, {"sid": "SM1"}))
    async with listening(served) as port, a_channel(f"http://{LOOPBACK}:{port}") as channel:
        assert await channel.send(a_letter(NUMBER, text=text)) == Failure(PERMANENT, reason)

    assert served.connections == 0


async def test_the_longest_text_is_sent_whole():
    served = HttpServer(http(201, {"sid": "SM1"}))
    async with listening(served) as port, a_channel(f"http://{LOOPBACK}:{port}") as channel:
        assert await channel.send(a_letter(NUMBER, text="a" * (6 * 153))) == Accepted("SM1")

    assert parse_qs(served.bodies[0].decode())["Body"] == ["a" * 918]

"""Webhooks, against servers that are real, and against servers that are really bad."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook
from werkzeug import Response

from healthnotify.adapters.channels.webhook import WebhookChannel
from healthnotify.domain.delivery import Accepted, Failure, FailureKind
from healthnotify.domain.errors import Misconfigured
from tests.channel_servers import (
    IMPATIENT,
    LOOPBACK,
    NOW,
    PATIENT,
    Do,
    HttpServer,
    a_certificate,
    a_letter,
    free_port,
    listening,
)

TRANSIENT, PERMANENT, UNKNOWN = FailureKind.TRANSIENT, FailureKind.PERMANENT, FailureKind.UNKNOWN
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


@contextlib.asynccontextmanager
async def a_channel(**but):
    channel = WebhookChannel(
        **{"secret": SECRET, "allow_private": True, "timeout": PATIENT, "clock": lambda: NOW, **but}
    )
    try:
        yield channel
    finally:
        await channel.close()


async def outcome_of(server, within=PATIENT):
    async with listening(server) as port, a_channel(timeout=within) as channel:
        return await channel.send(a_letter(f"http://{LOOPBACK}:{port}/hook"))


async def test_the_post_is_signed_and_carries_the_letters_id(httpserver):
    httpserver.expect_request("/hook", method="POST").respond_with_data("", 204)
    letter = a_letter(httpserver.url_for("/hook"), subject="Übung?", text="Geh raus 😀")
    async with a_channel(clock=lambda: datetime.now(UTC)) as channel:
        assert await channel.send(letter) == Accepted("http_204")

    request, _ = httpserver.log[0]
    body = Webhook(SECRET).verify(request.data, dict(request.headers))
    assert body == {"id": str(letter.id), "category": "nudge", "subject": "Übung?", "text": "Geh raus 😀"}
    assert request.headers["webhook-id"] == str(letter.id)
    assert request.headers["Content-Type"] == "application/json"


async def test_a_second_copy_is_byte_for_byte_the_first(httpserver):
    httpserver.expect_request("/hook").respond_with_data("", 204)
    letter = a_letter(httpserver.url_for("/hook"))
    async with a_channel() as channel:
        await channel.send(letter)
        await channel.send(letter)

    (first, _), (second, _) = httpserver.log
    assert first.data == second.data
    assert dict(first.headers) == dict(second.headers)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (302, PERMANENT, "redirect"),
        (307, PERMANENT, "redirect"),
        (304, PERMANENT, "redirect"),
        (400, PERMANENT, "http_400"),
        (401, PERMANENT, "http_401"),
        (404, PERMANENT, "http_404"),
        (408, TRANSIENT, "http_408"),
        (410, PERMANENT, "http_410"),
        (425, TRANSIENT, "http_425"),
        (429, TRANSIENT, "http_429"),
        (500, TRANSIENT, "http_500"),
        (502, TRANSIENT, "http_502"),
        (503, TRANSIENT, "http_503"),
        (999, UNKNOWN, "bad_answer"),
    ],
)
async def test_the_status_decides(status, kind, reason):
    answer = f"HTTP/1.1 {status} So\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n".encode()

    assert await outcome_of(HttpServer(answer)) == Failure(kind, reason)


async def test_a_redirect_is_never_followed(httpserver):
    httpserver.expect_request("/inside").respond_with_data("secret")
    httpserver.expect_request("/hook").respond_with_response(
        Response(status=302, headers={"Location": httpserver.url_for("/inside")})
    )
    async with a_channel() as channel:
        assert await channel.send(a_letter(httpserver.url_for("/hook"))) == Failure(PERMANENT, "redirect")

    assert [request.path for request, _ in httpserver.log] == ["/hook"]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "wait"),
    [("7", timedelta(seconds=7)), ("Sun, 01 Mar 2026 12:00:30 GMT", timedelta(seconds=30)), ("soon", None)],
)
async def test_retry_after_is_passed_on(status, asked, wait):
    answer = f"HTTP/1.1 {status} Wait\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n".encode()

    assert await outcome_of(HttpServer(answer)) == Failure(TRANSIENT, f"http_{status}", wait)


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (Do.CLOSE, UNKNOWN, "disconnected"),
        (Do.HANG, UNKNOWN, "timeout"),
        (b"220 mail.example ESMTP\r\n\r\n", UNKNOWN, "bad_answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", UNKNOWN, "bad_answer"),
    ],
)
async def test_what_breaks_off_after_the_body_was_sent_is_unknown(answer, kind, reason):
    assert await outcome_of(HttpServer(answer), within=IMPATIENT) == Failure(kind, reason)


async def test_headers_that_trickle_without_end_are_cut_off():
    server = HttpServer(b"HTTP/1.1 200 OK\r\nX-Slow: ", Do.TRICKLE)

    assert await outcome_of(server, within=IMPATIENT) == Failure(UNKNOWN, "timeout")


@pytest.mark.parametrize("then", [Do.CLOSE, Do.HANG, Do.TRICKLE])
async def test_once_the_status_is_there_a_body_that_never_ends_changes_nothing(then):
    server = HttpServer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", then)

    assert await outcome_of(server, within=IMPATIENT) == Accepted("http_200")


async def test_a_huge_body_is_not_read():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 1_000_000
    loop = asyncio.get_running_loop()
    began = loop.time()

    assert await outcome_of(HttpServer(answer, Do.HANG)) == Accepted("http_200")
    assert loop.time() - began < PATIENT.total_seconds() / 2


async def test_nobody_listening_is_a_definite_failure():
    async with a_channel() as channel:
        outcome = await channel.send(a_letter(f"http://{LOOPBACK}:{await free_port()}/"))

    assert outcome == Failure(TRANSIENT, "connection_refused")


async def test_a_name_that_does_not_resolve_is_a_definite_failure():
    async with a_channel(timeout=timedelta(seconds=5)) as channel:
        outcome = await channel.send(a_letter("https://hook.invalid/"))

    assert outcome.kind is TRANSIENT
    assert outcome.reason in {"dns", "timeout"}


async def test_a_server_that_never_shakes_hands_is_a_definite_failure():
    async def silent(reader, _writer):
        await reader.read()

    async with listening(silent) as port, a_channel(timeout=IMPATIENT) as channel:
        reader_never_reads = await channel.send(a_letter(f"https://{LOOPBACK}:{port}/"))

    assert reader_never_reads == Failure(TRANSIENT, "timeout")


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    server, _ = a_certificate(tmp_path)
    hook = HttpServer(NO_CONTENT)
    async with listening(hook, tls=server) as port, a_channel() as channel:
        assert await channel.send(a_letter(f"https://localhost:{port}/")) == Failure(TRANSIENT, "tls_certificate")

    assert hook.bodies == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https://[::1",
        "https://a:port/",
        "https://a..b/",
    ],
)
async def test_what_is_no_web_address_is_refused_for_good(address):
    async with a_channel() as channel:
        assert await channel.send(a_letter(address)) == Failure(PERMANENT, "bad_address")


async def test_a_password_in_the_address_is_refused_for_good():
    async with a_channel() as channel:
        outcome = await channel.send(a_letter("https://user:secret@example.com/"))

    assert outcome == Failure(PERMANENT, "credentials_in_address")


async def test_without_leave_for_private_addresses_only_https_is_spoken():
    async with a_channel(allow_private=False) as channel:
        assert await channel.send(a_letter("http://example.com/")) == Failure(PERMANENT, "bad_address")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "[::]",
    ],
)
async def test_no_spelling_of_this_machine_is_connected_to(host):
    hook = HttpServer(NO_CONTENT)
    async with listening(hook) as port, a_channel(allow_private=False) as channel:
        assert await channel.send(a_letter(f"https://{host}:{port}/")) == Failure(PERMANENT, "private_address")

    assert hook.connections == 0


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.0.0.1."])
async def test_no_spelling_that_only_the_resolver_understands_is_connected_to(host):
    hook = HttpServer(NO_CONTENT)
    async with listening(hook) as port, a_channel(allow_private=False) as channel:
        outcome = await channel.send(a_letter(f"https://{host}:{port}/"))

    assert outcome.kind is PERMANENT
    assert outcome.reason in {"private_address", "bad_address"}
    assert hook.connections == 0


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "10.0.0.1", "192.168.0.1", "[fe80::1]", "[fd00:ec2::254]", "224.0.0.1"]
)
async def test_no_address_inside_is_connected_to(host):
    async with a_channel(allow_private=False) as channel:
        assert await channel.send(a_letter(f"https://{host}/")) == Failure(PERMANENT, "private_address")


async def test_200_posts_are_in_flight_at_once():
    all_there = asyncio.Barrier(200)

    async def hook(reader, writer):
        await reader.readuntil(b"}")
        await all_there.wait()  # answers nobody until everybody has asked
        writer.write(NO_CONTENT)

    async with listening(hook) as port, a_channel() as channel:
        letters = [a_letter(f"http://{LOOPBACK}:{port}/{n}") for n in range(200)]
        assert await asyncio.gather(*map(channel.send, letters)) == [Accepted("http_204")] * 200


async def test_a_connection_is_used_again():
    hook = HttpServer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    async with listening(hook) as port, a_channel() as channel:
        for _ in range(10):
            assert await channel.send(a_letter(f"http://{LOOPBACK}:{port}/")) == Accepted("http_200")

    assert hook.connections == 1
    assert [json.loads(body)["category"] for body in hook.bodies] == ["nudge"] * 10


@pytest.mark.parametrize("secret", ["", "whsec_", "no base64 in here!", "ä", "c2hvcnQ="])
def test_a_secret_that_is_none_stops_the_start(secret):
    with pytest.raises(Misconfigured, match="WEBHOOK_SECRET"):
        WebhookChannel(secret=secret, allow_private=False, timeout=PATIENT, clock=lambda: NOW)

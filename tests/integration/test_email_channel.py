"""E-mail over SMTP, against servers that are real, and against servers that are really bad."""

import asyncio
import contextlib
import socket
import ssl
import time
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from healthnotify.adapters.channels import smtp_session
from healthnotify.adapters.channels.email import SmtpChannel
from healthnotify.adapters.channels.errand import Errand
from healthnotify.adapters.channels.mail import Mail
from healthnotify.adapters.channels.smtp_session import Server, SmtpSession
from healthnotify.domain.delivery import Accepted, Failure, FailureKind
from healthnotify.domain.errors import Misconfigured
from tests.channel_servers import (
    IMPATIENT,
    LOOPBACK,
    NOW,
    PATIENT,
    PIPELINING,
    Do,
    MailServer,
    a_certificate,
    a_letter,
    channel_to,
    free_port,
    listening,
)

TRANSIENT, PERMANENT, UNKNOWN = FailureKind.TRANSIENT, FailureKind.PERMANENT, FailureKind.UNKNOWN
SERVER_IS_SILENT = 30.0  # seconds that no test should ever wait


async def outcome_of(answers, letter=None, **but):
    server = MailServer(answers)
    async with listening(server) as port, channel_to(port, **but) as channel:
        return await channel.send(letter or a_letter())


async def received(letter, **but):
    """The letter as the server got it, parsed."""
    server = MailServer()
    async with listening(server) as port, channel_to(port, **but) as channel:
        assert await channel.send(letter) == Accepted("queued as Q1")
    assert b"\n" not in server.letters[0].replace(b"\r\n", b"")
    content = server.letters[0].removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.").replace(b"\r\n", b"\n")
    return message_from_bytes(content, policy=policy.default)


async def test_the_mail_carries_who_what_and_when():
    mail = await received(a_letter("grace@example.com", subject="Übung für heute"))

    (sender,) = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Dr. Ångström", "notify@health.example")
    assert mail["To"] == "grace@example.com"
    assert mail["Subject"] == "Übung für heute"
    assert mail["Date"].datetime == NOW
    assert mail.defects == []


async def test_every_attempt_is_the_same_message():
    letter = a_letter()

    first, second = await received(letter), await received(letter)

    assert first["Message-ID"] == f"<{letter.id}@health.example>"
    assert first.as_bytes() == second.as_bytes()


async def test_one_click_unsubscribes():
    letter = a_letter()

    mail = await received(letter)

    assert mail["List-Unsubscribe"] == f"<https://health.example/u/{letter.id}?a=1&b=2>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_a_long_link_to_unsubscribe_stays_on_one_line():
    link = "https://health.example/u/" + "x" * 300
    server = MailServer()
    async with listening(server) as port, channel_to(port, unsubscribe_url=lambda _: link) as channel:
        await channel.send(a_letter())

    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in server.letters[0]


async def test_text_and_page_say_the_same_and_markup_in_the_text_is_only_text():
    mail = await received(a_letter(locale="de_AT", text="Geh raus.\n\n<script>alert('x')</script> & mehr"))

    plain, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "Geh raus.\n\n<script>alert('x')</script> & mehr\n" in plain
    assert "Abbestellen: https://health.example/u/" in plain
    assert '<html lang="de-AT"' in page
    assert "<p>Geh raus.</p>" in page
    assert "<p>&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; mehr</p>" in page
    assert "?a=1&amp;b=2" in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    "text", [".", "a\n.\nb", ".hidden\n..more", "x" * 5000, "ä" * 40_000, "word " * 20_000, "line\r\nline"]
)
async def test_any_text_arrives_whole(text):
    mail = await received(a_letter(text=text))

    assert mail.get_body(("plain",)).get_content().startswith(text.replace("\r\n", "\n") + "\n\n-- \n")


@pytest.mark.parametrize(
    "subject", ["Long " * 60, "Länge " * 60, "=?utf-8?q?no?=", "日本語の件名" * 10, "tab is fine? no"]
)
async def test_any_subject_arrives_whole(subject):
    mail = await received(a_letter(subject=subject))

    assert mail["Subject"].strip() == subject.strip()


@pytest.mark.parametrize(
    ("letter", "reason"),
    [
        (a_letter("ada@example.com\r\nRCPT TO:<eve@example.com>"), "bad_address"),
        (a_letter("ada@example.com>\r\nDATA"), "bad_address"),
        (a_letter("ada@example.com, eve@example.com"), "bad_address"),
        (a_letter("Ada <ada@example.com>"), "bad_address"),
        (a_letter("ada"), "bad_address"),
        (a_letter("ada@"), "bad_address"),
        (a_letter("@example.com"), "bad_address"),
        (a_letter("ada@exa mple.com"), "bad_address"),
        (a_letter("a" * 65 + "@example.com"), "bad_address"),
        (a_letter("ada@" + "d." * 130 + "com"), "bad_address"),
        (a_letter("ada\x00@example.com"), "bad_address"),
        (a_letter("ädä@example.com"), "address_not_ascii"),
        (a_letter(subject="Hello\r\nBcc: eve@example.com"), "bad_subject"),
        (a_letter(subject="Hello\nBcc: eve@example.com"), "bad_subject"),
        (a_letter(subject="Hello\u2028there"), "bad_subject"),
        (a_letter(subject=" "), "bad_subject"),
    ],
)
async def test_what_could_smuggle_a_command_or_a_header_is_never_sent(letter, reason):
    server = MailServer()
    async with listening(server) as port, channel_to(port) as channel:
        assert await channel.send(letter) == Failure(PERMANENT, reason)

    assert server.connections == 0


async def test_a_domain_in_another_script_is_sent_in_its_ascii_form():
    assert (await received(a_letter("ada@bücher.example")))["To"] == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize("sender", ["", "Health", "Health <notify>", "Health <a@b\r\nBcc: c@d>"])
def test_a_sender_without_an_address_stops_the_start(sender):
    with pytest.raises(Misconfigured, match="DEFAULT_FROM_EMAIL"):
        SmtpChannel(host="h", port=25, sender=sender, unsubscribe_url=lambda _: "", clock=lambda: NOW, timeout=PATIENT)


@pytest.mark.parametrize(
    ("step", "answer", "kind", "reason"),
    [
        ("GREETING", b"554 we do not know you\r\n", TRANSIENT, "smtp_554"),
        ("GREETING", b"421 too busy\r\n", TRANSIENT, "smtp_421"),
        ("GREETING", b"SSH-2.0-OpenSSH\r\n", TRANSIENT, "smtp_garbage"),
        ("GREETING", Do.CLOSE, TRANSIENT, "disconnected"),
        ("GREETING", Do.HANG, TRANSIENT, "timeout"),
        ("GREETING", Do.TRICKLE, TRANSIENT, "timeout"),
        ("EHLO", Do.HANG, TRANSIENT, "timeout"),
        ("EHLO", Do.CLOSE, TRANSIENT, "disconnected"),
        ("MAIL", b"451 later\r\n", TRANSIENT, "smtp_451"),
        ("MAIL", b"550 not you\r\n", TRANSIENT, "smtp_550"),
        ("MAIL", b"530 log in first\r\n", TRANSIENT, "smtp_530"),
        ("MAIL", Do.HANG, TRANSIENT, "timeout"),
        ("RCPT", b"450 greylisted\r\n", TRANSIENT, "smtp_450"),
        ("RCPT", b"451-later\r\n451 please\r\n", TRANSIENT, "smtp_451"),
        ("RCPT", b"550 no such user\r\n", PERMANENT, "smtp_550"),
        ("RCPT", b"553 no\r\n", PERMANENT, "smtp_553"),
        ("RCPT", b"530 log in first\r\n", TRANSIENT, "smtp_530"),
        ("RCPT", b"421 closing\r\n", TRANSIENT, "smtp_421"),
        ("RCPT", b"hello?\r\n", TRANSIENT, "smtp_garbage"),
        ("RCPT", Do.CLOSE, TRANSIENT, "disconnected"),
        ("RCPT", Do.HANG, TRANSIENT, "timeout"),
        ("RCPT", Do.TRICKLE, TRANSIENT, "timeout"),
        ("DATA", b"451 later\r\n", TRANSIENT, "smtp_451"),
        ("DATA", b"554 no\r\n", PERMANENT, "smtp_554"),
        ("DATA", b"250 what?\r\n", TRANSIENT, "smtp_250"),
        ("DATA", Do.CLOSE, TRANSIENT, "disconnected"),
        ("DATA", Do.HANG, TRANSIENT, "timeout"),
        ("DOT", b"451 later\r\n", TRANSIENT, "smtp_451"),
        ("DOT", b"421 later\r\n", TRANSIENT, "smtp_421"),
        ("DOT", b"554 spam\r\n", PERMANENT, "smtp_554"),
        ("DOT", b"354 go on\r\n", UNKNOWN, "smtp_354"),
        ("DOT", b"thanks\r\n", UNKNOWN, "smtp_garbage"),
        ("DOT", b"2" * 20_000, UNKNOWN, "disconnected"),
        ("DOT", Do.CLOSE, UNKNOWN, "disconnected"),
        ("DOT", Do.HANG, UNKNOWN, "timeout"),
        ("DOT", Do.TRICKLE, UNKNOWN, "timeout"),
    ],
)
@pytest.mark.parametrize("abilities", [{}, PIPELINING], ids=["one_by_one", "in_one_go"])
async def test_a_failure_is_unknown_only_after_the_final_dot(step, answer, kind, reason, abilities):
    waits = answer in {Do.HANG, Do.TRICKLE}

    outcome = await outcome_of({**abilities, step: answer}, timeout=IMPATIENT if waits else PATIENT)

    assert outcome == Failure(kind, reason)


async def test_nobody_listening_is_a_definite_failure():
    async with channel_to(await free_port()) as channel:
        assert await channel.send(a_letter()) == Failure(TRANSIENT, "connection_refused")


async def test_a_name_that_does_not_resolve_is_a_definite_failure():
    async with channel_to(25, host="mail.invalid", timeout=timedelta(seconds=5)) as channel:
        outcome = await channel.send(a_letter())

    assert outcome.kind is TRANSIENT
    assert outcome.reason in {"dns", "timeout"}


def test_a_server_that_stops_reading_in_mid_message_has_not_got_it():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"250 OK\r\n250 OK\r\n354 go on\r\n")
        ours.settimeout(0.1)
        session = SmtpSession(Server(LOOPBACK, 25, "", "", None), 1)
        session.sock = ours
        errand = Errand(SERVER_IS_SILENT)

        with pytest.raises(TimeoutError) as problem:
            session.transfer("a@example.com", Mail("b@example.com", b"x" * 4_000_000), errand)

    assert errand.broken(problem.value) == Failure(TRANSIENT, "timeout")


def test_an_abandoned_errand_is_not_sent_after_all():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"250 OK\r\n250 OK\r\n354 go on\r\n")
        session = SmtpSession(Server(LOOPBACK, 25, "", "", None), 1)
        session.sock = ours
        errand = Errand(SERVER_IS_SILENT)
        errand.abandon()

        with pytest.raises(TimeoutError):
            session.transfer("a@example.com", Mail("b@example.com", b"Subject: x\r\n\r\nx\r\n"), errand)

        theirs.settimeout(0.1)
        assert b"Subject" not in theirs.recv(10_000)
    assert not errand.is_dotted


async def test_a_batch_goes_over_few_connections():
    server = MailServer()
    async with listening(server) as port, channel_to(port, connections=3) as channel:
        outcomes = await asyncio.gather(*(channel.send(a_letter(f"p{n}@example.com")) for n in range(60)))

    assert outcomes == [Accepted("queued as Q1")] * 60
    assert len(server.letters) == 60
    assert server.connections <= 3


async def test_a_connection_outlives_a_refusal():
    server = MailServer({"RCPT": b"550 no such user\r\n"})
    async with listening(server) as port, channel_to(port, connections=1) as channel:
        await channel.send(a_letter())
        server.answers["RCPT"] = b"250 OK\r\n"
        assert await channel.send(a_letter()) == Accepted("queued as Q1")

    assert server.connections == 1
    assert server.heard[4:6] == ["RSET", "MAIL"]


@pytest.mark.parametrize("abilities", [{}, PIPELINING], ids=["one_by_one", "in_one_go"])
async def test_a_kept_connection_that_the_server_closed_is_replaced(abilities):
    server = MailServer(abilities, letters_per_connection=1)
    async with listening(server) as port, channel_to(port, connections=1) as channel:
        outcomes = [await channel.send(a_letter()) for _ in range(3)]

    assert outcomes == [Accepted("queued as Q1")] * 3
    assert server.connections == 3
    assert len(server.letters) == 3


async def test_a_kept_connection_that_the_server_wants_to_end_is_replaced_once():
    server = MailServer()
    async with listening(server) as port, channel_to(port, connections=1) as channel:
        await channel.send(a_letter())
        server.answers["MAIL"] = b"421 you have been here long enough\r\n"
        assert await channel.send(a_letter()) == Failure(TRANSIENT, "smtp_421")

    assert server.connections == 2


async def test_a_connection_that_breaks_after_the_dot_is_not_tried_again():
    server = MailServer()
    async with listening(server) as port, channel_to(port, connections=1) as channel:
        await channel.send(a_letter())
        server.answers["DOT"] = Do.CLOSE
        assert await channel.send(a_letter()) == Failure(UNKNOWN, "disconnected")

    assert server.connections == 1
    assert len(server.letters) == 2


async def test_an_old_connection_is_not_trusted(monkeypatch):
    monkeypatch.setattr("healthnotify.adapters.channels.email.IDLE", 0)
    server = MailServer()
    async with listening(server) as port, channel_to(port, connections=1) as channel:
        for _ in range(2):
            assert await channel.send(a_letter()) == Accepted("queued as Q1")

    assert server.connections == 2


async def test_servers_that_hang_hold_neither_the_loop_nor_the_threads_for_longer_than_the_timeout():
    server = MailServer({"RCPT": Do.TRICKLE})
    async with listening(server) as port, channel_to(port, connections=2, timeout=IMPATIENT) as channel:
        began = time.monotonic()
        outcomes = await asyncio.gather(*(channel.send(a_letter()) for _ in range(10)))
        took = time.monotonic() - began
        server.answers["RCPT"] = b"250 OK\r\n"
        after = await channel.send(a_letter())

    assert {outcome.kind for outcome in outcomes} == {TRANSIENT}
    assert {outcome.reason for outcome in outcomes} <= {"timeout", "smtp_busy"}
    assert took < 3  # one after the other they would have taken five times the timeout, and the trickle is endless
    assert after == Accepted("queued as Q1")


async def test_a_cancelled_send_lets_its_thread_go():
    server = MailServer({"RCPT": Do.HANG})
    async with listening(server) as port, channel_to(port, connections=1, timeout=timedelta(minutes=1)) as channel:
        sending = asyncio.create_task(channel.send(a_letter()))
        await server.asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        server.answers["RCPT"] = b"250 OK\r\n"
        async with asyncio.timeout(SERVER_IS_SILENT):
            assert await channel.send(a_letter()) == Accepted("queued as Q1")


async def test_a_receipt_never_repeats_the_address():
    answer = {"DOT": b"250 queued for Ada@example.com\r\n"}

    assert await outcome_of(answer, a_letter("ada@example.com")) == Accepted("")


# --- TLS and login, against aiosmtpd


class Guarded(SMTP):
    """aiosmtpd behind TLS and a password."""

    def __init__(self, tls: ssl.SSLContext | None, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            self, tls_context=tls, require_starttls=bool(tls), hostname="localhost", loop=loop, auth_required=bool(tls)
        )
        self._authenticator = lambda *parts: AuthResult(success=parts[-1].password == b"right", handled=False)


@contextlib.asynccontextmanager
async def guarded(tls: ssl.SSLContext | None):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Guarded(tls, loop), LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    return a_certificate(tmp_path_factory.mktemp("certificate"))


LOGIN = {"user": "us", "password": "right", "use_tls": True}


async def test_mail_goes_over_tls_with_a_login(contexts):
    server, client = contexts
    async with guarded(server) as port, channel_to(port, tls=client, **LOGIN) as channel:
        assert isinstance(await channel.send(a_letter()), Accepted)
        assert isinstance(await channel.send(a_letter()), Accepted)


async def test_a_wrong_password_is_about_us_and_loses_nothing(contexts):
    server, client = contexts
    async with guarded(server) as port, channel_to(port, tls=client, **{**LOGIN, "password": "no"}) as channel:
        assert await channel.send(a_letter()) == Failure(TRANSIENT, "smtp_auth")


async def test_a_certificate_that_nobody_vouches_for_is_refused(contexts):
    server, _ = contexts
    async with guarded(server) as port, channel_to(port, **LOGIN) as channel:
        assert await channel.send(a_letter()) == Failure(TRANSIENT, "tls_certificate")


async def test_a_server_without_tls_does_not_get_the_password():
    server = MailServer()
    async with listening(server) as port, channel_to(port, **LOGIN) as channel:
        assert await channel.send(a_letter()) == Failure(TRANSIENT, "smtp_no_starttls")

    assert "AUTH" not in server.heard


async def test_a_server_without_a_login_is_told_apart():
    async with listening(MailServer()) as port, channel_to(port, user="us", password="p") as channel:
        assert await channel.send(a_letter()) == Failure(TRANSIENT, "smtp_auth")


async def test_on_the_tls_port_tls_comes_first(contexts, monkeypatch):
    server, client = contexts
    async with listening(MailServer(), tls=server) as port, channel_to(port, tls=client, use_tls=True) as channel:
        monkeypatch.setattr(smtp_session, "TLS_PORT", port)
        assert await channel.send(a_letter()) == Accepted("queued as Q1")

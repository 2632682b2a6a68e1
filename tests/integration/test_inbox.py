"""The inbox as a process: what it takes it has written down before it says so, and its faults are those asked for."""

import http.client
import json
import smtplib
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from email.message import EmailMessage
from urllib.parse import urlencode

import pytest

from healthnotify.embedded import inbox
from healthnotify.embedded.inbox_faults import Fate, Faults


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    started = inbox.start(tmp_path_factory.mktemp("inbox")).wait()
    yield started
    started.stop()


@pytest.fixture
def faulty(tmp_path):
    """Starts an inbox with those faults."""
    started = []

    def start(**shares):
        started.append(inbox.start(tmp_path / f"box{len(started)}", Faults(**shares)))
        return started[-1].wait()

    yield start
    for one in started:
        one.stop()


def a_mail(name: str, text: str = "Drink a glass of water.") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "us@health.example", f"{name}@example.com", f"Für {name}"
    mail["Message-ID"] = f"<{name}@health.example>"
    mail["List-Unsubscribe"] = "<https://health.example/u/1>"
    mail.set_content(text)
    return mail


def deliver(box, mail) -> None:
    with smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=10, local_hostname="localhost") as connection:
        connection.send_message(mail)


def text_to(box, number: str, body: str = "Stretch!", account: str = "AC1", **headers) -> tuple[int, dict]:
    form = urlencode({"To": number, "From": "+15005550006", "Body": body}).encode()
    url = f"{box.sms_base_url}/2010-04-01/Accounts/{account}/Messages.json"
    request = urllib.request.Request(url, form, {"Authorization": "Basic QUMxOnQ=", **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with closing(refusal):
            return refusal.code, json.load(refusal)


def written_about(box, recipient: str) -> list[dict]:
    return [message for message in box.messages() if recipient in message["to"]]


def test_an_accepted_mail_is_in_the_log_when_the_sender_hears_of_it(box):
    deliver(box, a_mail("ada"))

    (message,) = written_about(box, "ada@example.com")
    assert message["kind"] == "email"
    assert message["id"] == "<ada@health.example>"
    assert message["subject"] == "Für ada"
    assert message["text"].strip() == "Drink a glass of water."
    assert message["headers"]["List-Unsubscribe"] == "<https://health.example/u/1>"
    assert message["time"].endswith("+00:00")


def test_an_accepted_text_is_in_the_log_when_the_sender_hears_of_it(box):
    status, answer = text_to(box, "+15005550001", "Grüße 😀", **{"Idempotency-Key": "n1"})

    (message,) = written_about(box, "+15005550001")
    assert status == 201
    assert message["kind"] == "sms"
    assert message["id"] == answer["sid"]
    assert message["client_id"] == "n1"
    assert (message["sender"], message["text"]) == ("+15005550006", "Grüße 😀")


def test_every_text_gets_a_sid_of_its_own(box):
    sids = {text_to(box, "+15005550002")[1]["sid"] for _ in range(5)}

    assert len(sids) == 5


def test_a_request_without_credentials_or_without_text_is_refused_like_the_provider_does(box):
    assert text_to(box, "+15005550003", Authorization="")[0] == 401
    assert text_to(box, "+15005550003", body="") == (
        400,
        {"code": 21602, "message": "To, From and Body are required", "more_info": "", "status": 400},
    )
    assert written_about(box, "+15005550003") == []


def test_a_mail_that_is_too_large_is_refused_and_the_next_one_taken(box):
    with smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=10, local_hostname="localhost") as connection:
        with pytest.raises(smtplib.SMTPResponseException) as refusal:
            connection.send_message(a_mail("huge", "All work and no play.\n" * 20_000))
        connection.send_message(a_mail("small"))

    assert refusal.value.smtp_code == 552
    assert written_about(box, "huge@example.com") == []
    assert len(written_about(box, "small@example.com")) == 1


def test_what_is_no_mail_at_all_does_not_bring_it_down(box):
    with socket.create_connection(("127.0.0.1", box.smtp_port), timeout=10) as connection:
        connection.sendall(b"\x00\xff" * 3000 + b"\r\nGET / HTTP/1.1\r\n\r\n")
    with smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=10, local_hostname="localhost") as connection:
        connection.sendmail(
            "us@health.example", "odd@example.com", b"Subject: =?klingon?q?x?=\r\n\xff\xfe no header: \x80\r\n\r\n\xff"
        )

    assert len(written_about(box, "odd@example.com")) == 1


def test_who_is_refused_for_good_is_refused_each_time_and_never_written_down(faulty):
    box = faulty(refuse_for_good=1)

    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
            deliver(box, a_mail("ada"))
        assert refusal.value.recipients["ada@example.com"][0] == 550
        assert text_to(box, "+15005550001")[1]["code"] == 21211
    assert box.messages() == []


def test_who_is_refused_for_a_while_is_taken_afterwards(faulty):
    box = faulty(refuse_for_a_while=1, while_seconds=0.5)
    codes = []

    def taken() -> bool:
        try:
            deliver(box, a_mail("ada"))
        except smtplib.SMTPRecipientsRefused as refusal:
            codes.append(refusal.recipients["ada@example.com"][0])
            return False
        return True

    while not taken():
        assert written_about(box, "ada@example.com") == []

    assert set(codes) == {451}
    assert len(written_about(box, "ada@example.com")) == 1


def test_a_provider_that_refuses_for_a_while_says_503(faulty):
    assert text_to(faulty(refuse_for_a_while=1), "+15005550001")[0] == 503


def test_what_is_accepted_before_the_connection_is_dropped_is_written_down(faulty):
    box = faulty(accept_then_close=1)

    with pytest.raises(smtplib.SMTPServerDisconnected):
        deliver(box, a_mail("ada"))
    with pytest.raises(http.client.RemoteDisconnected):
        text_to(box, "+15005550001")

    assert [message["kind"] for message in box.messages()] == ["email", "sms"]


@pytest.mark.parametrize(("shares", "codes"), [({}, [250, 250, 354]), ({"refuse_for_good": 1}, [250, 550, 503])])
def test_commands_need_not_wait_for_each_other(faulty, shares, codes):
    box = faulty(**shares)

    with smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=10, local_hostname="localhost") as connection:
        connection.ehlo_or_helo_if_needed()
        assert connection.has_extn("pipelining")
        connection.send("MAIL FROM:<us@health.example>\r\nRCPT TO:<ada@example.com>\r\nDATA\r\n")
        assert [connection.getreply()[0] for _ in codes] == codes
        connection.close()


def test_what_hangs_is_not_taken(faulty):
    box = faulty(hang=1)

    with smtplib.SMTP("127.0.0.1", box.smtp_port, timeout=10, local_hostname="localhost") as connection:
        connection.ehlo_or_helo_if_needed()
        connection.sock.settimeout(0.3)
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            connection.sendmail("us@health.example", "ada@example.com", b"Subject: x\r\n\r\nx")

    assert box.messages() == []


def test_faults_come_in_the_share_that_was_asked_for():
    fate = Fate(Faults(refuse_for_a_while=0.05, refuse_for_good=0.01, while_seconds=60))
    drawn = [fate.of_recipient(f"p{n}@example.com") for n in range(20_000)]

    assert 0.045 < drawn.count("for_a_while") / 20_000 < 0.055
    assert 0.008 < drawn.count("for_good") / 20_000 < 0.012


def test_the_same_seed_draws_the_same_people_and_another_seed_others():
    people = [f"p{n}@example.com" for n in range(1000)]
    draws = [[Fate(Faults(refuse_for_good=0.5, seed=seed)).of_recipient(who) for who in people] for seed in (1, 1, 2)]

    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_a_message_that_comes_again_is_drawn_for_again():
    fate = Fate(Faults(accept_then_close=0.5))

    assert {fate.of_message("<one@health.example>") for _ in range(64)} == {"close", None}


def test_it_ends_at_once_when_it_is_told_to_and_frees_its_ports(tmp_path):
    box = inbox.start(tmp_path).wait()
    with socket.create_connection(("127.0.0.1", box.smtp_port)):
        box.stop()

    for port in (box.smtp_port, box.http_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    assert "Traceback" not in (tmp_path / "inbox.log").read_text()


@pytest.mark.parametrize("share", ["2", "-1", "some"])
def test_a_share_that_is_none_is_refused_with_its_name(share):
    command = [sys.executable, "-m", "healthnotify.embedded.inbox", "--smtp-port=1", "--http-port=2", "--log=x"]
    ended = subprocess.run([*command, f"--hang={share}"], capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 2
    assert "--hang" in ended.stderr

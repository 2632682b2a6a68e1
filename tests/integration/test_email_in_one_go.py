"""All that leads to the text of a mail in one go, where the server takes that (RFC 2920)."""

import pytest

from healthnotify.domain.delivery import Accepted, Failure, FailureKind
from tests.channel_servers import IMPATIENT, PIPELINING, Do, MailServer, Turns, a_letter, channel_to, listening


async def test_three_commands_go_at_once_to_a_server_that_takes_that():
    server = Turns(
        b"220 here\r\n", PIPELINING["EHLO"], b"250 OK\r\n250 OK\r\n354 go on\r\n", b"250 Q1\r\n", b"221 bye\r\n"
    )
    async with listening(server) as port, channel_to(port) as channel:
        assert await channel.send(a_letter()) == Accepted("Q1")

    assert server.heard[1] == b"MAIL FROM:<notify@health.example>\r\nRCPT TO:<ada@example.com>\r\nDATA\r\n"


async def test_each_command_waits_for_its_reply_where_the_server_does_not_say_so():
    server = Turns(b"220 here\r\n", b"250 here\r\n", b"250 OK\r\n", b"250 OK\r\n", b"354 go on\r\n", b"250 Q1\r\n")
    async with listening(server) as port, channel_to(port) as channel:
        assert await channel.send(a_letter()) == Accepted("Q1")

    mail, rcpt, ask = b"MAIL FROM:<notify@health.example>\r\n", b"RCPT TO:<ada@example.com>\r\n", b"DATA\r\n"
    assert server.heard[1:4] == [mail, rcpt, ask]


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
async def test_replies_after_a_refusal_are_not_taken_for_those_of_the_next_letter(step):
    no = b"554 no\r\n"
    server = MailServer({**PIPELINING, "MAIL": b"250 OK\r\n", "RCPT": no, "DATA": b"503 no recipient\r\n", step: no})
    async with listening(server) as port, channel_to(port, connections=1) as channel:
        assert (await channel.send(a_letter())).reason == "smtp_554"
        server.answers = {**server.GOOD, **PIPELINING}
        assert await channel.send(a_letter()) == Accepted("queued as Q1")

    assert server.connections == 1
    assert server.heard[2:7] == ["MAIL", "RCPT", "DATA", "RSET", "MAIL"]


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
async def test_a_server_that_wants_the_text_after_a_refusal_gets_none_of_it(step):
    server = MailServer({**PIPELINING, step: b"550 no\r\n"})
    async with listening(server) as port, channel_to(port, connections=1) as channel:
        assert (await channel.send(a_letter())).reason == "smtp_550"
        assert "DATA" in server.heard
        server.answers[step] = b"250 OK\r\n"
        assert await channel.send(a_letter()) == Accepted("queued as Q1")

    assert server.connections == 2
    assert len(server.letters) == 1


@pytest.mark.parametrize("then", [Do.HANG, Do.CLOSE, Do.TRICKLE])
async def test_a_refusal_stands_whatever_comes_after_it(then):
    server = MailServer({**PIPELINING, "RCPT": b"550 no such user\r\n", "DATA": then})
    async with listening(server) as port, channel_to(port, timeout=IMPATIENT) as channel:
        assert await channel.send(a_letter()) == Failure(FailureKind.PERMANENT, "smtp_550")

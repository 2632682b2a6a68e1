"""One connection to a mail server that knows, at every moment, whether the message may have arrived."""

import contextlib
import smtplib
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from healthnotify.adapters.channels.errand import Errand
from healthnotify.adapters.channels.mail import Mail
from healthnotify.domain.delivery import Accepted, Failure, FailureKind

TLS_PORT: Final = 465  # TLS from the first byte (RFC 8314); STARTTLS everywhere else
CHUNK: Final = 16384  # bytes handed to the socket at once: one TLS record
LONGEST_RECEIPT: Final = 100
OK: Final = 250
GO_ON: Final = 354
LAST: Final = 599
LONGEST_LINE: Final = 8192  # bytes; RFC 5321 allows 512
MOST_LINES: Final = 100  # of one reply
CLOSING: Final = 421
#: Refusals that are about us (who may send here), not about the recipient: 530, 534, 535, 538 speak of authentication.
ABOUT_US: Final = frozenset({CLOSING, 530, 534, 535, 538})


@dataclass(frozen=True, slots=True)
class Server:
    """How to reach the mail server, and as whom."""

    host: str
    port: int
    user: str
    password: str
    tls: ssl.SSLContext | None


class Unusable(Exception):
    """The server is there but does not let us in; `reason` is a code. Never the recipient's fault."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SmtpSession(smtplib.SMTP):
    """smtplib's connection, with our own DATA, because smtplib hides how far it came."""

    def __init__(self, server: Server, seconds: float) -> None:
        """Does not connect yet, so that a connect can be cut, too."""
        super().__init__(timeout=seconds, local_hostname="localhost")
        self._host = server.host  # smtplib checks the certificate against it
        self._server = server
        self._is_dirty = False  # a transaction has begun that did not end well: RSET comes first
        self.used_at = 0.0  #: set by whoever keeps it

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as we know."""
        return self.sock is not None

    def open(self) -> None:
        """Connect, go over to TLS, log in. Raises `Unusable`, or what a socket raises."""
        try:
            self._greet()
            if self._server.tls and self._server.port != TLS_PORT:
                if not self.has_extn("starttls"):
                    raise Unusable("smtp_no_starttls")
                self.starttls(context=self._server.tls)
                self.ehlo_or_helo_if_needed()
        except smtplib.SMTPResponseException as problem:
            raise Unusable(_code(problem.smtp_code)) from None
        if self._server.user:
            self._log_in()

    def transfer(self, sender: str, mail: Mail, errand: Errand) -> Accepted | Failure:
        """Offer one message. Raises what a socket raises; `errand.is_dotted` tells whether it may have arrived."""
        if self._is_dirty:
            self._reset()
        self._is_dirty = True
        if refusal := self._offer(sender, mail.recipient):
            return refusal
        self._pour(_stuffed(mail.content), errand)
        code, text = self.getreply()
        if code // 100 != OK // 100:
            return self._refused(code, about_us=False, may_be_there=code // 100 not in {4, 5})
        self._is_dirty = False
        return Accepted(_receipt(text, mail.recipient))

    def getreply(self) -> tuple[int, bytes]:
        """One reply: its code, or -1 where there is none, and its text.

        Ours, because smtplib's takes the beginning of a line for a reply when the connection breaks off in the middle
        ("25" of "250"), and reads lines for as long as they come.
        """
        texts = []
        for _ in range(MOST_LINES):
            line = self._line()
            texts.append(line[4:].strip())
            if not line[:3].isdigit():
                break
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(texts)
        return -1, b""

    def cut(self) -> None:
        """Shut the socket down; whoever waits on it, in whatever thread, wakes up."""
        if self.sock:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # not SSLSocket's, which drops the TLS state

    def part(self, seconds: float) -> None:
        """Say QUIT, wait at most `seconds` for the answer, and close."""
        with contextlib.suppress(OSError):
            if self.sock:
                self.sock.settimeout(seconds)
                self.quit()
        self.close()

    def _greet(self) -> None:
        code, _ = self.connect(self._server.host, self._server.port)
        if code // 100 != OK // 100 or not self.sock:
            raise Unusable(_code(code))
        # Our address as a literal is a lawful name (RFC 5321, 4.1.3); smtplib would look one up, and that may hang.
        self.local_hostname = _literal(self.sock.getsockname()[0])
        self.ehlo_or_helo_if_needed()

    def _reset(self) -> None:
        code, _ = self.rset()
        if code // 100 != OK // 100:
            raise smtplib.SMTPServerDisconnected("RSET was refused")

    def _offer(self, sender: str, recipient: str) -> Failure | None:
        """Ask for leave to send the text: in one go for all three replies where the server takes that (RFC 2920)."""
        steps = (
            # A refusal of the sender is about us, whatever its code: it must not cost the recipient the message.
            (f"MAIL FROM:<{sender}>\r\n", OK, True),
            (f"RCPT TO:<{recipient}>\r\n", OK, False),
            ("DATA\r\n", GO_ON, False),
        )
        in_one_go = self.has_extn("pipelining")
        if in_one_go:
            self.send("".join(command for command, _, _ in steps))
        for unheard, (command, good, about_us) in zip((2, 1, 0), steps, strict=True):
            if not in_one_go:
                self.send(command)
            code, _ = self.getreply()
            if code // 100 != good // 100:
                refusal = self._refused(code, about_us=about_us)
                self._hear_out(unheard if in_one_go else 0)
                return refusal
        return None

    def _hear_out(self, replies: int) -> None:
        """Take the replies that come after a refusal. If the text is asked for all the same, the connection ends."""
        try:
            for _ in range(replies if self.sock else 0):
                code, _ = self.getreply()
                if code // 100 not in {2, 4, 5}:
                    self.close()
        except OSError:
            self.close()

    def _refused(self, code: int, *, about_us: bool, may_be_there: bool = False) -> Failure:
        is_final = code // 100 == 5 and not about_us and code not in ABOUT_US
        if code // 100 not in {4, 5} or code == CLOSING:
            self.close()  # it says goodbye, or we no longer speak of the same thing
        if may_be_there:
            return Failure(FailureKind.UNKNOWN, _code(code))
        return Failure(FailureKind.PERMANENT if is_final else FailureKind.TRANSIENT, _code(code))

    def _line(self) -> bytes:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("there is no connection")
        if self.file is None:
            self.file = self.sock.makefile("rb")
        line: bytes = self.file.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            self.close()
            raise smtplib.SMTPServerDisconnected("it broke off")
        return line

    def _log_in(self) -> None:
        try:
            self.login(self._server.user, self._server.password)
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPException:
            raise Unusable("smtp_auth") from None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """smtplib's hook for making the connection."""
        connection = socket.create_connection((host, port), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._server.tls and port == TLS_PORT:
            return self._server.tls.wrap_socket(connection, server_hostname=host)
        return connection

    def _pour(self, content: bytes, errand: Errand) -> None:
        """Send the content with its final dot. A chunk that fails was not sent, so until the last it is definite."""
        rest = memoryview(content)
        while rest and self.sock:
            errand.is_dotted = len(rest) <= CHUNK
            try:
                errand.check()
                rest = rest[self.sock.send(rest[:CHUNK]) :]
            except OSError:
                errand.is_dotted = False
                raise


def _stuffed(content: bytes) -> bytes:
    """With the dots of RFC 5321, 4.5.2, and the final one. Ours never begins with a dot: it begins with a header."""
    return content.removesuffix(b"\r\n").replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n"


def _code(code: int) -> str:
    return f"smtp_{code}" if OK <= code <= LAST else "smtp_garbage"


def _receipt(text: bytes, recipient: str) -> str:
    """The server's queue id, as it words it; dropped when it repeats the address, which no log may hold."""
    words = text.decode("ascii", "replace")[:LONGEST_RECEIPT]
    return "" if recipient.lower() in words.lower() else words


def _literal(address: str) -> str:
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

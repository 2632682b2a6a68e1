"""E-mail over SMTP: at least once; a stable Message-ID marks the extra copy that a crash can cause."""

import asyncio
import contextlib
import ssl
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from healthnotify.adapters.channels.errand import Errand
from healthnotify.adapters.channels.mail import Mail, Sender, Unsendable, compose
from healthnotify.adapters.channels.smtp_session import Server, SmtpSession, Unusable
from healthnotify.domain.delivery import Failure, FailureKind, Letter, Outcome

IDLE: Final = 30.0  # seconds after which a kept connection is not trusted any more; servers allow minutes (RFC 5321)
GRACE: Final = 0.5  # seconds for a thread to say what it knows once its connection is cut
FAREWELL: Final = 1.0  # seconds for a server to answer QUIT

#: Every thread was at work until the deadline: more `connections` are needed, or fewer letters in flight.
BUSY: Final = Failure(FailureKind.TRANSIENT, "smtp_busy")


class SmtpChannel:
    """`ChannelPort` over smtplib: blocking calls in a few threads, each keeping its connection for the next letter.

    Threads, because smtplib is in the standard library and known to every relay; `connections` bounds both.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        sender: str,
        unsubscribe_url: Callable[[Letter], str],
        clock: Callable[[], datetime],
        timeout: timedelta,
        user: str = "",
        password: str = "",
        use_tls: bool = False,
        tls: ssl.SSLContext | None = None,
        connections: int = 8,
    ) -> None:
        """`timeout` covers one send in all, waiting for a thread included. `tls` replaces the system's trust.

        Raises `Misconfigured` when `sender` holds no address.
        """
        context = (tls or ssl.create_default_context()) if use_tls else None
        self._server = Server(host, port, user, password, context)
        self._sender = Sender.parse(sender)
        self._unsubscribe_url = unsubscribe_url
        self._clock = clock
        self._seconds = timeout.total_seconds()
        self._connections = connections
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="smtp")
        self._idle: deque[SmtpSession] = deque()
        self._is_closed = False

    @property
    def at_once(self) -> int:
        """See `ports.ChannelPort`. One more waits for each connection, so that none is idle between two letters."""
        return 2 * self._connections

    def provider(self, letter: Letter) -> str:
        """See `ports.ChannelPort`."""
        return f"smtp:{self._server.host}:{self._server.port}"

    async def send(self, letter: Letter) -> Outcome:
        """Answers within `timeout` (and a moment), whatever the server does."""
        errand = Errand(self._seconds)
        doing = asyncio.get_running_loop().run_in_executor(self._threads, self._deliver, letter, errand)
        try:
            await asyncio.wait({doing}, timeout=self._seconds)
            if not doing.done():
                errand.abandon()
                await asyncio.wait({doing}, timeout=GRACE if errand.started else 0)
        except asyncio.CancelledError:
            errand.abandon()
            doing.cancel()
            raise
        return doing.result() if doing.done() else _given_up(doing, errand)

    async def close(self) -> None:
        """Say goodbye on the idle connections; those in use are closed when their letter is done."""
        self._is_closed = True
        self._threads.shutdown(wait=False)
        await asyncio.to_thread(self._part)

    def _deliver(self, letter: Letter, errand: Errand) -> Outcome:
        """In a thread: the whole of one send."""
        errand.started = True
        try:
            errand.check()
            mail = compose(letter, sender=self._sender, link=self._unsubscribe_url(letter), at=self._clock())
        except Unsendable as problem:
            return Failure(FailureKind.PERMANENT, problem.reason)
        except TimeoutError:
            return BUSY
        kept = self._kept()
        if kept:
            outcome = self._over(kept, mail, errand)
            if kept.is_open or errand.is_dotted or errand.is_over:
                return outcome
        # Nobody was to blame but a connection that had gone stale, and nothing was sent: once more on a new one.
        return self._over(SmtpSession(self._server, max(errand.left(), FAREWELL)), mail, errand)

    def _over(self, session: SmtpSession, mail: Mail, errand: Errand) -> Outcome:
        """Send over that connection, and keep it for the next letter if it is still good."""
        try:
            errand.attach(session)
            if not session.is_open:
                session.open()
            outcome: Outcome = session.transfer(self._sender.address, mail, errand)
        except Unusable as problem:
            session.close()
            outcome = Failure(FailureKind.TRANSIENT, problem.reason)
        except OSError as problem:  # all that smtplib raises is one, too
            session.close()
            outcome = errand.broken(problem)
        errand.detach()
        self._keep(session)
        return outcome

    def _kept(self) -> SmtpSession | None:
        """The connection that rested least, unless even that is too old."""
        with contextlib.suppress(IndexError):
            session = self._idle.pop()
            if time.monotonic() - session.used_at < IDLE:
                return session
            session.close()
        return None

    def _keep(self, session: SmtpSession) -> None:
        if self._is_closed:
            session.close()
        elif session.is_open:
            session.used_at = time.monotonic()
            self._idle.append(session)

    def _part(self) -> None:
        with contextlib.suppress(IndexError):
            while session := self._idle.pop():
                session.part(FAREWELL)


def _given_up(doing: asyncio.Future[Outcome], errand: Errand) -> Failure:
    """What is certain when the thread has said nothing: it hangs in a name look-up, or it waits for its turn."""
    doing.cancel()
    if not errand.started:
        return BUSY
    return Failure(FailureKind.UNKNOWN if errand.is_dotted else FailureKind.TRANSIENT, "timeout")

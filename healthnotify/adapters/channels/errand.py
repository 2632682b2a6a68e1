"""One blocking send under a deadline, as the event loop and the thread that does it both see it."""

import smtplib
import ssl
import threading
import time
from typing import Protocol

from healthnotify.adapters import unreachable
from healthnotify.domain.delivery import Failure, FailureKind


class Connection(Protocol):
    """What an errand needs of the connection it runs over."""

    def cut(self) -> None:
        """Shut it down, from any thread."""


class Errand:
    """One send, as the event loop and the thread that does it both see it.

    `abandon` sets its flag and then `is_dotted` is read; the thread sets `is_dotted` and then looks whether it is
    abandoned. So no send is called definite by the one and done after all by the other.
    """

    def __init__(self, seconds: float) -> None:
        self.started = False  #: a thread has taken it up
        self.is_dotted = False  #: the message's last bytes were handed to the socket
        self._deadline = time.monotonic() + seconds
        self._is_abandoned = False
        self._session: Connection | None = None
        self._lock = threading.Lock()

    def attach(self, session: Connection) -> None:
        """Have that connection cut when the errand is abandoned. Raises `TimeoutError` when it already is."""
        with self._lock:
            self._session = session
        self.check()

    def detach(self) -> None:
        """The connection is somebody else's from here on."""
        with self._lock:
            self._session = None

    def abandon(self) -> None:
        """Wake the thread out of whatever it waits for; a server that trickles cannot hold it."""
        self._is_abandoned = True
        with self._lock:
            if self._session:
                self._session.cut()

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._is_abandoned or self.left() <= 0

    def left(self) -> float:
        """Seconds until the deadline, negative after it."""
        return self._deadline - time.monotonic()

    def check(self) -> None:
        """Raises `TimeoutError` when it is over."""
        if self.is_over:
            raise TimeoutError

    def broken(self, problem: OSError) -> Failure:
        """What it means that the connection failed now."""
        code = "timeout" if self.is_over else unreachable.reason(_cause(problem))
        return Failure(FailureKind.UNKNOWN if self.is_dotted else FailureKind.TRANSIENT, code)


def _cause(problem: OSError) -> BaseException:
    """What the socket raised, out of smtplib's wrapping."""
    if not isinstance(problem, smtplib.SMTPServerDisconnected):
        return problem
    inner = problem.__context__
    return inner if isinstance(inner, TimeoutError | ssl.SSLError) else ConnectionResetError()

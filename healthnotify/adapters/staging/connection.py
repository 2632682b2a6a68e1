"""The client: how long it waits, and what its errors mean to us."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from healthnotify.domain.errors import Misconfigured, Unavailable

TIMEOUT: Final = 2.0  # seconds: a black hole must not hang a worker
SETTING: Final = "REDIS_URL"
EXAMPLE: Final = "redis://:password@localhost:6379/0"

_REFUSED: Final = (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError)
#: Nobody answers, or somebody who cannot serve just now; of the latter the client knows only some by a class.
_GONE: Final = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.ClusterError,
    exceptions.TryAgainError,
    exceptions.NoScriptError,  # forgotten once more between the client's loading it and calling it again
)
_GONE_BY_NAME: Final = ("BUSY", "MISCONF", "NOREPLICAS")
_NO_SUCH_DATABASE: Final = "DB index is out of range"


def client(url: str) -> Redis:
    """A client that connects when it is first used. Raises `Misconfigured` for a malformed URL.

    One retry, at once, on a broken connection: it renews those that a restart of the server has left dead in the pool.
    None after a timeout, which would double the wait. Patience beyond that is the business of the workers' loop.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme != "unix":
            int(parts.path.strip("/") or 0)  # the client would take 0 for what is no number, and say nothing
        made = Redis.from_url(
            url,
            decode_responses=True,
            protocol=2,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)),
        )
        made.connection_pool.make_connection()  # opens no socket; refuses what the URL's query must not say
    except (ValueError, TypeError):
        # Their texts quote the URL, and with it perhaps the password.
        raise Misconfigured(SETTING, "it is not a Redis URL", f"Use the form {EXAMPLE}") from None
    return made


@contextmanager
def meaning() -> Iterator[None]:
    """Errors of the client as ours: `Misconfigured` when it is the setting, `Unavailable` when it is the server."""
    try:
        yield
    except _REFUSED as problem:
        raise Misconfigured(SETTING, f"the server refuses the user or password ({problem})", "Correct it") from problem
    except _GONE as problem:
        raise _unavailable(problem) from problem
    except exceptions.ResponseError as problem:
        if str(problem).startswith(_NO_SUCH_DATABASE):
            raise Misconfigured(SETTING, "the server has no such database", "Name another, mostly /0") from problem
        if str(problem).startswith(_GONE_BY_NAME):
            raise _unavailable(problem) from problem
        raise


def _unavailable(problem: Exception) -> Unavailable:
    return Unavailable("Redis", str(problem).rstrip(".") or type(problem).__name__)

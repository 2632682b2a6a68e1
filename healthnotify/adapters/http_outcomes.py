"""One POST to a stranger, and what came of it: an answer, or a failure that says whether it may have arrived."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final

import aiohttp

from healthnotify.adapters import unreachable
from healthnotify.adapters.public_addresses import public_socket
from healthnotify.domain.delivery import Failure, FailureKind

KEEP: Final = 3.0  # seconds an idle connection is kept: shorter than any server's habit, so that it closes last


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said; `body` is its beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class _Request:
    handed_over: bool = False  #: the body went to the socket: from here on it may have arrived


class Poster:
    """Sends POSTs over kept connections, as many at a time as it is asked to; no redirects, no cookies, no proxies."""

    def __init__(self, timeout: timedelta, *, only_public: bool, most_read: int = 4096) -> None:
        """`timeout` covers one request in all; with `only_public` an address inside is never connected to;
        of an answer's body at most `most_read` bytes are read."""
        self._most_read = most_read
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds())
        self._socket_factory = public_socket if only_public else None
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answer | Failure:
        """Post `content`. Never raises for what the other side, the network or the URL does.

        A failure is UNKNOWN only if the body was handed to a connection; until then it is definite that nothing
        arrived, whatever happened.
        """
        request = _Request()
        try:
            async with self._open().post(
                url, data=content, headers=headers, allow_redirects=False, trace_request_ctx=request
            ) as response:
                return Answer(response.status, response.headers, await _beginning(response, self._most_read))
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            return _failure(problem, request)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        """Made at the first request, because a session belongs to the loop that runs then."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP, socket_factory=self._socket_factory),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                trace_configs=[_tracing()],
                auto_decompress=False,
                headers={"User-Agent": "healthnotify"},
            )
        return self._session


def _tracing() -> aiohttp.TraceConfig:
    async def body_leaves(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.handed_over = True

    tracing = aiohttp.TraceConfig()
    tracing.on_request_chunk_sent.append(body_leaves)
    return tracing


async def _beginning(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Up to `most` bytes. The status is said already, so a body that breaks off is simply a shorter one."""
    found = b""
    try:
        while len(found) < most and (chunk := await response.content.read(most - len(found))):
            found += chunk
    except (aiohttp.ClientError, OSError):  # a timeout is an OSError, too
        response.close()
    return found


def _failure(problem: Exception, request: _Request) -> Failure:
    if isinstance(problem, aiohttp.ClientConnectionResetError):  # raised instead of writing: the body did not leave
        return Failure(FailureKind.TRANSIENT, "disconnected")
    if request.handed_over:
        return Failure(FailureKind.UNKNOWN, _broken_off(problem))
    cause = problem.os_error if isinstance(problem, aiohttp.ClientConnectorError) else problem
    if isinstance(problem, aiohttp.ClientConnectorCertificateError):
        cause = problem.certificate_error
    if isinstance(problem, ValueError) and not isinstance(problem, OSError):  # the URL: no host, a bad port, …
        return Failure(FailureKind.PERMANENT, "bad_address")
    code = unreachable.reason(cause)
    return Failure(FailureKind.PERMANENT if code == "private_address" else FailureKind.TRANSIENT, code)


def _broken_off(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return "timeout"
    return "bad_answer" if isinstance(problem, aiohttp.ClientResponseError | ValueError) else "disconnected"

"""What we need of OpenAI's SDK and what it lacks: bounded bodies, no redirects, one reason for each way to fail.

Slow to import (about a second): only `OpenAIWriter` does, and only when one is made.
"""

import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx2
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    OpenAIError,
)

from healthnotify.adapters import retry_after
from healthnotify.adapters.llm_answer import LONGEST_BODY
from healthnotify.domain.errors import Misconfigured

KEY: Final = re.compile(r"[!-~]*")
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
SERVER_ERRORS: Final = 500
STATUSES: Final = {401: "unauthorised", 403: "unauthorised", 408: "timeout", 429: "rate_limited"}
NO_ROUTE: Final = frozenset({404, 405, 501})
CODES: Final = {
    "insufficient_quota": "quota_exhausted",
    "billing_hard_limit_reached": "quota_exhausted",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
}
DURATION: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,6}(?:\.\d+)?)s)?(?:(\d{1,9}(?:\.\d+)?)ms)?")


class TooLong(Exception):
    """A server sends more than any answer needs."""


FAILURES: Final = (OpenAIError, TooLong)


def connect(key: str, address: str) -> AsyncOpenAI:
    """A client without retries, redirects and endless bodies. `address` is the URL that ends in /v1.

    Raises `Misconfigured` for a key or an address that would fail at every call.
    """
    if not KEY.fullmatch(key):
        raise Misconfigured("OPENAI_KEY", "it holds characters that no key has", "Copy it again, without blanks")
    host = _host(address)
    if not host:
        raise Misconfigured("OPENAI_BASE_URL", "it is not a URL", "Give one such as http://localhost:8000/v1")
    http = DefaultAsyncHttpxClient(
        event_hooks={"response": [_bound]},
        follow_redirects=False,
        trust_env=host not in LOOPBACK,  # a proxy of the environment would look for us on itself
    )
    # Compatible servers often want no key, the SDK insists on one.
    return AsyncOpenAI(api_key=key or "none", base_url=address, max_retries=0, http_client=http)


def _host(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        return parts.hostname if parts.scheme in {"http", "https"} and parts.port != 0 else None
    except ValueError:  # brackets that do not close, a port that is none
        return None


async def _bound(response: httpx2.Response) -> None:
    """Read every body here, errors too, and no further than `LONGEST_BODY`: the SDK reads whatever comes."""
    stream = response.stream
    assert isinstance(stream, httpx2.AsyncByteStream)
    body = bytearray()
    try:
        async for chunk in stream:
            body += chunk
            if len(body) > LONGEST_BODY:
                raise TooLong
    finally:
        await stream.aclose()
    response.stream = httpx2.ByteStream(bytes(body))


def reason(problem: Exception) -> str:
    """The code for one of `FAILURES`."""
    if isinstance(problem, TooLong):
        return "too_long"
    if isinstance(problem, APITimeoutError):
        return "timeout"
    if isinstance(problem, APIConnectionError):
        return "bad_answer" if isinstance(problem.__cause__, httpx2.DecodingError) else "unreachable"
    if not isinstance(problem, APIStatusError):
        return "bad_answer"
    by_status = "server_error" if problem.status_code >= SERVER_ERRORS else "bad_request"
    return CODES.get(_code(problem)) or STATUSES.get(problem.status_code, by_status)


def lacks_route(problem: Exception) -> bool:
    """Whether the server does not know the address that was asked; a model that it does not know is something else."""
    return isinstance(problem, APIStatusError) and problem.status_code in NO_ROUTE and "model" not in _code(problem)


def hint(problem: Exception) -> float | None:
    """Seconds that a 429 asks us to wait, in whichever way it says so; None without a hint that makes sense."""
    if not isinstance(problem, APIStatusError):
        return None
    headers = problem.response.headers
    asked = _retry_after(headers.get("retry-after"), headers.get("date"))
    if asked is not None:
        return asked.total_seconds()
    # What is asked for goes before a reset, which says when the whole allowance is back: the next call needs a little.
    for names in (("retry-after-ms",), ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "x-ratelimit-reset")):
        waits = [_duration(name, headers[name]) for name in names if name in headers]
        if known := [wait for wait in waits if wait is not None]:
            return max(known)
    return None


def _retry_after(text: str | None, date: str | None) -> timedelta | None:
    """A date is measured by the server's own clock, so that ours need not agree with it."""
    try:
        now = parsedate_to_datetime(date or "Thu, 01 Jan 1970 00:00:00 GMT")
    except ValueError:
        return None
    return retry_after.parse(text, now) if date or (text and text.strip().isdigit()) else None


def _duration(name: str, text: str) -> float | None:
    """Seconds in `2`, `1.5s`, `6m0s` or `120ms`; for a header that says so in its name a number is milliseconds."""
    text = text.strip()
    if re.fullmatch(r"\d{1,9}(?:\.\d+)?", text):
        return float(text) / (1000 if name.endswith("-ms") else 1)
    match = DURATION.fullmatch(text)
    if not match or not text:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _code(problem: APIStatusError) -> str:
    """What the body calls the error: `code`, or `type` where servers have no code."""
    return f"{problem.code or problem.type or ''}"

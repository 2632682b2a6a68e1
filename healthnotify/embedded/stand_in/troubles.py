"""What goes wrong around the model: slow and broken lines, errors of the server, and of the account."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from healthnotify.embedded.stand_in.answers import NAME, error
from healthnotify.embedded.stand_in.faults import Faults
from healthnotify.embedded.stand_in.limits import HINTS, hint

TOO_MANY: Final = 429
WAIT: Final = 2.0  # seconds that a named 429 asks for
FIRST_BYTES: Final = 20

SLOW: Final[Mapping[str, float]] = {"slow_2s": 2.0, "slow_15s": 15.0}
_LIMIT: Final = (TOO_MANY, "requests", "rate_limit_exceeded", f"Rate limit reached for {NAME} on requests per min.")
#: Kind -> status, type, code and message.
ERRORS: Final[Mapping[str, tuple[int, str, str, str]]] = {
    "limited": _LIMIT,
    **{f"limited_{kind}": _LIMIT for kind in HINTS},
    "error": (500, "server_error", "server_error", "The stand-in was told to answer 500."),
    "error_500": (500, "server_error", "server_error", "The stand-in was told to answer 500."),
    "error_503": (503, "server_error", "overloaded", "The engine is overloaded, please try again later."),
    "wrong_key": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: none."),
    "no_quota": (TOO_MANY, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "unknown_model": (404, "invalid_request_error", "model_not_found", "The model does not exist."),
}


async def answer(request: web.Request, kind: str, faults: Faults) -> web.Response | None:
    """Wait as long as it takes, and answer what goes wrong; None when the model is to answer."""
    if kind == "hang":
        await asyncio.Event().wait()
    await asyncio.sleep(SLOW.get(kind, faults.slow_seconds if kind == "slow" else faults.seconds))
    if kind == "cut":
        return _cut(request)
    if kind not in ERRORS:
        return None
    headers = {"Retry-After": faults.retry_after} if kind == "limited" else {}
    if kind.startswith("limited_"):
        headers = hint(kind.removeprefix("limited_"), WAIT)
    return error(*ERRORS[kind], headers)


def of_account(kind: str) -> tuple[int, dict[str, Any]]:
    """Status and body of a line of a batch that fails by itself; what ails the line to us does not reach it."""
    if kind not in ERRORS:
        return 200, {}
    failed = error(*ERRORS[kind])
    return failed.status, json.loads(failed.text or "{}")


async def cut_midway(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Send the beginning of the answer, and cut the connection."""
    body = response.body
    assert isinstance(body, bytes)
    begun = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    begun.content_length = len(body)
    await begun.prepare(request)
    await begun.write(body[:FIRST_BYTES])
    _cut(request)
    return begun


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()

"""How much a request may bring: what is too large is refused, and not a byte of it is kept."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST: Final = 2 * 1024 * 1024  # bytes, of the route that takes most; each has its own limit below it
#: What is too large is still taken off the line, up to here: who is cut off in mid-sentence never reads the refusal.
HEARD_OUT: Final = 8 * MOST
REFUSAL: Final = json.dumps(
    {
        "type": "/api/docs/#problem-too-large",
        "title": "The body is too large",
        "status": 413,
        "detail": f"At most {MOST} bytes. Send it in parts.",
    }
).encode()


def bounded(application: Application) -> Application:
    """That ASGI application behind the limit.

    Django writes whatever comes to a temporary file before any view is asked, and REST framework takes a body in
    chunks, without Content-Length, for an empty one: so the length is made known here, where it can be refused.
    """

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await application(scope, receive, send)
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > MOST:
            if int(announced) <= HEARD_OUT:
                await _read(receive)
            return await _refuse(send)
        if b"transfer-encoding" not in headers:
            return await application(scope, receive, send)
        body = await _read(receive)
        if body is None:
            return await _refuse(send)
        known = [(name, text) for name, text in scope["headers"] if name != b"transfer-encoding"]
        known.append((b"content-length", str(len(body)).encode()))
        return await application({**scope, "headers": known}, _first(body, receive), send)

    return limited


async def _read(receive: Receive) -> bytes | None:
    """The whole body, or None when it is too large; what came before the caller left, when they did."""
    body, heard = bytearray(), 0
    while True:
        message = await receive()
        piece = message.get("body", b"")
        heard += len(piece)
        if heard <= MOST:
            body += piece
        if heard > HEARD_OUT:
            return None
        if not message.get("more_body"):
            return bytes(body) if heard <= MOST else None


def _first(body: bytes, receive: Receive) -> Receive:
    told = False

    async def replayed() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(REFUSAL)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": REFUSAL})

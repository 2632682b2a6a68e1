"""Django's requests, each in one thread from the first middleware to the view, and so with one hop instead of twenty.

Django's own ASGI handler runs each middleware that is not written for both worlds in a thread of its own, to and fro:
that costs three milliseconds a request, more than all that our views do. What only the event loop may answer (health)
stays with that one.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponseBase

from healthnotify.apps import database
from healthnotify.web.health import Application

#: Requests at a time; fewer than the pool has connections to PostgreSQL, because the dashboard asks as well.
THREADS: Final = 6
BY_THE_LOOP: Final = ("/health/", "/metrics")


class OneThread(ASGIHandler):
    """An ASGI application whose middleware is that of a synchronous server."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(THREADS, "request")

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 - as Django calls it
        """The chain as a synchronous server has it."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Without the executor that Django makes for each request: our threads are there already."""
        await self.handle(scope, receive, send)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """What Django's handler calls for the answer; a stream's pieces are still sent by the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._respond, request)

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        with database.held():  # given back in this thread; Django's own call comes in another one
            return self.get_response(request)


def by_kind(loops: Application, threads: Application) -> Application:
    """One application of two: the first for what the event loop answers itself."""

    async def chosen(scope: Any, receive: Any, send: Any) -> None:
        if not scope["path"].startswith(BY_THE_LOOP):
            await threads(scope, receive, send)
            return
        # By whatever name: what probes us knows our address at most, and no answer depends on it.
        named = [(name, text) for name, text in scope["headers"] if name != b"host"]
        await loops({**scope, "headers": [*named, (b"host", b"localhost")]}, receive, send)

    return chosen

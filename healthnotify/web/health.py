"""/health/live, /health/ready and /metrics of the web process, and who looks after it from its start to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from healthnotify import bootstrap
from healthnotify.adapters.metrics import TYPE
from healthnotify.adapters.pulse import Pulse
from healthnotify.adapters.watch import Watch
from healthnotify.given import setting

BEAT: Final = 1.0  # seconds

Application = Callable[
    [dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]


@cache
def watched() -> Watch:
    """Who looks after this process; it asks nothing before the web server starts it."""
    return bootstrap.watch("web", Pulse())


class WithWatch:
    """The application with a beginning and an end, which Django's own knows nothing of (ASGI's `lifespan`)."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Ours is the lifespan; all else is the application's."""
        if scope["type"] != "lifespan":
            await self._application(scope, receive, send)
            return
        await receive()  # the start
        watch = watched()
        watch.port = setting("web_port")
        watch.start()
        beating = asyncio.create_task(_beat(watch.pulse))
        await send({"type": "lifespan.startup.complete"})
        await receive()  # the end
        beating.cancel()
        await asyncio.to_thread(watch.end)
        await send({"type": "lifespan.shutdown.complete"})


async def _beat(pulse: Pulse) -> None:
    """The report is written by a thread: only this tells it whether the event loop runs."""
    while True:
        pulse.came_round()
        await asyncio.sleep(BEAT)


@never_cache
@require_safe
async def live(_: HttpRequest) -> HttpResponse:
    """To answer is to be alive: it is the event loop that does it."""
    watched().pulse.came_round()
    good, words = watched().live()
    return JsonResponse(words, status=200 if good else 503)


@never_cache
@require_safe
async def ready(_: HttpRequest) -> HttpResponse:
    """Whether what is required has answered lately. Everybody may ask, so problems, which name hosts, are not told."""
    good, words = watched().ready(tell=False)
    return JsonResponse(words, status=200 if good else 503)


@never_cache
@require_safe
async def exposition(_: HttpRequest) -> HttpResponse:
    """For Prometheus."""
    return HttpResponse(watched().exposition(), content_type=TYPE)

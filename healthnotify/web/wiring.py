"""Middleware that puts what a request may use on it."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware

from healthnotify.bootstrap import wired


@sync_and_async_middleware
def wire(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware that puts `Wired` on each request."""
    if iscoroutinefunction(get_response):

        async def awaited(request: Any) -> Any:
            request.wired = wired()
            return await get_response(request)

        return awaited

    def direct(request: Any) -> Any:
        request.wired = wired()
        return get_response(request)

    return direct

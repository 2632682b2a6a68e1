"""Middleware that times each request, by its route's name: a path may hold an id, and there is no end of those."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from healthnotify.adapters.metrics import OTHER, count_request
from healthnotify.web.health import watched

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NOWHERE: Final = "none"  # no route of ours: a file, or what is not there

Responds = Callable[[HttpRequest], HttpResponse] | Callable[[HttpRequest], Awaitable[HttpResponse]]


@sync_and_async_middleware
def time_requests(get_response: Responds) -> Responds:
    """Until the answer begins: what is streamed goes on for as long as somebody looks on."""
    if iscoroutinefunction(get_response):

        async def awaited(request: HttpRequest) -> HttpResponse:
            began = perf_counter()
            response = await get_response(request)
            _note(request, response, began)
            return response

        return awaited

    def direct(request: HttpRequest) -> HttpResponse:
        began = perf_counter()
        response = get_response(request)
        _note(request, response, began)
        return response

    return direct


def _note(request: HttpRequest, response: HttpResponse, began: float) -> None:
    route = request.resolver_match.view_name if request.resolver_match else NOWHERE
    method = request.method if request.method in METHODS else OTHER
    count_request(route, method, response.status_code, perf_counter() - began)
    watched().pulse.did()

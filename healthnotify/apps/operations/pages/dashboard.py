"""The dashboard, and the stream that keeps it fresh."""

from collections.abc import AsyncIterator

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from healthnotify.apps.operations.live import LIVE
from healthnotify.apps.operations.pages.frame import operators_page, show
from healthnotify.apps.operations.panels import PANELS
from healthnotify.apps.wiring import wired


@operators_page("GET", "HEAD")
def dashboard(request: HttpRequest) -> HttpResponseBase:
    """What is going on right now; complete without JavaScript, which only keeps it fresh."""
    now = wired(request).now
    LIVE.look(now)
    shown = [(panel, LIVE.fragments[name]) for name, panel in PANELS.items()]
    return show(request, "dashboard.html", {"at": now(), "alarm": LIVE.alarm, "panels": shown})


@operators_page("GET")
def events(request: HttpRequest) -> HttpResponseBase:
    """The same as server-sent events."""
    stream: AsyncIterator[str] = LIVE.stream(wired(request).now)
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response["X-Accel-Buffering"] = "no"  # a proxy that collects would hold it back
    return response

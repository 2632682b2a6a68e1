"""One notification's page: its life, its dead letters, and what may be done about it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from healthnotify.apps.access.audit import actor_of
from healthnotify.apps.notifications.life import life
from healthnotify.apps.notifications.reading import read
from healthnotify.apps.notifications.withdrawing import withdraw
from healthnotify.apps.operations import whereabouts
from healthnotify.apps.operations.pages.frame import operators_page, show, uuid_or_404
from healthnotify.apps.wiring import wired
from healthnotify.domain.errors import Conflict, Missing
from healthnotify.domain.lifecycle import State


@operators_page("GET", "HEAD")
def notification(request: HttpRequest, notification_id: str) -> HttpResponseBase:
    """What happened to it, in plain words; never its text."""
    return _shown(request, notification_id)


@operators_page("POST")
def cancel(request: HttpRequest, notification_id: str) -> HttpResponseBase:
    """Take it back; when it is too late for that, say so."""
    key, place = uuid_or_404(notification_id), wired(request)
    try:
        steps = withdraw(key, actor=actor_of(request), at=place.now())
    except Missing:
        raise Http404 from None
    except Conflict as problem:
        messages.error(request, f"Not cancelled. {problem}")
    else:
        place.log.steps(steps)
        messages.success(request, "Cancelled: it will not be sent." if steps else "It had been cancelled before.")
    return redirect("operations:notification", key)


@operators_page("POST")
def message(request: HttpRequest, notification_id: str) -> HttpResponseBase:
    """Its text, for those who may read it; that they did is written down first. By POST, so that no link reads it."""
    place = wired(request)
    text = read(uuid_or_404(notification_id), ring=place.ring, by=actor_of(request), at=place.now())
    return _shown(request, notification_id, text=text, has_no_text=text is None)


def _shown(request: HttpRequest, notification_id: str, **more: Any) -> HttpResponse:
    key = uuid_or_404(notification_id)
    known = whereabouts.notification(key)
    if known is None:
        raise Http404
    context = {
        "known": known,
        "told": life(key),
        "can_be_cancelled": known["state"] in {State.PLANNED, State.STAGED, State.RETRY},
        "can_be_redriven": known["state"] == State.FAILED and not known["late_success_at"],
    }
    return show(request, "notification.html", context | more)

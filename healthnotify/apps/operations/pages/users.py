"""One user's page, from which it can be told why they got nothing, and the search that leads there."""

from datetime import time
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from healthnotify.apps.access.permission import needs
from healthnotify.apps.access.scopes import Scope
from healthnotify.apps.operations import whereabouts
from healthnotify.apps.operations.pages.frame import operators_page, show, uuid_or_404
from healthnotify.apps.operations.why import reason, why
from healthnotify.apps.wiring import wired

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONGEST: Final = 64  #: of an external id


@operators_page("GET", "HEAD")
def search(request: HttpRequest) -> HttpResponseBase:
    """Go to what the text names, or say that there is nothing."""
    text = request.GET.get("q", "").strip()[:LONGEST]
    found = whereabouts.find(text, users=needs(request, Scope.USERS_READ))
    if found.notification:
        return redirect("operations:notification", found.notification)
    if found.user:
        return redirect("operations:user", found.user)
    return show(request, "nothing_found.html", {"sought": text}, status=404)


@operators_page("GET", "HEAD")
def user(request: HttpRequest, user_id: str) -> HttpResponseBase:
    """What decides whether they get something, and what they got lately."""
    found = whereabouts.user(uuid_or_404(user_id))
    if found is None:
        raise Http404
    context = {
        "user_facts": found.facts,
        "sentences": why(found.person, wired(request).now()),
        "wishes": [{"row": wish, "when": _when(wish)} for wish in found.wishes],
        "notifications": [
            {"row": one, "reason": reason(one.reason) if one.reason else ""} for one in found.notifications
        ],
    }
    return show(request, "user.html", context)


def _when(wish: Any) -> str:
    """At which times of which days, in the user's zone."""
    times = ", ".join(_clock(one) for one in wish.times)
    days = "every day" if len(wish.days) == len(DAYS) else ", ".join(DAYS[day] for day in sorted(wish.days))
    rhythm = "" if wish.every == 1 else f", every {wish.every} days"
    return f"{times}, {days}{rhythm}"


def _clock(one: time) -> str:
    return f"{one:%H:%M:%S}" if one.second else f"{one:%H:%M}"

"""The user's own page, `/p/<token>/`, where the link in each e-mail leads: which messages they want."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time
from typing import Final
from uuid import UUID

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from healthnotify.apps.users import changes, reading
from healthnotify.apps.wiring import wired
from healthnotify.domain.errors import Missing
from healthnotify.domain.model import Category
from healthnotify.domain.people import NewPerson, NewPreference

SALT: Final = "preferences"
#: What a mail program posts when somebody presses its own "unsubscribe" (RFC 8058).
ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
#: A preference that only says no has a time all the same, for the day on which it says yes.
SOME_TIME: Final = time(9)


def token_for(user_id: UUID, category: Category) -> str:
    """What stands in the link of a message. Signed, so that nobody can make one for somebody else."""
    return signing.dumps([str(user_id), category.value], salt=SALT)


@csrf_exempt  # the token is what lets one in, not a cookie; and a mail program has none
@require_http_methods(["GET", "HEAD", "POST"])
def own_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the switches, or set them."""
    try:
        user, name = signing.loads(token, salt=SALT)
        user_id, category = UUID(user), Category(name)
        known = reading.preferences_of(user_id)
    except (signing.BadSignature, ValueError, Missing):
        return render(request, "users/no_such_page.html", status=404)
    if request.method == "POST":
        if request.POST.get(ONE_CLICK[0]) == ONE_CLICK[1]:
            _change(request, user_id, lambda person: _without(person, category))
            return HttpResponse("You will get no more messages of this kind.", content_type="text/plain; charset=utf-8")
        wanted = set(request.POST.getlist("wanted"))
        _change(request, user_id, lambda person: _with_only(person, wanted))
        return HttpResponseRedirect(f"{request.path}?saved")
    wishes = [known_wish.wish for known_wish in known]
    shown = {"wishes": wishes, "category": category.value, "saved": "saved" in request.GET}
    return render(request, "users/own_page.html", shown)


def _change(request: HttpRequest, user_id: UUID, alter: Callable[[NewPerson], NewPerson]) -> None:
    known = wired(request)
    changed = changes.change(
        user_id,
        lambda before: alter(before.person),
        now=known.now(),
        ring=known.ring,
        http_webhooks=known.http_webhooks,
    )
    known.log.steps(changed.steps)


def _without(person: NewPerson, category: Category) -> NewPerson:
    """Off on every channel, also where nothing was ever said: single messages need no preference."""
    said = {wish.key: wish for wish in person.preferences}
    off = {
        (category, channel): replace(
            said.get((category, channel), NewPreference(category, channel, (SOME_TIME,))), enabled=False
        )
        for channel in person.addresses
    }
    return replace(person, preferences=tuple((said | off).values()))


def _with_only(person: NewPerson, wanted: set[str]) -> NewPerson:
    wishes = (replace(wish, enabled=f"{wish.category}.{wish.channel}" in wanted) for wish in person.preferences)
    return replace(person, preferences=tuple(wishes))

"""The dead letters: looked through, and brought back after a look at what would happen."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect

from healthnotify.apps.access.audit import actor_of
from healthnotify.apps.notifications import listing
from healthnotify.apps.notifications.dead_letters import OBSTACLES
from healthnotify.apps.notifications.models import Notification
from healthnotify.apps.notifications.redrive import MOST, Chosen, redrive
from healthnotify.apps.operations.pages.frame import operators_page, show
from healthnotify.apps.wiring import wired
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Channel
from healthnotify.domain.redriving import Obstacle, Redrive

ROWS: Final = 100  #: on one page
POISON: Final = 20  #: unreadable records that are shown
LATELY: Final = 5_000  #: dead letters whose reasons the filter offers: there are few reasons


@operators_page("GET", "HEAD")
def dead_letters(request: HttpRequest) -> HttpResponseBase:
    """What waits for somebody to look at it, the newest first."""
    query = request.GET
    try:
        reason, channel, since = _reason(query), _channel(query), _since(query)
        found = list(_older(listing.given_up(reason, channel, since), _before(query))[: ROWS + 1])
    except BadInput as problem:
        return show(request, "dead_letters.html", {"problem": problem, "channels": list(Channel)}, status=400)
    shown = found[:ROWS]
    wanted = {"reason": reason or "", "channel": channel or "", "since": query.get("since", "")}
    context = {
        "found": shown,
        "poison": [] if any(wanted.values()) else listing.poison().order_by("-id")[:POISON],
        "reasons": _reasons(),
        "channels": list(Channel),
        "wanted": wanted,
        "next": f"?{urlencode(wanted | {'before': shown[-1].id})}" if len(found) > ROWS else "",
    }
    return show(request, "dead_letters.html", context)


@operators_page("POST")
def bring_back(request: HttpRequest) -> HttpResponseBase:
    """The first time a look at what would happen, the second time (`confirmed`) the deed."""
    place = wired(request)
    accept = request.POST.get("accept_duplicates") == "on"
    try:
        chosen = _chosen(request.POST)
    except BadInput as problem:
        messages.error(request, f"Nothing was brought back. {problem}.")
        return redirect("operations:dead-letters")
    if request.POST.get("confirmed") != "on":
        found = redrive(chosen, actor=actor_of(request), at=place.now(), accept_duplicates=accept)
        return show(request, "redrive.html", _looked_at(found, accept=accept))
    done = redrive(chosen, actor=actor_of(request), at=place.now(), dry_run=False, accept_duplicates=accept)
    place.log.steps(one.step for one in done if one.step)
    _tell(request, done)
    return redirect("operations:dead-letters")


def _chosen(form: QueryDict) -> Chosen:
    """Those that were ticked; all that the filter shows only when that was said. Raises `BadInput`."""
    if form.get("all") == "on":
        return Chosen(reason=_reason(form), channel=_channel(form), since=_since(form), most=MOST)
    ids = form.getlist("ids")
    if not ids:
        raise BadInput("ids", "none is chosen", "Tick at least one")
    if len(ids) > MOST:
        raise BadInput("ids", f"{len(ids)} are chosen", f"Choose at most {MOST} at once")
    try:
        return Chosen(ids=tuple(dict.fromkeys(UUID(text) for text in ids)))
    except ValueError:
        raise BadInput("ids", "one of them is no id", "Choose from the list") from None


def _reason(form: QueryDict) -> str | None:
    return form.get("reason", "").replace("\0", "").strip() or None


def _channel(form: QueryDict) -> Channel | None:
    text = form.get("channel")
    try:
        return Channel(text) if text else None
    except ValueError:
        raise BadInput("channel", f"{text!r} is none", f"Use one of {', '.join(Channel)}") from None


def _since(form: QueryDict) -> datetime | None:
    text = form.get("since")
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) if text else None
    except ValueError:
        raise BadInput("since", f"{text!r} is not a date", "Use YYYY-MM-DD, for example 2026-03-08") from None


def _older(found: QuerySet[Notification], than: UUID | None) -> QuerySet[Notification]:
    """The newest first, those before that one only."""
    ordered = found.order_by("-ended_at", "-id")
    last = Notification.objects.filter(id=than).only("id", "ended_at").first() if than else None
    if last is None or last.ended_at is None:  # it was brought back in the meantime: begin again
        return ordered
    return ordered.filter(Q(ended_at__lt=last.ended_at) | Q(ended_at=last.ended_at, id__lt=last.id))


def _reasons() -> list[str]:
    lately = listing.given_up().order_by("-ended_at").values_list("reason", flat=True)[:LATELY]
    return sorted({reason for reason in lately if reason})


def _before(query: QueryDict) -> UUID | None:
    text = query.get("before")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise BadInput("before", f"{text!r} is no id", "Follow the link to the next page") from None


def _looked_at(found: Sequence[Redrive], *, accept: bool) -> dict[str, Any]:
    skipped = [(one.id, OBSTACLES[one.obstacle]) for one in found if one.obstacle]
    unsure = any(one.obstacle is Obstacle.OUTCOME_UNKNOWN for one in found)
    return {
        "free": [one.id for one in found if not one.obstacle],
        "skipped": skipped,
        "ids": [one.id for one in found],
        "accepted": accept,
        "ask_about_copies": unsure or accept,
    }


def _tell(request: HttpRequest, done: Sequence[Redrive]) -> None:
    back = sum(one.obstacle is None for one in done)
    skipped = Counter(OBSTACLES[one.obstacle] for one in done if one.obstacle)
    reasons = "".join(f" {number} left where it was: {why}." for why, number in skipped.most_common())
    told = messages.success if back else messages.warning
    told(request, f"{back} brought back; they are on the road within seconds.{reasons}")

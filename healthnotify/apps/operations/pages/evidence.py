"""The evidence of a day: its balance, and the notifications behind each number."""

from dataclasses import asdict, fields
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from healthnotify.apps.notifications.evidence import COLUMNS, COUNTED, Counted, Evidence, behind, evidence
from healthnotify.apps.operations.pages.frame import operators_page, show
from healthnotify.apps.operations.tables import as_csv, as_json
from healthnotify.apps.wiring import wired
from healthnotify.domain.errors import BadInput

ROWS: Final = 100  #: on one page
MOST: Final = 100_000  #: in one file
#: The parts that everything planned is made of, and what should be nothing at all.
PARTS: Final = ("completed", "failed", "cancelled", "open")
WRONG: Final = ("duplicates", "unaccounted")


@operators_page("GET", "HEAD")
def balance(request: HttpRequest) -> HttpResponseBase:
    """A day's sums and what they are made of; as CSV and JSON too."""
    try:
        day = _day(request)
        shape = _format(request)
    except BadInput as problem:
        return show(request, "evidence.html", {"problem": problem, "day": wired(request).now().date()}, status=400)
    found = evidence(day)
    if shape == "csv":
        return as_csv(f"evidence-{day}", ("day", "what", *COLUMNS), _lines(day, found))
    if shape == "json":
        return as_json(f"evidence-{day}", {"day": day, **found.as_json()})
    context = {
        "day": day,
        "days": {"before": day - timedelta(days=1), "after": day + timedelta(days=1)},
        "found": found,
        "parts": [_number(name, day, found) for name in PARTS],
        "wrong": [_number(name, day, found) for name in WRONG],
        "planned": _number("planned", day, found),
        "shares": [(share, _rows(day, "planned", share.channel, share.state, share.reason)) for share in found.shares],
    }
    return show(request, "evidence.html", context)


@operators_page("GET", "HEAD")
def counted(request: HttpRequest) -> HttpResponseBase:
    """The notifications behind a number, a page of them; all of them as CSV or JSON."""
    try:
        day, shape = _day(request), _format(request)
        number, share = request.GET.get("number", "planned"), _share(request)
        found = behind(number, day, share, after=_after(request), limit=MOST if shape else ROWS + 1)
    except BadInput as problem:
        return show(request, "evidence_rows.html", {"problem": problem}, status=400)
    if shape == "csv":
        return as_csv(f"evidence-{day}-{number}", COUNTED_COLUMNS, (list(asdict(one).values()) for one in found))
    if shape == "json":
        return as_json(f"evidence-{day}-{number}", [asdict(one) for one in found])
    shown = found[:ROWS]
    here = _rows(day, number, *(share or ()))
    context = {
        "day": day,
        "number": number,
        "share": share,
        "found": shown,
        "here": here,
        "next": f"{here}&{urlencode({'after': shown[-1].id})}" if len(found) > ROWS else "",
    }
    return show(request, "evidence_rows.html", context)


COUNTED_COLUMNS: Final = tuple(column.name for column in fields(Counted))


def _number(name: str, day: date, found: Evidence) -> tuple[str, int, str]:
    return name, getattr(found, name), _rows(day, name)


def _rows(day: date, number: str, *share: str) -> str:
    query = {"day": day, "number": number, **dict(zip(("channel", "state", "reason"), share, strict=False))}
    return f"{reverse('operations:evidence-rows')}?{urlencode(query)}"


def _lines(day: date, found: Evidence) -> list[list[Any]]:
    sums = [[day, "sum", "", name, "", getattr(found, name), ""] for name in COUNTED]
    return sums + [[day, "share", *asdict(share).values()] for share in found.shares]


def _day(request: HttpRequest) -> date:
    text = request.GET.get("day")
    if not text:
        return wired(request).now().date()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadInput("day", f"{text!r} is not a date", "Use YYYY-MM-DD, for example 2026-03-08") from None
    if not 2000 <= day.year <= 2200:
        raise BadInput("day", f"{day} is not a day of this system", "Use a date from 2000 to 2200")
    return day


def _format(request: HttpRequest) -> str | None:
    shape = request.GET.get("format") or None
    if shape not in (None, "csv", "json"):
        raise BadInput("format", f"{shape!r} is not known", "Use csv or json, or leave it out")
    return shape


def _share(request: HttpRequest) -> tuple[str, str, str] | None:
    """None, unless a channel is named."""
    given = [request.GET.get(name, "") for name in ("channel", "state", "reason")]
    for name, text in zip(("channel", "state", "reason"), given, strict=True):
        if "\0" in text:
            raise BadInput(name, "it contains a null byte", "Leave it out")
    return (given[0], given[1], given[2]) if given[0] else None


def _after(request: HttpRequest) -> UUID | None:
    text = request.GET.get("after")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise BadInput("after", f"{text!r} is not a notification's id", "Follow the link to the next page") from None

"""How the pages write instants, numbers and codes."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(\+\d\d:\d\d)?")
#: What an operator calls a state.
STATES: Final = {
    "PLANNED": "planned",
    "STAGED": "staged",
    "PENDING": "on the road",
    "RETRY": "retrying",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}


def instant(value: datetime | str) -> datetime:
    """An instant in UTC; JSON brings it as text."""
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


@register.filter
def moment(value: datetime | str | None) -> SafeString | str:
    """Date and time to the second; all pages are in UTC and say so once."""
    return _written(value, "%Y-%m-%d %H:%M:%S")


@register.filter
def clock(value: datetime | str | None) -> SafeString | str:
    """The time of day alone, for what is from just now."""
    return _written(value, "%H:%M:%S")


def _written(value: datetime | str | None, shape: str) -> SafeString | str:
    if not value:
        return "–"
    when = instant(value)
    return format_html('<time datetime="{}">{}</time>', when.isoformat(timespec="seconds"), when.strftime(shape))


@register.filter
def breakable(name: str) -> SafeString:
    """A name that may go on in the next line after its slashes, underscores and dots."""
    parts = re.split(r"(?<=[/_.])", name)
    return format_html_join(SafeString("<wbr>"), "{}", ((part,) for part in parts))


@register.filter
def number(value: int | None) -> str:
    """With commas between the thousands."""
    return "–" if value is None else f"{value:,}"


@register.filter
def seconds(value: float | None) -> str:
    """Short: 0.31 s, 12 s, 4.5 min, 2.1 h."""
    if value is None:
        return "–"
    for size, unit in ((3600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


@register.filter
def fact(value: str) -> SafeString | str:
    """A fact as `explain` tells it, with its instants written as everywhere on these pages."""
    return moment(value) if INSTANT.fullmatch(value) else value


@register.filter
def tries(notification: Any) -> int:
    """How many tries it has used: deferrals, and all before a redrive, do not count."""
    return int(notification.attempt - notification.uncounted)


@register.filter
def state(value: str) -> str:
    """A state in an operator's words."""
    return STATES.get(value, value)


@register.filter
def spoken(code: str) -> str:
    """A code with spaces: outcome_unknown reads as outcome unknown."""
    return code.replace("_", " ")

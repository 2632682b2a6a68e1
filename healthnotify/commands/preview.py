"""What the schedule answers to one question: its occasions as plain values, or the field at fault and the fix."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from reprlib import repr as shortened
from typing import Final
from zoneinfo import ZoneInfo

from healthnotify.commands import json_lines
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import QuietHours
from healthnotify.domain.schedule import EVERY_DAY, Occasion, Rule, occasions, parse_days, parse_quiet, parse_time, zone

FIELDS: Final = ("id", "timezone", "time", "days", "quiet", "from", "count")
DEFAULT_COUNT: Final = 3
LARGEST_COUNT: Final = 1000
YEARS: Final = range(1900, 2501)  #: far from the calendar's ends, where adding an offset would overflow

Occurrence = dict[str, str | None]


def preview(asked: Mapping[str, object]) -> list[Occurrence]:
    """The occasions of one question: `timezone`, `time`, `from`, and if wanted `days`, `quiet`, `count`.

    Answers `local_date` (nominal), `send_at` (UTC), `local` (the same instant with the zone's offset) and `reason`
    (None, gap or quiet_hours), in order. Raises `BadInput`.
    """
    rule = Rule(
        timezone=_text(asked, "timezone", "an IANA name such as Europe/Berlin"),
        times=(parse_time(_text(asked, "time", "HH:MM, for example 09:00")),),
        days=_days(asked.get("days")),
        quiet=_quiet(asked.get("quiet")),
    )
    tz, after, count = zone(rule.timezone), _after(asked), _count(asked.get("count", DEFAULT_COUNT))
    return [_occurrence(occasion, tz) for occasion in islice(occasions(rule, after), count)]


def answer(line: bytes) -> dict[str, object]:
    """One line of a batch: `{"id", "occurrences"}`, or `{"id", "error"}`."""
    return json_lines.answer(line, FIELDS, lambda asked: {"occurrences": preview(asked)})


def _text(asked: Mapping[str, object], field: str, form: str) -> str:
    value = asked.get(field)
    if isinstance(value, str):
        return value
    raise BadInput(field, "missing" if field not in asked else f"{shortened(value)} is not a text", f"Use {form}")


def _days(value: object) -> frozenset[int]:
    if value is None:
        return EVERY_DAY
    given = value if isinstance(value, list) else [value]
    names = [name for name in given if isinstance(name, str)]
    if names != given:
        raise BadInput("days", f"{shortened(value)} are not names of days", 'Use "mon,tue" or ["mon", "tue"]')
    return parse_days(",".join(names))


def _quiet(value: object) -> QuietHours | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadInput("quiet", f"{shortened(value)} is not a window", "Use HH:MM-HH:MM, for example 22:00-07:00")
    return parse_quiet(value)


def _after(asked: Mapping[str, object]) -> datetime:
    form = "ISO 8601 with an offset, for example 2026-03-07T20:00:00-05:00"
    text = _text(asked, "from", form)
    try:
        after = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput("from", f"{shortened(text)} is not an instant", f"Use {form}") from None
    if after.tzinfo is None:
        raise BadInput("from", f"{shortened(text)} has no offset", f"Use {form}, or Z for UTC")
    if after.year not in YEARS:
        raise BadInput("from", f"{shortened(text)} is out of range", f"Use a year from {YEARS[0]} to {YEARS[-1]}")
    return after.astimezone(UTC)


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_COUNT:
        return value
    raise BadInput("count", f"{shortened(value)} is out of range", f"Use a whole number from 1 to {LARGEST_COUNT}")


def _occurrence(occasion: Occasion, tz: ZoneInfo) -> Occurrence:
    return {
        "local_date": occasion.local_date.isoformat(),
        "send_at": f"{occasion.send_at.replace(tzinfo=None).isoformat()}Z",
        "local": occasion.send_at.astimezone(tz).isoformat(),
        "reason": occasion.shift,
    }

"""What the schedule answers to one question: its occasions as plain values, or the field at fault and the fix."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from reprlib import repr as shortened
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo

from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import QuietHours
from healthnotify.domain.schedule import EVERY_DAY, Occasion, Rule, occasions, parse_days, parse_quiet, parse_time, zone

FIELDS: Final = ("id", "timezone", "time", "days", "quiet", "from", "count")
DEFAULT_COUNT: Final = 3
LARGEST_COUNT: Final = 1000
YEARS: Final = range(1900, 2501)  #: far from the calendar's ends, where adding an offset would overflow
LONGEST_LINE: Final = 65_536  #: bytes; what keeps the memory of a batch bounded

Occurrence = dict[str, str | None]


def preview(question: Mapping[str, object]) -> list[Occurrence]:
    """The occasions of one question: `timezone`, `time`, `from`, and if wanted `days`, `quiet`, `count`.

    Answers `local_date` (nominal), `send_at` (UTC), `local` (the same instant with the zone's offset) and `reason`
    (None, gap or quiet_hours), in order. Raises `BadInput`.
    """
    rule = Rule(
        timezone=_text(question, "timezone", "an IANA name such as Europe/Berlin"),
        times=(parse_time(_text(question, "time", "HH:MM, for example 09:00")),),
        days=_days(question.get("days")),
        quiet=_quiet(question.get("quiet")),
    )
    tz, after, count = zone(rule.timezone), _after(question), _count(question.get("count", DEFAULT_COUNT))
    return [_occurrence(occasion, tz) for occasion in islice(occasions(rule, after), count)]


def answer(line: bytes) -> dict[str, object]:
    """One line of a batch: `{"id", "occurrences"}`, or `{"id", "error"}`, where an unreadable id is None."""
    known: str | int | None = None
    try:
        question = _question(line)
        known = _id(question)
        _refuse_unknown(question)
        return {"id": known, "occurrences": preview(question)}
    except BadInput as problem:
        return {"id": known, "error": str(problem)}


def lines(source: str) -> Iterator[bytes]:
    """The lines of a file, or of standard input for `-`, as they come. Raises `BadInput` when they cannot be read.

    Of a line that is too long only the beginning is kept, which `answer` refuses: memory stays bounded.
    """
    try:
        with _opened(source) as stream:
            while line := stream.readline(LONGEST_LINE + 1):
                rest = line
                while rest and not rest.endswith(b"\n"):
                    rest = stream.readline(LONGEST_LINE)
                yield line
    except OSError as problem:
        fix = "Give a file of JSON lines, or - for standard input"
        raise BadInput("batch", f"{source} cannot be read ({problem.strerror})", fix) from None


def _opened(source: str) -> BinaryIO:
    return open(0, "rb", closefd=False) if source == "-" else Path(source).open("rb")


def _question(line: bytes) -> dict[str, object]:
    fix = f"Write one object a line, with {', '.join(FIELDS)}"
    text = line.rstrip(b"\r\n")
    if len(text) > LONGEST_LINE:
        raise BadInput("line", f"it is longer than {LONGEST_LINE} bytes", fix)
    try:
        question = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise BadInput("line", f"it is not JSON in UTF-8 ({problem})", fix) from None
    if not isinstance(question, dict):
        raise BadInput("line", "it is not an object", fix)
    return question


def _id(question: Mapping[str, object]) -> str | int:
    known = question.get("id")
    if isinstance(known, str | int) and not isinstance(known, bool):
        return known
    raise BadInput("id", "missing" if "id" not in question else "it is not usable", "Give a text or a whole number")


def _refuse_unknown(question: Mapping[str, object]) -> None:
    if unknown := sorted(set(question) - set(FIELDS)):
        raise BadInput(shortened(unknown[0]), "there is no such field", f"Use {', '.join(FIELDS)}")


def _text(question: Mapping[str, object], field: str, form: str) -> str:
    value = question.get(field)
    if isinstance(value, str):
        return value
    raise BadInput(field, "missing" if field not in question else f"{shortened(value)} is not a text", f"Use {form}")


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


def _after(question: Mapping[str, object]) -> datetime:
    form = "ISO 8601 with an offset, for example 2026-03-07T20:00:00-05:00"
    text = _text(question, "from", form)
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

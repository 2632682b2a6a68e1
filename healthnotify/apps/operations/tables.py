"""Tables to take away: CSV that no spreadsheet mistakes for formulas, and JSON."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

from django.http import HttpResponse

#: A cell that begins so would be run as a formula; an apostrophe makes it text.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_csv(name: str, columns: Sequence[str], table: Iterable[Sequence[Any]]) -> HttpResponse:
    """A file of that name with a line of headings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in table)
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=_named(f"{name}.csv"))


def as_json(name: str, document: Any) -> HttpResponse:
    """A file of that name."""
    text = json.dumps(document, default=_plain, ensure_ascii=False, indent=1)
    return HttpResponse(text, content_type="application/json", headers=_named(f"{name}.json"))


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    text = "" if value is None else _plain(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)

"""Shows what the notification cache holds, or empties it; PostgreSQL loses nothing by that."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.adapters.staging.cache import RedisStaging
from healthnotify.adapters.staging.inspection import Cached
from healthnotify.commands.reporting import ReportingCommand
from healthnotify.domain.errors import BadInput
from healthnotify.domain.lifecycle import State
from healthnotify.domain.schedule import zone

STATISTIC = ("what", "name", "count", "earliest")
ENTRY = ("id", "user", "state", "category", "channel", "timezone", "date", "due_at", "attempt")
WHOLE_ENTRY = (*ENTRY, "send_at", "expires_at", "kept_until", "sealed")


class Command(ReportingCommand):
    help = "Count, list, dump (with the sealed text) or clear the cached notifications."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--action", choices=("stats", "list", "clear", "dump"), default="stats")
        parser.add_argument("--timezone", metavar="Z", help="only this IANA time zone, for example Europe/Berlin")
        parser.add_argument("--date", metavar="D", help="only this local date, for example 2026-03-08")
        self.add_report_arguments(parser)

    def handle(self, *_: Any, action: str, timezone: str | None, json: bool, **options: Any) -> None:
        chosen = (_timezone(timezone), _day(options["date"]))
        staging = bootstrap.staging()
        if action == "stats":
            self.show(_stats(staging, *chosen), STATISTIC, "Notification cache", as_json=json)
        elif action == "clear":
            cleared = {"cleared": staging.forget(*chosen), "next": "the sweeper rebuilds it from PostgreSQL"}
            self.show([cleared], tuple(cleared), "Notification cache", as_json=json)
        else:
            columns = ENTRY if action == "list" else WHOLE_ENTRY
            self.show(map(_row, staging.entries(*chosen)), columns, "Cached notifications", as_json=json)


def _timezone(text: str | None) -> str | None:
    return None if text is None else zone(text).key


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise BadInput("date", f"{text!r} is not a date", "Use YYYY-MM-DD, for example 2026-03-08") from None


def _stats(staging: RedisStaging, timezone: str | None, day: date | None) -> Iterator[dict[str, Any]]:
    stats = staging.stats(timezone, day)
    yield _line("cache", "cold: the sweeper is to rebuild it" if staging.is_cold() else "warm", None)
    for state in State:
        yield _line("state", state, stats.by_state.get(state, 0))
    for bucket, count in stats.by_bucket.items():
        yield _line("zone and date", f"{bucket.timezone} {bucket.day}", count)
    for index, waiting in stats.due.items():
        yield _line("due index", index, waiting.count, waiting.earliest)
    yield _line("server's memory", "bytes used", stats.memory)
    yield _line("server's memory", "bytes at most" if stats.most_memory else "without limit", stats.most_memory or None)


def _line(what: str, name: str, count: int | None, earliest: datetime | None = None) -> dict[str, Any]:
    return {"what": what, "name": name, "count": count, "earliest": earliest.isoformat() if earliest else None}


def _row(cached: Cached) -> dict[str, Any]:
    entry = cached.entry
    return {
        "id": str(entry.id),
        "user": str(entry.user_id),
        "state": entry.state,
        "category": entry.category,
        "channel": entry.channel,
        "timezone": entry.timezone,
        "date": entry.local_date.isoformat(),
        "due_at": entry.due_at.isoformat() if entry.due_at else None,
        "attempt": entry.attempt,
        "send_at": entry.send_at.isoformat(),
        "expires_at": entry.expires_at.isoformat(),
        "kept_until": cached.kept_until.isoformat(),
        "sealed": entry.sealed,
    }

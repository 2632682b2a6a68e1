"""The notification cache as rows of a table."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from healthnotify.adapters.staging.inspection import Cached, Statistics
from healthnotify.domain.lifecycle import State

STATISTIC: Final = ("what", "name", "count", "earliest")
ENTRY: Final = ("id", "user", "state", "category", "channel", "timezone", "date", "due_at", "attempt")
WHOLE_ENTRY: Final = (*ENTRY, "send_at", "expires_at", "kept_until", "sealed")


def statistics(stats: Statistics, *, is_cold: bool) -> Iterator[dict[str, Any]]:
    """Rows of `STATISTIC`."""
    yield _line("cache", "cold: the sweeper is to rebuild it" if is_cold else "warm", None)
    for state in State:
        yield _line("state", state, stats.by_state.get(state, 0))
    for bucket, count in stats.by_bucket.items():
        yield _line("zone and date", f"{bucket.timezone} {bucket.day}", count)
    for index, waiting in stats.due.items():
        yield _line("due index", index, waiting.count, waiting.earliest)
    yield _line("server's memory", "bytes used", stats.memory)
    yield _line("server's memory", "bytes at most" if stats.most_memory else "without limit", stats.most_memory or None)


def whole_entry(cached: Cached) -> dict[str, Any]:
    """A row of `WHOLE_ENTRY`, and so of `ENTRY`."""
    entry = cached.entry
    return {
        "id": str(entry.id),
        "user": str(entry.user_id),
        "state": entry.state,
        "category": entry.category,
        "channel": entry.channel,
        "timezone": entry.timezone,
        "date": entry.local_date.isoformat(),
        "due_at": _text(entry.due_at),
        "attempt": entry.attempt,
        "send_at": _text(entry.send_at),
        "expires_at": _text(entry.expires_at),
        "kept_until": _text(cached.kept_until),
        "sealed": entry.sealed,
    }


def _line(what: str, name: str, count: int | None, earliest: datetime | None = None) -> dict[str, Any]:
    return {"what": what, "name": name, "count": count, "earliest": _text(earliest)}


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None

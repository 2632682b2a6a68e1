"""How notifications look in the cache: fields of a hash, scores of an index, arguments of a script."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from healthnotify.adapters.staging.keys import DUE
from healthnotify.adapters.staging.order import WAITS_IN, goes_back, rank
from healthnotify.domain.delivery import Due, Step
from healthnotify.domain.lifecycle import ENDED, State
from healthnotify.domain.model import Category, Channel, Entry

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
SECOND: Final = timedelta(seconds=1)

#: The number that the scripts know a due index by; 0 is none.
_NUMBERS: Final = {index: number for number, index in enumerate(DUE, start=1)}


def score(instant: datetime) -> int:
    """Milliseconds since 1970, rounded up: an index must not be early by so much as a microsecond."""
    return -((EPOCH - instant) // MILLISECOND)


def reach(now: datetime) -> int:
    """The highest score that is due, rounded down for the same reason."""
    return (now - EPOCH) // MILLISECOND


def bucket_name(timezone: str, day: date) -> str:
    """As the keys have it."""
    return f"{timezone}:{day.isoformat()}"


def put_item(entry: Entry) -> list[str | int]:
    """An entry for `scripts.PUT`; times are ISO 8601 in UTC, to the microsecond, so that they sort as text."""
    fields = _fields(entry)
    return [
        str(entry.id),
        bucket_name(entry.timezone, entry.local_date),
        f"{score(entry.send_at)}:{entry.id}",
        _second(entry.expires_at),
        *_place(entry.state, entry.due_at),
        fields["rank"],
        fields["due_at"],
        *(part for pair in fields.items() for part in pair),
    ]


def follow_item(step: Step) -> list[str | int]:
    """A step for `scripts.FOLLOW`."""
    return [
        str(step.id),
        step.after.value,
        step.attempt,
        rank(step),
        _text(step.due_at),
        *_place(step.after, step.due_at),
        _second(step.at) if step.after in ENDED else "",
        int(goes_back(step)),
    ]


def due(row: Sequence[str]) -> Due:
    """A row of `scripts.DUE`."""
    user, category, channel, attempt, send_at, expires_at, id_ = row
    return Due(
        id=UUID(id_),
        user_id=UUID(user),
        category=Category(category),
        channel=Channel(channel),
        attempt=int(attempt),
        send_at=datetime.fromisoformat(send_at),
        expires_at=datetime.fromisoformat(expires_at),
    )


def entry(id_: str, fields: Mapping[str, str]) -> Entry:
    """A whole hash."""
    return Entry(
        id=UUID(id_),
        user_id=UUID(fields["user"]),
        state=State(fields["state"]),
        category=Category(fields["category"]),
        channel=Channel(fields["channel"]),
        timezone=fields["timezone"],
        local_date=date.fromisoformat(fields["date"]),
        attempt=int(fields["attempt"]),
        send_at=datetime.fromisoformat(fields["send_at"]),
        expires_at=datetime.fromisoformat(fields["expires_at"]),
        due_at=datetime.fromisoformat(fields["due_at"]) if fields["due_at"] else None,
        sealed=fields["sealed"],
    )


def _fields(entry: Entry) -> dict[str, str | int]:
    return {
        "user": str(entry.user_id),
        "state": entry.state.value,
        "category": entry.category.value,
        "channel": entry.channel.value,
        "timezone": entry.timezone,
        "date": entry.local_date.isoformat(),
        "attempt": entry.attempt,
        "send_at": _text(entry.send_at),
        "expires_at": _text(entry.expires_at),
        "due_at": _text(entry.due_at),
        "sealed": entry.sealed,
        "rank": rank(entry),
    }


def _place(state: State, due_at: datetime | None) -> tuple[int, int]:
    """The number of the due index where that state waits, and the score in it."""
    if due_at is None or state not in WAITS_IN:
        return 0, 0
    return _NUMBERS[WAITS_IN[state]], score(due_at)


def _second(instant: datetime) -> int:
    return -((EPOCH - instant) // SECOND)


def _text(instant: datetime | None) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds") if instant else ""

"""What all parts of the store share: the key ring, the shape of a step, and the sealing of messages."""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.domain.delivery import Due, Failure, FailureKind, Position, Step
from healthnotify.domain.lifecycle import Event, State, before
from healthnotify.domain.model import Category, Channel, Entry
from healthnotify.domain.schedule import local_dates

# What the road calls most takes its arrays in binary form (`%(ids)b`): as text each item is looked through for quotes.

#: Narrows a statement that goes by ids, with the parameters of `dates`: PostgreSQL then looks into the one or two
#: partitions that can hold them, and not into each month's (docs/decisions/0016).
THOSE_DATES: Final = "n.local_date BETWEEN %(from_date)s AND %(to_date)s"

#: Appended to a statement whose CTE `changed` answers id, local_date, was, state, attempt, reason, due_at: writes the
#: moves and answers them. In one statement with the change, so that neither exists without the other.
RECORD_MOVES: Final = """
    recorded AS (
        INSERT INTO moves (notification_id, local_date, at, event, before, after, attempt, reason, due_at)
        SELECT id, local_date, %(at)s, %(event)s, was, state, attempt, reason, due_at FROM changed
    )
"""
#: The same for what a person or a key has caused.
RECORD_MOVES_OF_ACTOR: Final = RECORD_MOVES.replace("due_at)", "due_at, actor)").replace(
    "due_at FROM", "due_at, %(actor)s FROM"
)
STEP: Final = "id, was, state, attempt, reason, due_at"

#: Columns of a notification that make a `Due`.
DUE: Final = "n.id, n.user_id, n.category, n.channel, n.attempt, n.send_at, n.expires_at"
ENTRY: Final = f"""{DUE}, n.state, n.timezone, n.local_date, n.message_sealed,
    CASE n.state WHEN 'STAGED' THEN n.send_at WHEN 'RETRY' THEN n.next_attempt_at END AS due_at"""


LATEST: Final = """
    SELECT DISTINCT ON (m.notification_id) m.notification_id AS id, at, event, before, after, attempt, reason, due_at
    FROM moves m WHERE m.notification_id = ANY(%(ids)s) ORDER BY m.notification_id, m.id DESC
"""


class Ledger:
    """Holds the key ring for the parts of the store."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def latest(self, ids: Collection[UUID]) -> list[Step]:
        """See `ports.RoadStore`."""
        return [
            Step(
                id=row.id,
                event=Event(row.event),
                before=State(row.before) if row.before else None,
                after=State(row.after),
                at=row.at,
                attempt=row.attempt,
                reason=row.reason,
                due_at=row.due_at,
            )
            for row in rows(LATEST, {"ids": list(ids)})
        ]


def dates(send_times: Iterable[datetime]) -> dict[str, date]:
    """The parameters of `THOSE_DATES` for notifications that are sent at these times; at least one."""
    times = list(send_times)
    first, last = local_dates(min(times), max(times))
    return {"from_date": first, "to_date": last}


def steps(found: Iterable[Any], event: Event, at: datetime) -> list[Step]:
    """Rows of `STEP` as steps."""
    return [
        Step(
            id=row.id,
            event=event,
            before=State(row.was),
            after=State(row.state),
            at=at,
            attempt=row.attempt,
            reason=row.reason,
            due_at=row.due_at,
        )
        for row in found
    ]


def states_before(event: Event) -> list[str]:
    """The states in which `event` can happen, for `state = ANY(…)`."""
    return sorted(before(event))


def due(row: Any) -> Due:
    """A row of `DUE`."""
    return Due(
        id=row.id,
        user_id=row.user_id,
        category=Category(row.category),
        channel=Channel(row.channel),
        attempt=row.attempt,
        send_at=row.send_at,
        expires_at=row.expires_at,
    )


def entry(row: Any) -> Entry:
    """A row of `ENTRY`."""
    return Entry(
        id=row.id,
        user_id=row.user_id,
        state=State(row.state),
        category=Category(row.category),
        channel=Channel(row.channel),
        timezone=row.timezone,
        local_date=row.local_date,
        attempt=row.attempt,
        send_at=row.send_at,
        expires_at=row.expires_at,
        due_at=row.due_at,
        sealed=row.message_sealed or "",
    )


def position(row: Any) -> Position | None:
    """Where the row's last record lies, when that is known."""
    return None if row.topic is None else Position(row.topic, row.partition, row.offset)


def columns(positions: Sequence[Position]) -> dict[str, list[Any]]:
    """Positions as three arrays."""
    return {
        "topics": [place.topic for place in positions],
        "partitions": [place.partition for place in positions],
        "offsets": [place.offset for place in positions],
    }


def failure_to_json(failure: Failure) -> str:
    """For the `failure` column."""
    return json.dumps(
        {
            "kind": failure.kind,
            "reason": failure.reason,
            "retry_after": failure.retry_after.total_seconds() if failure.retry_after is not None else None,
            "until": failure.until.isoformat() if failure.until else None,
        }
    )


def failure_from_json(text: str | None) -> Failure | None:
    """From the `failure` column: Django's connections read jsonb as text."""
    if text is None:
        return None
    value = json.loads(text)
    seconds, until = value["retry_after"], value["until"]
    return Failure(
        kind=FailureKind(value["kind"]),
        reason=value["reason"],
        retry_after=None if seconds is None else timedelta(seconds=seconds),
        until=datetime.fromisoformat(until) if until else None,
    )


def about_message(notification_id: UUID) -> str:
    """What a sealed message is bound to."""
    return f"notifications.message:{notification_id}"


def about_given(notification_id: UUID) -> str:
    """What the sealed words that were asked for are bound to."""
    return f"notifications.given:{notification_id}"

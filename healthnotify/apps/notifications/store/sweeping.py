"""The sweeper's part: what stands still, and all that is open."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.ledger import (
    DUE,
    ENTRY,
    RECORD_MOVES,
    STEP,
    THOSE_DATES,
    Ledger,
    columns,
    dates,
    due,
    entry,
    failure_from_json,
    position,
    steps,
)
from healthnotify.domain.delivery import Due, Step
from healthnotify.domain.lifecycle import Event, State, after
from healthnotify.domain.model import Entry, Withheld
from healthnotify.pipeline.ports import Announced, DueIndex, Still, Topic

OVERDUE: Final = {
    DueIndex.DAILY: f"""
        SELECT {ENTRY} FROM notifications n WHERE n.state = 'STAGED' AND n.send_at < %(before)s
        ORDER BY n.send_at LIMIT %(limit)s
    """,
    DueIndex.RETRY: f"""
        SELECT {ENTRY} FROM notifications n WHERE n.state = 'RETRY' AND n.next_attempt_at < %(before)s
        ORDER BY n.next_attempt_at LIMIT %(limit)s
    """,
}

STILL: Final = f"""
    SELECT {DUE}, n.state, n.claim_id, n.topic, n.partition, n."offset", n.failure
    FROM notifications n
    WHERE (n.state = 'PENDING' OR (n.state = 'RETRY' AND n.next_attempt_at IS NULL))
          AND n.updated_at < %(before)s AND (n.lease_until IS NULL OR n.lease_until < %(before)s)
    ORDER BY n.updated_at LIMIT %(limit)s
"""

REDRIVEN: Final = f"""
    SELECT {DUE} FROM notifications n
    WHERE n.state = 'PENDING' AND n.topic IS NULL AND n.claim_id IS NULL ORDER BY n.updated_at LIMIT %(limit)s
"""

#: A consumer may have been faster than this statement: what it holds, or has handed on to the retry topic, has a newer
#: record than ours, and a sweeper that was slow has announced an attempt that is past.
SWEPT: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(topics)s::text[], %(partitions)s::int[],
                             %(offsets)s::bigint[]) AS t(id, attempt, topic, partition, "offset")
    ), swept AS (
        UPDATE notifications n
        SET topic = a.topic, partition = a.partition, "offset" = a."offset", updated_at = %(at)s
        FROM asked a
        WHERE n.id = a.id AND {THOSE_DATES} AND (
            (n.state = 'PENDING' AND (n.lease_until IS NULL OR n.lease_until <= %(at)s)
             AND a.attempt = n.attempt + (n.claim_id IS NULL)::int)
            OR (n.state = 'RETRY' AND n.next_attempt_at IS NULL AND a.topic = %(retry)s AND a.attempt = n.attempt))
        RETURNING n.id, n.local_date, n.state AS was, n.state, a.attempt, NULL::text AS reason,
                  NULL::timestamptz AS due_at
    ), changed AS (SELECT * FROM swept WHERE state = 'PENDING'), {RECORD_MOVES}
    SELECT {STEP} FROM changed
"""

EXPIRE: Final = f"""
    WITH late AS (
        SELECT id, local_date, state FROM notifications
        WHERE state IN ('PLANNED', 'STAGED', 'RETRY') AND (state <> 'RETRY' OR next_attempt_at IS NOT NULL)
              AND expires_at <= %(at)s
        ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), changed AS (
        UPDATE notifications n
        SET state = %(after)s, reason = %(reason)s, ended_at = %(at)s, updated_at = %(at)s, next_attempt_at = NULL,
            build_lease_until = NULL
        FROM late WHERE n.id = late.id AND n.local_date = late.local_date AND n.state = late.state
        RETURNING n.id, n.local_date, late.state AS was, n.state, n.attempt, n.reason, NULL::timestamptz AS due_at
    ), {RECORD_MOVES}
    SELECT {STEP} FROM changed
"""

OPEN_ENTRIES: Final = f"""
    SELECT {ENTRY} FROM notifications n
    WHERE n.state IN ('STAGED', 'PENDING', 'RETRY') AND n.id > %(last)s ORDER BY n.id LIMIT %(limit)s
"""


class Sweeping(Ledger):
    def overdue(self, index: DueIndex, before: datetime, limit: int) -> list[Entry]:
        """See `ports.SweepStore`."""
        return [entry(row) for row in rows(OVERDUE[index], {"before": before, "limit": limit})]

    def still(self, before: datetime, limit: int) -> list[Still]:
        """See `ports.SweepStore`."""
        return [
            Still(
                due=due(row),
                state=State(row.state),
                claimed=row.claim_id is not None,
                position=position(row),
                failure=failure_from_json(row.failure),
            )
            for row in rows(STILL, {"before": before, "limit": limit})
        ]

    def redriven(self, limit: int) -> list[Due]:
        """See `ports.SweepStore`."""
        return [due(row) for row in rows(REDRIVEN, {"limit": limit})]

    def swept(self, announced: Sequence[Announced], at: datetime) -> list[Step]:
        """See `ports.SweepStore`."""
        if not announced:
            return []
        parameters = {
            "ids": [one.envelope.id for one in announced],
            "attempts": [one.envelope.attempt for one in announced],
            **columns([one.position for one in announced]),
            **dates(one.envelope.send_at for one in announced),
            "at": at,
            "event": Event.REPUBLISHED,
            "retry": Topic.RETRY,
        }
        return steps(rows(SWEPT, parameters), Event.REPUBLISHED, at)

    def expire(self, now: datetime, limit: int) -> list[Step]:
        """See `ports.SweepStore`."""
        parameters = {
            "at": now,
            "limit": limit,
            "event": Event.CANCELLED,
            "after": after(State.PLANNED, Event.CANCELLED),
            "reason": Withheld.EXPIRED,
        }
        return steps(rows(EXPIRE, parameters), Event.CANCELLED, now)

    def open_entries(self, chunk: int) -> Iterator[list[Entry]]:
        """See `ports.SweepStore`. By the key, a chunk a statement, so that no snapshot stays open for the whole."""
        last = UUID(int=0)
        while found := rows(OPEN_ENTRIES, {"last": last, "limit": chunk}):
            yield [entry(row) for row in found]
            last = found[-1].id

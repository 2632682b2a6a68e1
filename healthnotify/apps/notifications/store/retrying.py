"""The retry consumer's part: what waits for a decision, and what was decided."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.ledger import (
    DUE,
    RECORD_MOVES,
    STEP,
    THOSE_DATES,
    Ledger,
    dates,
    due,
    failure_from_json,
    steps,
)
from healthnotify.domain.delivery import DeadLetter, Envelope, Step, Undecided
from healthnotify.domain.lifecycle import Event, State, after

ASKED: Final = "asked AS (SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[]) AS t(id, attempt))"

#: A consumer that died between the retry record's confirmation and its move left the row PENDING with its failure.
CATCH_UP: Final = f"""
    WITH {ASKED}, changed AS (
        UPDATE notifications n
        SET state = %(after)s, claim_id = NULL, lease_until = NULL, updated_at = %(at)s,
            uncounted = n.uncounted + (n.failure ->> 'kind' = 'deferred')::int
        FROM asked a
        WHERE n.id = a.id AND {THOSE_DATES} AND n.attempt = a.attempt AND n.state = 'PENDING'
              AND n.failure IS NOT NULL AND (n.failure ->> 'kind' = 'deferred') = %(deferred)s
        RETURNING n.id, n.local_date, 'PENDING' AS was, n.state, n.attempt, n.failure ->> 'reason' AS reason,
                  NULL::timestamptz AS due_at
    ), {RECORD_MOVES}
    SELECT {STEP} FROM changed
"""

UNDECIDED: Final = f"""
    WITH {ASKED}
    SELECT {DUE}, n.failure, n.attempt - n.uncounted AS tries
    FROM notifications n JOIN asked a ON a.id = n.id AND a.attempt = n.attempt
    WHERE {THOSE_DATES} AND n.state = 'RETRY' AND n.next_attempt_at IS NULL AND n.failure IS NOT NULL
"""

WAIT: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(until)s::timestamptz[]) AS t(id, attempt, until)
    ), changed AS (
        UPDATE notifications n SET next_attempt_at = a.until, updated_at = %(at)s
        FROM asked a
        WHERE n.id = a.id AND {THOSE_DATES} AND n.attempt = a.attempt
              AND n.state = 'RETRY' AND n.next_attempt_at IS NULL
        RETURNING n.id, n.local_date, n.state AS was, n.state, n.attempt, n.failure ->> 'reason' AS reason,
                  n.next_attempt_at AS due_at
    ), {RECORD_MOVES}
    SELECT {STEP} FROM changed
"""

GIVE_UP: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(reasons)s::text[]) AS t(id, attempt, reason)
    ), changed AS (
        UPDATE notifications n
        SET state = %(after)s, reason = a.reason, ended_at = %(at)s, updated_at = %(at)s
        FROM asked a
        WHERE n.id = a.id AND {THOSE_DATES} AND n.attempt = a.attempt
              AND n.state = 'RETRY' AND n.next_attempt_at IS NULL
        RETURNING n.id, n.local_date, 'RETRY' AS was, n.state, n.attempt, n.reason, NULL::timestamptz AS due_at
    ), {RECORD_MOVES}, buried AS (
        INSERT INTO dead_letters (notification_id, at, reason, detail, attempt)
        SELECT id, %(at)s, reason, '', attempt FROM changed
    )
    SELECT {STEP} FROM changed
"""


class Retrying(Ledger):
    def undecided(self, envelopes: Sequence[Envelope], at: datetime) -> tuple[list[Step], list[Undecided]]:
        """See `ports.RetryStore`."""
        if not envelopes:
            return [], []
        asked = {
            "ids": [envelope.id for envelope in envelopes],
            "attempts": [envelope.attempt for envelope in envelopes],
            **dates(envelope.send_at for envelope in envelopes),
        }
        moved: list[Step] = []
        for event in (Event.REFUSED, Event.DEFERRED):
            parameters = asked | {
                "at": at,
                "event": event,
                "after": after(State.PENDING, event),
                "deferred": event is Event.DEFERRED,
            }
            moved += steps(rows(CATCH_UP, parameters), event, at)
        return moved, [
            Undecided(due(row).envelope(row.attempt, failure_from_json(row.failure)), row.tries)
            for row in rows(UNDECIDED, asked)
        ]

    def wait(self, until: Mapping[UUID, tuple[Undecided, datetime]], at: datetime) -> list[Step]:
        """See `ports.RetryStore`."""
        if not until:
            return []
        parameters = {
            "ids": list(until),
            "attempts": [undecided.envelope.attempt for undecided, _ in until.values()],
            "until": [instant for _, instant in until.values()],
            **dates(undecided.envelope.send_at for undecided, _ in until.values()),
            "at": at,
            "event": Event.SCHEDULED,
        }
        return steps(rows(WAIT, parameters), Event.SCHEDULED, at)

    def give_up(self, letters: Sequence[DeadLetter], at: datetime) -> list[Step]:
        """See `ports.RetryStore`."""
        envelopes = [(letter.envelope, letter.reason) for letter in letters if letter.envelope]
        if not envelopes:
            return []
        parameters = {
            "ids": [envelope.id for envelope, _ in envelopes],
            "attempts": [envelope.attempt for envelope, _ in envelopes],
            "reasons": [reason[:64] for _, reason in envelopes],
            **dates(envelope.send_at for envelope, _ in envelopes),
            "at": at,
            "event": Event.GAVE_UP,
            "after": after(State.RETRY, Event.GAVE_UP),
        }
        return steps(rows(GIVE_UP, parameters), Event.GAVE_UP, at)

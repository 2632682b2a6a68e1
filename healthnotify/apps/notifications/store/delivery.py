"""The consumer's part after a send: what came of the claim."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.burial import bury
from healthnotify.apps.notifications.store.ledger import (
    RECORD_MOVES,
    STEP,
    THOSE_DATES,
    Ledger,
    columns,
    dates,
    failure_to_json,
    states_before,
    steps,
)
from healthnotify.domain.delivery import (
    Accepted,
    Answer,
    Claim,
    DeadLetter,
    Failure,
    FailureKind,
    Position,
    Step,
)
from healthnotify.domain.lifecycle import Event, State, after
from healthnotify.domain.model import Withheld

#: Needs no lease: success is a fact. What was given up stays so, with the time of the late success.
COMPLETE: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)b::uuid[], %(claims)b::uuid[], %(attempts)b::int[], %(receipts)b::text[])
               AS t(id, claim_id, attempt, receipt)
    ), held AS (
        SELECT n.id, n.local_date, n.state AS was
        FROM notifications n JOIN asked USING (id) WHERE {THOSE_DATES} ORDER BY n.id FOR UPDATE OF n
    ), accepted AS (
        UPDATE notifications n
        SET state = CASE WHEN n.state = ANY(%(before)s) THEN %(after)s ELSE n.state END,
            accepted_by = CASE WHEN a.claim_id = ANY(n.accepted_by) THEN n.accepted_by
                               ELSE n.accepted_by || a.claim_id END,
            late_success_at = CASE WHEN n.state = 'FAILED' THEN COALESCE(n.late_success_at, %(at)s) END,
            reason = CASE WHEN n.state = 'FAILED' THEN n.reason END,
            receipt = COALESCE(n.receipt, a.receipt), ended_at = COALESCE(n.ended_at, %(at)s), updated_at = %(at)s,
            lease_until = NULL, next_attempt_at = NULL
        FROM asked a JOIN held h USING (id)
        WHERE n.id = a.id AND n.local_date = h.local_date AND {THOSE_DATES}
        RETURNING n.id, n.local_date, h.was, n.state, a.attempt, NULL::text AS reason, NULL::timestamptz AS due_at
    ), changed AS (SELECT * FROM accepted WHERE was <> state), {RECORD_MOVES}
    SELECT {STEP} FROM changed
"""

#: What follows is for the holder of the claim only: an outcome of an earlier claim finds nothing.
MINE: Final = """
    asked AS (SELECT * FROM unnest(%(ids)s::uuid[], %(claims)s::uuid[], %(texts)s::text[]) AS t(id, claim_id, text))
"""

WITHHOLD: Final = f"""
    WITH {MINE}, changed AS (
        UPDATE notifications n
        SET state = %(after)s, reason = a.text, ended_at = %(at)s, updated_at = %(at)s, lease_until = NULL
        FROM asked a WHERE n.id = a.id AND {THOSE_DATES} AND n.claim_id = a.claim_id AND n.state = 'PENDING'
        RETURNING n.id, n.local_date, 'PENDING' AS was, n.state, n.attempt, n.reason, NULL::timestamptz AS due_at
    ), {RECORD_MOVES}
    SELECT {STEP} FROM changed
"""

REPORT: Final = f"""
    WITH {MINE}
    UPDATE notifications n SET failure = a.text::jsonb, updated_at = %(at)s
    FROM asked a WHERE n.id = a.id AND {THOSE_DATES} AND n.claim_id = a.claim_id AND n.state = 'PENDING'
    RETURNING n.id
"""

RETURNED: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(claims)s::uuid[], %(topics)s::text[], %(partitions)s::int[],
                             %(offsets)s::bigint[]) AS t(id, claim_id, topic, partition, "offset")
    ), changed AS (
        UPDATE notifications n
        SET state = %(after)s, claim_id = NULL, lease_until = NULL, updated_at = %(at)s,
            uncounted = n.uncounted + (n.failure ->> 'kind' = 'deferred')::int,
            topic = a.topic, partition = a.partition, "offset" = a."offset"
        FROM asked a
        WHERE n.id = a.id AND {THOSE_DATES} AND n.claim_id = a.claim_id AND n.state = 'PENDING'
              AND n.failure IS NOT NULL AND (n.failure ->> 'kind' = 'deferred') = %(deferred)s
        RETURNING n.id, n.local_date, 'PENDING' AS was, n.state, n.attempt, n.failure ->> 'reason' AS reason,
                  NULL::timestamptz AS due_at
    ), {RECORD_MOVES}
    SELECT {STEP} FROM changed
"""


class Delivery(Ledger):
    def complete(self, accepted: Mapping[UUID, tuple[Claim, Accepted]], at: datetime) -> list[Step]:
        """See `ports.DeliveryStore`."""
        if not accepted:
            return []
        parameters = {
            "ids": list(accepted),
            "claims": [claim.claim_id for claim, _ in accepted.values()],
            "attempts": [claim.envelope.attempt for claim, _ in accepted.values()],
            "receipts": [outcome.receipt[:255] or None for _, outcome in accepted.values()],
            **_dates(claim for claim, _ in accepted.values()),
            "at": at,
            "event": Event.ACCEPTED,
            "before": states_before(Event.ACCEPTED),
            "after": after(State.PENDING, Event.ACCEPTED),
        }
        return steps(rows(COMPLETE, parameters), Event.ACCEPTED, at)

    def withhold(self, claims: Mapping[UUID, tuple[Claim, Withheld]], at: datetime) -> list[Step]:
        """See `ports.DeliveryStore`."""
        if not claims:
            return []
        parameters = {
            **_mine({key: (claim, reason.value) for key, (claim, reason) in claims.items()}),
            "at": at,
            "event": Event.CANCELLED,
            "after": after(State.PENDING, Event.CANCELLED),
        }
        return steps(rows(WITHHOLD, parameters), Event.CANCELLED, at)

    def report(self, failures: Mapping[UUID, tuple[Claim, Failure]], at: datetime) -> list[Claim]:
        """See `ports.DeliveryStore`."""
        if not failures:
            return []
        texts = {key: (claim, failure_to_json(failure)) for key, (claim, failure) in failures.items()}
        return [_reported(*failures[row.id]) for row in rows(REPORT, {**_mine(texts), "at": at})]

    def returned(self, announced: Sequence[tuple[Claim, Position]], at: datetime) -> list[Step]:
        """See `ports.DeliveryStore`."""
        found: list[Step] = []
        for event in (Event.REFUSED, Event.DEFERRED):
            deferred = event is Event.DEFERRED
            some = [(claim, place) for claim, place in announced if _is_deferred(claim) is deferred]
            if not some:
                continue
            parameters = {
                "ids": [claim.envelope.id for claim, _ in some],
                "claims": [claim.claim_id for claim, _ in some],
                **_dates(claim for claim, _ in some),
                **columns([place for _, place in some]),
                "at": at,
                "event": event,
                "after": after(State.PENDING, event),
                "deferred": deferred,
            }
            found += steps(rows(RETURNED, parameters), event, at)
        return found

    def bury(self, letters: Sequence[DeadLetter], at: datetime) -> list[Step]:
        """See `ports.DeliveryStore`."""
        return bury(letters, at)


def _mine(claims: Mapping[UUID, tuple[Claim, str]]) -> dict[str, Any]:
    return {
        "ids": list(claims),
        "claims": [claim.claim_id for claim, _ in claims.values()],
        "texts": [text for _, text in claims.values()],
        **_dates(claim for claim, _ in claims.values()),
    }


def _dates(claims: Iterable[Claim]) -> dict[str, Any]:
    return dates(claim.envelope.send_at for claim in claims)


def _reported(claim: Claim, failure: Failure) -> Claim:
    return Claim(Answer.REPORTED, claim.envelope, claim.claim_id, lease_until=claim.lease_until, failure=failure)


def _is_deferred(claim: Claim) -> bool:
    return claim.failure is not None and claim.failure.kind is FailureKind.DEFERRED

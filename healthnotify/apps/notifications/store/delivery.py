"""The consumer's part: the claim before a send, and the outcome after it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.notifications.store.burial import bury
from healthnotify.apps.notifications.store.ledger import (
    RECORD_MOVES,
    STEP,
    THOSE_DATES,
    Ledger,
    about_message,
    columns,
    dates,
    failure_from_json,
    failure_to_json,
    states_before,
    steps,
)
from healthnotify.apps.notifications.store.planning import quiet_hours
from healthnotify.apps.users.sealing import open_address
from healthnotify.domain.delivery import (
    Accepted,
    Answer,
    Ask,
    Claim,
    DeadLetter,
    Failure,
    FailureKind,
    Person,
    Position,
    Step,
)
from healthnotify.domain.lifecycle import ENDED, Event, State, after
from healthnotify.domain.model import Withheld
from healthnotify.domain.schedule import SENT_BEFORE

#: From the date that a notification is for to its end takes less than this: settings let it live for 30 days at most.
LONGEST_WAY: Final = timedelta(days=36)

#: Lock first, in the order of ids, then claim what is free: after waiting for a lock PostgreSQL reads the row again,
#: and nobody can change it from then on. What is free and was not claimed all the same was refused by the ceiling.
#: A claim of what is PENDING changes nothing that an index knows, so that the row stays on its page (migration 0007).
CLAIM: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(claims)s::uuid[]) AS t(id, attempt, claim_id)
    ), held AS (
        SELECT n.id, n.local_date, n.state AS was, n.attempt, n.claim_id, n.lease_until, n.failure,
               (a.attempt = n.attempt + 1 AND (n.state = 'STAGED' OR (n.state = 'PENDING' AND n.claim_id IS NULL)
                                               OR (n.state = 'RETRY' AND n.next_attempt_at IS NOT NULL)))
               OR (a.attempt = n.attempt AND n.state = 'PENDING' AND n.failure IS NULL
                   AND (n.lease_until <= %(at)s OR n.claim_id = a.claim_id)) AS is_free
        FROM notifications n JOIN asked a USING (id) WHERE {THOSE_DATES} ORDER BY n.id FOR UPDATE OF n
    ), claimed AS (
        UPDATE notifications n
        SET state = 'PENDING', attempt = a.attempt, claim_id = a.claim_id, lease_until = %(lease_until)s,
            takeovers = CASE WHEN h.attempt <> a.attempt THEN 0
                             ELSE n.takeovers + (h.claim_id IS DISTINCT FROM a.claim_id)::int END,
            failure = NULL, next_attempt_at = NULL,
            updated_at = CASE h.was WHEN 'PENDING' THEN n.updated_at ELSE %(at)s END
        FROM asked a JOIN held h USING (id)
        WHERE n.id = a.id AND n.local_date = h.local_date AND {THOSE_DATES} AND h.is_free
        RETURNING n.*, h.was, (h.attempt = a.attempt AND h.claim_id <> a.claim_id) IS TRUE AS taken_over
    ), recorded AS (
        INSERT INTO moves (notification_id, local_date, at, event, before, after, attempt)
        SELECT id, local_date, %(at)s,
               CASE was WHEN 'STAGED' THEN 'published' WHEN 'RETRY' THEN 'republished' ELSE 'taken_over' END,
               was, state, attempt
        FROM claimed WHERE was <> state OR taken_over
    )
    SELECT a.id, h.was, h.attempt, h.claim_id, h.lease_until, h.failure, h.is_free, c.takeovers, c.channel,
           c.user_id, c.message_sealed, u.active, u.erased_at, u.timezone, u.quiet_start, u.quiet_end, u.locale,
           k.wrapped, d.address_sealed, COALESCE(p.enabled, c.slot IS NULL) AS enabled,
           (SELECT count(*) FROM notifications s
            WHERE s.user_id = c.user_id AND s.state = 'COMPLETED' AND s.ended_at > %(day_ago)s
                  AND s.local_date BETWEEN %(long_ago)s AND %(soon)s) AS sent_last_day
    FROM asked a
    LEFT JOIN held h ON h.id = a.id
    LEFT JOIN claimed c ON c.id = a.id
    LEFT JOIN users u ON u.id = c.user_id
    LEFT JOIN data_keys k ON k.user_id = c.user_id
    LEFT JOIN addresses d ON d.user_id = c.user_id AND d.channel = c.channel
    LEFT JOIN preferences p ON p.user_id = c.user_id AND p.category = c.category AND p.channel = c.channel
"""

#: Needs no lease: success is a fact. What was given up stays so, with the time of the late success.
COMPLETE: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(claims)s::uuid[], %(attempts)s::int[], %(receipts)s::text[])
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
    def claim(self, asks: Sequence[Ask], now: datetime, lease_until: datetime) -> list[Claim]:
        """See `ports.DeliveryStore`. What cannot be opened, because the key ring lacks its key, is not claimed.

        Two round trips more than one statement alone; but a claim that nobody can send would be left to its lease, and
        an SMS after that counts as perhaps sent.
        """
        if not asks:
            return []
        parameters = {
            "ids": [ask.envelope.id for ask in asks],
            "attempts": [ask.envelope.attempt for ask in asks],
            "claims": [ask.claim_id for ask in asks],
            "at": now,
            "lease_until": lease_until,
            "day_ago": now - timedelta(days=1),
            "long_ago": (now - LONGEST_WAY).date(),
            "soon": (now + SENT_BEFORE).date(),
            **dates(ask.envelope.send_at for ask in asks),
        }
        with all_or_nothing():
            found = {row.id: row for row in rows(CLAIM, parameters)}
            return [self._claim(ask, found[ask.envelope.id], lease_until) for ask in asks]

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

    def bury(self, letters: Sequence[DeadLetter], at: datetime) -> None:
        """See `ports.DeliveryStore`."""
        bury(letters, at)

    def _claim(self, ask: Ask, row: Any, lease_until: datetime) -> Claim:
        answer = _answer(ask, row)
        if row.takeovers is not None:
            person = self._person(row)
            return Claim(answer, ask.envelope, ask.claim_id, lease_until, person=person, takeovers=row.takeovers)
        holder = row.claim_id or ask.claim_id
        failure = failure_from_json(row.failure) if answer is Answer.REPORTED else None
        return Claim(answer, ask.envelope, holder, lease_until=row.lease_until, failure=failure)

    def _person(self, row: Any) -> Person:
        erased = row.erased_at is not None or row.wrapped is None
        subject, text, address = "", "", ""
        if not erased:
            key = self._ring.unwrap(row.user_id, row.wrapped)
            subject, text = json.loads(key.open(row.message_sealed, about_message(row.id)))
            address = open_address(key, row)
        return Person(
            active=row.active,
            erased=erased,
            enabled=row.enabled,
            timezone=row.timezone,
            quiet=quiet_hours(row),
            locale=row.locale,
            address=address,
            sent_last_day=row.sent_last_day,
            subject=subject,
            text=text,
        )


def _answer(ask: Ask, row: Any) -> Answer:
    asked = ask.envelope.attempt
    if row.was is None:
        return Answer.MISSING
    if row.takeovers is not None:  # not only of this asking: it may be asked again, after a reply that was lost
        return Answer.AMBIGUOUS if row.takeovers else Answer.CLAIMED
    if row.is_free:
        return Answer.REFUSED
    if State(row.was) in ENDED:
        return Answer.TERMINAL
    if row.attempt == asked and row.was == State.PENDING and row.claim_id is not None:
        return Answer.BUSY if row.failure is None else Answer.REPORTED
    return Answer.STALE


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

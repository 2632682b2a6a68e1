"""The consumer's part before a send: the claim, with all that the last look needs."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.notifications.store.ledger import (
    THOSE_DATES,
    Ledger,
    about_message,
    dates,
    failure_from_json,
)
from healthnotify.apps.notifications.store.planning import quiet_hours
from healthnotify.apps.users.sealing import open_address
from healthnotify.domain.delivery import (
    Answer,
    Ask,
    Claim,
    Person,
)
from healthnotify.domain.lifecycle import ENDED, State
from healthnotify.domain.routing import SUSPECT
from healthnotify.domain.schedule import SENT_BEFORE

#: From the date that a notification is for to its end takes less than this: settings let it live for 30 days at most.
LONGEST_WAY: Final = timedelta(days=36)

#: Lock first, in the order of ids, then claim what is free: after waiting for a lock PostgreSQL reads the row again,
#: and nobody can change it from then on. What has ended its holders before is claimed only by who asks for it alone.
#: What is free and was not claimed all the same was refused by the ceiling.
#: A claim of what is PENDING changes nothing that an index knows, so that the row stays on its page (migration 0007).
CLAIM: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)b::uuid[], %(attempts)b::int[], %(claims)b::uuid[]) AS t(id, attempt, claim_id)
    ), held AS (
        SELECT n.id, n.local_date, n.state AS was, n.attempt, n.claim_id, n.lease_until, n.failure,
               (a.attempt = n.attempt + 1 AND (n.state = 'STAGED' OR (n.state = 'PENDING' AND n.claim_id IS NULL)
                                               OR (n.state = 'RETRY' AND n.next_attempt_at IS NOT NULL)))
               OR (a.attempt = n.attempt AND n.state = 'PENDING' AND n.failure IS NULL
                   AND (n.lease_until <= %(at)s OR n.claim_id = a.claim_id)) AS is_free,
               NOT %(alone)s AND a.attempt = n.attempt AND n.takeovers + 1 >= %(suspect)s
               AND n.claim_id <> a.claim_id AS is_suspect
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
              AND h.is_suspect IS NOT TRUE
        RETURNING n.*, h.was, (h.attempt = a.attempt AND h.claim_id <> a.claim_id) IS TRUE AS taken_over
    ), recorded AS (
        INSERT INTO moves (notification_id, local_date, at, event, before, after, attempt)
        SELECT id, local_date, %(at)s,
               CASE was WHEN 'STAGED' THEN 'published' WHEN 'RETRY' THEN 'republished' ELSE 'taken_over' END,
               was, state, attempt
        FROM claimed WHERE was <> state OR taken_over
    )
    SELECT a.id, h.was, h.attempt, h.claim_id, h.lease_until, h.failure, h.is_free, h.is_suspect, c.takeovers,
           c.channel, c.user_id, c.message_sealed, u.active, u.erased_at, u.timezone, u.quiet_start, u.quiet_end,
           u.locale, k.wrapped, d.address_sealed, COALESCE(p.enabled, c.slot IS NULL) AS enabled,
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


class Claiming(Ledger):
    def claim(self, asks: Sequence[Ask], now: datetime, lease_until: datetime, *, alone: bool = False) -> list[Claim]:
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
            "alone": alone,
            "suspect": SUSPECT,
            "day_ago": now - timedelta(days=1),
            "long_ago": (now - LONGEST_WAY).date(),
            "soon": (now + SENT_BEFORE).date(),
            **dates(ask.envelope.send_at for ask in asks),
        }
        with all_or_nothing():
            found = {row.id: row for row in rows(CLAIM, parameters)}
            return [self._claim(ask, found[ask.envelope.id], lease_until) for ask in asks]

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
        return Answer.SUSPECT if row.is_suspect else Answer.REFUSED
    if State(row.was) in ENDED:
        return Answer.TERMINAL
    if row.attempt == asked and row.was == State.PENDING and row.claim_id is not None:
        return Answer.BUSY if row.failure is None else Answer.REPORTED
    return Answer.STALE

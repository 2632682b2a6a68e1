"""What keeps a notification from being claimed: an operator's stops, and what is put off."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.ledger import THOSE_DATES, Ledger, dates, failure_to_json
from healthnotify.domain.delivery import Answer, Ask, Claim, Failure
from healthnotify.domain.model import Category, Channel
from healthnotify.domain.stops import Stop, Stops

STOPS: Final = "SELECT channel, category FROM stops"

#: A claim that is born with its failure: only of what nobody has tried, else it may have been sent. Locked in the order
#: of ids, as claims lock.
PUT_OFF: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(claims)s::uuid[], %(failures)s::text[])
               AS t(id, attempt, claim_id, failure)
    ), held AS (
        SELECT n.id, n.local_date, n.state AS was
        FROM notifications n JOIN asked USING (id) WHERE {THOSE_DATES} ORDER BY n.id FOR UPDATE OF n
    ), put_off AS (
        UPDATE notifications n
        SET state = 'PENDING', attempt = a.attempt, claim_id = a.claim_id, lease_until = %(at)s,
            failure = a.failure::jsonb, next_attempt_at = NULL, updated_at = %(at)s
        FROM asked a JOIN held h USING (id)
        WHERE n.id = a.id AND n.local_date = h.local_date AND {THOSE_DATES} AND a.attempt = n.attempt + 1
              AND (n.state = 'STAGED' OR (n.state = 'PENDING' AND n.claim_id IS NULL)
                   OR (n.state = 'RETRY' AND n.next_attempt_at IS NOT NULL))
        RETURNING n.id, n.local_date, h.was, n.state, n.attempt
    ), recorded AS (
        INSERT INTO moves (notification_id, local_date, at, event, before, after, attempt)
        SELECT id, local_date, %(at)s, CASE was WHEN 'STAGED' THEN 'published' ELSE 'republished' END,
               was, state, attempt
        FROM put_off WHERE was <> state
    )
    SELECT id FROM put_off
"""

#: Counted no further than what settles the question: this many in a few seconds need no finer figure.
FIRST_ATTEMPTS: Final = """
    SELECT count(*) AS number FROM (
        SELECT FROM moves WHERE at >= %(since)s AND event = 'published' LIMIT 200000
    ) lately
"""


class Guarding(Ledger):
    def stops(self) -> Stops:
        """See `ports.RoadStore`."""
        return Stops.of(
            Stop(row.channel and Channel(row.channel), row.category and Category(row.category))
            for row in rows(STOPS, {})
        )

    def put_off(self, deferrals: Mapping[UUID, tuple[Ask, Failure]], at: datetime) -> list[Claim]:
        """See `ports.DeliveryStore`."""
        if not deferrals:
            return []
        asks = [ask for ask, _ in deferrals.values()]
        parameters = {
            "ids": list(deferrals),
            "attempts": [ask.envelope.attempt for ask in asks],
            "claims": [ask.claim_id for ask in asks],
            "failures": [failure_to_json(failure) for _, failure in deferrals.values()],
            "at": at,
            **dates(ask.envelope.send_at for ask in asks),
        }
        return [_reported(*deferrals[row.id], at) for row in rows(PUT_OFF, parameters)]

    def first_attempts(self, since: datetime) -> int:
        """See `ports.RetryStore`."""
        return int(rows(FIRST_ATTEMPTS, {"since": since})[0].number)


def _reported(ask: Ask, failure: Failure, at: datetime) -> Claim:
    return Claim(Answer.REPORTED, ask.envelope, ask.claim_id, lease_until=at, failure=failure)

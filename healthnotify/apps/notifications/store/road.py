"""The producers' part: what is due, and what Kafka has confirmed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.ledger import (
    DUE,
    RECORD_MOVES,
    STEP,
    THOSE_DATES,
    Ledger,
    columns,
    dates,
    due,
    steps,
)
from healthnotify.domain.delivery import Due, Step
from healthnotify.domain.lifecycle import Event, State, after
from healthnotify.domain.stops import NOTHING_STOPPED, Stops
from healthnotify.pipeline.ports import Announced, DueIndex

NOT_STOPPED: Final = "n.channel <> ALL(%(channels)s::text[]) AND n.category <> ALL(%(categories)s::text[])"

DUE_NOW: Final = {
    DueIndex.DAILY: f"""
        SELECT {DUE} FROM notifications n WHERE n.state = 'STAGED' AND n.send_at <= %(now)s AND {NOT_STOPPED}
        ORDER BY n.send_at LIMIT %(limit)s
    """,
    DueIndex.RETRY: f"""
        SELECT {DUE} FROM notifications n WHERE n.state = 'RETRY' AND n.next_attempt_at <= %(now)s AND {NOT_STOPPED}
        ORDER BY n.next_attempt_at LIMIT %(limit)s
    """,
}

#: Compare-and-set on state *and* attempt: the consumer that was faster than we are has already moved it.
PUBLISHED: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)b::uuid[], %(attempts)b::int[], %(topics)s::text[], %(partitions)b::int[],
                             %(offsets)b::bigint[]) AS t(id, attempt, topic, partition, "offset")
    ), changed AS (
        UPDATE notifications n
        SET state = %(after)s, topic = a.topic, partition = a.partition, "offset" = a."offset",
            next_attempt_at = NULL, claim_id = NULL, lease_until = NULL, failure = NULL, updated_at = %(at)s
        FROM asked a
        WHERE n.id = a.id AND {THOSE_DATES} AND n.attempt + 1 = a.attempt AND n.state = %(before)s
              AND (n.state <> 'RETRY' OR n.next_attempt_at IS NOT NULL)
        RETURNING n.id, n.local_date, %(before)s::text AS was, n.state, a.attempt, NULL::text AS reason,
                  NULL::timestamptz AS due_at
    ), {RECORD_MOVES}
    SELECT {STEP} FROM changed
"""


#: Which wait ends in which move.
MOVES_OF: Final = {
    DueIndex.DAILY: (State.STAGED, Event.PUBLISHED),
    DueIndex.RETRY: (State.RETRY, Event.REPUBLISHED),
}


class OnTheRoad(Ledger):
    def due(self, index: DueIndex, now: datetime, limit: int, stops: Stops = NOTHING_STOPPED) -> list[Due]:
        """See `ports.RoadStore`."""
        parameters = {
            "now": now,
            "limit": limit,
            "channels": list(stops.channels),
            "categories": list(stops.categories),
        }
        return [due(row) for row in rows(DUE_NOW[index], parameters)]

    def published(self, index: DueIndex, announced: Sequence[Announced], at: datetime) -> list[Step]:
        """See `ports.RoadStore`."""
        if not announced:
            return []
        before, event = MOVES_OF[index]
        parameters = {
            "ids": [one.envelope.id for one in announced],
            "attempts": [one.envelope.attempt for one in announced],
            **columns([one.position for one in announced]),
            **dates(one.envelope.send_at for one in announced),
            "at": at,
            "event": event,
            "before": before,
            "after": after(before, event),
        }
        return steps(rows(PUBLISHED, parameters), event, at)

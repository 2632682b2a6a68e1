"""Dead letters of records: bytes that are not ours, ids that nobody knows, and what kills whoever reads it."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.notifications.store.ledger import RECORD_MOVES, STEP, columns, failure_to_json, steps
from healthnotify.domain.delivery import KILLS_THE_PROCESS, DeadLetter, Failure, FailureKind, Poison, Position, Step
from healthnotify.domain.lifecycle import Event, State, after
from healthnotify.pipeline.ports import Topic

MOST_BYTES: Final = 16 * 1024

BURY: Final = """
    INSERT INTO dead_letters (notification_id, at, reason, detail, attempt, topic, partition, "offset", raw, raw_sha256,
                              raw_size)
    SELECT id, %(at)s, reason, '', attempt, topic, partition, "offset", raw, sha256, size
    FROM unnest(%(ids)s::uuid[], %(reasons)s::text[], %(attempts)s::int[], %(topics)s::text[], %(partitions)s::int[],
                %(offsets)s::bigint[], %(raws)s::bytea[], %(sha256s)s::text[], %(sizes)s::int[])
         AS t(id, reason, attempt, topic, partition, "offset", raw, sha256, size)
    ON CONFLICT DO NOTHING
"""

#: By its place, because a record that kills whoever reads it cannot say whose it is: through the small index of what is
#: on the road, locked in the order of ids, as claims lock.
THOSE_THERE: Final = """
    asked AS (
        SELECT * FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(offsets)s::bigint[])
               AS t(topic, partition, "offset")
    )
"""

#: A try that nobody can make has failed. Whoever has claimed it since its record was put there has read it, so it is
#: not the record that kills: how often such holders die is counted elsewhere (`takeovers`). A failure that is recorded
#: is handed on in another record, unless it is that one which nobody can read.
REFUSE: Final = f"""
    WITH {THOSE_THERE}, held AS (
        SELECT n.id, n.local_date FROM notifications n JOIN asked USING (topic, partition, "offset")
        WHERE n.state = 'PENDING'
              AND CASE WHEN n.failure IS NULL THEN n.claim_id IS NULL OR n.lease_until <= n.updated_at
                       ELSE n.topic = %(retry)s END
        ORDER BY n.id FOR UPDATE OF n
    ), changed AS (
        UPDATE notifications n
        SET state = %(after)s, attempt = n.attempt + (n.claim_id IS NULL)::int, claim_id = NULL, lease_until = NULL,
            failure = %(failure)s::jsonb, updated_at = %(at)s
        FROM held h WHERE n.id = h.id AND n.local_date = h.local_date
        RETURNING n.id, n.local_date, 'PENDING' AS was, n.state, n.attempt, n.failure ->> 'reason' AS reason,
                  NULL::timestamptz AS due_at
    ), {RECORD_MOVES}
    SELECT {STEP} FROM changed
"""

#: The letter that is kept of the record is the notification's from now on.
GIVE_UP: Final = f"""
    WITH {THOSE_THERE}, held AS (
        SELECT n.id, n.local_date FROM notifications n JOIN asked USING (topic, partition, "offset")
        WHERE n.state = 'RETRY' AND n.next_attempt_at IS NULL ORDER BY n.id FOR UPDATE OF n
    ), changed AS (
        UPDATE notifications n
        SET state = %(after)s, reason = %(reason)s, ended_at = %(at)s, updated_at = %(at)s
        FROM held h WHERE n.id = h.id AND n.local_date = h.local_date
        RETURNING n.id, n.local_date, 'RETRY' AS was, n.state, n.attempt, n.reason, NULL::timestamptz AS due_at,
                  n.topic, n.partition, n."offset"
    ), {RECORD_MOVES}, named AS (
        UPDATE dead_letters d SET notification_id = c.id, attempt = c.attempt FROM changed c
        WHERE d.topic = c.topic AND d.partition = c.partition AND d."offset" = c."offset" AND d.raw IS NOT NULL
    )
    SELECT {STEP} FROM changed
"""


def bury(letters: Sequence[DeadLetter], at: datetime) -> list[Step]:
    """Keep them; a record that is read twice is kept once. See `ports.DeliveryStore`."""
    if not letters:
        return []
    unread = [letter.unread_at for letter in letters if letter.unread_at]
    if not unread:
        _keep(letters, at)
        return []
    with all_or_nothing():
        _keep(letters, at)
        return _end(unread, at)


def _keep(letters: Sequence[DeadLetter], at: datetime) -> None:
    found = zip(*(_row(letter) for letter in letters), strict=True)
    names = ("ids", "reasons", "attempts", "topics", "partitions", "offsets", "raws", "sha256s", "sizes")
    rows(BURY, {"at": at, **{name: list(column) for name, column in zip(names, found, strict=True)}})


def _end(places: Sequence[Position], at: datetime) -> list[Step]:
    """The two moves that a failure leads to, at once: the record that would take it to the retry consumer is none."""
    asked = {"at": at, **columns(places)}
    refused = {
        "retry": Topic.RETRY,
        "event": Event.REFUSED,
        "after": after(State.PENDING, Event.REFUSED),
        "failure": failure_to_json(Failure(FailureKind.PERMANENT, KILLS_THE_PROCESS)),
    }
    given_up = {"event": Event.GAVE_UP, "after": after(State.RETRY, Event.GAVE_UP), "reason": KILLS_THE_PROCESS}
    moved = steps(rows(REFUSE, asked | refused), Event.REFUSED, at)
    return moved + steps(rows(GIVE_UP, asked | given_up), Event.GAVE_UP, at)


def _row(letter: DeadLetter) -> tuple[Any, ...]:
    identity = letter.envelope and letter.envelope.id
    attempt = letter.envelope.attempt if letter.envelope else 0
    place = letter.record and letter.record.position
    where = (place.topic, place.partition, place.offset) if place else (None, None, None)
    raw, digest, size = None, None, None
    if letter.record and isinstance(letter.record.content, Poison):
        raw = letter.record.content.raw[:MOST_BYTES]
        digest, size = hashlib.sha256(letter.record.content.raw).hexdigest(), len(letter.record.content.raw)
    return (identity, letter.reason[:64], attempt, *where, raw, digest, size)

"""Bring notifications back from the dead letters: FAILED -> PENDING. The sweeper puts them on the road at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.access.audit import Action, note_each
from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.notifications.store.ledger import RECORD_MOVES_OF_ACTOR, STEP, steps
from healthnotify.domain.delivery import Step
from healthnotify.domain.lifecycle import Event, State, after
from healthnotify.domain.model import Channel, Withheld
from healthnotify.domain.redriving import GivenUp, Obstacle, Redrive, obstacle

MOST: Final = 500  # in one call
USUAL: Final = 100

FOUND: Final = """
    SELECT n.id, n.state, n.reason, n.channel, n.attempt, n.ended_at, n.expires_at,
           n.late_success_at IS NOT NULL AS accepted_late,
           COALESCE((SELECT bool_and(l.expired_at IS NOT NULL) FROM dead_letters l WHERE l.notification_id = n.id),
                    false) AS letter_expired,
           (SELECT count(*) FROM moves m WHERE m.notification_id = n.id AND m.event = 'redriven') AS redrives,
           u.active, u.erased_at IS NOT NULL OR k.user_id IS NULL AS erased,
           COALESCE(p.enabled, n.slot IS NULL) AND d.id IS NOT NULL AS wanted
    FROM notifications n
    JOIN users u ON u.id = n.user_id
    LEFT JOIN data_keys k ON k.user_id = n.user_id
    LEFT JOIN addresses d ON d.user_id = n.user_id AND d.channel = n.channel
    LEFT JOIN preferences p ON p.user_id = n.user_id AND p.category = n.category AND p.channel = n.channel
"""
BY_IDS: Final = f"{FOUND} WHERE n.id = ANY(%(ids)s)"

#: What has expired comes last: else it would stand in the way of what may still be brought back.
BY_FILTER: Final = f"""
    {FOUND}
    WHERE n.state = 'FAILED' AND (%(reason)s::text IS NULL OR n.reason = %(reason)s)
          AND (%(channel)s::text IS NULL OR n.channel = %(channel)s)
          AND (%(since)s::timestamptz IS NULL OR n.ended_at >= %(since)s)
    ORDER BY n.expires_at <= %(at)s, n.ended_at, n.id LIMIT %(most)s
"""

#: Those that a run over many goes through, in order; what is given up while it runs is not for this run.
WALK: Final = """
    SELECT n.id, n.ended_at FROM notifications n
    WHERE n.state = 'FAILED' AND n.expires_at > %(at)s AND n.ended_at <= %(at)s
          AND (%(reason)s::text IS NULL OR n.reason = %(reason)s)
          AND (%(channel)s::text IS NULL OR n.channel = %(channel)s)
          AND (%(since)s::timestamptz IS NULL OR n.ended_at >= %(since)s)
          AND (%(after)s::uuid IS NULL OR (n.ended_at, n.id) > (%(ended_at)s, %(after)s))
    ORDER BY n.ended_at, n.id LIMIT %(limit)s
"""
TOO_LATE: Final = """
    SELECT count(*) AS number FROM notifications n
    WHERE n.state = 'FAILED' AND n.expires_at <= %(at)s
          AND (%(reason)s::text IS NULL OR n.reason = %(reason)s)
          AND (%(channel)s::text IS NULL OR n.channel = %(channel)s)
          AND (%(since)s::timestamptz IS NULL OR n.ended_at >= %(since)s)
"""

#: Compare-and-set on state and attempt, so that two operators at once bring it back once, and what was brought back and
#: given up again since it was looked at is looked at again. The attempts so far count no more: it has all of its tries
#: again, and the next claim has the next number, because the last one's fencing stays in force.
REDRIVE: Final = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[]) AS t(id, attempt)
    ), held AS (
        SELECT n.id, n.local_date, n.attempt FROM notifications n
        JOIN asked a ON a.id = n.id AND a.attempt = n.attempt
        WHERE n.state = 'FAILED' ORDER BY n.id FOR UPDATE OF n
    ), changed AS (
        UPDATE notifications n
        SET state = %(after)s, reason = NULL, ended_at = NULL, updated_at = %(at)s, uncounted = n.attempt,
            claim_id = NULL, lease_until = NULL, failure = NULL, next_attempt_at = NULL,
            topic = NULL, partition = NULL, "offset" = NULL
        FROM held h
        WHERE n.id = h.id AND n.local_date = h.local_date AND n.state = 'FAILED' AND n.attempt = h.attempt
              AND n.late_success_at IS NULL AND n.expires_at > %(at)s
        RETURNING n.id, n.local_date, 'FAILED' AS was, n.state, n.attempt, NULL::text AS reason,
                  NULL::timestamptz AS due_at
    ), {RECORD_MOVES_OF_ACTOR}
    SELECT {STEP} FROM changed
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which: those with these ids or, without any, those given up that fit the rest, the oldest first."""

    ids: tuple[UUID, ...] = ()
    reason: str | None = None
    channel: Channel | None = None
    since: datetime | None = None  #: given up then or later
    most: int = USUAL


def redrive(
    chosen: Chosen, *, actor: str, at: datetime, dry_run: bool = True, accept_duplicates: bool = False
) -> list[Redrive]:
    """One answer for each chosen notification, in one transaction. A dry run changes nothing and answers the same.

    `accept_duplicates` brings back even what may have been sent already.
    """
    with all_or_nothing():
        found = _found(chosen, at)
        answers = {one.id: obstacle(one, at=at, accept_duplicates=accept_duplicates) for one in found}
        answers |= {key: Obstacle.NOT_FAILED for key in chosen.ids if key not in answers}
        free = [one for one in found if answers[one.id] is None]
        moved = {} if dry_run else _move(free, actor, at, accept_duplicates=accept_duplicates)
    return [_answer(key, why_not, moved, dry_run=dry_run) for key, why_not in answers.items()]


def walk(chosen: Chosen, *, at: datetime, chunk: int) -> Iterator[tuple[UUID, ...]]:
    """The ids of all that were given up until `at`, fit, and have time left: the oldest first, so many at a time."""
    last: Any = None
    while found := rows(
        WALK,
        _filter(chosen, at) | {"limit": chunk, "after": last and last.id, "ended_at": last and last.ended_at},
    ):
        yield tuple(row.id for row in found)
        last = found[-1]


def too_late(chosen: Chosen, *, at: datetime) -> int:
    """How many fit but for their expiry."""
    (row,) = rows(TOO_LATE, _filter(chosen, at))
    return int(row.number)


def _filter(chosen: Chosen, at: datetime) -> dict[str, Any]:
    return {"reason": chosen.reason, "channel": chosen.channel, "since": chosen.since, "at": at}


def _found(chosen: Chosen, at: datetime) -> list[GivenUp]:
    if chosen.ids:
        return [given_up(row) for row in rows(BY_IDS, {"ids": list(chosen.ids)})]
    parameters = _filter(chosen, at) | {"most": min(chosen.most, MOST)}
    return [given_up(row) for row in rows(BY_FILTER, parameters)]


def _move(free: Sequence[GivenUp], actor: str, at: datetime, *, accept_duplicates: bool) -> dict[UUID, Step]:
    parameters = {
        "ids": [one.id for one in free],
        "attempts": [one.attempt for one in free],
        "at": at,
        "actor": actor,
        "event": Event.REDRIVEN,
        "after": after(State.FAILED, Event.REDRIVEN),
    }
    moved = {step.id: step for step in steps(rows(REDRIVE, parameters), Event.REDRIVEN, at)} if free else {}
    note_each(actor, Action.REDRIVEN, map(str, moved), at, accept_duplicates=accept_duplicates)
    return moved


def _answer(key: UUID, why_not: Obstacle | None, moved: dict[UUID, Step], *, dry_run: bool) -> Redrive:
    if why_not is None and not dry_run and key not in moved:
        return Redrive(key, Obstacle.NOT_FAILED)  # somebody was faster since it was looked at
    return Redrive(key, why_not, moved.get(key))


def given_up(row: Any) -> GivenUp:
    """A row of `FOUND`."""
    return GivenUp(
        id=row.id,
        state=State(row.state),
        reason=row.reason,
        expires_at=row.expires_at,
        accepted_late=row.accepted_late,
        redrives=row.redrives,
        withheld=_withheld(row),
        letter_expired=row.letter_expired,
        attempt=row.attempt,
    )


def _withheld(row: Any) -> Withheld | None:
    if row.erased:
        return Withheld.ERASED
    if not row.active:
        return Withheld.USER_INACTIVE
    return None if row.wanted else Withheld.OPTED_OUT

"""Take a notification back before it is sent: PLANNED, STAGED, or waiting in RETRY -> CANCELLED (`withdrawn`)."""

from datetime import datetime
from typing import Final
from uuid import UUID

from healthnotify.apps.access.audit import Action, note
from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.notifications.store.ledger import RECORD_MOVES_OF_ACTOR, steps
from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import Conflict, Missing
from healthnotify.domain.lifecycle import ENDED, Event, State, after
from healthnotify.domain.model import Withheld

#: A failed try whose consequence is undecided is left to the retry consumer, which may have announced its dead letter.
WITHDRAW: Final = f"""
    WITH held AS (
        SELECT id, local_date, state, reason FROM notifications WHERE id = %(id)s FOR UPDATE
    ), changed AS (
        UPDATE notifications n
        SET state = %(after)s, reason = %(reason)s, ended_at = %(at)s, updated_at = %(at)s, next_attempt_at = NULL,
            build_lease_until = NULL
        FROM held h
        WHERE n.id = h.id AND n.local_date = h.local_date AND (n.state IN ('PLANNED', 'STAGED')
                               OR (n.state = 'RETRY' AND n.next_attempt_at IS NOT NULL))
        RETURNING n.id, n.local_date, h.state AS was, n.state, n.attempt, n.reason, NULL::timestamptz AS due_at
    ), {RECORD_MOVES_OF_ACTOR}
    SELECT h.id, h.state AS was, h.reason AS reason_before, c.state, c.attempt, c.reason, c.due_at
    FROM held h LEFT JOIN changed c ON c.id = h.id
"""  # noqa: S608 - put together from constants


def withdraw(notification_id: UUID, *, actor: str, at: datetime) -> list[Step]:
    """Its step; none when it was withdrawn before. Raises `Missing`, or `Conflict` when it is too late for it.

    The cache does not hear of it: the producer finds it gone, once, when its time comes.
    """
    parameters = {
        "id": notification_id,
        "after": after(State.PLANNED, Event.CANCELLED),
        "reason": Withheld.WITHDRAWN,
        "at": at,
        "event": Event.CANCELLED,
        "actor": actor,
    }
    with all_or_nothing():
        found = rows(WITHDRAW, parameters)
        if not found:
            raise Missing("notification", notification_id)
        (row,) = found
        if row.state is not None:
            note(actor, Action.CANCELLED, str(notification_id), at)
            return steps(found, Event.CANCELLED, at)
    if row.reason_before == Withheld.WITHDRAWN:
        return []
    if State(row.was) in ENDED:
        reason = f" ({row.reason_before})" if row.reason_before else ""
        raise Conflict("It has ended", f"It is {row.was}{reason} and cannot be taken back.")
    raise Conflict("It is on the road", f"It is {row.was}: it may be being sent at this moment. Read it again soon.")

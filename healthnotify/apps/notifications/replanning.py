"""Take back what a change has made wrong: PLANNED, STAGED, or waiting in RETRY -> CANCELLED, with its moves."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.building import CANCEL
from healthnotify.apps.notifications.store.ledger import steps
from healthnotify.domain.delivery import Step
from healthnotify.domain.lifecycle import Event, State, after
from healthnotify.domain.model import MAKES_ROOM, Category, Channel, Goal, Withheld
from healthnotify.domain.replanning import Waiting, Wish, fallen

Key = tuple[Category, Channel]

#: What no consumer holds. A failed try whose consequence is still undecided is left to the retry consumer, which may
#: have announced its dead letter already; the last look before a send withholds it.
WAITING: Final = """
    SELECT id, category, channel, goal, local_date, slot, timezone, send_at, state,
           state <> 'PLANNED' OR build_lease_until IS NOT NULL AS is_written
    FROM notifications
    WHERE user_id = %(user)s
          AND (state IN ('PLANNED', 'STAGED') OR (state = 'RETRY' AND next_attempt_at IS NOT NULL))
    ORDER BY id FOR UPDATE
"""
#: Notifications of a preference that was removed keep their ids: one that takes its place must not plan under them.
REVISIONS: Final = """
    SELECT category, channel, max(revision) + 1 AS next FROM notifications
    WHERE user_id = %(user)s AND slot IS NOT NULL GROUP BY category, channel
"""
STATES: Final = [State.PLANNED, State.STAGED, State.RETRY]


def replan(
    user_id: UUID,
    keys: Collection[Key],
    wishes: Mapping[Key, Wish],
    *,
    now: datetime,
    text_is_stale: bool = False,
) -> list[Step]:
    """Cancel what the wishes no longer lead to, among the notifications of those categories and channels.

    To be called in the transaction of the change, with its preferences locked: the planner cannot add any meanwhile.
    What was asked for without an occasion is left alone.
    """
    found = [_waiting(row) for row in rows(WAITING, {"user": user_id}) if row.slot is not None]
    mine = [row for row in found if (row.category, row.channel) in keys]
    return _cancel(fallen(mine, wishes, now=now, text_is_stale=text_is_stale), now)


def withhold_all(user_id: UUID, reason: Withheld, now: datetime) -> list[Step]:
    """Cancel everything that waits for somebody, also what was asked for without an occasion."""
    return _cancel({row.id: reason for row in rows(WAITING, {"user": user_id})}, now)


def next_revisions(user_id: UUID) -> dict[Key, int]:
    """By category and channel, the first revision under which nothing was planned yet; those without any are left
    out."""
    return {(Category(row.category), Channel(row.channel)): row.next for row in rows(REVISIONS, {"user": user_id})}


def _cancel(reasons: Mapping[UUID, Withheld], now: datetime) -> list[Step]:
    parameters = {
        "ids": list(reasons),
        "reasons": list(reasons.values()),
        "at": now,
        "event": Event.CANCELLED,
        "before": STATES,
        "after": after(State.PLANNED, Event.CANCELLED),
        "make_room": list(MAKES_ROOM),
    }
    return steps(rows(CANCEL, parameters), Event.CANCELLED, now) if reasons else []


def _waiting(row: Any) -> Waiting:
    return Waiting(
        id=row.id,
        category=Category(row.category),
        channel=Channel(row.channel),
        goal=Goal(row.goal),
        local_date=row.local_date,
        slot=row.slot,
        timezone=row.timezone,
        send_at=row.send_at,
        state=State(row.state),
        is_written=row.is_written,
    )

"""The planner's part: who is due, and what was planned for them."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.ledger import Ledger
from healthnotify.apps.notifications.store.months import Ahead
from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.domain.delivery import Step
from healthnotify.domain.lifecycle import BEGINNING, Event
from healthnotify.domain.model import Category, Channel, Goal, Notification, Preference, QuietHours
from healthnotify.pipeline.ports import Plan

DUE_PREFERENCES: Final = """
    SELECT p.id, p.user_id, p.category, p.channel, p.times, p.days, p.every, p.anchor, p.planned_until, p.next_due_at,
           p.revision, u.timezone, u.quiet_start, u.quiet_end,
           ARRAY(SELECT g.code FROM goals g WHERE g.user_id = p.user_id ORDER BY g.code) AS goals
    FROM preferences p JOIN users u ON u.id = p.user_id
    WHERE p.next_due_at <= %(until)s AND EXISTS (SELECT FROM goals g WHERE g.user_id = p.user_id)
    ORDER BY p.next_due_at
    LIMIT %(limit)s
"""

#: The preferences are advanced by compare-and-set on what the planner saw, and only their notifications are inserted:
#: a change that a user makes in between wins, and is planned by the next scan. An occasion that has a notification
#: already conflicts by its id, or by the constraint that knows no revision. Locked first, in the order of ids, as a
#: change of a person locks them: else the two could wait for each other.
PLAN: Final = """
    WITH asked AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(seen)s::timestamptz[], %(revisions)s::int[], %(until)s::timestamptz[],
                             %(next)s::timestamptz[]) AS t(id, seen, revision, planned_until, next_due_at)
    ), held AS (
        SELECT p.id FROM preferences p JOIN asked USING (id) ORDER BY p.id FOR UPDATE OF p
    ), advanced AS (
        UPDATE preferences p SET planned_until = a.planned_until, next_due_at = a.next_due_at
        FROM asked a JOIN held USING (id)
        WHERE p.id = a.id AND p.next_due_at = a.seen AND p.revision = a.revision
        RETURNING p.id
    ), changed AS (
        INSERT INTO notifications (id, user_id, category, channel, goal, local_date, slot, revision, timezone,
                                   wall_clock, send_at, expires_at, shift, tzdata, state, updated_at, attempt,
                                   uncounted, accepted_by)
        SELECT n.id, n.user_id, n.category, n.channel, n.goal, n.local_date, n.slot, n.revision, n.timezone,
               n.wall_clock, n.send_at, n.expires_at, n.shift, n.tzdata, %(beginning)s, %(at)s, 0, 0, '{}'
        FROM json_to_recordset(%(rows)s::json) AS n(preference_id uuid, id uuid, user_id uuid, category text,
             channel text, goal text, local_date date, slot int, timezone text, wall_clock text,
             send_at timestamptz, expires_at timestamptz, shift text, tzdata text, revision int)
        JOIN advanced ON advanced.id = n.preference_id
        ON CONFLICT DO NOTHING
        RETURNING id, local_date, state, shift
    ), recorded AS (
        INSERT INTO moves (notification_id, local_date, at, event, before, after, attempt, reason)
        SELECT id, local_date, %(at)s, %(event)s, NULL, state, 0, shift FROM changed
    )
    SELECT id, shift FROM changed
"""


class Planning(Ledger):
    def __init__(self, ring: KeyRing) -> None:
        super().__init__(ring)
        self._ahead = Ahead()

    def due_preferences(self, until: datetime, limit: int) -> list[Preference]:
        """See `ports.PlanningStore`. Who plans the months ahead makes room for them: it cannot be forgotten here."""
        self._ahead.look(until)
        return [_preference(row) for row in rows(DUE_PREFERENCES, {"until": until, "limit": limit})]

    def plan(self, plans: Sequence[Plan], at: datetime) -> list[Step]:
        """See `ports.PlanningStore`."""
        if not plans:
            return []
        parameters = {
            "ids": [plan.preference_id for plan in plans],
            "seen": [plan.seen_next_due_at for plan in plans],
            "revisions": [plan.seen_revision for plan in plans],
            "until": [plan.planned_until for plan in plans],
            "next": [plan.next_due_at for plan in plans],
            "rows": json.dumps(list(_rows(plans)), default=str),
            "at": at,
            "event": Event.PLANNED,
            "beginning": BEGINNING,
        }
        return [
            Step(id=row.id, event=Event.PLANNED, before=None, after=BEGINNING, at=at, reason=row.shift)
            for row in rows(PLAN, parameters)
        ]


def _rows(plans: Sequence[Plan]) -> Iterable[dict[str, Any]]:
    for plan in plans:
        for notification in plan.notifications:
            yield {"preference_id": plan.preference_id, **_columns(notification)}


def _columns(notification: Notification) -> dict[str, Any]:
    names = Notification.__slots__
    return {name: getattr(notification, name) for name in names} | {"wall_clock": notification.wall_clock.isoformat()}


def _preference(row: Any) -> Preference:
    return Preference(
        id=row.id,
        user_id=row.user_id,
        category=Category(row.category),
        channel=Channel(row.channel),
        goals=tuple(Goal(code) for code in row.goals),
        timezone=row.timezone,
        times=tuple(row.times),
        days=frozenset(row.days),
        every=row.every,
        anchor=row.anchor,
        quiet=quiet_hours(row),
        planned_until=row.planned_until,
        next_due_at=row.next_due_at,
        revision=row.revision,
    )


def quiet_hours(row: Any) -> QuietHours | None:
    """The window of a row with `quiet_start` and `quiet_end`."""
    return None if row.quiet_start is None else QuietHours(row.quiet_start, row.quiet_end)

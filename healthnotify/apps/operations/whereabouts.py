"""Finding a user or a notification, and reading what decides about a user: without name, address or text."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.apps.operations.why import Latest, Person, Wanted

USER: Final = """
    SELECT u.id, u.external_id, u.active, u.erased_at, u.timezone, u.timezone_source, u.quiet_start, u.quiet_end,
           (SELECT count(*) FROM goals g WHERE g.user_id = u.id) AS goals,
           ARRAY(SELECT a.channel || CASE WHEN a.verified THEN ' (verified)' ELSE '' END
                 FROM addresses a WHERE a.user_id = u.id ORDER BY a.channel) AS addresses
    FROM users u WHERE u.id = %(id)s
"""
WANTED: Final = """
    SELECT p.category, p.channel, p.enabled, p.times, p.days, p.every, p.next_due_at,
           EXISTS (SELECT FROM addresses a WHERE a.user_id = p.user_id AND a.channel = p.channel) AS has_address
    FROM preferences p WHERE p.user_id = %(id)s ORDER BY p.category, p.channel
"""
LATELY: Final = """
    SELECT id, category, channel, goal, state, COALESCE(reason, failure ->> 'reason') AS reason, send_at, ended_at,
           attempt - uncounted AS tries
    FROM notifications WHERE user_id = %(id)s ORDER BY send_at DESC, id DESC LIMIT 50
"""
BY_EXTERNAL_ID: Final = "SELECT id FROM users WHERE external_id = %(text)s"
BY_ID: Final = """
    SELECT EXISTS (SELECT FROM notifications WHERE id = %(id)s) AS notification,
           EXISTS (SELECT FROM users WHERE id = %(id)s) AS person
"""
NOTIFICATION: Final = """
    SELECT n.id, n.user_id, n.state, n.channel, n.message_sealed IS NOT NULL AS has_text, n.late_success_at,
           (SELECT json_agg(letter ORDER BY letter.at) FROM (
                SELECT at, reason, attempt FROM dead_letters d WHERE d.notification_id = n.id
            ) letter) AS letters
    FROM notifications n WHERE n.id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A user as an operator sees them."""

    facts: Any  #: a row of `USER`
    wishes: list[Any]  #: rows of `WANTED`
    notifications: list[Any]  #: the latest 50, rows of `LATELY`

    @property
    def person(self) -> Person:
        """What decides whether they get something."""
        wanted = tuple(
            Wanted(wish.category, wish.channel, wish.enabled, wish.has_address, wish.next_due_at)
            for wish in self.wishes
        )
        latest = next((_latest(one) for one in self.notifications), None)
        return Person(self.facts.active, self.facts.erased_at, self.facts.goals, wanted, latest)


@dataclass(frozen=True, slots=True)
class Found:
    """What an id or an external id belongs to."""

    notification: UUID | None = None
    user: UUID | None = None


def user(user_id: UUID) -> Whereabouts | None:
    """Raises `Unavailable`."""
    found = rows(USER, {"id": user_id})
    if not found:
        return None
    return Whereabouts(found[0], rows(WANTED, {"id": user_id}), rows(LATELY, {"id": user_id}))


def notification(notification_id: UUID) -> dict[str, Any] | None:
    """Where it stands, with its dead letters. Raises `Unavailable`."""
    found = rows(NOTIFICATION, {"id": notification_id})
    if not found:
        return None
    letters = found[0].letters
    letters = json.loads(letters) if isinstance(letters, str) else letters
    told = [letter | {"at": datetime.fromisoformat(letter["at"])} for letter in letters or ()]
    return {**found[0]._asdict(), "letters": told}


def find(text: str, *, users: bool) -> Found:
    """By id, or exactly by external id; users only for those who may see them. Raises `Unavailable`."""
    try:
        key = UUID(text)
    except ValueError:
        key = None
    if key:
        (known,) = rows(BY_ID, {"id": key})
        if known.notification:
            return Found(notification=key)
        if known.person and users:
            return Found(user=key)
    somebody = rows(BY_EXTERNAL_ID, {"text": text}) if users and "\0" not in text else []
    return Found(user=somebody[0].id) if somebody else Found()


def _latest(one: Any) -> Latest:
    return Latest(one.state, one.reason, one.send_at, one.ended_at, one.channel)

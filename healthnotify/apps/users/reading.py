"""Read users: a page of them or one, with their addresses opened, each data key unwrapped once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.apps.privacy.cipher import UserKey
from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.apps.users.sealing import about_address, about_name, about_notes
from healthnotify.domain.errors import Missing
from healthnotify.domain.model import Category, Channel, Goal, QuietHours
from healthnotify.domain.people import NewGoal, NewPerson, NewPreference

#: Who was erased is nobody any more.
USERS: Final = """
    SELECT u.id, u.external_id, u.name_sealed, u.locale, u.timezone, u.timezone_source, u.quiet_start, u.quiet_end,
           u.active, u.created_at, u.updated_at, k.wrapped,
           (SELECT json_agg(json_build_array(a.channel, a.address_sealed, a.verified) ORDER BY a.channel)
            FROM addresses a WHERE a.user_id = u.id) AS addresses
    FROM users u JOIN data_keys k ON k.user_id = u.id
    WHERE u.erased_at IS NULL
"""
CONDITIONS: Final[Mapping[str, str]] = {
    "id": " AND u.id = %(id)s",
    "after": " AND u.external_id > %(after)s",
    "external_id": " AND u.external_id = %(external_id)s",
    "active": " AND u.active = %(active)s",
    "timezone": " AND u.timezone = %(timezone)s",
    "indexes": """ AND u.id IN (SELECT a.user_id FROM addresses a
                                WHERE a.address_index = ANY(%(indexes)s) AND a.channel = %(channel)s)""",
}
IN_ORDER: Final = " ORDER BY u.external_id LIMIT %(limit)s"

GOALS: Final = """
    SELECT k.wrapped, g.code, g.target, g.progress, g.streak, g.notes_sealed
    FROM users u JOIN data_keys k ON k.user_id = u.id LEFT JOIN goals g ON g.user_id = u.id
    WHERE u.id = %(id)s AND u.erased_at IS NULL ORDER BY g.code
"""

PREFERENCES: Final = """
    SELECT p.id, p.category, p.channel, p.enabled, p.times, p.days, p.every, p.anchor, p.revision, p.next_due_at
    FROM users u LEFT JOIN preferences p ON p.user_id = u.id
    WHERE u.id = %(id)s AND u.erased_at IS NULL ORDER BY p.category, p.channel
"""


@dataclass(frozen=True, slots=True)
class KnownUser:
    """Somebody as they are known; goals and preferences are only there when they were read too."""

    id: UUID
    person: NewPerson
    key: UserKey
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class KnownPreference:
    """What somebody wants, with what the planner keeps beside it."""

    id: UUID
    wish: NewPreference
    anchor: date
    revision: int
    next_due_at: datetime | None


def page(filters: Mapping[str, Any], *, limit: int, ring: KeyRing) -> list[KnownUser]:
    """Those who fulfil the filters (names of `CONDITIONS`), by external id, in one statement."""
    conditions = "".join(CONDITIONS[name] for name in filters if name in CONDITIONS)
    return [_user(row, ring) for row in rows(USERS + conditions + IN_ORDER, {**filters, "limit": limit})]


def one(user_id: UUID, ring: KeyRing) -> KnownUser:
    """That user, without goals and preferences. Raises `Missing`."""
    found = rows(USERS + CONDITIONS["id"], {"id": user_id})
    if not found:
        raise Missing("user", user_id)
    return _user(found[0], ring)


def goals_of(user_id: UUID, ring: KeyRing) -> list[NewGoal]:
    """Their goals by code. Raises `Missing`."""
    found = rows(GOALS, {"id": user_id})
    if not found:
        raise Missing("user", user_id)
    if found[0].code is None:
        return []
    key = ring.unwrap(user_id, found[0].wrapped)
    return [_goal(user_id, row, key) for row in found]


def preferences_of(user_id: UUID) -> list[KnownPreference]:
    """Their preferences by category and channel. Raises `Missing`."""
    found = rows(PREFERENCES, {"id": user_id})
    if not found:
        raise Missing("user", user_id)
    return [_preference(row) for row in found if row.id is not None]


def _user(row: Any, ring: KeyRing) -> KnownUser:
    key = ring.unwrap(row.id, row.wrapped)
    addresses = row.addresses or ()
    person = NewPerson(
        external_id=row.external_id,
        name=key.open(row.name_sealed, about_name(row.id)),
        timezone=row.timezone,
        addresses={
            Channel(channel): key.open(sealed, about_address(row.id, channel)) for channel, sealed, _ in addresses
        },
        locale=row.locale,
        timezone_source=row.timezone_source,
        quiet=None if row.quiet_start is None else QuietHours(row.quiet_start, row.quiet_end),
        active=row.active,
        verified=frozenset(Channel(channel) for channel, _, verified in addresses if verified),
    )
    return KnownUser(row.id, person, key, row.created_at, row.updated_at)


def _goal(user_id: UUID, row: Any, key: UserKey) -> NewGoal:
    notes = key.open(row.notes_sealed, about_notes(user_id, row.code)) if row.notes_sealed else ""
    return NewGoal(Goal(row.code), row.target, row.progress, row.streak, notes)


def _preference(row: Any) -> KnownPreference:
    wish = NewPreference(
        category=Category(row.category),
        channel=Channel(row.channel),
        times=tuple(row.times),
        days=frozenset(row.days),
        every=row.every,
        enabled=row.enabled,
    )
    return KnownPreference(row.id, wish, row.anchor, row.revision, row.next_due_at)

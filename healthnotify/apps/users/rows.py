"""The rows that a person is kept in, made from what is known of them; what tells who they are is sealed here."""

from datetime import datetime
from typing import Any
from uuid import UUID

from healthnotify.apps.privacy.cipher import UserKey
from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.apps.users.models import Address, Preference, UserGoal
from healthnotify.apps.users.sealing import about_address, about_name, about_notes
from healthnotify.domain.model import Channel
from healthnotify.domain.people import NewGoal, NewPerson, NewPreference, anchor_of, first_due


def own_columns(user_id: UUID, person: NewPerson, key: UserKey) -> dict[str, Any]:
    """The columns of their own row."""
    return {
        "external_id": person.external_id,
        "name_sealed": key.seal(person.name, about_name(user_id)),
        "locale": person.locale,
        "timezone": person.timezone,
        "timezone_source": person.timezone_source,
        "quiet_start": person.quiet and person.quiet.start,
        "quiet_end": person.quiet and person.quiet.end,
        "active": person.active,
    }


def address_row(user_id: UUID, channel: Channel, person: NewPerson, key: UserKey, ring: KeyRing) -> Address:
    """Where that channel reaches them."""
    address = person.addresses[channel]
    return Address(
        user_id=user_id,
        channel=channel,
        address_sealed=key.seal(address, about_address(user_id, channel)),
        address_index=ring.blind_index(address),
        verified=channel in person.verified,
    )


def goal_row(user_id: UUID, goal: NewGoal, key: UserKey) -> UserGoal:
    """What they work on."""
    return UserGoal(
        user_id=user_id,
        code=goal.goal,
        target=goal.target,
        progress=goal.progress,
        streak=goal.streak,
        notes_sealed=key.seal(goal.notes, about_notes(user_id, goal.goal)) if goal.notes else "",
    )


def preference_row(user_id: UUID, wish: NewPreference, person: NewPerson, now: datetime, **known: Any) -> Preference:
    """What they want, due at its next occasion; `known` are columns of the row that it takes the place of."""
    anchor = known.pop("anchor", None) or anchor_of(wish, person, now)
    return Preference(
        user_id=user_id,
        category=wish.category,
        channel=wish.channel,
        enabled=wish.enabled,
        times=sorted(wish.times),
        days=sorted(wish.days),
        every=wish.every,
        anchor=anchor,
        planned_until=now,
        next_due_at=first_due(wish, person, now, anchor),
        **known,
    )

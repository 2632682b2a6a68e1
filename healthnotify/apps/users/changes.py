"""Change somebody, their goals or preferences, in one transaction with what that makes of their notifications."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.notifications.replanning import Key, next_revisions, replan, withhold_all
from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.apps.users import reading
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from healthnotify.apps.users.people import checked, taken
from healthnotify.apps.users.reading import KnownPreference, KnownUser
from healthnotify.apps.users.rows import address_row, goal_row, own_columns, preference_row
from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import Missing
from healthnotify.domain.model import Withheld
from healthnotify.domain.people import NewPerson, NewPreference, rule
from healthnotify.domain.replanning import Wish

#: Every change takes the user's row first, so that two of them follow one another; weak enough that the planner's new
#: notifications, which refer to it, need not wait.
LOCK: Final = "SELECT id FROM users WHERE id = %(id)s AND erased_at IS NULL FOR NO KEY UPDATE"
#: And then the preferences: a planner that read one of them before will find another revision.
LOCK_PREFERENCES: Final = "SELECT id FROM preferences WHERE user_id = %(id)s ORDER BY id FOR UPDATE"

#: A change of these columns moves what is planned, or makes what is written untrue.
MOVING: Final = ("timezone", "quiet", "active")
WORDING: Final = ("name", "locale")
OWN: Final = ("external_id", "timezone_source", *MOVING, *WORDING)
PREFERENCE_COLUMNS: Final = (
    "enabled", "times", "days", "every", "anchor", "revision", "planned_until", "next_due_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Before:
    """Somebody as they are found, locked."""

    user: KnownUser  #: with goals and preferences
    preferences: Mapping[Key, KnownPreference]

    @property
    def person(self) -> NewPerson:
        """What is known of them."""
        return self.user.person


Alter = Callable[[Before], NewPerson]


@dataclass(frozen=True, slots=True)
class Changed:
    """Somebody as they are now, and what became of their notifications."""

    user: KnownUser
    preferences: Mapping[Key, KnownPreference]
    steps: list[Step]


def change(
    user_id: UUID,
    alter: Alter,
    *,
    now: datetime,
    ring: KeyRing,
    http_webhooks: bool = False,
) -> Changed:
    """Make them what `alter` answers; whatever it raises leaves everything as it was.

    Raises `Missing`, and `BadInput` or `Rejected` for what cannot be.
    """
    with all_or_nothing():
        before = lock(user_id, ring)
        person = checked(alter(before), http_webhooks=http_webhooks)
        if person == before.person:
            return Changed(before.user, before.preferences, [])
        updated_at = _write_themselves(before, person, now, ring)
        _write_goals(before, person)
        preferences = _write_preferences(before, person, now)
        steps = _follow(before, person, preferences, now)
    user = replace(before.user, person=person, updated_at=updated_at)
    return Changed(user, preferences, steps)


def lock(user_id: UUID, ring: KeyRing) -> Before:
    """Everything about them, which nobody else changes until the transaction ends. Raises `Missing`."""
    if not rows(LOCK, {"id": user_id}):
        raise Missing("user", user_id)
    rows(LOCK_PREFERENCES, {"id": user_id})
    user = reading.one(user_id, ring)  # in statements of their own: these see what was written while we waited
    goals = tuple(reading.goals_of(user_id, ring))
    preferences = {known.wish.key: known for known in reading.preferences_of(user_id)}
    wishes = tuple(known.wish for known in preferences.values())
    return Before(replace(user, person=replace(user.person, goals=goals, preferences=wishes)), preferences)


def _differ(before: NewPerson, after: NewPerson, names: Iterable[str]) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _write_themselves(before: Before, person: NewPerson, now: datetime, ring: KeyRing) -> datetime:
    was, user_id = before.person, before.user.id
    changed = {
        channel
        for channel in {*was.addresses, *person.addresses}
        if _address(was, channel) != _address(person, channel)
    }
    if not changed and not _differ(was, person, OWN):
        return before.user.updated_at
    columns = own_columns(user_id, person, before.user.key)
    try:
        with transaction.atomic():
            User.objects.filter(id=user_id).update(**columns, updated_at=now)
    except IntegrityError:
        raise taken() from None
    if changed:
        Address.objects.filter(user=user_id, channel__in=changed).delete()
        kept = changed & set(person.addresses)
        Address.objects.bulk_create(
            [address_row(user_id, channel, person, before.user.key, ring) for channel in sorted(kept)]
        )
    return now


def _address(person: NewPerson, channel: Any) -> tuple[str | None, bool]:
    return person.addresses.get(channel), channel in person.verified


def _write_goals(before: Before, person: NewPerson) -> None:
    was, user_id = set(before.person.goals), before.user.id
    gone = {goal.goal for goal in was} - {goal.goal for goal in person.goals}
    if gone:
        UserGoal.objects.filter(user=user_id, code__in=gone).delete()
    UserGoal.objects.bulk_create(
        [goal_row(user_id, goal, before.user.key) for goal in person.goals if goal not in was],
        update_conflicts=True,
        unique_fields=["user", "code"],
        update_fields=["target", "progress", "streak", "notes_sealed"],
    )


def _write_preferences(before: Before, person: NewPerson, now: datetime) -> dict[Key, KnownPreference]:
    """Those that the change touches get a new revision, under which the planner plans them from now on."""
    user_id, touches_all = before.user.id, _touches_all(before.person, person)
    wishes = {wish.key: wish for wish in person.preferences}
    gone = [known.id for key, known in before.preferences.items() if key not in wishes]
    if gone:
        Preference.objects.filter(id__in=gone).delete()
    revisions = next_revisions(user_id) if wishes.keys() - before.preferences.keys() else {}
    written = {}
    for key, wish in wishes.items():
        known = before.preferences.get(key)
        if known is None:
            row = preference_row(user_id, wish, person, now, id=uuid4(), revision=revisions.get(key, 0))
        elif touches_all or wish != known.wish:
            row = preference_row(
                user_id, wish, person, now, id=known.id, revision=known.revision + 1, anchor=_anchor(known, wish)
            )
        else:
            continue
        written[key] = row
    Preference.objects.bulk_create(
        written.values(),
        update_conflicts=True,
        unique_fields=["user", "category", "channel"],
        update_fields=PREFERENCE_COLUMNS,
    )
    return {
        key: _known(written[key], wish) if key in written else before.preferences[key] for key, wish in wishes.items()
    }


def _touches_all(was: NewPerson, person: NewPerson) -> bool:
    goals = {goal.goal for goal in was.goals} != {goal.goal for goal in person.goals}
    return goals or _differ(was, person, (*MOVING, *WORDING))


def _anchor(known: KnownPreference, wish: NewPreference) -> Any:
    """The rhythm of every n-th day goes on unless it is the rhythm that changes."""
    return known.anchor if (known.wish.days, known.wish.every) == (wish.days, wish.every) else None


def _known(row: Preference, wish: NewPreference) -> KnownPreference:
    return KnownPreference(row.id, wish, row.anchor, row.revision, row.next_due_at)


def _follow(before: Before, person: NewPerson, preferences: Mapping[Key, KnownPreference], now: datetime) -> list[Step]:
    user_id, was = before.user.id, before.person
    if not person.active:
        return withhold_all(user_id, Withheld.USER_INACTIVE, now) if was.active else []
    touched = [
        key for key in {*before.preferences, *preferences} if preferences.get(key) != before.preferences.get(key)
    ]
    if not touched:
        return []
    goals = frozenset(goal.goal for goal in person.goals)
    wishes = {
        key: Wish(rule(known.wish, person, known.anchor), goals)
        for key, known in preferences.items()
        if known.wish.enabled
    }
    return replan(user_id, touched, wishes, now=now, text_is_stale=_differ(was, person, WORDING))

"""Enter people: checked, sealed under a key of their own, due at their first occasion."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from healthnotify.apps.database import all_or_nothing
from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.apps.privacy.models import WrappedKey
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from healthnotify.apps.users.phones import e164
from healthnotify.apps.users.rows import address_row, goal_row, own_columns, preference_row
from healthnotify.domain.errors import BadInput, Rejected
from healthnotify.domain.model import Channel
from healthnotify.domain.people import NewPerson, problems

BATCH = 1000


@dataclass(slots=True)
class _Rows:
    users: list[User] = field(default_factory=list)
    keys: list[WrappedKey] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    goals: list[UserGoal] = field(default_factory=list)
    preferences: list[Preference] = field(default_factory=list)


def add(people: Sequence[NewPerson], *, now: datetime, ring: KeyRing) -> list[UUID]:
    """Enter all of them or, when one is wrong (`BadInput`, `Rejected`), none. Answers their ids in order."""
    usable = [checked(person) for person in people]
    with all_or_nothing():
        ids = [user_id for user_id in enter(usable, now=now, ring=ring) if user_id is not None]
        if len(ids) < len(people):
            raise taken("Give each person an id that nobody has yet (with generate_test_users: another --seed)")
    return ids


def enter(people: Sequence[NewPerson], *, now: datetime, ring: KeyRing) -> list[UUID | None]:
    """Enter those whose external id nobody has yet, however many, in few statements; the others answer None.

    They come from `checked`. The unique index is asked, not a reading before: of two calls at the same time with the
    same external id one waits for the other, and then finds it taken.
    """
    rows = _Rows()
    for person in people:
        _collect(person, now, ring, rows)
    with all_or_nothing():
        User.objects.bulk_create(rows.users, batch_size=BATCH, ignore_conflicts=True)
        entered = set(User.objects.filter(id__in=[user.id for user in rows.users]).values_list("id", flat=True))
        WrappedKey.objects.bulk_create(_of(entered, rows.keys), batch_size=BATCH)
        Address.objects.bulk_create(_of(entered, rows.addresses), batch_size=BATCH)
        UserGoal.objects.bulk_create(_of(entered, rows.goals), batch_size=BATCH)
        Preference.objects.bulk_create(_of(entered, rows.preferences), batch_size=BATCH)
    return [user.id if user.id in entered else None for user in rows.users]


def taken(fix: str = "Give an id that nobody has yet") -> BadInput:
    """Somebody has this external id already."""
    return BadInput("external_id", "somebody has it already", fix)


def checked(person: NewPerson, *, http_webhooks: bool = False) -> NewPerson:
    """In the one form that is kept: sorted, with the phone number as a provider takes it. Raises `BadInput` or, when
    more than one thing is wrong, `Rejected`."""
    found = list(problems(person, http_webhooks=http_webhooks))
    addresses = dict(person.addresses)
    if number := addresses.get(Channel.SMS):
        try:
            addresses[Channel.SMS] = e164(number, None)
        except BadInput as problem:
            found.append(BadInput("channels.sms", problem.problem, problem.fix))
    if found:
        raise found[0] if len(found) == 1 else Rejected(found)
    return replace(
        person,
        addresses=addresses,
        goals=tuple(sorted(person.goals, key=lambda goal: goal.goal)),
        preferences=tuple(
            replace(one, times=tuple(sorted(one.times))) for one in sorted(person.preferences, key=lambda one: one.key)
        ),
    )


def deactivate(ids: Sequence[UUID]) -> None:
    """Nothing is planned for them any more, and what is planned is withheld."""
    with transaction.atomic():
        User.objects.filter(id__in=ids).update(active=False)
        Preference.objects.filter(user__in=ids).update(next_due_at=None)


def _of(entered: set[UUID], rows: list) -> list:
    return [row for row in rows if row.user_id in entered]


def _collect(person: NewPerson, now: datetime, ring: KeyRing, rows: _Rows) -> None:
    user_id = uuid4()
    key, wrapped = ring.make(user_id)
    rows.users.append(User(id=user_id, **own_columns(user_id, person, key)))
    rows.keys.append(WrappedKey(user_id=user_id, wrapped=wrapped))
    rows.addresses.extend(address_row(user_id, channel, person, key, ring) for channel in person.addresses)
    rows.goals.extend(goal_row(user_id, goal, key) for goal in person.goals)
    rows.preferences.extend(preference_row(user_id, wish, person, now) for wish in person.preferences)

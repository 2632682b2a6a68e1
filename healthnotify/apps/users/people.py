"""Enter people: checked, sealed under a key of their own, due at their first occasion."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError, OperationalError, transaction

from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.apps.privacy.models import WrappedKey
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from healthnotify.apps.users.phones import e164
from healthnotify.apps.users.sealing import about_address, about_name, about_notes
from healthnotify.domain.errors import BadInput, Unavailable
from healthnotify.domain.model import Channel
from healthnotify.domain.people import NewPerson, check, first_due


@dataclass(slots=True)
class _Rows:
    users: list[User] = field(default_factory=list)
    keys: list[WrappedKey] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    goals: list[UserGoal] = field(default_factory=list)
    preferences: list[Preference] = field(default_factory=list)


def add(people: Sequence[NewPerson], *, now: datetime, ring: KeyRing) -> list[UUID]:
    """Enter all of them or, when one is wrong (`BadInput`), none. Answers their ids in order."""
    rows = _Rows()
    for person in people:
        _collect(_checked(person), now, ring, rows)
    try:
        with transaction.atomic():
            User.objects.bulk_create(rows.users, batch_size=1000)
            WrappedKey.objects.bulk_create(rows.keys, batch_size=1000)
            Address.objects.bulk_create(rows.addresses, batch_size=1000)
            UserGoal.objects.bulk_create(rows.goals, batch_size=1000)
            Preference.objects.bulk_create(rows.preferences, batch_size=1000)
    except IntegrityError:
        fix = "Give each person an id that nobody has yet (with generate_test_users: another --seed)"
        raise BadInput("external_id", "somebody has it already", fix) from None
    except OperationalError as problem:
        raise Unavailable("PostgreSQL", str(problem)) from problem
    return [user.id for user in rows.users]


def deactivate(ids: Sequence[UUID]) -> None:
    """Nothing is planned for them any more, and what is planned is withheld."""
    with transaction.atomic():
        User.objects.filter(id__in=ids).update(active=False)
        Preference.objects.filter(user__in=ids).update(next_due_at=None)


def _checked(person: NewPerson) -> NewPerson:
    """With the phone number in the one form that is stored."""
    check(person)
    number = person.addresses.get(Channel.SMS)
    if number is None:
        return person
    return replace(person, addresses={**person.addresses, Channel.SMS: e164(number, None)})


def _collect(person: NewPerson, now: datetime, ring: KeyRing, rows: _Rows) -> None:
    user_id = uuid4()
    key, wrapped = ring.make(user_id)
    user = User(
        id=user_id,
        external_id=person.external_id,
        name_sealed=key.seal(person.name, about_name(user_id)),
        locale=person.locale,
        timezone=person.timezone,
        timezone_source=person.timezone_source,
        quiet_start=person.quiet and person.quiet.start,
        quiet_end=person.quiet and person.quiet.end,
        active=person.active,
    )
    rows.users.append(user)
    rows.keys.append(WrappedKey(user=user, wrapped=wrapped))
    for channel, address in person.addresses.items():
        sealed = key.seal(address, about_address(user_id, channel))
        index = ring.blind_index(address)
        rows.addresses.append(Address(user=user, channel=channel, address_sealed=sealed, address_index=index))
    for goal in person.goals:
        note = person.notes.get(goal.goal, "")
        rows.goals.append(
            UserGoal(
                user=user,
                code=goal.goal,
                target=goal.target,
                progress=goal.progress,
                streak=goal.streak,
                notes_sealed=key.seal(note, about_notes(user_id, goal.goal)) if note else "",
            )
        )
    rows.preferences.extend(
        Preference(
            user=user,
            category=preference.category,
            channel=preference.channel,
            enabled=preference.enabled,
            times=list(preference.times),
            days=sorted(preference.days),
            every=preference.every,
            anchor=now.date(),
            planned_until=now,
            next_due_at=first_due(preference, person, now),
        )
        for preference in person.preferences
    )

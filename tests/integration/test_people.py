"""Entering people: checked, sealed, found again by their address."""

from dataclasses import replace
from datetime import time

import pytest

from healthnotify.apps.privacy import keyring
from healthnotify.apps.users import people
from healthnotify.apps.users.models import Address, Preference, User
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Channel, QuietHours
from tests.builders import NOON, a_person, a_preference
from tests.postgres_store import RING

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("but", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"name": "Anna\nBcc: x@example.org"}, "name"),
        ({"name": "see www.example.org"}, "name"),
        ({"locale": "klingon!"}, "locale"),
        ({"external_id": ""}, "external_id"),
        ({"addresses": {Channel.EMAIL: "Anna <anna@example.org>"}}, "channels.email"),
        ({"addresses": {Channel.EMAIL: "anna@example.org\r\nBcc: x@example.org"}}, "channels.email"),
        ({"addresses": {Channel.EMAIL: "a@example.org", Channel.SMS: "12"}}, "channels.sms"),
        ({"preferences": (a_preference(times=()),)}, "preferences.nudge.email.times"),
        ({"preferences": (a_preference(days=frozenset({7})),)}, "preferences.nudge.email.days"),
        ({"preferences": (a_preference(every=0),)}, "preferences.nudge.email.every_days"),
        ({"preferences": (a_preference(Channel.WEBHOOK),)}, "preferences.nudge.webhook.channel"),
    ],
)
def test_a_wrong_person_is_refused_by_the_name_of_the_field_and_nobody_is_entered(but, field):
    with pytest.raises(BadInput) as refusal:
        people.add([a_person(), a_person(**but)], now=NOON, ring=RING)

    assert refusal.value.field == field
    assert refusal.value.fix
    assert User.objects.count() == 0


def test_the_same_external_id_twice_is_refused():
    people.add([a_person(external_id="one")], now=NOON, ring=RING)

    with pytest.raises(BadInput, match="external_id"):
        people.add([a_person(external_id="one")], now=NOON, ring=RING)


def test_somebody_is_found_by_the_blind_index_of_their_address_in_any_spelling():
    people.add([a_person(addresses={Channel.EMAIL: "Anna@Example.org"})], now=NOON, ring=RING)

    found = Address.objects.filter(address_index__in=RING.blind_indexes(" anna@example.ORG"))

    assert found.count() == 1
    assert not Address.objects.filter(address_index__in=RING.blind_indexes("berta@example.org")).exists()


def test_an_address_is_still_found_after_a_new_key_came_first():
    people.add([a_person()], now=NOON, ring=RING)
    (name, key), *_ = RING.keys.items()
    newer = keyring.KeyRing(keyring.parse(keyring.new_key("newer")).keys | {name: key})

    assert Address.objects.filter(address_index__in=newer.blind_indexes("anna@example.org")).exists()


def test_the_first_occasion_is_where_the_planner_looks():
    quiet = QuietHours(time(13), time(14))
    people.add([a_person(quiet=quiet), a_person(active=False, external_id="off")], now=NOON, ring=RING)

    due = {preference.user.active: preference.next_due_at for preference in Preference.objects.select_related("user")}

    assert due == {True: NOON.replace(hour=13), False: None}


def test_who_is_deactivated_is_never_due_again():
    ids = people.add([a_person(), replace(a_person(), external_id="other")], now=NOON, ring=RING)

    people.deactivate(ids[:1])

    assert Preference.objects.get(user=ids[0]).next_due_at is None
    assert Preference.objects.get(user=ids[1]).next_due_at is not None

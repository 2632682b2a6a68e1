"""The page behind the link in each message: what somebody wants, and one click that ends a kind of message."""

from datetime import time

import pytest

from healthnotify.apps.notifications.models import Notification
from healthnotify.apps.users import people
from healthnotify.apps.users.models import Preference
from healthnotify.apps.users.own_page import token_for
from healthnotify.domain.model import Category, Channel
from healthnotify.domain.people import NewPreference
from tests.builders import a_person, planned
from tests.postgres_store import RING, TestedPostgres

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(installation):
    wishes = (
        NewPreference(Category.NUDGE, Channel.EMAIL, (time(13, 5),)),
        NewPreference(Category.PROGRESS, Channel.SMS, (time(18),)),
    )
    return people.add([a_person(preferences=wishes)], now=installation.at, ring=RING)[0]


def wanted(user):
    found = Preference.objects.filter(user=user).order_by("category", "channel")
    return {f"{one.category}.{one.channel}": one.enabled for one in found}


def at(user, category=Category.NUDGE):
    return f"/p/{token_for(user, category)}/"


def test_it_shows_what_is_wanted_without_telling_who_it_is(client, user):
    page = client.get(at(user)).content.decode()

    assert 'value="nudge.email" checked' in page
    assert "Anna" not in page
    assert "example.org" not in page


def test_one_click_ends_that_kind_of_message_on_every_channel_and_leaves_the_others(client, user):
    answer = client.post(at(user), {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert wanted(user) == {"nudge.email": False, "nudge.sms": False, "progress.sms": True}


def test_looking_at_the_link_changes_nothing(client, user):
    before = wanted(user)

    client.get(at(user))
    client.head(at(user))

    assert wanted(user) == before


def test_switches_are_set_as_they_are_sent(client, user):
    answer = client.post(at(user), {"wanted": ["progress.sms"]})

    assert answer.status_code == 302
    assert wanted(user) == {"nudge.email": False, "progress.sms": True}


@pytest.mark.parametrize("spoil", [lambda token: token[:-2] + "xx", lambda _: "x", lambda token: token + "é"])
def test_a_link_that_we_did_not_make_leads_nowhere(client, user, spoil):
    answer = client.post(f"/p/{spoil(token_for(user, Category.NUDGE))}/", {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 404
    assert wanted(user)["nudge.email"]


def test_what_was_planned_is_cancelled_at_once(client, installation):
    (key,) = planned(TestedPostgres(), [a_person()], at=installation.at)

    client.post(at(Notification.objects.get(id=key).user_id), {"List-Unsubscribe": "One-Click"})

    row = Notification.objects.get(id=key)
    assert (row.state, row.reason) == ("CANCELLED", "opted_out")

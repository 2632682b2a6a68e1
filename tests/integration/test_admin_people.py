"""Users, addresses, goals and preferences in the admin: changed by the functions that re-plan, and shown sealed."""

from datetime import time

import pytest
from django.contrib.admin.models import LogEntry

from healthnotify.apps.access.models import AuditEntry
from healthnotify.apps.access.scopes import Role
from healthnotify.apps.notifications.models import Notification
from healthnotify.apps.privacy.models import WrappedKey
from healthnotify.apps.users import people, reading
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Category, Channel, Goal, QuietHours, Withheld
from healthnotify.domain.people import NewGoal
from tests.admin_client import at, filled
from tests.builders import NOON, a_person, staged
from tests.postgres_store import RING, TestedPostgres

pytestmark = pytest.mark.django_db
NEW = {
    "external_id": "crm-1",
    "active": "on",
    "name": "Zoë",
    "locale": "de",
    "timezone": "Europe/Berlin",
    "timezone_source": "given",
    "quiet_start": "22:00",
    "quiet_end": "07:00",
    "email": "zoe@example.org",
    "sms": "+49 1511 2345678",
    "webhook": "",
}


@pytest.fixture
def clock(installation):
    """Noon of the builders' day."""
    installation.at = NOON
    return installation


@pytest.fixture
def operator(logged_in, clock):
    return logged_in(Role.OPERATOR)


@pytest.fixture
def user_id(clock):
    """Anna, whose e-mail of 13:05 is written and waits."""
    return staged(TestedPostgres(), [a_person(external_id="anna-1")])[0].user_id


def known(user_id):
    return reading.one(user_id, RING).person


def states():
    return list(Notification.objects.order_by("id").values_list("state", "reason"))


def change(browser, place, **but):
    return browser.post(place, filled(browser.get(place), **but))


def refused_at(page):
    """The fields that are to blame, `__all__` for none in particular."""
    return set(page.context["adminform"].form.errors)


def test_somebody_new_is_entered_sealed_and_their_page_follows(operator):
    answer = operator.post(at("users_user_add"), NEW)

    row = User.objects.get()
    assert answer.url == at("users_user_change", row.pk)
    person = known(row.pk)
    assert (person.external_id, person.name, person.quiet) == ("crm-1", "Zoë", QuietHours(time(22), time(7)))
    assert person.addresses == {Channel.EMAIL: "zoe@example.org", Channel.SMS: "+4915112345678"}
    assert "Zoë" not in row.name_sealed


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("name", {"name": "<b>"}),
        ("timezone", {"timezone": "Mars/Olympus"}),
        ("locale", {"locale": "deutsch!"}),
        ("quiet_end", {"quiet_end": ""}),
        ("quiet_end", {"quiet_end": "22:00"}),
        ("email", {"email": "Zoë <zoe@example.org>"}),
        ("email", {"email": "zoe@example.org\r\nBcc: all@example.org"}),
        ("sms", {"sms": "12"}),
        ("webhook", {"webhook": "https://user:secret@example.org/"}),
        ("external_id", {"external_id": "a\x00b"}),
        ("external_id", {"external_id": "anna-1"}),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_nobody_is_entered(operator, user_id, field, sent):
    page = operator.post(at("users_user_add"), NEW | sent)

    assert page.status_code == 200
    assert refused_at(page) == {field}
    assert User.objects.count() == 1


def test_all_that_is_wrong_is_told_at_once(operator):
    page = operator.post(at("users_user_add"), NEW | {"name": "<b>", "timezone": "Mars/Olympus", "sms": "12"})

    assert refused_at(page) == {"name", "timezone", "sms"}
    assert "Use an IANA name such as Europe/Berlin" in page.content.decode()


def test_a_form_that_is_sent_unchanged_changes_nothing(operator, user_id):
    before, revision = known(user_id), Preference.objects.get().revision

    assert change(operator, at("users_user_change", user_id)).status_code == 302
    assert change(operator, at("users_preference_change", Preference.objects.get().pk)).status_code == 302
    assert change(operator, at("users_usergoal_change", UserGoal.objects.get().pk)).status_code == 302
    assert change(operator, at("users_address_change", Address.objects.first().pk)).status_code == 302

    assert known(user_id) == before
    assert Preference.objects.get().revision == revision
    assert states() == [(State.STAGED, None)]


def test_what_others_changed_meanwhile_stays(operator, user_id):
    place = at("users_user_change", user_id)
    seen = operator.get(place)
    change(operator, place, timezone="Europe/Lisbon", name="Anne")

    operator.post(place, filled(seen, locale="pt"))

    person = known(user_id)
    assert (person.name, person.timezone, person.locale) == ("Anne", "Europe/Lisbon", "pt")


def test_moving_to_another_zone_replans_and_is_logged(operator, clock, user_id):
    change(operator, at("users_user_change", user_id), timezone="America/New_York")

    assert states() == [(State.CANCELLED, Withheld.SUPERSEDED)]


def test_deactivating_somebody_withholds_what_waits(operator, user_id):
    place = at("users_user_change", user_id)
    sent = filled(operator.get(place))
    del sent["active"]

    operator.post(place, sent)

    assert not known(user_id).active
    assert states() == [(State.CANCELLED, Withheld.USER_INACTIVE)]


def test_another_time_in_a_preference_supersedes_what_was_written(
    operator, clock, user_id, django_capture_on_commit_callbacks
):
    place = at("users_preference_change", Preference.objects.get().pk)

    with django_capture_on_commit_callbacks(execute=True):
        answer = change(operator, place, times="13:10, 18:00")

    assert answer.url == at("users_user_change", user_id)
    row = Preference.objects.get()
    assert (row.times, row.revision) == ([time(13, 10), time(18)], 1)
    assert states() == [(State.CANCELLED, Withheld.SUPERSEDED)]
    assert [step.reason for step in clock.log.told] == [Withheld.SUPERSEDED]


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("times", {"times": "13:10, 13:10"}),
        ("times", {"times": "25:00"}),
        ("times", {"times": ",".join(f"{hour:02}:00" for hour in range(7))}),
        ("days", {"days": []}),
        ("days", {"days": [7]}),
        ("every", {"every": "0"}),
        ("every", {"every": "367"}),
    ],
)
def test_a_preference_that_cannot_be_is_refused_and_nothing_is_replanned(operator, user_id, field, sent):
    page = change(operator, at("users_preference_change", Preference.objects.get().pk), **sent)

    assert refused_at(page) == {field}
    assert Preference.objects.get().revision == 0
    assert states() == [(State.STAGED, None)]


def test_a_preference_is_added_once_and_removed(operator, user_id):
    place = at("users_preference_add")
    sent = filled(
        operator.get(place, {"who": "anna-1"}), category="reminder", channel="sms", times="09:00", days=["0", "4"]
    )

    assert operator.post(place, sent).url == at("users_user_change", user_id)
    row = Preference.objects.get(category=Category.REMINDER)
    assert (row.user_id, row.channel, row.days, row.every) == (user_id, Channel.SMS, [0, 4], 1)
    assert refused_at(operator.post(place, sent)) == {"category"}

    assert operator.get(at("users_preference_remove", row.pk)).status_code == 200
    assert Preference.objects.count() == 2
    operator.post(at("users_preference_remove", row.pk))
    assert Preference.objects.get().category == Category.NUDGE


def test_a_part_of_nobody_is_refused(operator, user_id):
    page = operator.post(
        at("users_usergoal_add"), {"who": "nobody", "code": "stretch", "target": 1, "progress": 0, "streak": 0}
    )

    assert refused_at(page) == {"who"}


def test_progress_changes_alone_and_notes_stay_until_they_are_rewritten(operator, clock):
    goal = NewGoal(Goal.WALK_MORE, target=8000, progress=3000, notes="slowly")
    (user_id,) = people.add([a_person(goals=(goal,))], now=NOON, ring=RING)
    place = at("users_usergoal_change", UserGoal.objects.get().pk)

    change(operator, place, progress="5000")
    assert reading.goals_of(user_id, RING) == [NewGoal(Goal.WALK_MORE, target=8000, progress=5000, notes="slowly")]
    change(operator, place, notes="faster")
    assert reading.goals_of(user_id, RING)[0].notes == "faster"


def test_removing_the_last_goal_cancels_what_was_planned_for_it(operator, user_id):
    operator.post(at("users_usergoal_remove", UserGoal.objects.get().pk))

    assert not UserGoal.objects.exists()
    assert states() == [(State.CANCELLED, Withheld.SUPERSEDED)]


def test_an_address_is_rewritten_unseen_verified_and_found_again(operator, user_id):
    mail = Address.objects.get(channel=Channel.EMAIL)
    place = at("users_address_change", mail.pk)

    change(operator, place, verified="on")
    assert known(user_id).addresses[Channel.EMAIL] == "anna@example.org"
    assert known(user_id).verified == {Channel.EMAIL}
    page = change(operator, at("users_address_change", Address.objects.get(channel="email").pk), address="no mailbox")
    assert refused_at(page) == {"address"}
    change(operator, at("users_address_change", Address.objects.get(channel="email").pk), address="new@example.org")
    assert known(user_id).addresses[Channel.EMAIL] == "new@example.org"


def test_an_address_that_a_preference_needs_stays(operator, user_id):
    answer = operator.post(at("users_address_remove", Address.objects.get(channel="email").pk), follow=True)

    assert "there is no address for email" in answer.content.decode()
    assert Channel.EMAIL in known(user_id).addresses
    operator.post(at("users_address_remove", Address.objects.get(channel="sms").pk))
    assert set(known(user_id).addresses) == {Channel.EMAIL}


def test_users_are_found_by_whole_ids_and_addresses_and_not_by_name(operator, user_id):
    people.add([a_person(external_id="other", addresses={Channel.EMAIL: "o@example.org"})], now=NOON, ring=RING)

    def found(text):
        shown = operator.get(at("users_user_changelist"), {"q": text}).context["cl"].result_list
        return [row.external_id for row in shown]

    assert found("") == ["anna-1", "other"]
    assert found("anna-1") == found(" Anna@example.org ") == found("+49 1511 2345678") == ["anna-1"]
    assert found("Anna") == found("anna") == found("example.org") == found("%") == []


def test_what_is_sealed_is_shown_on_asking_and_that_is_written_down(operator, clock):
    goal = NewGoal(Goal.WALK_MORE, target=8000, notes="sings to canaries")
    (user_id,) = people.add([a_person(goals=(goal,))], now=NOON, ring=RING)
    place = at("users_user_show", user_id)

    assert operator.get(place).status_code == 405
    assert not AuditEntry.objects.exists()
    shown = operator.post(place)

    for secret in ("Anna", "anna@example.org", "+4915112345678", "sings to canaries"):
        assert secret in shown.content.decode()
    assert "no-store" in shown.headers["Cache-Control"]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("operator:operator-1", "user_read", str(user_id))


def test_erasing_asks_first_and_then_leaves_nothing_to_read(operator, user_id):
    place = at("users_user_erase", user_id)
    change(operator, at("users_user_change", user_id), timezone_source="device")

    assert "nobody can read it again" in " ".join(operator.get(place).content.decode().split())
    assert WrappedKey.objects.filter(user=user_id).exists()
    assert operator.post(place).url == at("users_user_changelist")

    assert not WrappedKey.objects.filter(user=user_id).exists()
    assert not Address.objects.exists()
    assert states() == [(State.CANCELLED, Withheld.ERASED)]
    assert "0 users" in operator.get(at("users_user_changelist")).content.decode()
    assert not LogEntry.objects.exists()  # where Django would have kept what they were called
    assert operator.post(place).status_code == 404
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("operator:operator-1", "user_erased", str(user_id))


def test_a_change_of_somebody_who_was_erased_meanwhile_is_not_found(operator, user_id, monkeypatch):
    place = at("users_user_change", user_id)
    sent = filled(operator.get(place), locale="de")
    operator.post(at("users_user_erase", user_id))

    assert operator.post(place, sent, follow=True).status_code == 200  # back at the start, which says so
    assert User.objects.get().locale == "en"

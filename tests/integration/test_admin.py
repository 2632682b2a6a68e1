"""The admin: who sees which page, what no page shows, keys and operators, and what its lists cost."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from healthnotify.apps.access import keys
from healthnotify.apps.access.models import ApiKey, AuditEntry, Operator
from healthnotify.apps.access.scopes import Role, Scope
from healthnotify.apps.notifications.models import DeadLetter, Notification
from healthnotify.apps.operations.administration import bounded
from healthnotify.apps.operations.administration.site import site
from healthnotify.apps.operations.models import WorkerReport
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from healthnotify.domain.model import Channel, Goal
from healthnotify.domain.people import NewGoal
from healthnotify.domain.wording import LANGUAGES
from tests.admin_client import at, filled
from tests.builders import NOON, a_person, staged
from tests.postgres_store import TestedPostgres

pytestmark = pytest.mark.django_db

NAME, MAILBOX, NOTES, TEXT = "Zanzibara", "canary-7@example.org", "sings to canaries", "Ten minutes outside?"
VIEWER, OPERATOR, ADMINISTRATOR = Role.VIEWER, Role.OPERATOR, Role.ADMINISTRATOR


@pytest.fixture
def rows(installation):
    """One row of everything that the admin shows."""
    installation.at = NOON
    person = a_person(
        name=NAME,
        addresses={Channel.EMAIL: MAILBOX},
        goals=(NewGoal(Goal.WALK_MORE, target=8000, progress=3000, notes=NOTES),),
    )
    (entry,) = staged(TestedPostgres(), [person])
    key, _ = keys.make("billing", [Scope.USERS_READ], by="command", at=NOON)
    return {
        "users_user": entry.user_id,
        "users_address": Address.objects.get().pk,
        "users_usergoal": UserGoal.objects.get().pk,
        "users_preference": Preference.objects.get().pk,
        "notifications_notification": entry.id,
        "notifications_deadletter": DeadLetter.objects.create(at=NOON, reason="poison", notification_id=entry.id).pk,
        "operations_workerreport": WorkerReport.objects.create(
            id=uuid4(), worker="builder", host="h", pid=1, started_at=NOON, seen_at=NOON, alive=True
        ).pk,
        "access_apikey": key.pk,
        "access_operator": Operator.objects.create(username="somebody", role=VIEWER).pk,
        "access_auditentry": AuditEntry.objects.get().pk,
    }


#: Whose rows are whose to see.
SEEN_BY = {
    "users_user": {OPERATOR, ADMINISTRATOR},
    "users_address": {OPERATOR, ADMINISTRATOR},
    "users_usergoal": {OPERATOR, ADMINISTRATOR},
    "users_preference": {OPERATOR, ADMINISTRATOR},
    "notifications_notification": {VIEWER, OPERATOR, ADMINISTRATOR},
    "notifications_deadletter": {OPERATOR, ADMINISTRATOR},
    "operations_workerreport": {VIEWER, OPERATOR, ADMINISTRATOR},
    "access_apikey": {ADMINISTRATOR},
    "access_operator": {ADMINISTRATOR},
    "access_auditentry": {ADMINISTRATOR},
}
ADDED_BY = {
    "users_user": {OPERATOR, ADMINISTRATOR},
    "users_address": {OPERATOR, ADMINISTRATOR},
    "users_usergoal": {OPERATOR, ADMINISTRATOR},
    "users_preference": {OPERATOR, ADMINISTRATOR},
    "access_apikey": {ADMINISTRATOR},
    "access_operator": {ADMINISTRATOR},
}
#: What is done to a row beyond changing it.
DEEDS = {
    "users_user_show": {OPERATOR, ADMINISTRATOR},
    "users_user_erase": {OPERATOR, ADMINISTRATOR},
    "users_address_remove": {OPERATOR, ADMINISTRATOR},
    "users_usergoal_remove": {OPERATOR, ADMINISTRATOR},
    "users_preference_remove": {OPERATOR, ADMINISTRATOR},
    "notifications_notification_text": {ADMINISTRATOR},
    "access_apikey_revoke": {ADMINISTRATOR},
    "access_operator_deactivate": {ADMINISTRATOR},
}


def everything():
    """Users, notifications, keys, operators and the audit trail, to see that nothing changed."""
    kinds = (User, Address, UserGoal, Preference, Notification, DeadLetter, ApiKey, Operator, AuditEntry)
    return [list(kind.objects.order_by("pk").values()) for kind in kinds]


def pages(rows):
    """Every page that can be looked at."""
    yield from (at("index"), at("wording"), at("password_change"))
    for kind, key in rows.items():
        yield from (at(f"{kind}_changelist"), at(f"{kind}_change", key), at(f"{kind}_history", key))
        if kind in ADDED_BY:
            yield at(f"{kind}_add")
    for deed in DEEDS:
        yield at(deed, rows[deed.rpartition("_")[0]])


@pytest.mark.parametrize("role", Role)
def test_each_role_sees_its_rows_and_no_others(logged_in, rows, role):
    browser = logged_in(role)

    for kind, key in rows.items():
        expected = 200 if role in SEEN_BY[kind] else 403
        assert browser.get(at(f"{kind}_changelist")).status_code == expected, kind
        assert browser.get(at(f"{kind}_change", key)).status_code == expected, kind
        assert browser.get(at(f"{kind}_add")).status_code == (200 if role in ADDED_BY.get(kind, ()) else 403), kind
        assert browser.get(at(f"{kind}_delete", key)).status_code == 403, kind  # nobody, and nothing, that way
    for page in ("index", "wording", "password_change"):
        assert browser.get(at(page)).status_code == 200


def test_the_menu_leads_only_to_what_one_may_see(logged_in, rows):
    menu = logged_in(VIEWER).get(at("index")).content.decode()

    for kind in rows:
        is_there = at(f"{kind}_changelist") in menu
        assert is_there == (VIEWER in SEEN_BY[kind]), kind


@pytest.mark.parametrize("role", Role)
def test_whoever_may_not_do_a_thing_changes_nothing_by_trying(logged_in, rows, role):
    browser = logged_in(role)
    before = everything()

    for deed, allowed in DEEDS.items():
        if role not in allowed:
            assert browser.post(at(deed, rows[deed.rpartition("_")[0]])).status_code == 403, deed
    if role is not ADMINISTRATOR:
        sent = {"name": "x", "scopes": "users:read", "username": "x", "role": "administrator"}
        assert browser.post(at("access_apikey_add"), sent).status_code == 403
        assert browser.post(at("access_operator_change", rows["access_operator"]), sent).status_code == 403
    if role is VIEWER:
        assert browser.post(at("users_user_change", rows["users_user"]), {"active": ""}).status_code == 403
    assert browser.post(at("notifications_notification_change", rows["notifications_notification"])).status_code == 403
    assert everything() == before


def test_nobody_comes_in_without_logging_in(client, rows):
    before = everything()

    for page in pages(rows):
        for answer in (client.get(page), client.post(page)):
            assert answer.status_code == 302
            assert answer.url.startswith(("/admin/login/", "/operations/login/")), page
    assert client.get(at("login") + "?next=/admin/wording/").url == "/operations/login/?next=/admin/wording/"
    assert everything() == before


def test_no_page_shows_a_name_an_address_notes_or_a_text_and_looking_is_not_audited(administrator, rows):
    before = AuditEntry.objects.count()

    for page in pages(rows):
        shown = administrator.get(page).content.decode()
        assert not any(secret in shown for secret in (NAME, MAILBOX, NOTES, TEXT, "v1:user:")), page
    assert AuditEntry.objects.count() == before


def test_a_viewer_sees_notifications_without_whose_they_are(logged_in, rows):
    external_id = User.objects.get().external_id
    key = rows["notifications_notification"]
    places = (at("notifications_notification_changelist"), at("notifications_notification_change", key))

    assert not any(external_id in logged_in(VIEWER).get(place).content.decode() for place in places)
    assert all(external_id in logged_in(OPERATOR).get(place).content.decode() for place in places)
    assert "0 notifications" in logged_in(VIEWER).get(places[0], {"q": external_id}).content.decode()


def test_a_text_is_shown_on_asking_to_those_who_may_and_that_is_written_down(administrator, logged_in, rows):
    key = rows["notifications_notification"]
    address = at("notifications_notification_text", key)

    assert administrator.get(address).status_code == 405
    assert "Show the text" not in logged_in(OPERATOR).get(at("notifications_notification_change", key)).content.decode()
    assert not AuditEntry.objects.filter(action="message_read").exists()
    shown = administrator.post(address)

    assert TEXT in shown.content.decode()
    assert "no-store" in shown.headers["Cache-Control"]
    entry = AuditEntry.objects.get(action="message_read")
    assert (entry.actor, entry.target) == ("operator:administrator-1", str(key))


def test_a_notification_tells_its_life_and_links_nowhere_that_changes_it(administrator, rows):
    page = administrator.get(at("notifications_notification_change", rows["notifications_notification"]))
    shown = page.content.decode()

    assert "planned for 2026-11-23 13:05:00 Europe/Berlin" in shown
    assert "written by the model stand-in" in shown
    assert 'name="_save"' not in shown


def test_only_our_own_rows_are_registered():
    at("index")  # loads the pages, as the first request does
    registered = {f"{model._meta.app_label}_{model._meta.model_name}" for model in site._registry}

    assert registered == set(SEEN_BY)


@pytest.mark.parametrize("goal", Goal)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_is_shown_filled_in_and_allowed_by_the_guardrails(logged_in, goal, language):
    page = logged_in(VIEWER).get(at("wording"), {"goal": goal, "language": language})
    shown = page.content.decode()

    assert f"{goal}.nudge.{language}.1" in shown
    assert "Alex" in shown
    assert "refused:" not in shown
    assert "comes with a later version" in shown


def test_an_unknown_goal_or_language_shows_the_first(logged_in):
    page = logged_in(VIEWER).get(at("wording"), {"goal": "{{ 7*7 }}", "language": "../de"})

    assert (page.status_code, page.context["goal"], page.context["language"]) == (200, "walk_more", "en")


def test_a_key_is_shown_once_works_and_can_be_revoked(administrator, installation):
    sent = {"name": "billing", "scopes": ["users:read", "operate"], "expires_at_0": "", "expires_at_1": ""}
    made = administrator.post(at("access_apikey_add"), sent)

    (text,) = re.findall(r"hn_[0-9a-f]{12}_[\w-]{43}", made.content.decode())
    key = keys.find(text, installation.at)
    assert (key.name, key.scopes, key.created_by) == ("billing", ["users:read", "operate"], "operator:administrator-1")
    assert "no-store" in made.headers["Cache-Control"]
    assert text not in administrator.get(at("access_apikey_change", key.pk)).content.decode()
    assert text not in str(administrator.cookies)

    assert "cannot be brought back" in administrator.get(at("access_apikey_revoke", key.pk)).content.decode()
    assert keys.find(text, installation.at) is not None
    administrator.post(at("access_apikey_revoke", key.pk))
    assert keys.find(text, installation.at) is None
    assert administrator.post(at("access_apikey_revoke", key.pk)).status_code == 404
    assert [entry.action for entry in AuditEntry.objects.order_by("id")] == ["key_made", "key_revoked"]


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("name", {"name": "a\x07b"}),
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["administer"]}),
        ("expires_at", {"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}),
    ],
)
def test_a_key_that_cannot_be_is_refused_at_the_field(administrator, field, sent):
    valid = {"name": "billing", "scopes": ["users:read"], "expires_at_0": "", "expires_at_1": ""}
    page = administrator.post(at("access_apikey_add"), valid | sent)

    assert page.context["errors"]
    assert set(page.context["adminform"].form.errors) == {field}
    assert not ApiKey.objects.exists()


def test_an_operator_is_made_with_a_password_that_is_shown_once(administrator):
    made = administrator.post(at("access_operator_add"), {"username": "bert", "role": "operator", "new_password": ""})

    (password,) = re.findall(r"<dd>([\w-]{20})</dd>", made.content.decode())
    bert = Operator.objects.get(username="bert")
    assert bert.role == Role.OPERATOR
    assert bert.check_password(password)
    assert AuditEntry.objects.get().action == "operator_made"


def test_an_operator_is_given_another_role_and_password_and_is_deactivated(administrator, logged_in):
    other = logged_in(OPERATOR)
    row = Operator.objects.get(role=OPERATOR)
    place = at("access_operator_change", row.pk)
    password = "correct horse battery"

    administrator.post(place, filled(administrator.get(place), role="viewer", new_password=password))
    row.refresh_from_db()
    assert (row.role, row.check_password(password)) == ("viewer", True)
    assert other.get(at("index")).status_code == 302  # a new password ends the sessions

    administrator.post(at("access_operator_deactivate", row.pk))
    row.refresh_from_db()
    assert not row.is_active
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["role_set", "password_set", "operator_deactivated"]


def test_nobody_changes_their_own_role_and_a_weak_password_is_refused(administrator):
    row = Operator.objects.get(role=ADMINISTRATOR)
    place = at("access_operator_change", row.pk)

    own = administrator.post(place, filled(administrator.get(place), role="viewer"))
    weak = administrator.post(place, filled(administrator.get(place), new_password="password"))

    assert "role" in own.context["adminform"].form.errors
    assert "new_password" in weak.context["adminform"].form.errors
    row.refresh_from_db()
    assert row.role == ADMINISTRATOR
    assert not AuditEntry.objects.exists()


def test_ones_own_new_password_is_audited(logged_in):
    browser, row = logged_in(VIEWER), Operator.objects.get(role=VIEWER)
    row.set_password("correct horse battery")
    row.save()
    browser.force_login(row, backend="django.contrib.auth.backends.ModelBackend")
    new = "staple battery horse"

    sent = {"old_password": "correct horse battery", "new_password1": new, "new_password2": new}
    assert browser.post(at("password_change"), sent).status_code == 302

    row.refresh_from_db()
    assert row.check_password(new)
    assert AuditEntry.objects.get().action == "password_set"


def test_logging_out_ends_the_session_and_is_audited(administrator):
    administrator.post(at("logout"))

    assert administrator.get(at("index")).status_code == 302
    assert AuditEntry.objects.get().action == "logged_out"


@pytest.mark.parametrize("kind", ["users_user", "users_usergoal", "users_preference", "notifications_notification"])
def test_a_list_makes_no_more_queries_as_it_grows(administrator, installation, kind):
    installation.at = NOON

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert administrator.get(at(f"{kind}_changelist")).status_code == 200
        return len(captured)

    staged(TestedPostgres(), [a_person()])
    few = queries()
    staged(TestedPostgres(), [a_person() for _ in range(30)])

    assert queries() == few
    assert few < 10


def test_nobody_counts_to_the_end_of_a_long_list(administrator, installation, monkeypatch):
    monkeypatch.setattr(bounded, "MOST", 2)
    installation.at = NOON
    staged(TestedPostgres(), [a_person() for _ in range(4)])

    with CaptureQueriesContext(connection) as captured:
        page = administrator.get(at("notifications_notification_changelist")).content.decode()

    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"] and "notifications" in query["sql"]]
    assert counts
    assert all("LIMIT 2" in count for count in counts)
    assert "The first 2" in page


def test_notifications_are_found_by_state_channel_and_send_time(administrator, installation, rows):
    place = at("notifications_notification_changelist")

    def found(**asked):
        return len(administrator.get(place, asked).context["cl"].result_list)

    assert found() == found(state="STAGED") == found(channel="email") == found(sending="soon") == 1
    assert found(state="FAILED") == found(channel="sms") == found(sending="lately") == found(reason="expired") == 0
    assert found(q=str(rows["notifications_notification"])) == found(q=User.objects.get().external_id) == 1
    assert found(q="Zanzibara") == 0
    installation.later(timedelta(hours=1))
    assert found(sending="lately") == 1


def test_the_admins_policy_lets_no_stranger_and_no_inline_script_in(administrator):
    policy = administrator.get(at("index")).headers["Content-Security-Policy"]
    strict = administrator.get("/operations/login/", follow=True).headers["Content-Security-Policy"]

    script = next(part for part in policy.split(";") if part.strip().startswith("script-src")).split()
    assert sorted(script[1:]) == ["'self'", "'unsafe-eval'"]
    assert "unsafe" not in strict

"""The API's users: entering, listing, reading, changing and erasing them."""

import json
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from healthnotify.apps.access.models import AuditEntry, KeptAnswer
from healthnotify.apps.api.users_examples import CHANGE, NEW_USER, USER
from healthnotify.apps.users.models import Address, User
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Withheld
from healthnotify.pipeline.plan import plan
from tests.builders import PLANNING, a_message
from tests.postgres_store import RING, TestedPostgres

pytestmark = pytest.mark.django_db
USERS = "/api/v1/users"


def a_user(**but):
    """The least that the API takes."""
    return {"external_id": f"u-{uuid4().hex}", "name": "Anna", "timezone": "Europe/Berlin"} | but


def an_email(address="anna@example.org", **but):
    return {"channel": "email", "address": address} | but


def entered(api, **but):
    """Enter somebody; answers their address."""
    answer = api.post(USERS, a_user(**but))
    assert answer.status_code == 201, answer.content
    return answer["Location"]


@pytest.fixture
def told(installation, django_capture_on_commit_callbacks):
    """The steps that were logged, after their transactions were committed, as far as a test has any."""

    def steps(call):
        installation.log.told.clear()
        with django_capture_on_commit_callbacks(execute=True):
            assert call().status_code < 300
        return [(step.after, step.reason) for step in installation.log.told]

    return steps


def faults(answer, status=422):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return {fault["field"]: fault["fix"] for fault in answer.json()["errors"]}


@pytest.fixture
def statements(monkeypatch):
    """Every statement that goes to PostgreSQL, by Django's cursors and by ours."""
    told = []
    execute = psycopg.Cursor.execute

    def recorded(self, query, *args, **kwargs):
        told.append(query)
        return execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", recorded)
    return told


# --- entering and reading


def test_the_example_of_the_documentation_is_entered_and_read_as_the_documentation_shows_it(api):
    answer = api.post(USERS, NEW_USER)
    read = api.get(answer["Location"])

    assert answer.status_code == 201
    assert read.json() == answer.json()
    assert read["ETag"] == answer["ETag"]
    own = {"id", "created_at", "updated_at"}
    assert {**answer.json(), **{name: USER[name] for name in own}} == USER


def test_goals_and_preferences_may_be_given_at_once(api):
    where = api.post(USERS, NEW_USER)["Location"]

    assert [goal["goal"] for goal in api.get(f"{where}/goals").json()["items"]] == ["walk_more"]
    found = api.get(f"{where}/preferences").json()["items"]
    assert [(one["category"], one["channel"], one["next_due_at"]) for one in found] == [
        ("nudge", "email", "2026-11-24T16:00:00Z"),
        ("reminder", "sms", "2026-11-28T17:00:00Z"),
    ]


def test_what_tells_who_somebody_is_stands_sealed(api):
    entered(api, name="Canary Wren", channels=[an_email("canary@example.org")])

    for table in ("users", "addresses"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT t::text FROM {table} t")
            assert "canary" not in str(cursor.fetchall()).lower()


@pytest.mark.parametrize(
    ("but", "field"),
    [
        ({"external_id": ""}, "external_id"),
        ({"external_id": 7}, "external_id"),
        ({"external_id": "a\x00b"}, "external_id"),
        ({"name": "Anna\r\nBcc: x@example.org"}, "name"),
        ({"name": "{{ 7*7 }}"}, "name"),
        ({"name": "see www.example.org"}, "name"),
        ({"locale": "klingon!"}, "locale"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": None}, "timezone"),
        ({"timezone_source": "stars"}, "timezone_source"),
        ({"active": "yes"}, "active"),
        ({"quiet_hours": {"start": "22:00", "end": "22:00"}}, "quiet_hours"),
        ({"quiet_hours": {"start": "25:00", "end": "07:00"}}, "quiet_hours.start"),
        ({"quiet_hours": {"start": "22:00"}}, "quiet_hours.end"),
        ({"channels": [an_email("a@example.org\nBcc: b@example.org")]}, "channels.0.address"),
        ({"channels": [an_email("Anna <a@example.org>")]}, "channels.0.address"),
        ({"channels": [an_email(), an_email("b@example.org")]}, "channels"),
        ({"channels": [{"channel": "sms", "address": "0664 1234567"}]}, "channels.0.address"),
        ({"channels": [{"channel": "webhook", "address": "http://example.org/"}]}, "channels.0.address"),
        ({"channels": [{"channel": "pigeon", "address": "roof"}]}, "channels.0.channel"),
        ({"channels": [an_email(verified="true")]}, "channels.0.verified"),
        ({"goals": [{"goal": "walk_more", "target": -1}]}, "goals.0.target"),
        ({"goals": [{"goal": "walk_more", "target": 1.5}]}, "goals.0.target"),
        ({"goals": [{"goal": "walk_more", "target": "5"}]}, "goals.0.target"),
        ({"goals": [{"goal": "walk_more"}, {"goal": "walk_more"}]}, "goals.1"),
        ({"goals": [{"goal": "be_rich"}]}, "goals.0.goal"),
        (
            {"preferences": [{"category": "nudge", "channel": "email", "times": ["08:30"]}]},
            "preferences.0.channel",
        ),
        ({"preferences": [{"category": "nudge", "channel": "email", "times": []}]}, "preferences.0.times"),
        ({"preferences": [{"category": "nudge", "channel": "email"}]}, "preferences.0.times"),
        ({"preferences": "daily"}, "preferences"),
        ({"nickname": "Anni"}, "nickname"),
        ({"channels": [an_email(kind="private")]}, "channels.0.kind"),
    ],
)
def test_a_wrong_value_is_named_with_its_fix_and_nobody_is_entered(api, but, field):
    told = faults(api.post(USERS, a_user(**but)))

    assert list(told) == [field]
    assert told[field]
    assert not User.objects.exists()


def test_a_receiver_on_ones_own_network_is_taken_where_the_installation_allows_it(api, installation):
    body = a_user(channels=[{"channel": "webhook", "address": "http://receiver:8080/inbox"}])
    assert list(faults(api.post(USERS, body))) == ["channels.0.address"]

    installation.change(http_webhooks=True)
    assert api.post(USERS, body).status_code == 201


def test_all_that_is_wrong_is_told_at_once(api):
    told = faults(api.post(USERS, a_user(name="a/b", locale="?", channels=[an_email("nobody")])))

    assert set(told) == {"name", "locale", "channels.0.address"}


def test_an_external_id_belongs_to_one_user(api):
    entered(api, external_id="one")

    assert list(faults(api.post(USERS, a_user(external_id="one")))) == ["external_id"]


def test_a_request_sent_again_with_its_key_enters_nobody_twice(api):
    body = a_user()
    first, again = (api.post(USERS, body, once="k1") for _ in range(2))

    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert User.objects.count() == 1


# --- lists


def test_the_list_is_paged_by_external_id_and_has_everybody_once(api):
    for number in range(5):
        entered(api, external_id=f"u-{number}")
    seen, where = [], f"{USERS}?limit=2"
    while where:
        page = api.get(where).json()
        seen += [one["external_id"] for one in page["items"]]
        where = page["next"]

    assert seen == [f"u-{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"external_id": "anna"}, ["anna"]),
        ({"channel": "email", "address": "ANNA@example.org"}, ["anna"]),
        ({"channel": "sms", "address": "+43 664 123-45-67"}, ["berta"]),
        ({"channel": "email", "address": "nobody@example.org"}, []),
        ({"active": "false"}, ["berta"]),
        ({"timezone": "Europe/Vienna"}, ["berta"]),
        ({"timezone": "Europe/Vienna", "active": "true"}, []),
        ({}, ["anna", "berta"]),
    ],
)
def test_users_are_found_by_what_they_have(api, query, found):
    entered(api, external_id="anna", channels=[an_email("Anna@Example.org")])
    phone = {"channel": "sms", "address": "+436641234567"}
    entered(api, external_id="berta", channels=[phone], active=False, timezone="Europe/Vienna")

    answer = api.get(USERS, query)

    assert [one["external_id"] for one in answer.json()["items"]] == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"address": "a@example.org"}, "channel"),
        ({"channel": "email"}, "address"),
        ({"channel": "sms", "address": "12"}, "address"),
        ({"active": "perhaps"}, "active"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"name": "Anna"}, "name"),
        ({"cursor": "forged"}, "cursor"),
        ({"limit": "1000"}, "limit"),
    ],
)
def test_a_wrong_filter_is_named(api, query, field):
    assert list(faults(api.get(USERS, query))) == [field]


def test_no_route_asks_more_of_the_database_as_there_are_more_users(api, statements):
    def asked(call):
        statements.clear()
        assert call().status_code == 200
        return len(statements)

    def enter(number):
        people = [a_user(channels=[an_email()], goals=[{"goal": "stretch"}]) for _ in range(number)]
        return api.post(f"{USERS}/bulk", {"users": people})

    enter(1)  # notes when the key was last used
    one = asked(lambda: enter(1)), asked(lambda: api.get(USERS)), asked(lambda: api.get(f"{USERS}?active=true"))
    fifty = asked(lambda: enter(50)), asked(lambda: api.get(USERS)), asked(lambda: api.get(f"{USERS}?active=true"))

    assert one == fifty
    assert sum("addresses" in str(statement) for statement in statements) == 1


# --- changes


def test_only_what_is_given_changes(api, installation):
    where = api.post(USERS, NEW_USER)["Location"]
    before = api.get(where).json()
    installation.later(timedelta(hours=1))

    answer = api.patch(where, CHANGE)

    assert answer.json() == {**before, **CHANGE, "updated_at": "2026-11-24T13:00:00Z"}
    assert api.get(where).json() == answer.json()
    assert api.get(where)["ETag"] == answer["ETag"]


def test_channels_are_replaced_and_what_a_preference_needs_cannot_go(api):
    where = api.post(USERS, NEW_USER)["Location"]

    told = faults(api.patch(where, {"channels": [an_email("new@example.org")]}))
    assert list(told) == ["preferences.reminder.sms.channel"]

    assert api.delete(f"{where}/preferences/reminder/sms").status_code == 204
    answer = api.patch(where, {"channels": [an_email("new@example.org", verified=True)]})
    assert answer.json()["channels"] == [an_email("new@example.org", verified=True)]
    assert [row.address_index for row in Address.objects.all()] == [RING.blind_index("new@example.org")]


def test_the_external_id_of_somebody_else_is_refused_and_nothing_changes(api):
    entered(api, external_id="one")
    where = entered(api, external_id="two")

    assert list(faults(api.patch(where, {"external_id": "one", "name": "Berta"}))) == ["external_id"]
    assert api.get(where).json()["name"] == "Anna"


def test_a_change_upon_an_old_reading_is_refused(api):
    where = entered(api)
    seen = api.get(where)["ETag"]
    assert api.patch(where, {"name": "Berta"}, if_match=seen).status_code == 200

    assert api.patch(where, {"name": "Carla"}, if_match=seen).status_code == 412
    assert api.delete(where, if_match=seen).status_code == 412
    assert api.get(where).json()["name"] == "Berta"


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_whoever_is_not_there_is_not_found(api, method):
    assert getattr(api, method)(f"{USERS}/{uuid4()}").status_code == 404


# --- what happens to their notifications


@pytest.fixture
def anna(api, installation):
    """The address of somebody whose nudge of 12:05 UTC is planned."""
    preference = {"category": "nudge", "channel": "email", "times": ["13:05"]}
    where = entered(api, channels=[an_email()], goals=[{"goal": "walk_more"}], preferences=[preference])
    assert len(planned_now(installation)) == 1
    return where


def planned_now(installation):
    return plan(now=installation.at, limit=9, store=TestedPostgres(), planning=PLANNING)[0]


def test_a_moved_notification_is_superseded_logged_and_planned_anew(api, anna, installation, told):
    zone = {"timezone": "Europe/London"}

    assert told(lambda: api.patch(anna, zone)) == [(State.CANCELLED, Withheld.SUPERSEDED)]
    assert planned_now(installation) == []  # 13:05 in London is beyond the horizon

    assert told(lambda: api.put(f"{anna}/preferences/nudge/email", {"times": ["12:07"]})) == []
    assert len(planned_now(installation)) == 1
    assert planned_now(installation) == []


def test_who_is_deactivated_gets_nothing_that_waits_and_is_planned_for_again_once_active(api, anna, installation, told):
    assert told(lambda: api.patch(anna, {"active": False})) == [(State.CANCELLED, Withheld.USER_INACTIVE)]
    assert api.get(f"{anna}/preferences/nudge/email").json()["next_due_at"] is None

    installation.later(timedelta(hours=1))
    assert told(lambda: api.patch(anna, {"active": True})) == []
    assert api.get(f"{anna}/preferences/nudge/email").json()["next_due_at"] == "2026-11-25T12:05:00Z"


# --- erasure


def test_erasing_leaves_nothing_of_them_that_can_be_read_and_keeps_the_count(api, installation, told):
    preference = {"category": "nudge", "channel": "email", "times": ["13:05"]}
    canary = a_user(
        external_id="canary-id",
        name="Canary Wren",
        channels=[an_email("canary@example.org"), {"channel": "sms", "address": "+436641234567"}],
        goals=[{"goal": "walk_more", "notes": "canary notes"}],
        preferences=[preference],
    )
    where = api.post(USERS, canary, once="canary")["Location"]
    user_id = where.rpartition("/")[2]
    store = TestedPostgres()
    plan(now=installation.at, limit=9, store=store, planning=PLANNING)
    assignments = store.lease_planned(installation.at, installation.at + timedelta(minutes=1), 9)
    store.stage([a_message(one, "Hi Canary") for one in assignments], installation.at)
    tokens = _tokens()
    assert len(tokens) >= 7  # key, name, two addresses, notes, text, kept answer

    assert told(lambda: api.delete(where)) == [(State.CANCELLED, Withheld.ERASED)]

    assert _tokens() == set()
    assert "canary" not in _everything().lower()
    assert RING.blind_index("canary@example.org") not in _everything()
    assert [(one.action, one.target) for one in AuditEntry.objects.filter(target=user_id)] == [("user_erased", user_id)]
    assert not KeptAnswer.objects.exists()
    assert store.state(assignments[0].id) == State.CANCELLED


def test_who_was_erased_is_gone_and_their_external_id_is_free(api):
    where = entered(api, external_id="again")
    api.delete(where)

    for path in ("", "/goals", "/preferences"):
        assert api.get(f"{where}{path}").status_code == 404
    assert api.patch(where, {"name": "Berta"}).status_code == 404
    assert api.delete(where).status_code == 404
    assert api.put(f"{where}/goals/stretch", {}).status_code == 404
    assert api.get(USERS).json()["items"] == []
    assert entered(api, external_id="again") != where


def _everything():
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [row for (row,) in cursor.fetchall()]
    return json.dumps(found, ensure_ascii=False)


def _tokens():
    """Every sealed text that stands anywhere."""
    return {word for word in _everything().replace('\\"', " ").replace(",", " ").split() if word.startswith("v1:")}

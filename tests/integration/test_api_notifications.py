"""The API's notifications: asked for, listed, read, taken back."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from healthnotify.apps.access.models import AuditEntry
from healthnotify.apps.access.scopes import Scope
from healthnotify.apps.api import notifications_examples as examples
from healthnotify.apps.api import users_examples
from healthnotify.apps.notifications.models import Move, Notification
from healthnotify.apps.users.models import User
from healthnotify.domain.delivery import Accepted
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Category, Channel, Goal
from healthnotify.domain.people import NewGoal
from healthnotify.domain.wording import templates
from tests.api_client import NOON, calling
from tests.builders import a_message, a_person, a_preference, ask
from tests.postgres_store import TestedPostgres
from tests.store_steps import waiting

pytestmark = pytest.mark.django_db
URL = "/api/v1/notifications"
MINUTE = timedelta(minutes=1)
WORDS = {"subject": "Your appointment", "text": "{greeting}\nWe look forward to seeing you."}


@pytest.fixture
def store():
    return TestedPostgres()


@pytest.fixture
def anna(store):
    """Her id; she hears nudges by e-mail and has a telephone."""
    return store.add([a_person(external_id=examples.LATER["external_id"])], NOON)[0]


@pytest.fixture
def committing(django_capture_on_commit_callbacks):
    """What is to happen after the commit happens, although the test's own transaction never ends."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def wish(user, **but):
    return {"user_id": str(user), "category": "service", "channel": "email", **WORDS} | but


def faults(answer, status=422):
    assert answer.status_code == status, answer.content
    return {error["field"]: f"{error['problem']}. {error['fix']}" for error in answer.json()["errors"]}


def written(store, key, at=NOON):
    """The notification with that id, staged."""
    (assignment,) = [one for one in store.lease_planned(at, at + MINUTE, 10, 10) if one.id == key]
    store.stage([a_message(assignment)], at)


# --- asking


def test_what_is_asked_for_is_planned_at_once_with_its_author(api, anna, installation, committing):
    with committing():
        answer = api.post(URL, wish(anna))

    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["state"], told["slot"], told["goal"], told["user_id"]) == ("PLANNED", None, None, str(anna))
    assert told["asked_by"].startswith("key:")
    assert (told["send_at"], told["expires_at"]) == ("2026-11-24T12:00:00Z", "2026-11-24T16:00:00Z")
    assert (told["timezone"], told["wall_clock"], told["local_date"]) == (
        "Europe/Berlin",
        "2026-11-24T13:00:00",
        "2026-11-24",
    )
    (move,) = told["moves"]
    assert (move["event"], move["reason"], move["actor"]) == ("planned", "ad_hoc", told["asked_by"])
    assert "asked for by key:" in move["words"]
    read = api.get(answer["Location"])
    assert (read.json(), read["ETag"]) == (told, answer["ETag"])
    assert [step.id for step in installation.log.told] == [UUID(told["id"])]


def test_its_words_lie_sealed(api, anna):
    api.post(URL, wish(anna))

    row = Notification.objects.get()
    assert "appointment" not in row.given_sealed
    assert row.given_sealed.startswith("v1:")


def test_a_local_date_is_that_of_the_users_wall(api, store):
    (user,) = store.add([a_person(timezone="Pacific/Auckland")], NOON)

    told = api.post(URL, wish(user)).json()

    assert (told["local_date"], told["wall_clock"]) == ("2026-11-25", "2026-11-25T01:00:00")


@pytest.mark.parametrize("body", [examples.LATER, examples.TEMPLATE, examples.GOAL])
def test_every_example_works_and_its_answer_has_the_fields_that_are_shown(api, anna, body):
    User.objects.filter(id=anna).update(locale=users_examples.NEW_USER["locale"])
    answer = api.post(URL, body)

    assert answer.status_code == 201, answer.content
    assert set(answer.json()) == set(examples.LIFE)
    assert set(answer.json()["moves"][0]) == set(examples.FIRST_MOVE)
    listed = api.get(URL).json()
    assert set(listed["items"][0]) == set(examples.PLANNED)


def test_sent_again_with_the_same_key_it_is_asked_for_once(api, anna):
    first, second = (api.post(URL, wish(anna), once="one") for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    assert Notification.objects.count() == 1


@pytest.mark.parametrize(
    ("but", "field", "says"),
    [
        ({"text": "See https://example.org"}, "text", "external_link"),
        ({"text": "x" * 599, "channel": "sms"}, "text", "320 characters"),
        ({"text": "You are at {progress}"}, "text", "{greeting} and {name} only"),
        ({"text": "You {steps}"}, "text", "unknown_placeholder"),
        ({"text": "…"}, "text", "empty"),
        ({"text": "<b>Hello</b>"}, "text", "markup"),
        ({"text": "Hel\u202elo"}, "text", "character_set"),
        ({"text": "Hello\x00"}, "text", ""),
        ({"text": 7}, "text", "not a text"),
        ({"subject": "www.example.org"}, "subject", "external_link"),
        ({"subject": "two\nlines"}, "subject", "line break"),
        ({"subject": "x" * 79}, "subject", ""),
        ({"category": "news"}, "category", "service"),
        ({"channel": "webhook"}, "channel", "no address"),
        ({"user_id": str(uuid4())}, "user_id", "nobody"),
        ({"user_id": "me"}, "user_id", "UUID"),
        ({"external_id": "crm-7"}, "user_id", "twice"),
        ({"goal": "walk_more"}, "text", "too much"),
        ({"send_at": "2026-11-24T11:58:00Z"}, "send_at", "past"),
        ({"send_at": "2027-01-24T11:58:00Z"}, "send_at", "30 days"),
        ({"send_at": "2026-11-25T12:00:00"}, "send_at", "offset"),
        ({"expires_at": "2026-11-24T12:00:00Z"}, "expires_at", "after send_at"),
        ({"expires_at": "2026-12-02T12:00:00Z"}, "expires_at", "7 days"),
        ({"to": "everybody"}, "to", "not known"),
    ],
)
def test_what_could_not_be_sent_is_refused_with_the_field_and_the_fix(api, anna, but, field, says):
    told = faults(api.post(URL, wish(anna, **but)))

    assert list(told) == [field]
    assert says in told[field]
    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    ("but", "field", "says"),
    [
        ({}, "text", "nothing to say"),
        ({"text": "Hello"}, "subject", "both or neither"),
        ({"template": "walk_more.xx.9"}, "template", "GET /api/v1/templates"),
        ({"goal": "fly"}, "goal", "walk_more"),
    ],
)
def test_there_is_to_be_one_thing_to_say(api, anna, but, field, says):
    body = {"user_id": str(anna), "category": "service", "channel": "email"} | but

    assert says in faults(api.post(URL, body))[field]


def test_a_template_that_needs_what_is_not_known_is_refused(api, store):
    (user,) = store.add([a_person(goals=(NewGoal(Goal.WALK_MORE),))], NOON)
    needing = next(one for one in templates(Goal.WALK_MORE, "en") if one.needs - {"greeting", "name"})
    body = {"user_id": str(user), "category": "nudge", "channel": "email", "template": needing.id}

    assert "known of this user" in faults(api.post(URL, body))["template"]


def test_who_is_not_active_gets_nothing(api, anna, store):
    store.deactivate(anna)

    assert "not active" in faults(api.post(URL, wish(anna)))["user_id"]


def test_who_is_erased_is_nobody(api, anna, store):
    store.erase(anna)

    assert "nobody" in faults(api.post(URL, wish(anna)))["user_id"]


def test_what_the_user_has_switched_off_is_not_sent(api, anna, store):
    store.opt_out(anna)

    assert "switched it off for email" in faults(api.post(URL, wish(anna, category="nudge")))["category"]
    assert api.post(URL, wish(anna, category="nudge", channel="sms")).status_code == 201


# --- reading


def test_a_list_is_narrowed_by_whatever_is_given(api, anna, store):
    (other,) = store.add([a_person()], NOON)
    mine = api.post(URL, wish(anna)).json()["id"]
    api.post(URL, wish(other, channel="sms", send_at="2026-11-25T12:00:00Z"))

    def ids(query):
        return [one["id"] for one in api.get(f"{URL}?{query}").json()["items"]]

    for query in (
        f"user_id={anna}",
        f"external_id={examples.LATER['external_id']}",
        "channel=email",
        "local_date=2026-11-24",
        "send_before=2026-11-25T00:00:00Z",
        f"send_after=2026-11-24T00:00:00Z&state=PLANNED&category=service&user_id={anna}",
    ):
        assert ids(query) == [mine], query
    assert ids("reason=withdrawn") == ids("state=FAILED") == ids("category=nudge") == []
    assert len(ids("")) == 2


@pytest.mark.parametrize(
    "query", ["state=LOST", "user_id=1", "local_date=today", "send_after=now", "sort=id", "cursor=x"]
)
def test_a_filter_that_makes_no_sense_is_named(api, query):
    assert list(faults(api.get(f"{URL}?{query}"))) == [query.partition("=")[0]]


def test_pages_follow_one_another_from_the_latest_to_the_earliest(api, anna):
    for hours in (1, 3, 2, 2, 5):
        api.post(URL, wish(anna, send_at=f"2026-11-24T{12 + hours}:00:00Z"))

    found, where = [], f"{URL}?limit=2"
    while where:
        page = api.get(where).json()
        found, where = found + page["items"], page["next"]

    assert [one["send_at"][11:13] for one in found] == ["17", "15", "14", "14", "13"]
    assert len({one["id"] for one in found}) == 5


def test_a_longer_list_takes_no_more_queries(api, anna):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            assert api.get(URL).status_code == 200
        return len(seen)

    api.post(URL, wish(anna))
    few = queries()
    for _ in range(10):
        api.post(URL, wish(anna))

    assert queries() == few


def test_what_happened_is_told_in_codes_and_in_words_and_never_the_text(api, anna, store):
    key = UUID(api.post(URL, wish(anna)).json()["id"])
    written(store, key)
    entry = next(store.open_entries(10))[0]
    held = store.claim([ask(entry)], NOON, NOON + MINUTE)[0]
    store.complete({key: (held, Accepted("250"))}, NOON)

    answer = api.get(f"{URL}/{key}")

    told = answer.json()
    assert [move["event"] for move in told["moves"]] == ["planned", "written", "published", "accepted"]
    assert (told["state"], told["tries"]) == ("COMPLETED", 1)
    assert told["provenance"]["source"] == "model"
    assert b"Ten minutes" not in answer.content
    assert "accepted try 1" in told["moves"][-1]["words"]


def test_what_is_not_there_is_404(api):
    for way, path in ((api.get, ""), (api.get, "/message"), (api.post, "/cancel")):
        assert way(f"{URL}/{uuid4()}{path}").status_code == 404
    assert api.get(f"{URL}/7").status_code == 404


# --- messages


def test_who_reads_a_text_is_noted(api, anna, store):
    key = UUID(api.post(URL, wish(anna)).json()["id"])
    assert api.get(f"{URL}/{key}/message").status_code == 409
    written(store, key)

    answer = api.get(f"{URL}/{key}/message")

    assert answer.json() == {"id": str(key), "subject": "A walk", "text": "Ten minutes outside?"}
    (entry,) = AuditEntry.objects.filter(action="message_read")
    assert entry.target == str(key)
    assert entry.actor.startswith("key:")


def test_without_the_scope_no_text_is_seen_and_nothing_changes(api, a_key, anna, store):
    key = UUID(api.post(URL, wish(anna)).json()["id"])
    written(store, key)
    reader = calling(a_key(Scope.NOTIFICATIONS_READ))

    assert reader.get(f"{URL}/{key}").status_code == 200
    refused = [
        reader.get(f"{URL}/{key}/message"),
        reader.post(URL, wish(anna)),
        reader.post(f"{URL}/{key}/cancel"),
        reader.get("/api/v1/dead-letters"),
        reader.post("/api/v1/dead-letters/redrive", {"ids": [str(key)], "dry_run": False}),
    ]
    assert {answer.status_code for answer in refused} == {403}
    assert (Notification.objects.get().state, AuditEntry.objects.filter(action="message_read").count()) == ("STAGED", 0)


# --- taking back


def test_what_waits_is_taken_back_once_and_says_by_whom(api, anna, installation, committing):
    key = api.post(URL, wish(anna)).json()["id"]

    with committing():
        first, second = api.post(f"{URL}/{key}/cancel"), api.post(f"{URL}/{key}/cancel")

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert (first.json()["state"], first.json()["reason"]) == ("CANCELLED", "withdrawn")
    move = first.json()["moves"][-1]
    assert move["words"] == f"cancelled: withdrawn; {move['actor']} took it back"
    assert set(first.json()) == set(examples.WITHDRAWN)
    assert AuditEntry.objects.filter(action="cancelled", target=key).count() == 1
    assert [step.reason for step in installation.log.told] == ["withdrawn"]


def test_a_reason_that_nobody_asks_for_is_refused_by_name(api, anna):
    key = api.post(URL, wish(anna)).json()["id"]

    assert "Nothing can be given here" in faults(api.post(f"{URL}/{key}/cancel", {"why": "x"}))["why"]
    assert api.get(f"{URL}/{key}").json()["state"] == "PLANNED"


def test_what_has_not_changed_is_not_sent_twice(api, anna):
    where = api.post(URL, wish(anna))["Location"]
    etag = api.get(where)["ETag"]

    assert api.get(where, if_none_match=etag).status_code == 304
    api.post(f"{where}/cancel")
    assert api.get(where, if_none_match=etag).status_code == 200


def test_what_is_staged_or_waits_for_another_try_is_taken_back(api, anna, store):
    keys = [UUID(api.post(URL, wish(anna)).json()["id"]) for _ in range(2)]
    for one in store.lease_planned(NOON, NOON + MINUTE, 10, 10):
        store.stage([a_message(one)], NOON)
    waiting(store, next(store.open_entries(10))[0], NOON + MINUTE, at=NOON)

    answers = [api.post(f"{URL}/{key}/cancel") for key in keys]

    assert [answer.json()["state"] for answer in answers] == ["CANCELLED", "CANCELLED"]
    before = Move.objects.filter(event="cancelled").order_by("before").values_list("before", flat=True)
    assert list(before) == ["RETRY", "STAGED"]


def test_what_is_on_the_road_is_not_taken_back(api, anna, store):
    key = UUID(api.post(URL, wish(anna)).json()["id"])
    written(store, key)
    entry = next(store.open_entries(10))[0]
    held = store.claim([ask(entry)], NOON, NOON + MINUTE)[0]

    on_the_road = api.post(f"{URL}/{key}/cancel")
    store.complete({key: (held, Accepted())}, NOON)
    ended = api.post(f"{URL}/{key}/cancel")

    assert (on_the_road.status_code, ended.status_code) == (409, 409)
    assert "PENDING" in on_the_road.json()["detail"]
    assert "COMPLETED" in ended.json()["detail"]
    assert store.state(key) == State.COMPLETED
    assert not AuditEntry.objects.filter(action="cancelled").exists()


def test_a_preference_for_another_channel_says_nothing(api, store):
    wishes = (a_preference(Channel.EMAIL, category=Category.NUDGE, enabled=False),)
    (user,) = store.add([a_person(preferences=wishes)], NOON)

    assert api.post(URL, wish(user, category="nudge", channel="sms")).status_code == 201

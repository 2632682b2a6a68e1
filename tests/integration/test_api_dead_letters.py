"""The API's dead letters: listed, looked at in a dry run, brought back."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from healthnotify.apps.access.models import AuditEntry
from healthnotify.apps.api import notifications_examples as examples
from healthnotify.apps.notifications import models
from healthnotify.apps.notifications.life import life
from healthnotify.apps.notifications.models import Move, Notification
from healthnotify.domain.delivery import OUTCOME_UNKNOWN, DeadLetter, Poison, Position, Record
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Channel
from healthnotify.pipeline.ports import Topic
from tests.builders import a_person, a_preference, record_of, staged
from tests.postgres_store import TestedPostgres
from tests.store_steps import LATER, failed

pytestmark = pytest.mark.django_db
LIST = "/api/v1/dead-letters"
REDRIVE = "/api/v1/dead-letters/redrive"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(installation):
    installation.at = LATER
    return TestedPostgres()


def some_failed(store, number=1, reason="smtp_550", **person):
    return [failed(store, entry, reason=reason) for entry in staged(store, [a_person(**person) for _ in range(number)])]


def texters():
    return {"preferences": (a_preference(Channel.SMS),)}


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [one["id"] for one in answer.json()["items"]]


def test_what_was_given_up_is_listed_with_all_that_a_decision_needs(api, store):
    (entry,) = some_failed(store)

    (told,) = api.get(LIST).json()["items"]

    assert set(told) == set(examples.DEAD)
    assert (told["kind"], told["id"], told["reason"], told["channel"], told["tries"], told["redrives"]) == (
        "notification",
        str(entry.id),
        "smtp_550",
        "email",
        1,
        0,
    )
    assert told["at"] == "2026-11-23T12:06:00Z"


def test_a_list_is_narrowed_by_reason_channel_and_time(api, store):
    (mail,) = some_failed(store)
    (text,) = some_failed(store, reason=OUTCOME_UNKNOWN, **texters())

    assert ids(api.get(f"{LIST}?reason=smtp_550")) == ids(api.get(f"{LIST}?channel=email")) == [str(mail.id)]
    assert ids(api.get(f"{LIST}?channel=sms&since=2026-11-23T12:06:00Z")) == [str(text.id)]
    assert ids(api.get(f"{LIST}?since=2026-11-23T12:06:01Z")) == []


def test_records_that_no_notification_stands_behind_are_listed_apart(api, store):
    (entry,) = some_failed(store)
    poison = Record(Position(Topic.DAILY, 2, 40), Poison(b"secret bytes", "not_json"))
    stranger = replace(record_of(entry), id=uuid4())
    store.bury([DeadLetter("not_json", record=poison)], LATER)
    store.bury([DeadLetter("unknown_notification", stranger, Record(poison.position, stranger))], LATER + MINUTE)

    answer = api.get(f"{LIST}?kind=poison")

    assert ids(answer) == [str(stranger.id), None]
    assert answer.json()["items"][1]["place"] == "notifications.daily/2/40"
    assert b"secret" not in answer.content
    assert ids(api.get(f"{LIST}?kind=poison&reason=not_json")) == [None]
    assert ids(api.get(LIST)) == [str(entry.id)]


def test_pages_follow_one_another_and_take_no_more_queries(api, store):
    entries = some_failed(store, 5)
    with CaptureQueriesContext(connection) as few:
        api.get(f"{LIST}?limit=1")
    with CaptureQueriesContext(connection) as many:
        first = api.get(f"{LIST}?limit=3")
    second = api.get(first.json()["next"])

    assert len(few) == len(many)
    assert sorted(ids(first) + ids(second)) == sorted(str(entry.id) for entry in entries)


def test_a_page_of_the_other_kind_is_none_of_this_list(api, store):
    some_failed(store, 2)
    following = api.get(f"{LIST}?limit=1").json()["next"]

    answer = api.get(following.replace("limit=1", "limit=1&kind=poison"))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


def test_without_a_word_more_nothing_is_done(api, store, installation):
    entries = some_failed(store, 2)

    answer = api.post(REDRIVE, {"reason": "smtp_550"})
    assert answer.status_code == 200, installation.log.defects
    told = answer.json()

    assert (told["dry_run"], told["done"], told["left"]) == (True, 2, 0)
    assert {store.state(entry.id) for entry in entries} == {"FAILED"}
    assert not Move.objects.filter(event="redriven").exists()
    assert not AuditEntry.objects.filter(action="redriven").exists()


def test_what_is_brought_back_says_by_whom(api, store, installation, django_capture_on_commit_callbacks):
    (entry,) = some_failed(store)

    with django_capture_on_commit_callbacks(execute=True):
        told = api.post(REDRIVE, examples.BY_IDS | {"ids": [str(entry.id)]}).json()

    assert set(told) == set(examples.DONE)
    assert told["results"] == [{"id": str(entry.id), "done": True, "why_not": None}]
    row = Notification.objects.get(id=entry.id)
    assert (row.state, row.reason, row.ended_at, row.failure, row.topic, row.claim_id) == ("PENDING", *[None] * 5)
    assert (row.attempt, row.uncounted) == (1, 1)
    (audited,) = AuditEntry.objects.filter(action="redriven")
    assert audited.target == str(entry.id)
    assert [step.event for step in installation.log.told] == ["redriven"]
    assert life(entry.id).chapters[-1].words == (
        f"{audited.actor} brought it back from the dead letters; it has all of its tries again"
    )


def test_each_that_is_left_says_why(api, store):
    good, gone = some_failed(store, 2)
    (unknown,) = some_failed(store, reason=OUTCOME_UNKNOWN, **texters())
    store.opt_out(gone.user_id)
    nobody = uuid4()
    body = {"ids": [str(key) for key in (good.id, gone.id, unknown.id, nobody)], "dry_run": False}

    told = api.post(REDRIVE, body).json()

    assert (told["done"], told["left"]) == (1, 3)
    assert {UUID(one["id"]): one["why_not"] for one in told["results"]} == {
        good.id: None,
        gone.id: "opted_out",
        unknown.id: "outcome_unknown",
        nobody: "not_failed",
    }


def test_what_has_expired_does_not_stand_in_the_way_of_what_has_not(api, store, installation):
    (old,) = some_failed(store)
    Notification.objects.filter(id=old.id).update(expires_at=LATER)
    (young,) = some_failed(store)

    told = api.post(REDRIVE, {"max": 1, "dry_run": False}).json()

    assert told["results"] == [{"id": str(young.id), "done": True, "why_not": None}]


def test_every_example_works(api, store):
    some_failed(store)

    assert api.post(REDRIVE, examples.BY_REASON).status_code == 200
    assert api.post(REDRIVE, examples.BY_IDS).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ids": []}, "ids"),
        ({"ids": ["one"]}, "ids.0"),
        ({"ids": [str(uuid4())] * 501}, "ids"),
        ({"ids": [str(uuid4())], "reason": "smtp_550"}, "reason"),
        ({"max": 0}, "max"),
        ({"max": "10"}, "max"),
        ({"dry_run": "no"}, "dry_run"),
        ({"since": "yesterday"}, "since"),
        ({"channel": "pigeon"}, "channel"),
        ({"all": True}, "all"),
    ],
)
def test_what_makes_no_sense_is_named(api, store, body, field):
    answer = api.post(REDRIVE, body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_dead_letter_stays_after_its_notification_was_brought_back(api, store):
    (entry,) = some_failed(store)
    api.post(REDRIVE, {"ids": [str(entry.id)], "dry_run": False})

    assert models.DeadLetter.objects.filter(notification_id=entry.id).count() == 1
    assert ids(api.get(LIST)) == []
    failed(store, entry, attempt=2)
    (told,) = api.get(LIST).json()["items"]
    assert (told["redrives"], told["tries"]) == (1, 1)
    assert store.state(entry.id) == State.FAILED


def test_the_day_still_balances(api, store):
    from healthnotify.apps.notifications.evidence import evidence

    entries = some_failed(store, 2)
    api.post(REDRIVE, {"ids": [str(entries[0].id)], "dry_run": False})

    told = evidence()
    assert (told.planned, told.failed, told.open, told.unaccounted, told.balances) == (2, 1, 1, 0, True)

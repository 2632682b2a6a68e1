"""The API's goals and preferences of a user: list, read, set, take away."""

from uuid import uuid4

import pytest

from healthnotify.apps.api.users_examples import GOAL, GOAL_BODY, NEW_USER, PREFERENCE, PREFERENCE_BODY
from healthnotify.apps.users.models import Preference
from healthnotify.domain.model import Withheld
from healthnotify.pipeline.plan import plan
from tests.builders import PLANNING
from tests.postgres_store import TestedPostgres

pytestmark = pytest.mark.django_db
NOON_WISH = {"times": ["13:05"]}


@pytest.fixture
def anna(api):
    """The address of a user with one goal, e-mail and SMS, and two preferences."""
    return api.post("/api/v1/users", NEW_USER)["Location"]


def fields(answer):
    assert answer.status_code == 422, answer.content
    return [fault["field"] for fault in answer.json()["errors"]]


def test_the_examples_of_goals_are_set_and_read_as_the_documentation_shows_them(api, anna):
    answer = api.put(f"{anna}/goals/walk_more", GOAL_BODY)

    assert (answer.status_code, answer.json()) == (200, GOAL)
    assert api.get(f"{anna}/goals/walk_more").json() == GOAL
    assert api.get(f"{anna}/goals").json() == {"items": [GOAL]}
    assert api.get(f"{anna}/goals/walk_more")["ETag"] == answer["ETag"]


def test_the_examples_of_preferences_are_set_and_read_as_the_documentation_shows_them(api, anna):
    answer = api.put(f"{anna}/preferences/nudge/email", PREFERENCE_BODY)

    assert (answer.status_code, answer.json()) == (200, PREFERENCE)
    assert api.get(f"{anna}/preferences/nudge/email").json() == PREFERENCE
    assert PREFERENCE in api.get(f"{anna}/preferences").json()["items"]
    assert api.get(f"{anna}/preferences/nudge/email")["ETag"] == answer["ETag"]


def test_what_is_new_is_created_and_what_is_taken_away_is_gone(api, anna):
    for path, body in (("goals/stretch", {"target": 5}), ("preferences/digest/sms", NOON_WISH)):
        assert api.get(f"{anna}/{path}").status_code == 404
        assert api.put(f"{anna}/{path}", body).status_code == 201
        assert api.get(f"{anna}/{path}").status_code == 200
        assert api.delete(f"{anna}/{path}").status_code == 204
        assert api.get(f"{anna}/{path}").status_code == 404
        assert api.delete(f"{anna}/{path}").status_code == 404


def test_one_category_may_be_wanted_over_two_channels_at_two_times(api, anna):
    api.put(f"{anna}/preferences/nudge/email", NOON_WISH)
    api.put(f"{anna}/preferences/nudge/sms", {"times": ["13:10"]})

    found = api.get(f"{anna}/preferences").json()["items"]
    assert [(one["channel"], one["times"]) for one in found if one["category"] == "nudge"] == [
        ("email", ["13:05"]),
        ("sms", ["13:10"]),
    ]


@pytest.mark.parametrize("path", ["goals/be_rich", "preferences/gossip/email", "preferences/nudge/pigeon"])
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_what_the_system_does_not_know_is_not_found(api, anna, path, method):
    body = {} if path.startswith("goals") else NOON_WISH
    answer = getattr(api, method)(f"{anna}/{path}", body if method == "put" else None)

    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["goals", "goals/stretch", "preferences", "preferences/nudge/email"])
def test_nobody_has_neither(api, path):
    assert api.get(f"/api/v1/users/{uuid4()}/{path}").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("goals/stretch", {"target": -1}, "target"),
        ("goals/stretch", {"target": 2**31}, "target"),
        ("goals/stretch", {"streak": True}, "streak"),
        ("goals/stretch", {"notes": "a\x00b"}, "notes"),
        ("goals/stretch", {"notes": 5}, "notes"),
        ("goals/stretch", {"goal": "stretch"}, "goal"),
        ("preferences/nudge/email", {}, "times"),
        ("preferences/nudge/email", {"times": ["8:30"]}, "times"),
        ("preferences/nudge/email", {"times": ["08:30", "08:30"]}, "times"),
        ("preferences/nudge/email", {"times": ["08:30"] * 7}, "times"),
        ("preferences/nudge/email", {"times": ["08:30"], "days": []}, "days"),
        ("preferences/nudge/email", {"times": ["08:30"], "days": ["someday"]}, "days"),
        ("preferences/nudge/email", {"times": ["08:30"], "every_days": 0}, "every_days"),
        ("preferences/nudge/email", {"times": ["08:30"], "enabled": 1}, "enabled"),
        ("preferences/nudge/email", {"times": ["08:30"], "next_due_at": None}, "next_due_at"),
        ("preferences/nudge/webhook", {"times": ["08:30"]}, "channel"),
    ],
)
def test_a_wrong_value_is_named_as_the_caller_wrote_it(api, anna, path, body, field):
    (told,) = fields(api.put(f"{anna}/{path}", body))

    assert told.partition(".")[0] == field


def test_a_change_upon_an_old_reading_is_refused(api, anna):
    for path, body in (("goals/walk_more", {"target": 1}), ("preferences/nudge/email", NOON_WISH)):
        seen = api.get(f"{anna}/{path}")["ETag"]
        assert api.put(f"{anna}/{path}", body, if_match=seen).status_code == 200

        assert api.put(f"{anna}/{path}", body, if_match=seen).status_code == 412
        assert api.delete(f"{anna}/{path}", if_match=seen).status_code == 412
        assert api.get(f"{anna}/{path}").status_code == 200


def test_what_is_not_there_matches_no_reading(api, anna):
    assert api.put(f"{anna}/goals/stretch", {}, if_match='"seen"').status_code == 412
    assert api.get(f"{anna}/goals/stretch").status_code == 404


def test_switching_off_cancels_what_waits_and_switching_on_looks_ahead(
    api, anna, installation, django_capture_on_commit_callbacks
):
    store = TestedPostgres()
    api.put(f"{anna}/preferences/nudge/email", NOON_WISH)
    assert len(plan(now=installation.at, limit=9, store=store, planning=PLANNING)[0]) == 1

    with django_capture_on_commit_callbacks(execute=True):
        off = api.put(f"{anna}/preferences/nudge/email", NOON_WISH | {"enabled": False})
    on = api.put(f"{anna}/preferences/nudge/email", NOON_WISH | {"times": ["14:00"]})

    assert [step.reason for step in installation.log.told] == [Withheld.OPTED_OUT]
    assert off.json()["next_due_at"] is None
    assert on.json()["next_due_at"] == "2026-11-24T13:00:00Z"


def test_the_last_goal_that_goes_takes_the_planning_with_it_and_the_first_brings_it_back(api, anna):
    api.delete(f"{anna}/goals/walk_more")
    assert set(Preference.objects.values_list("next_due_at", flat=True)) == {None}

    api.put(f"{anna}/goals/stretch", {"target": 5})
    assert not Preference.objects.filter(next_due_at=None).exists()

"""A thousand users in one call: each line for itself, none twice, in few statements."""

import threading

import pytest
from django.db import connection

from healthnotify.apps.users import people
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from tests.api_client import NOON
from tests.builders import a_person
from tests.postgres_store import RING

BULK = "/api/v1/users/bulk"


def a_line(number, **but):
    return {
        "external_id": f"line-{number}",
        "name": "Anna",
        "timezone": "Europe/Berlin",
        "channels": [
            {"channel": "email", "address": f"anna-{number}@example.org"},
            {"channel": "webhook", "address": f"https://example.org/{number}"},
        ],
        "goals": [{"goal": "walk_more", "target": 8000}],
        "preferences": [{"category": "nudge", "channel": "email", "times": ["08:30"]}],
    } | but


@pytest.mark.django_db
def test_a_thousand_users_are_entered_in_one_call(api):
    answer = api.post(BULK, {"users": [a_line(number) for number in range(1000)]})

    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [one["line"] for one in results] == list(range(1, 1001))
    assert {one["status"] for one in results} == {"created"}
    assert len({one["id"] for one in results}) == User.objects.count() == UserGoal.objects.count() == 1000
    assert Address.objects.count() == 2 * Preference.objects.filter(next_due_at__isnull=False).count() == 2000


@pytest.mark.django_db
def test_each_line_is_entered_or_refused_for_itself(api):
    people.add([a_person(external_id="line-2")], now=NOON, ring=RING)
    lines = [a_line(1), a_line(2), a_line(3, name="a/b", locale="?"), a_line(1), 5, {}, a_line(7, extra=1), a_line(8)]

    results = api.post(BULK, {"users": lines}).json()["results"]

    told = [[fault["field"] for fault in one.get("errors", [])] for one in results]
    assert told == [
        [],
        ["external_id"],
        ["name", "locale"],
        ["external_id"],
        ["body"],
        ["external_id", "name", "timezone"],
        ["extra"],
        [],
    ]
    assert set(User.objects.values_list("external_id", flat=True)) == {"line-1", "line-2", "line-8"}
    assert [one["status"] for one in results].count("created") == 2


@pytest.mark.django_db
@pytest.mark.parametrize("body", [{}, {"users": []}, {"users": {}}, {"users": [{}] * 1001}, {"people": []}])
def test_a_call_that_is_no_list_of_up_to_a_thousand_is_refused_as_a_whole(api, body):
    answer = api.post(BULK, body)

    assert answer.status_code == 422
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_call_sent_again_with_its_key_enters_nobody_and_answers_the_same(api):
    body = {"users": [a_line(1), a_line(2)]}
    first, again = api.post(BULK, body, once="b"), api.post(BULK, body, once="b")

    assert again.json() == first.json()
    assert User.objects.count() == 2


def test_of_many_calls_at_once_with_the_same_people_each_is_entered_once(committed, installation):
    some = [people.checked(a_person(external_id=f"race-{number}")) for number in range(50)]
    start, answers = threading.Barrier(4), []

    def enter(order):
        start.wait(timeout=10)
        answers.append(people.enter(order, now=NOON, ring=RING))
        connection.close()

    threads = [threading.Thread(target=enter, args=[some]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(answers) == 4
    assert sum(one is not None for answer in answers for one in answer) == 50
    assert User.objects.count() == Preference.objects.count() == 50

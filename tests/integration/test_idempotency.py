"""A POST that is sent again has its effect once, and its answer again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from healthnotify.apps.access.models import KeptAnswer
from healthnotify.apps.access.scopes import FOR_KEYS
from healthnotify.apps.api import idempotency
from healthnotify.apps.users.models import User
from tests.api_client import calling

pytestmark = pytest.mark.urls("tests.api_routes")
BODY = {"external_id": "anna"}


def names():
    return sorted(User.objects.values_list("external_id", flat=True))


def blamed(answer):
    return [error["field"] for error in answer.json()["errors"]]


def test_the_same_request_has_the_same_answer_and_one_effect(api):
    first = api.post("/things", BODY, once="k1")
    second = api.post("/things", BODY, once="k1")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second["Location"] == first["Location"] == "/thing"
    assert (first.headers.get("Idempotent-Replayed"), second.headers.get("Idempotent-Replayed")) == (None, "true")
    assert names() == ["anna"]


def test_blanks_and_the_order_of_members_make_no_other_request(api):
    first = api.generic("POST", "/things", b'{"external_id":"anna","zone":"UTC"}', "application/json", once="k1")
    second = api.generic("POST", "/things", b'{ "zone": "UTC", "external_id": "anna" }', "application/json", once="k1")

    assert (first.status_code, second.headers.get("Idempotent-Replayed")) == (201, "true")


def test_another_request_with_the_same_key_is_refused(api):
    api.post("/things", BODY, once="k1")
    answer = api.post("/things", {"external_id": "bert"}, once="k1")

    assert (answer.status_code, blamed(answer)) == (422, ["Idempotency-Key"])
    assert names() == ["anna"]


def test_two_callers_may_choose_the_same_key(api, a_key):
    other = calling(a_key(*FOR_KEYS))
    assert api.post("/things", BODY, once="k1").status_code == 201
    assert other.post("/things", {"external_id": "bert"}, once="k1").status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(api, key):
    answer = api.post("/things", BODY, once=key)
    assert (answer.status_code, blamed(answer)) == (422, ["Idempotency-Key"])
    assert names() == []


def test_an_error_is_not_kept_because_it_changed_nothing(api):
    failed = api.post("/things", BODY | {"fail": "away"}, once="k1")
    assert (failed.status_code, names(), KeptAnswer.objects.count()) == (503, [], 0)

    assert api.post("/things", BODY, once="k1").status_code == 201


def test_a_defect_after_the_effect_leaves_neither_effect_nor_answer(api):
    assert api.post("/things", BODY | {"fail": "defect"}, once="k1").status_code == 500
    assert (names(), KeptAnswer.objects.count()) == ([], 0)


def test_without_a_key_a_defect_leaves_nothing_either(api):
    assert api.post("/things", BODY | {"fail": "defect"}).status_code == 500
    assert names() == []


def test_an_answer_is_kept_for_seven_days_and_then_cleared_in_passing(api, installation):
    api.post("/things", BODY, once="k1")
    api.post("/things", {"external_id": "bert"}, once="k2")
    User.objects.all().delete()

    installation.later(timedelta(days=7, seconds=-1))
    assert api.post("/things", BODY, once="k1").headers["Idempotent-Replayed"] == "true"
    assert names() == []

    installation.later(timedelta(seconds=1))
    assert "Idempotent-Replayed" not in api.post("/things", BODY, once="k1").headers
    assert names() == ["anna"]
    assert list(KeptAnswer.objects.values_list("key", "created_at")) == [("k1", installation.at)]


def test_a_request_clears_a_few_old_answers_at_a_time(api, installation, monkeypatch):
    monkeypatch.setattr(idempotency, "CLEARED_AT_ONCE", 2)
    for number in range(5):
        api.post("/things", {"external_id": f"u{number}"}, once=f"k{number}")
    installation.later(timedelta(days=8))

    api.post("/things", {"external_id": "new"}, once="new")
    assert KeptAnswer.objects.count() == 4


def test_what_is_kept_is_sealed_and_tells_of_whom_it_speaks(api):
    made = api.post("/things", BODY, once="k1").json()

    row = KeptAnswer.objects.get()
    assert str(row.user_id) == made["id"]
    assert made["id"] not in row.answer_sealed
    assert row.answer_sealed.startswith("v1:test:")


def test_a_kept_answer_does_not_open_for_another_key(api):
    api.post("/things", BODY, once="k1")
    api.post("/things", {"external_id": "bert"}, once="k2")
    stolen = KeptAnswer.objects.get(key="k2").answer_sealed
    KeptAnswer.objects.filter(key="k1").update(answer_sealed=stolen)

    assert api.post("/things", BODY, once="k1").status_code == 500


def test_a_key_in_flight_is_told_to_come_back(committed, installation):
    """Another connection holds what a request with this key would hold."""
    from healthnotify.apps.access import keys

    key, text = keys.make("test", list(FOR_KEYS), by="command", at=installation.at)
    try:
        with transaction.atomic(), ThreadPoolExecutor(1) as other:
            idempotency._alone(f"key:{key.prefix}", "k1")
            answer = other.submit(_post_and_close, text).result()
        assert (answer.status_code, answer["Retry-After"]) == (409, "1")
        assert answer.json()["type"] == "/api/docs/#problem-in-flight"
        assert calling(text).post("/things", BODY, once="k1").status_code == 201
    finally:
        KeptAnswer.objects.all().delete()
        key.delete()


def _post_and_close(text):
    try:
        return calling(text).post("/things", BODY, once="k1")
    finally:
        connection.close()


def test_fifty_identical_calls_at_once_make_one_row(served):
    def call(_):
        status, headers, body = served.call("POST", "/things", b'{"external_id": "anna"}', Idempotency_Key="k1")
        return status, headers.get("Idempotent-Replayed"), body

    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(call, range(50)))

    assert {status for status, _, _ in answers} <= {201, 409}
    created = [answer for answer in answers if answer[0] == 201]
    assert [replayed for _, replayed, _ in created].count(None) == 1
    assert len({body for _, _, body in created}) == 1
    assert (User.objects.count(), KeptAnswer.objects.count()) == (1, 1)
    assert call(None)[:2] == (201, "true")


def test_a_body_in_chunks_is_read_and_one_that_is_too_large_is_refused(served):
    chunks = [b'{"external_', b'id": "anna"}']
    assert served.call("POST", "/things", iter(chunks))[0] == 201
    assert names() == ["anna"]

    for _ in range(20):  # who is cut off in mid-sentence would only see a broken connection
        status, headers, _ = served.call("POST", "/things", iter([b"x" * 65536] * 40))
        assert (status, headers["Content-Type"]) == (413, "application/problem+json")


def test_a_large_body_that_is_announced_is_heard_out_and_refused(served):
    status, headers, _ = served.call("POST", "/things", b"x" * 3 * 1024 * 1024)
    assert (status, headers["Content-Type"]) == (413, "application/problem+json")


def test_a_length_that_is_too_large_is_refused_before_anything_is_sent(served):
    status, headers, body = served.call("POST", "/things", b"", Content_Length="9999999999")
    assert (status, headers["Content-Type"]) == (413, "application/problem+json")
    assert b"#problem-too-large" in body

"""API keys over the API, as an administrator makes, reads and revokes them."""

from datetime import timedelta

import pytest

from healthnotify.apps.access import keys, operators, tokens
from healthnotify.apps.access.models import ApiKey, AuditEntry, KeptAnswer
from healthnotify.apps.access.scopes import FOR_KEYS
from tests.api_client import calling

pytestmark = pytest.mark.django_db

KEYS = "/api/v1/keys"
ASKED = {"name": "billing", "scopes": ["users:read", "operate"]}


@pytest.fixture
def admin(db, installation):
    ada, _ = operators.make("ada", "administrator", "correct horse battery", by="command", at=installation.at)
    return calling(tokens.hand_out(ada).access)


def test_a_key_is_made_and_works(admin, installation):
    ends = installation.at + timedelta(days=90)
    answer = admin.post(KEYS, {**ASKED, "expires_at": ends.isoformat()})

    assert answer.status_code == 201
    assert calling(answer.data["key"]).get("/api/v1/users").status_code == 200
    assert answer["Location"].endswith(f"/api/v1/keys/{answer.data['id']}")
    assert answer["Cache-Control"] == "no-store"
    key = ApiKey.objects.get()
    assert (key.name, key.scopes, key.created_by, key.expires_at) == (
        "billing",
        ["users:read", "operate"],
        "operator:ada",
        ends,
    )


def test_no_later_answer_has_the_keys_text(admin):
    made = admin.post(KEYS, ASKED).data
    secret = made["key"].split("_", 2)[2]
    read, listed = admin.get(f"{KEYS}/{made['id']}"), admin.get(KEYS)

    assert read.data == {name: value for name, value in made.items() if name != "key"}
    assert listed.data["items"] == [read.data]
    assert secret not in read.content.decode() + listed.content.decode()
    assert "digest" not in read.content.decode() + listed.content.decode()


def test_a_repeated_request_makes_one_key_and_does_not_show_it_again(admin, installation):
    first = admin.post(KEYS, ASKED, once="k-1")
    again = admin.post(KEYS, ASKED, once="k-1")

    assert first.data["key"].startswith("hn_")
    assert again.status_code == 201
    assert again["Idempotent-Replayed"] == "true"
    assert again.data == {**first.data, "key": None}
    assert ApiKey.objects.count() == 1
    kept = KeptAnswer.objects.get()
    opened = installation.wired.ring.open(kept.answer_sealed, f"kept_answers.answer:{kept.caller}:{kept.key}")
    assert first.data["key"] not in opened


def test_keys_are_listed_newest_first_in_pages_with_a_steady_number_of_queries(
    admin, installation, django_assert_num_queries
):
    for number in range(5):
        installation.later(timedelta(seconds=1))
        keys.make(f"key {number}", FOR_KEYS, by="command", at=installation.at)

    first = admin.get(KEYS, {"limit": 3})
    second = admin.get(first.data["next"])
    names = [row["name"] for row in first.data["items"] + second.data["items"]]
    assert names == [f"key {number}" for number in (4, 3, 2, 1, 0)]
    assert second.data["next"] is None
    for limit in (1, 5):
        with django_assert_num_queries(2):  # who asks, and the page
            admin.get(KEYS, {"limit": limit})


def test_a_key_is_revoked_at_once_and_stays_in_the_list(admin):
    made = admin.post(KEYS, ASKED).data
    assert calling(made["key"]).get("/api/v1/users").status_code == 200

    assert admin.delete(f"{KEYS}/{made['id']}").status_code == 204
    assert calling(made["key"]).get("/api/v1/users").status_code == 401
    assert admin.get(f"{KEYS}/{made['id']}").data["revoked_at"] is not None
    actions = list(AuditEntry.objects.order_by("id").values_list("actor", "action"))
    assert actions[-2:] == [("operator:ada", "key_made"), ("operator:ada", "key_revoked")]


def test_revoking_twice_is_no_error_and_written_down_once(admin):
    made = admin.post(KEYS, ASKED).data
    assert [admin.delete(f"{KEYS}/{made['id']}").status_code for _ in range(2)] == [204, 204]
    assert AuditEntry.objects.filter(action="key_revoked").count() == 1


def test_a_key_that_somebody_else_has_changed_meanwhile_is_not_revoked(admin):
    made = admin.post(KEYS, ASKED).data
    etag = admin.get(f"{KEYS}/{made['id']}")["ETag"]
    ApiKey.objects.update(name="payroll")

    assert admin.delete(f"{KEYS}/{made['id']}", if_match=etag).status_code == 412
    assert ApiKey.objects.get().revoked_at is None
    assert admin.delete(f"{KEYS}/{made['id']}", if_match=admin.get(f"{KEYS}/{made['id']}")["ETag"]).status_code == 204


def test_a_key_that_does_not_exist_is_not_found(admin):
    address = f"{KEYS}/00000000-0000-4000-8000-000000000000"
    assert [admin.get(address).status_code, admin.delete(address).status_code] == [404, 404]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["administer"]}, "scopes.0"),
        ({"scopes": ["users:read"] * 7}, "scopes"),
        ({"scopes": "users:read"}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"key": "hn_mine"}, "key"),
        ({"prefix": "mine"}, "prefix"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_with_the_field_named(admin, change, field):
    answer = admin.post(KEYS, {**ASKED, **change})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.data["errors"]] == [field]
    assert not ApiKey.objects.exists()

"""API keys: what is kept of them, when they let somebody in, and what using them writes."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from healthnotify.apps.access import keys
from healthnotify.apps.access.models import ApiKey, AuditEntry
from healthnotify.apps.access.scopes import FOR_KEYS, Scope
from healthnotify.domain.errors import BadInput
from tests.builders import NOON

pytestmark = pytest.mark.django_db

READ = [Scope.USERS_READ]


def a_key(**options):
    return keys.make("billing", READ, by="command", at=NOON, **options)


def test_a_key_is_found_by_its_text_and_only_its_hash_is_kept():
    key, text = a_key()

    assert keys.find(text, NOON) == key
    row = ApiKey.objects.values().get()
    assert text.split("_", 2)[2] not in str(row)
    assert len(text) == len("hn_") + 12 + 1 + 43
    assert (row["name"], row["scopes"], row["created_by"]) == ("billing", ["users:read"], "command")


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: text.upper(),
        lambda text: text.replace("hn_", ""),
        lambda text: text[:16] + "A" * 43,
        lambda text: "hn_" + "0" * 12 + text[15:],
        lambda text: "",
    ],
)
def test_what_is_nearly_a_key_is_none(spoilt):
    _, text = a_key()

    assert keys.find(spoilt(text), NOON) is None


def test_a_malformed_key_costs_no_query():
    with CaptureQueriesContext(
        connection,
    ) as queries:
        keys.find("hn_nonsense", NOON)

    assert len(queries) == 0


def test_a_key_ends_at_its_expiry():
    _, text = a_key(expires_at=NOON + timedelta(hours=1))

    assert keys.find(text, NOON + timedelta(minutes=59, seconds=59))
    assert keys.find(text, NOON + timedelta(hours=1)) is None


def test_a_revoked_key_lets_nobody_in_and_is_revoked_once():
    key, text = a_key()

    assert keys.revoke(key.id, by="operator:ada", at=NOON)
    assert keys.find(text, NOON) is None
    assert not keys.revoke(key.id, by="operator:bob", at=NOON + timedelta(days=1))
    assert ApiKey.objects.get().revoked_at == NOON


def test_the_use_of_a_key_is_remembered_to_the_minute_with_one_write_a_minute():
    _, text = a_key()
    with CaptureQueriesContext(connection) as first:
        keys.find(text, NOON + timedelta(seconds=10))
    with CaptureQueriesContext(connection) as second:
        keys.find(text, NOON + timedelta(seconds=50))
    assert [query["sql"].partition(" ")[0] for query in first] == ["UPDATE"]
    assert not list(second)
    assert ApiKey.objects.get().last_used_at == NOON

    keys.find(text, NOON + timedelta(seconds=70))
    assert ApiKey.objects.get().last_used_at == NOON + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("name", "scopes", "options", "field"),
    [
        ("", READ, {}, "name"),
        ("  ", READ, {}, "name"),
        ("x" * 65, READ, {}, "name"),
        ("two\nlines", READ, {}, "name"),
        ("billing", [], {}, "scopes"),
        ("billing", ["everything"], {}, "scopes"),
        ("billing", [Scope.ADMINISTER], {}, "scopes"),
        ("billing", READ, {"expires_at": NOON}, "expires_at"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_field_named(name, scopes, options, field):
    with pytest.raises(BadInput) as problem:
        keys.make(name, scopes, by="command", at=NOON, **options)

    assert problem.value.field == field
    assert not ApiKey.objects.exists()
    assert not AuditEntry.objects.exists()


def test_the_database_refuses_a_key_that_may_administer_or_may_nothing():
    key, _ = a_key()
    for scopes in ([], ["administer"]):
        with pytest.raises(IntegrityError, match="api_keys_scopes"), transaction.atomic():
            ApiKey.objects.filter(id=key.id).update(scopes=scopes)


def test_making_and_revoking_are_audited_without_the_secret():
    key, text = keys.make("billing", FOR_KEYS, by="operator:ada", at=NOON)
    keys.revoke(key.id, by="operator:bob", at=NOON)

    told = list(AuditEntry.objects.order_by("id").values_list("actor", "action", "target"))
    assert told == [("operator:ada", "key_made", str(key.id)), ("operator:bob", "key_revoked", str(key.id))]
    assert text.split("_", 2)[2] not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_audit_trail_is_append_only(statement):
    a_key()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

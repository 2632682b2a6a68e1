"""`api_key` and `operator` as somebody with a shell calls them."""

import io
import json
import sys

import pytest
from django.core.management import CommandError, call_command

from healthnotify import bootstrap
from healthnotify.apps.access import keys
from healthnotify.apps.access.models import ApiKey, AuditEntry, Operator

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def told(*arguments):
    return json.loads(run(*arguments, "--json"))


def test_a_key_is_made_and_its_text_is_shown_this_once():
    (made,) = told("api_key", "create", "billing", "--scopes", "users:read, operate", "--expires", "90d")

    found = keys.find(made["key"], bootstrap.now())
    assert found is not None
    assert found.scopes == ["users:read", "operate"]
    assert (found.expires_at - found.created_at).days == 90
    assert made["key"] not in run("api_key", "list")
    assert AuditEntry.objects.get().actor == "command"


def test_keys_are_listed_without_their_hashes():
    told("api_key", "create", "billing", "--scopes", "users:read")
    (row,) = told("api_key", "list")

    assert row["name"] == "billing"
    assert "digest" not in row
    assert "billing" in run("api_key", "list")


@pytest.mark.parametrize("mark", ["", "hn_"])
def test_a_key_is_revoked_by_its_prefix(mark):
    (made,) = told("api_key", "create", "billing", "--scopes", "users:read")
    assert told("api_key", "revoke", mark + made["prefix"]) == [{"revoked": made["prefix"]}]

    assert keys.find(made["key"], bootstrap.now()) is None
    with pytest.raises(CommandError, match="no valid key"):
        run("api_key", "revoke", made["prefix"])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("--scopes", "everything"), "scopes"),
        (("--scopes", ","), "scopes"),
        (("--scopes", "administer"), "scopes"),
        (("--scopes", "operate", "--expires", "soon"), "expires"),
        (("--scopes", "operate", "--expires", "0d"), "expires"),
        (("--scopes", "operate", "--expires=-1d"), "expires"),
        (("--scopes", "operate", "--expires", "999999999999d"), "expires"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_by_name(arguments, field):
    with pytest.raises(CommandError, match=f"error: {field}: "):
        run("api_key", "create", "billing", *arguments)
    assert not ApiKey.objects.exists()


def test_an_operator_is_made_with_a_password_that_is_shown_this_once():
    (made,) = told("operator", "create", "ada", "--role", "operator")

    ada = Operator.objects.get(username="ada")
    assert ada.check_password(made["password"])
    assert ada.role == "operator"
    assert made["password"] not in run("operator", "list")
    assert "password" not in told("operator", "list")[0]


def test_a_password_may_come_from_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
    assert told("operator", "create", "ada", "--role", "viewer", "--password-stdin") == [{"operator": "ada"}]

    assert Operator.objects.get().check_password("correct horse battery")


@pytest.mark.parametrize("password", ["", "short", "password1234"])
def test_a_password_that_is_easy_to_guess_is_refused(monkeypatch, password):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    with pytest.raises(CommandError, match="error: password: "):
        run("operator", "create", "ada", "--role", "viewer", "--password-stdin")

    assert not Operator.objects.exists()


def test_a_lost_password_is_replaced():
    (made,) = told("operator", "create", "ada", "--role", "viewer")
    (again,) = told("operator", "set-password", "ada")

    ada = Operator.objects.get()
    assert ada.check_password(again["password"])
    assert not ada.check_password(made["password"])


def test_roles_change_and_operators_are_deactivated():
    run("operator", "create", "ada", "--role", "viewer")
    run("operator", "set-role", "ada", "--role", "administrator")
    assert Operator.objects.get().role == "administrator"
    run("operator", "deactivate", "ada")
    assert not Operator.objects.get().is_active

    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["operator_made", "role_set", "operator_deactivated"]


@pytest.mark.parametrize("arguments", [("set-password",), ("set-role", "--role", "viewer"), ("deactivate",)])
def test_an_operator_who_does_not_exist_is_said_not_to(arguments):
    with pytest.raises(CommandError, match="no operator bob"):
        run("operator", arguments[0], "bob", *arguments[1:])


def test_an_operator_is_not_made_twice():
    run("operator", "create", "ada", "--role", "viewer")
    with pytest.raises(CommandError, match="'ada' exists"):
        run("operator", "create", "ada", "--role", "administrator")
    assert Operator.objects.get().role == "viewer"


@pytest.mark.parametrize("name", ["", "Ada", "a b", "a\nb", "-x", "x" * 65, "ä"])
def test_a_name_that_could_be_mistaken_is_refused(name):
    with pytest.raises(CommandError, match="error: name: "):
        run("operator", "create", "--role", "viewer", "--", name)

"""Logging in: tokens, their renewal and end, the lock-out, and the page's log-in."""

from datetime import UTC, datetime, timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.test import Client
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from healthnotify.apps.access import operators
from healthnotify.apps.access.login import TRIES_A_MINUTE
from healthnotify.apps.access.models import AuditEntry, Operator
from healthnotify.apps.access.scopes import Role
from tests.api_client import calling

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
LOGIN = "/operations/login/"


@pytest.fixture
def ada(installation):
    return operators.make("ada", "administrator", PASSWORD, by="command", at=installation.at)[0]


def log_in(username="ada", password=PASSWORD, *, address="192.0.2.1", agent="curl"):
    asked = {"username": username, "password": password}
    return calling().post("/api/v1/tokens", asked, REMOTE_ADDR=address, HTTP_USER_AGENT=agent)


def renew(refresh):
    return calling().post("/api/v1/tokens/refresh", {"refresh": refresh})


def may_read_keys(access):
    return calling(access).get("/api/v1/keys").status_code == 200


def audited():
    return list(AuditEntry.objects.order_by("id").values_list("actor", "action", "target"))


def test_a_password_is_exchanged_for_tokens_that_work(ada):
    answer = log_in()

    assert answer.status_code == 200
    assert answer.data["expires_in"] == 600
    assert answer["Cache-Control"] == "no-store"
    assert may_read_keys(answer.data["access"])
    assert audited()[-1] == ("operator:ada", "logged_in", str(ada.pk))
    ada.refresh_from_db()
    assert ada.last_login is not None


def test_passwords_are_kept_as_argon2id_hashes(ada):
    assert ada.password.startswith("argon2$argon2id$v=19$m=47104,t=1,p=1$")


@pytest.mark.parametrize(("username", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("ADA", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_are_told_apart_by_nothing(ada, username, password):
    answer = log_in(username, password)

    assert answer.status_code == 401
    assert answer.data["detail"] == "The username or the password is wrong."
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_deactivated_operator_is_out_with_the_next_request(ada, installation):
    pair = log_in().data
    operators.deactivate("ada", by="command", at=installation.at)

    assert calling(pair["access"]).get("/api/v1/keys").status_code == 401
    assert renew(pair["refresh"]).status_code == 401
    assert log_in().status_code == 401


def test_a_new_password_ends_the_tokens_of_the_old_one(ada, installation):
    pair = log_in().data
    operators.set_password("ada", "another horse battery", by="command", at=installation.at)

    assert calling(pair["access"]).get("/api/v1/keys").status_code == 401
    assert renew(pair["refresh"]).status_code == 401


def test_a_new_role_counts_from_the_next_request_on(ada, installation):
    access = log_in().data["access"]
    operators.set_role("ada", Role.VIEWER, by="command", at=installation.at)

    assert calling(access).get("/api/v1/keys").status_code == 403


def test_a_refresh_token_renews_once(ada):
    first = log_in().data["refresh"]
    second = renew(first)

    assert second.status_code == 200
    assert may_read_keys(second.data["access"])
    assert renew(first).status_code == 401
    assert renew(second.data["refresh"]).status_code == 200


def test_renewing_does_not_make_a_shift_longer(ada):
    nearly_over = RefreshToken(log_in().data["refresh"])
    nearly_over.set_exp(lifetime=timedelta(minutes=1))
    renewed = renew(str(nearly_over)).data

    assert RefreshToken(renewed["refresh"])["exp"] == nearly_over["exp"]
    assert AccessToken(renewed["access"])["exp"] == nearly_over["exp"]
    assert 55 <= renewed["expires_in"] <= 60


def test_a_revoked_refresh_token_renews_nothing(ada):
    pair = log_in().data
    answer = calling().post("/api/v1/tokens/revoke", {"refresh": pair["refresh"]})

    assert answer.status_code == 204
    assert renew(pair["refresh"]).status_code == 401


@pytest.mark.parametrize("text", ["nonsense", "eyJ.eyJ.x", "hn_000000000000_" + "A" * 43])
def test_what_is_no_refresh_token_renews_nothing_and_is_revoked_already(ada, text):
    assert renew(text).status_code == 401
    assert calling().post("/api/v1/tokens/revoke", {"refresh": text}).status_code == 204


def test_an_access_token_renews_nothing_and_a_refresh_token_opens_nothing(ada):
    pair = log_in().data

    assert renew(pair["access"]).status_code == 401
    assert calling(pair["refresh"]).get("/api/v1/keys").status_code == 401


def test_no_token_can_be_read_out_of_the_database(ada):
    pair = log_in().data
    renew(pair["refresh"])

    assert {row.token for row in OutstandingToken.objects.all()} == {""}


def test_old_tokens_are_cleared_away_by_a_log_in(ada):
    log_in()
    OutstandingToken.objects.update(expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    log_in()

    assert OutstandingToken.objects.count() == 1


def test_five_wrong_passwords_lock_out_and_then_the_right_one_does_not_help(ada):
    answers = [log_in(password="wrong") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [401] * 4 + [429]
    late = log_in()
    assert late.status_code == 429
    assert 890 <= int(late["Retry-After"]) <= 900
    assert late["Content-Type"] == "application/problem+json"
    assert audited()[-1] == ("nobody", "locked_out", str(ada.pk))


def test_a_lock_out_is_of_one_address_and_of_one_operator(ada, installation):
    operators.make("bob", "viewer", PASSWORD, by="command", at=installation.at)
    for _ in range(5):
        log_in(password="wrong")

    assert log_in(address="192.0.2.2").status_code == 200
    assert log_in("bob").status_code == 200
    assert log_in().status_code == 429


def test_another_browser_is_no_way_around_a_lock_out(ada):
    for number in range(5):
        log_in(password="wrong", agent=f"browser {number}")

    assert log_in(agent="yet another").status_code == 429


def test_a_network_of_ipv6_addresses_counts_as_one(ada):
    for number in range(5):
        log_in(password="wrong", address=f"2001:db8::{number}")

    assert log_in(address="2001:db8::ffff:1").status_code == 429
    assert log_in(address="2001:db8:0:1::1").status_code == 200


def test_trying_on_makes_a_lock_out_no_longer_and_it_is_audited_once(ada):
    for _ in range(5):
        log_in(password="wrong")
    AccessAttempt.objects.update(attempt_time=datetime.now(UTC) - timedelta(minutes=10))
    waits = [int(log_in()["Retry-After"]) for _ in range(3)]

    assert all(295 <= wait <= 300 for wait in waits)
    assert [action for _, action, _ in audited()].count("locked_out") == 1


def test_a_lock_out_ends_after_a_quarter_of_an_hour(ada):
    for _ in range(5):
        log_in(password="wrong")
    AccessAttempt.objects.update(attempt_time=datetime.now(UTC) - timedelta(minutes=15, seconds=1))

    assert log_in().status_code == 200


def test_a_success_forgets_the_failures_before_it(ada):
    for _ in range(3):
        for _ in range(4):
            log_in(password="wrong")
        assert log_in().status_code == 200


def test_an_unknown_name_is_locked_out_too_and_is_written_down_nowhere(ada):
    answers = [log_in("hunter2-typed-here").status_code for _ in range(6)]

    assert answers[-2:] == [429, 429]
    assert audited()[-1] == ("nobody", "locked_out", "unknown")
    assert "hunter2" not in str(list(AuditEntry.objects.values()))


def test_an_address_may_try_so_often_a_minute_whomever_it_names(ada):
    answers = [log_in(f"name-{number}", "wrong").status_code for number in range(TRIES_A_MINUTE + 1)]

    assert answers == [401] * TRIES_A_MINUTE + [429]
    assert log_in().status_code == 429
    assert log_in(address="192.0.2.9").status_code == 200


@pytest.mark.parametrize("address", ["", "unknown", "not an address"])
def test_an_address_that_is_none_breaks_nothing(ada, address):
    assert log_in(password="wrong", address=address).status_code == 401
    assert log_in(address=address).status_code == 200


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({}, {"username", "password"}),
        ({"username": "a\0b", "password": "x"}, {"username"}),
        ({"username": "x" * 65, "password": "x"}, {"username"}),
        ({"username": "ada", "password": "x" * 1025}, {"password"}),
        ({"username": "ada", "password": PASSWORD, "role": "administrator"}, {"role"}),
        ({"username": ["ada"], "password": {"a": 1}}, {"username", "password"}),
    ],
)
def test_bad_credentials_are_named(ada, asked, fields):
    answer = calling().post("/api/v1/tokens", asked)

    assert answer.status_code == 422
    assert {error["field"] for error in answer.data["errors"]} == fields


def test_an_old_token_beside_it_is_no_reason_to_refuse_a_log_in(ada):
    asked = {"username": "ada", "password": PASSWORD}
    assert calling("hn_nonsense").post("/api/v1/tokens", asked).status_code == 200


# the page


@pytest.fixture
def page(installation):
    return Client(enforce_csrf_checks=False)


def test_the_page_lets_in_and_goes_on_to_where_one_wanted_to_go(ada, page):
    answer = page.post(f"{LOGIN}?next=/operations/evidence/", {"username": "ada", "password": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, "/operations/evidence/")
    assert audited()[-1] == ("operator:ada", "logged_in", str(ada.pk))
    assert Session.objects.count() == 1


def test_the_page_goes_on_to_nobody_elses_site(ada, page):
    answer = page.post(f"{LOGIN}?next=https://evil.example/", {"username": "ada", "password": PASSWORD})

    assert answer["Location"] == "/operations/"


def test_the_page_locks_out_with_429_and_says_how_long(ada, page):
    answers = [page.post(LOGIN, {"username": "ada", "password": "wrong"}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    late = page.post(LOGIN, {"username": "ada", "password": PASSWORD})
    assert late.status_code == 429
    assert 890 <= int(late["Retry-After"]) <= 900
    assert "15 minutes" in late.content.decode()
    assert not Session.objects.exists()


def test_pages_and_tokens_share_one_lock_out(ada, page):
    for _ in range(5):
        log_in(password="wrong", address="192.0.2.1")

    assert page.post(LOGIN, {"username": "ada", "password": PASSWORD}, REMOTE_ADDR="192.0.2.1").status_code == 429


def test_the_page_counts_tries_of_an_address(ada, page):
    for number in range(TRIES_A_MINUTE):
        page.post(LOGIN, {"username": f"name-{number}", "password": "wrong"})

    assert page.post(LOGIN, {"username": "ada", "password": PASSWORD}).status_code == 429


def test_logging_out_ends_the_session_and_is_audited(ada, page):
    page.post(LOGIN, {"username": "ada", "password": PASSWORD})
    page.post("/operations/logout/")

    assert audited()[-1] == ("operator:ada", "logged_out", str(ada.pk))
    assert not Session.objects.exists()


def test_a_new_password_ends_sessions(ada, page, installation):
    page.post(LOGIN, {"username": "ada", "password": PASSWORD})
    operators.set_password("ada", "another horse battery", by="command", at=installation.at)

    assert page.get("/operations/")["Location"].startswith(LOGIN)


def test_only_operators_exist_who_were_made(ada):
    assert Operator.objects.count() == 1

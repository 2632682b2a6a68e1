"""Keys, tokens and the lock-out when many come at once."""

import threading

import pytest
from django.db import connection

from healthnotify.apps.access import keys, operators, tokens
from healthnotify.apps.access.models import ApiKey
from healthnotify.apps.access.scopes import FOR_KEYS
from tests.api_client import calling

PASSWORD = "correct horse battery"


@pytest.fixture
def ada(committed, installation):
    return operators.make("ada", "administrator", PASSWORD, by="command", at=installation.at)[0]


def at_once(times, call):
    """What each of so many threads, which begin together, got."""
    got, begin = [], threading.Barrier(times)

    def one():
        begin.wait()
        try:
            got.append(call())
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(got)


def test_of_ten_who_renew_with_one_token_one_succeeds(ada):
    refresh = tokens.hand_out(ada).refresh
    got = at_once(10, lambda: calling().post("/api/v1/tokens/refresh", {"refresh": refresh}).status_code)

    assert got == [200] + [401] * 9


def test_of_ten_wrong_passwords_at_once_none_is_lost(ada):
    wrong, right = {"username": "ada", "password": "wrong"}, {"username": "ada", "password": PASSWORD}
    got = at_once(10, lambda: calling().post("/api/v1/tokens", wrong).status_code)

    assert set(got) <= {401, 429}
    assert calling().post("/api/v1/tokens", right).status_code == 429


def test_a_key_that_ten_use_at_once_lets_all_of_them_in(committed, installation):
    _, text = keys.make("busy", FOR_KEYS, by="command", at=installation.at)
    got = at_once(10, lambda: calling(text).get("/api/v1/goals").status_code)

    assert got == [200] * 10
    assert ApiKey.objects.get().last_used_at == installation.at


def test_two_who_revoke_one_key_agree(committed, installation):
    key, _ = keys.make("shared", FOR_KEYS, by="command", at=installation.at)

    assert at_once(2, lambda: keys.revoke(key.id, by="command", at=installation.at)) == [False, True]

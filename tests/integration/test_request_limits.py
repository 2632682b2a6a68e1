"""Rate limits of the API: one caller, one address, what the answers say, and without Redis."""

import pytest

from healthnotify.adapters.limits import RequestLimits
from healthnotify.adapters.memory.limiter import MemoryLimiter
from healthnotify.apps.access import operators, tokens
from healthnotify.apps.access.models import ApiKey
from healthnotify.apps.access.scopes import Scope
from tests.api_client import calling

pytestmark = pytest.mark.django_db

GOALS = "/api/v1/goals"


@pytest.fixture
def reader(a_key):
    return calling(a_key(Scope.NOTIFICATIONS_READ))


def headers(answer):
    return [int(answer[f"RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")]


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_a_caller_is_told_what_is_left_and_refused_when_nothing_is(request, kind, installation, reader):
    limiter = MemoryLimiter() if kind == "memory" else RequestLimits(request.getfixturevalue("own_valkey").url)
    installation.change(requests_per_minute=3, limiter=limiter)
    answers = [reader.get(GOALS) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [headers(answer) for answer in answers] == [[3, 2, 20], [3, 1, 40], [3, 0, 60], [3, 0, 60]]
    assert 19 <= int(answers[3]["Retry-After"]) <= 20
    assert answers[3]["Content-Type"] == "application/problem+json"
    assert answers[3].data["status"] == 429


def test_callers_do_not_take_from_each_other(installation, reader, a_key):
    installation.change(requests_per_minute=1, limiter=MemoryLimiter())
    other = calling(a_key(Scope.NOTIFICATIONS_READ))

    assert [reader.get(GOALS).status_code, other.get(GOALS).status_code] == [200, 200]
    assert [reader.get(GOALS).status_code, other.get(GOALS).status_code] == [429, 429]


def test_an_operator_has_one_limit_over_all_of_their_tokens(installation):
    installation.change(requests_per_minute=2, limiter=MemoryLimiter())
    ada, _ = operators.make("ada", "viewer", None, by="command", at=installation.at)
    answers = [calling(tokens.hand_out(ada).access).get(GOALS).status_code for _ in range(3)]

    assert answers == [200, 200, 429]


def test_an_address_has_one_limit_over_all_of_its_keys(installation, a_key):
    installation.change(address_requests_per_minute=2, limiter=MemoryLimiter())
    callers = [calling(a_key(Scope.NOTIFICATIONS_READ)) for _ in range(3)]
    answers = [caller.get(GOALS) for caller in callers]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert headers(answers[-1])[:2] == [2, 0]
    assert callers[2].get(GOALS, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_who_guesses_keys_is_slowed_down_too(installation):
    installation.change(address_requests_per_minute=3, limiter=MemoryLimiter())
    guesses = [calling(f"hn_{number:012x}_{'A' * 43}").get(GOALS) for number in range(5)]

    assert [answer.status_code for answer in guesses] == [401, 401, 401, 429, 429]
    assert headers(guesses[0])[:2] == [3, 2]


def test_who_may_not_is_counted_too(installation, reader):
    installation.change(requests_per_minute=2, limiter=MemoryLimiter())

    assert [reader.get("/api/v1/users").status_code for _ in range(3)] == [403, 403, 429]


def test_a_request_counts_once_against_each(installation, reader):
    reader.get(GOALS)
    prefix = ApiKey.objects.get().prefix

    assert installation.limiter.taken == {"address:127.0.0.1": 1, f"key:{prefix}": 1}


@pytest.mark.parametrize("path", [GOALS, "/api/v1/goals?nonsense=1", "/api/v1/users"])
def test_every_answer_to_a_caller_says_what_is_left(reader, path):
    assert headers(reader.get(path))[0] == 100_000


def test_a_forged_forwarding_header_is_no_other_address(installation, reader):
    installation.change(address_requests_per_minute=1, limiter=MemoryLimiter())
    answers = [reader.get(GOALS, HTTP_X_FORWARDED_FOR=f"192.0.2.{number}").status_code for number in range(2)]

    assert answers == [200, 429]


def test_without_redis_the_api_goes_on_and_still_counts(installation, reader, own_valkey):
    installation.change(requests_per_minute=3, limiter=RequestLimits(own_valkey.url))
    assert reader.get(GOALS).status_code == 200
    own_valkey.stop()

    assert [reader.get(GOALS).status_code for _ in range(4)] == [200, 200, 200, 429]

"""Rate limits, counted in memory and in Redis."""

import socket
import threading
import time
from contextlib import contextmanager
from uuid import uuid4

import pytest
import redis

from healthnotify.adapters.limits import RequestLimits
from healthnotify.adapters.memory.limiter import MOST_NAMES, MemoryLimiter
from healthnotify.domain.limits import spend

A_MINUTE = 60


@contextmanager
def silent_server():
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture(params=["memory", "redis"])
def limiter(request):
    if request.param == "memory":
        yield MemoryLimiter()
        return
    limits = RequestLimits(request.getfixturevalue("valkey").url)
    yield limits
    assert limits._rests_until == 0.0, "Redis was not asked"
    limits.close()


@pytest.fixture
def name():
    return f"key:{uuid4()}"


def test_a_minutes_worth_is_allowed_at_once_and_one_more_is_not(limiter, name):
    told = [limiter.take({name: 5}) for _ in range(6)]

    assert [one.allowed for one in told] == [True] * 5 + [False]
    assert [one.remaining for one in told] == [4, 3, 2, 1, 0, 0]
    assert {one.limit for one in told} == {5}
    assert [one.retry_after for one in told[:5]] == [0] * 5
    assert 11 < told[5].retry_after <= 12
    assert 11 < told[0].reset_after <= 12
    assert 59 < told[5].reset_after <= 60


def test_a_refused_request_takes_nothing(limiter, name):
    told = [limiter.take({name: 2}) for _ in range(50)]

    assert told[-1].retry_after <= told[2].retry_after <= 30


def test_names_are_counted_apart(limiter, name):
    assert not [limiter.take({name: 1}) for _ in range(2)][-1].allowed
    assert limiter.take({f"{name}-other": 1}).allowed


def test_of_several_names_the_one_that_lets_the_fewest_through_is_told(limiter, name):
    told = limiter.take({name: 100, f"{name}-address": 3})
    assert (told.allowed, told.limit, told.remaining) == (True, 3, 2)

    for _ in range(3):
        told = limiter.take({name: 100, f"{name}-address": 3})
    assert (told.allowed, told.limit, told.remaining) == (False, 3, 0)
    assert told.retry_after > 0


def test_the_order_of_the_names_does_not_matter(limiter, name):
    for _ in range(3):
        told = limiter.take({f"{name}-address": 2, name: 100})
    assert (told.allowed, told.limit) == (False, 2)


def test_it_refills_evenly(limiter, name):
    many = 1200  # one every 50 ms
    begun = time.monotonic()
    while limiter.take({name: many}).allowed:
        pass
    told = limiter.take({name: many})
    waited = time.monotonic()
    while not limiter.take({name: many}).allowed:
        threading.Event().wait(0.005)

    assert 0 < told.retry_after <= A_MINUTE / many
    assert time.monotonic() - waited < 1
    assert time.monotonic() - begun < 20


def test_fifty_threads_together_get_no_more_than_the_limit(limiter, name):
    allowed, begin = [], threading.Barrier(50)

    def ask():
        begin.wait()
        allowed.append(limiter.take({name: 20}).allowed)

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(allowed) == 20


def test_two_processes_share_one_count_through_redis(valkey, name):
    here, there = RequestLimits(valkey.url), RequestLimits(valkey.url)

    assert [here.take({name: 2}).allowed, there.take({name: 2}).allowed, here.take({name: 2}).allowed] == [
        True,
        True,
        False,
    ]


def test_without_redis_each_process_counts_alone(name):
    limiter = RequestLimits(None)

    assert [limiter.take({name: 1}).allowed for _ in range(2)] == [True, False]


def test_while_redis_is_away_requests_are_counted_here_and_none_waits_for_it(own_valkey, name):
    limiter = RequestLimits(own_valkey.url)
    assert limiter.take({name: 2}).allowed
    own_valkey.stop()

    begun = time.monotonic()
    told = [limiter.take({name: 2}).allowed for _ in range(1000)]

    assert told[:3] == [True, True, False]
    assert time.monotonic() - begun < 2


def test_a_redis_that_hangs_is_waited_for_once_and_not_long(name):
    with silent_server() as url:
        limiter = RequestLimits(url)
        begun = time.monotonic()
        assert limiter.take({name: 2}).allowed
        first = time.monotonic() - begun
        assert limiter.take({name: 2}).allowed

    assert first < 1
    assert time.monotonic() - begun - first < 0.1


def test_redis_is_asked_again_after_its_rest(own_valkey, name):
    limiter = RequestLimits(own_valkey.url)
    limiter._rests_until = time.monotonic() + 0.2
    assert limiter.take({name: 1}).allowed
    while time.monotonic() < limiter._rests_until:
        threading.Event().wait(0.01)

    assert limiter.take({name: 1}).allowed  # Redis has not heard of the first one
    assert not limiter.take({name: 1}).allowed


def test_a_redis_that_has_forgotten_the_script_is_given_it_again(own_valkey, name):
    limiter = RequestLimits(own_valkey.url)
    limiter.take({name: 2})
    redis.Redis.from_url(own_valkey.url).script_flush()

    assert [limiter.take({name: 2}).allowed for _ in range(2)] == [True, False]
    assert limiter._rests_until == 0.0


def test_what_redis_keeps_of_a_caller_expires_with_the_minute(own_valkey, name):
    RequestLimits(own_valkey.url).take({name: 2})
    server = redis.Redis.from_url(own_valkey.url, decode_responses=True)

    (key,) = server.keys("*")
    assert key == f"healthnotify:limit:{name}"
    assert 0 < server.ttl(key) <= 60


def test_a_flood_of_addresses_does_not_fill_the_memory():
    now = [0.0]
    limiter = MemoryLimiter(lambda: now[0])
    for number in range(3 * MOST_NAMES):
        now[0] = number / 1000
        limiter.take({f"address:{number}": 60})

    assert len(limiter._full_at) <= MOST_NAMES + 1


def test_forgetting_spares_those_who_are_still_refused():
    now = [0.0]
    limiter = MemoryLimiter(lambda: now[0])
    while limiter.take({"busy": 60}).allowed:
        pass
    for number in range(MOST_NAMES):
        limiter.take({f"address:{number}": 60})
    now[0] = 2.0  # every other bucket is full again
    limiter.take({"another": 60})

    assert len(limiter._full_at) == 2


def test_the_rule_loses_nothing_to_rounding():
    for per_minute in (1, 3, 7, 60, 6000, 999_999):
        full_at, left = 0.0, []
        for _ in range(min(per_minute, 500)):
            full_at, told = spend(full_at, 0.0, per_minute)
            left.append((told.allowed, told.remaining))
        assert left == [(True, per_minute - n - 1) for n in range(len(left))]

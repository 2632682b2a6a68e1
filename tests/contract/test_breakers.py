"""Breakers: alone, and shared through Redis by several processes."""

import asyncio
import time
from itertools import pairwise

import pytest
from redis import Redis

from healthnotify.adapters.breakers import FRESH, KEY, SharedBreakers
from healthnotify.adapters.memory.breakers import MOST_TALLIES, MemoryBreakers
from healthnotify.domain.breaker import BreakerRule

QUICK = BreakerRule(least=5, rest=0.2, longest_rest=0.8, probe=1.0)
LONGEST = 10


@pytest.fixture
def valkey_client(valkey):
    """An empty server."""
    client = Redis.from_url(valkey.url, decode_responses=True)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def valkey_url(valkey, valkey_client):
    return valkey.url


async def fail(breakers, number, provider="smtp:a"):
    for _ in range(number):
        assert await breakers.ask(provider) == 0
        await breakers.tell(provider, good=False)


async def open_one(breakers, provider="smtp:a"):
    await fail(breakers, QUICK.least, provider)
    return await breakers.ask(provider)


async def until_it_may_be_tried(breakers, provider="smtp:a"):
    """Until somebody would be let through, without being that somebody."""
    deadline = time.monotonic() + LONGEST
    while breakers.opened[provider].until > time.monotonic():
        assert time.monotonic() < deadline
        await asyncio.sleep(QUICK.rest / 20)


@pytest.fixture(params=["alone", "shared", "without Redis"])
async def breakers(request):
    url = {"shared": lambda: request.getfixturevalue("valkey_url")}.get(request.param, lambda: None)()
    if request.param == "without Redis":
        url = "redis://127.0.0.1:1/0"
    one = MemoryBreakers(QUICK) if request.param == "alone" else SharedBreakers(url, QUICK)
    yield one
    if isinstance(one, SharedBreakers):
        await one.close()


async def test_it_opens_when_nearly_all_fail_and_leaves_others_alone(breakers):
    await fail(breakers, QUICK.least - 1)
    assert await breakers.ask("smtp:a") == 0

    await breakers.tell("smtp:a", good=False)

    assert 0 < await breakers.ask("smtp:a") <= QUICK.rest
    assert await breakers.ask("smtp:b") == 0


async def test_a_provider_that_fails_half_of_the_time_stays_open_to_us(breakers):
    for _ in range(50):
        await breakers.tell("smtp:a", good=False)
        await breakers.tell("smtp:a", good=True)

    assert await breakers.ask("smtp:a") == 0


async def test_after_the_rest_exactly_one_goes_and_its_success_closes_the_breaker(breakers):
    await open_one(breakers)
    await until_it_may_be_tried(breakers)

    answers = await asyncio.gather(*(breakers.ask("smtp:a") for _ in range(20)))
    assert sorted(answers)[:2] == [0, pytest.approx(1.0)]

    await breakers.tell("smtp:a", good=True)
    assert [await breakers.ask("smtp:a") for _ in range(5)] == [0] * 5


async def test_a_probe_that_fails_makes_the_rest_twice_as_long_up_to_a_limit(breakers):
    rests = [await open_one(breakers)]
    for _ in range(3):
        await until_it_may_be_tried(breakers)
        assert await breakers.ask("smtp:a") == 0
        await breakers.tell("smtp:a", good=False)
        rests.append(await breakers.ask("smtp:a"))

    assert rests == [pytest.approx(rest, abs=0.1) for rest in (0.2, 0.4, 0.8, 0.8)]
    assert all(shorter < longer + 0.1 for shorter, longer in pairwise(rests))


async def test_what_was_under_way_when_it_opened_changes_nothing(breakers):
    await open_one(breakers)

    await breakers.tell("smtp:a", good=True)
    await breakers.tell("smtp:a", good=False)

    assert 0 < await breakers.ask("smtp:a") <= QUICK.rest


async def test_a_probe_that_never_comes_back_is_given_up(breakers):
    breakers.rule = BreakerRule(least=5, rest=0.1, probe=0.2)
    await open_one(breakers)
    await until_it_may_be_tried(breakers)
    assert await breakers.ask("smtp:a") == 0
    assert await breakers.ask("smtp:a") > 0

    deadline = time.monotonic() + LONGEST
    while await breakers.ask("smtp:a"):
        assert time.monotonic() < deadline
        await asyncio.sleep(QUICK.rest / 20)


async def test_of_ever_new_hosts_no_more_are_remembered_than_fit():
    breakers = MemoryBreakers(QUICK)

    for number in range(MOST_TALLIES + 10):
        await breakers.tell(f"webhook:{number}", good=False)

    assert len(breakers._tallies) <= MOST_TALLIES


# several processes


@pytest.fixture
async def two(valkey_url):
    both = [SharedBreakers(valkey_url, QUICK), SharedBreakers(valkey_url, QUICK)]
    yield both
    for one in both:
        await one.close()


async def heard(breakers, provider, state):
    deadline = time.monotonic() + LONGEST
    while bool(await breakers.ask(provider)) is not state:
        assert time.monotonic() < deadline
        await asyncio.sleep(FRESH / 20)


async def test_what_one_process_finds_the_other_knows(two):
    mine, theirs = two
    mine.rule = theirs.rule = BreakerRule(least=5, rest=30.0)
    await open_one(mine)

    await heard(theirs, "smtp:a", True)


async def test_of_two_processes_one_probes(two):
    mine, theirs = two
    mine.rule = theirs.rule = BreakerRule(least=5, rest=1.5, probe=30.0)
    await open_one(mine)
    await heard(theirs, "smtp:a", True)
    for one in two:
        await until_it_may_be_tried(one)

    answers = await asyncio.gather(*(one.ask("smtp:a") for one in two for _ in range(10)))

    assert answers.count(0) == 1


async def test_the_success_of_ones_probe_closes_it_for_the_other(two):
    mine, theirs = two
    mine.rule = theirs.rule = BreakerRule(least=5, rest=1.5, probe=30.0)
    await open_one(mine)
    await heard(theirs, "smtp:a", True)
    await until_it_may_be_tried(mine)
    assert await mine.ask("smtp:a") == 0

    await mine.tell("smtp:a", good=True)

    await heard(theirs, "smtp:a", False)


async def test_only_what_is_not_closed_is_kept_and_not_for_ever(two, valkey_client):
    mine, _ = two
    await mine.tell("smtp:well", good=True)
    await open_one(mine)

    assert valkey_client.hkeys(KEY) == ["smtp:a"]
    assert 0 < valkey_client.ttl(KEY) <= 3600

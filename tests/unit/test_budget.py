"""The retry budget: a tenth of the first attempts and five a second, and nobody is given up for it."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthnotify.domain.budget import LATELY, RetryBudget
from healthnotify.domain.delivery import FailureKind
from healthnotify.domain.lifecycle import State
from tests.builders import NOON, REFUSED, a_person
from tests.world import DUE, SECOND


def test_as_many_as_there_is_room_for_go_when_they_are_wanted_and_the_others_in_the_seconds_after():
    budget = RetryBudget()

    reserved = [budget.reserve(NOON, now=NOON) for _ in range(12)]

    assert reserved[:5] == [NOON] * 5
    assert Counter(int((at - NOON).total_seconds()) for at in reserved) == {0: 5, 1: 5, 2: 2}


def test_the_budget_grows_with_the_first_attempts():
    budget = RetryBudget()
    budget.heard(1_000 * int(LATELY.total_seconds()), now=NOON)

    assert budget.room == 105
    assert not budget.is_stale(NOON + LATELY - SECOND)
    assert budget.is_stale(NOON + LATELY)
    assert budget.is_stale(NOON - SECOND), "a clock that was set back is no reason to believe it for hours"


def test_a_second_that_is_free_later_does_not_make_those_wait_who_are_wanted_earlier():
    budget = RetryBudget()
    budget.reserve(NOON + timedelta(hours=1), now=NOON)

    assert budget.reserve(NOON, now=NOON) == NOON


@given(st.lists(st.integers(0, 30), max_size=200), st.integers(0, 100))
def test_no_second_holds_more_than_its_room_and_nobody_comes_before_they_are_wanted(wanted, first_attempts):
    budget = RetryBudget()
    budget.heard(first_attempts * 10, now=NOON)

    reserved = [budget.reserve(NOON + SECOND * second, now=NOON) for second in wanted]

    assert all(at >= NOON + SECOND * second for at, second in zip(reserved, wanted, strict=True))
    seconds = Counter((at - NOON) // SECOND for at in reserved)
    assert all(number <= budget.room for number in seconds.values())
    # Nobody waits while there is room: before each that was moved, every second from the one it wanted is full.
    for at, second in zip(reserved, wanted, strict=True):
        assert all(seconds[full] == budget.room for full in range(second, (at - NOON) // SECOND))


def test_a_hundred_thousand_that_fail_at_once_are_placed_quickly_and_the_past_is_forgotten():
    budget = RetryBudget()
    for number in range(100_000):
        budget.reserve(NOON, now=NOON + SECOND * (number // 5))

    assert budget.reserve(NOON, now=NOON) == NOON + SECOND * 20_000
    assert len(budget._taken) <= 20_001


async def test_a_dead_provider_gets_no_more_than_a_tenth_and_five_a_second_on_top(world):
    """Amplification: the retries of a second beside its first attempts."""
    entries = world.stage(*[a_person() for _ in range(40)])
    world.channel._answer = lambda _: REFUSED
    world.breakers.rule = world.breakers.rule.__class__(least=1_000)
    world.publish()
    await world.deliver()

    world.retry(dice=0.0)

    at = Counter((world.store.rows[entry.id].next_attempt_at - DUE) // SECOND for entry in entries)
    assert at == dict.fromkeys(range(8), 5)  # 40 first attempts in ten seconds are four a second: 5 + 0.4, rounded down


async def test_a_deferral_is_no_retry_and_costs_nothing(world):
    entries = world.stage(*[a_person() for _ in range(20)])
    deferred = REFUSED.__class__(FailureKind.DEFERRED, "quiet_hours", until=DUE + SECOND)
    world.channel._answer = lambda _: deferred
    world.publish()
    await world.deliver()

    world.retry()

    assert {world.store.rows[entry.id].next_attempt_at for entry in entries} == {DUE + SECOND}


async def test_who_would_have_to_wait_beyond_the_expiry_is_told_so(world):
    world.stage(*[a_person() for _ in range(3)])
    world.budget.per_second = 0
    world.budget.share = 0
    world.channel._answer = lambda _: REFUSED
    world.publish()
    await world.deliver()
    for _ in range(5 * 3600):  # one a second, all taken until after the expiry
        world.budget.reserve(DUE, now=DUE)

    assert {(step.after, step.reason) for step in world.retry(dice=0.0)} >= {(State.CANCELLED, "expired")}


@pytest.mark.parametrize("number", [0, 1, 5])
def test_there_is_always_room_for_one(number):
    assert RetryBudget(per_second=number, share=0).room == max(1, number)

"""Alive is who gets on, ready is whose needs answer: the rules, without a clock."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthnotify.domain.health import (
    LATELY,
    LEAST_PATIENCE,
    STANDSTILL,
    Asked,
    Place,
    Signs,
    Wait,
    patience,
    standstill,
    unready,
    waiting,
    waits,
)

NOW = timedelta(0)
TICK = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)


def signs(**but):
    return Signs(**{"round": NOW, "call": NOW} | but)


def test_who_comes_round_is_alive():
    assert standstill(signs(round=STANDSTILL, call=STANDSTILL), MINUTE) is None


def test_a_loop_that_does_not_come_round_stands_still():
    assert standstill(signs(round=STANDSTILL + TICK), MINUTE) == "the loop has not come round for 30 s"


def test_a_call_that_does_not_return_stands_still_though_the_loop_goes_on():
    assert standstill(signs(call=STANDSTILL + TICK), MINUTE) == "a call has not returned for 30 s"


def test_who_consumes_nothing_while_records_wait_is_alive_for_as_long_as_its_patience():
    assert standstill(signs(consumed=MINUTE, waiting=2 * MINUTE), MINUTE) is None
    assert standstill(signs(consumed=MINUTE + TICK, waiting=2 * MINUTE), MINUTE) == (
        "records wait, and none has been consumed for 60 s"
    )


@pytest.mark.parametrize(
    "idle",
    [
        signs(consumed=10 * MINUTE),  # nothing waits: a quiet night
        signs(consumed=10 * MINUTE, waiting=TICK),  # something has just come
        signs(consumed=TICK, waiting=10 * MINUTE),  # one record is stuck, the others go on
        signs(waiting=10 * MINUTE),  # a worker that consumes nothing
    ],
)
def test_who_has_nothing_to_consume_is_alive(idle):
    assert standstill(idle, MINUTE) is None


def test_patience_outlasts_a_dead_colleagues_lease():
    assert patience(timedelta(seconds=20)) == LEAST_PATIENCE
    assert patience(timedelta(seconds=60)) == timedelta(seconds=120)


# what waits


def test_the_time_goes_on_where_nothing_moves_and_begins_anew_where_something_did():
    first = waits({}, {0: Place(5, 9), 1: Place(3, 9), 2: Place(4, 4)}, at=10)
    second = waits(first, {0: Place(5, 12), 1: Place(4, 12), 2: Place(4, 4)}, at=15)

    assert first == {0: Wait(5, 10), 1: Wait(3, 10)}
    assert second == {0: Wait(5, 10), 1: Wait(4, 15)}


def test_what_is_consumed_waits_no_more():
    assert waits({0: Wait(5, 10)}, {0: Place(9, 9)}, at=15) == {}


def test_a_consumer_answers_for_its_own_partitions():
    found = {0: Wait(5, since=10), 1: Wait(3, since=40)}

    assert waiting(found, assigned=[0, 7], at=50) == timedelta(seconds=40)
    assert waiting(found, assigned=[0, 1], at=50) == timedelta(seconds=40)
    assert waiting(found, assigned=[1], at=50) == timedelta(seconds=10)
    assert waiting(found, assigned=[7], at=50) is None


def test_one_without_partitions_answers_for_all_of_them_while_none_moves():
    assert waiting({0: Wait(5, since=10), 1: Wait(3, since=40)}, assigned=[], at=50) == timedelta(seconds=10)
    assert waiting({}, assigned=[], at=50) is None


@given(st.integers(0, 100), st.integers(0, 100))
def test_lag_is_never_negative(committed, end):
    """The offsets are asked for one after the other, and records are consumed in between."""
    assert Place(committed, end).lag >= 0


# ready


@pytest.mark.parametrize(
    ("asked", "state"),
    [
        (Asked(None), "not asked yet"),
        (Asked(LATELY - TICK), "ok"),
        (Asked(LATELY), "no answer for 15 s"),  # it hangs: no problem, and no answer either
        (Asked(TICK, "connection refused"), "connection refused"),
    ],
)
def test_what_is_known_of_a_dependency_is_ok_or_its_problem(asked, state):
    assert asked.state == state


def test_only_what_has_answered_lately_counts():
    assert unready({"PostgreSQL": Asked(TICK), "Kafka": Asked(LATELY)}) == ["Kafka"]
    assert unready({"PostgreSQL": Asked(TICK)}) == []

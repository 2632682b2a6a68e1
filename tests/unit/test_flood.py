"""When dead letters are a flood, and when they are not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from healthnotify.domain.flood import USUAL, Flood
from tests.builders import NOON

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


IN_A_ROW_ONLY = replace(USUAL, share=1.0)


def test_fifty_in_a_row_are_none_and_one_more_is_one():
    assert Flood(IN_A_ROW_ONLY).observe(NOON, 50, 50) is None
    assert Flood(IN_A_ROW_ONLY).observe(NOON, 51, 51) == "51 dead letters in a row"


def test_in_a_row_counts_over_batches_and_something_good_ends_it():
    flood = Flood(IN_A_ROW_ONLY)
    for _ in range(5):
        assert flood.observe(NOON, 10, 10) is None
    assert flood.observe(NOON, 2, 1) is None
    assert flood.in_a_row == 0
    for _ in range(5):
        assert flood.observe(NOON, 10, 10) is None
    assert flood.observe(NOON, 1, 1) == "51 dead letters in a row"


def test_what_handles_nothing_changes_nothing():
    flood = Flood(IN_A_ROW_ONLY)
    flood.observe(NOON, 50, 50)

    assert flood.observe(NOON, 0, 0) is None
    assert flood.in_a_row == 50


@pytest.mark.parametrize(
    ("handled", "buried", "flood"),
    [
        (10, 1, False),  # a tenth, and no flood
        (100, 19, False),
        (100, 20, True),
        (400, 20, False),  # a twentieth, and not more
        (399, 20, True),
        (100_000, 5_000, False),
        (100_000, 5_001, True),
    ],
)
def test_a_share_counts_from_a_number_on(handled, buried, flood):
    said = Flood().observe(NOON, handled, buried)

    assert (said is not None) == flood
    if flood:
        assert said == f"{buried} of {handled} became dead letters within 5 minutes"


def test_the_share_is_that_of_the_last_five_minutes():
    flood = Flood()
    for second in range(19):
        assert flood.observe(NOON + second * SECOND, 2, 1) is None

    assert flood.observe(NOON + 5 * MINUTE + 19 * SECOND, 1, 0) is None
    assert flood.observe(NOON + 5 * MINUTE + 20 * SECOND, 10, 1) is None
    assert flood.observe(NOON + 5 * MINUTE + 21 * SECOND, 40, 19) is not None


def test_what_it_remembers_is_bounded():
    flood = Flood()
    for tenth in range(20_000):
        flood.observe(NOON + tenth * SECOND / 10, 100, 0)

    assert len(flood._seconds) <= 301
    assert flood._handled == 100 * 10 * 300


def test_there_is_room_for_one_too_many_and_no_more():
    flood = Flood(IN_A_ROW_ONLY)
    assert flood.room() == 51
    flood.observe(NOON, 49, 49)
    assert flood.room() == 2
    flood.observe(NOON, 9, 9)
    assert flood.room() == 1

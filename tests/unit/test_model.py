"""The nouns that carry a rule: the id of an occasion, and quiet hours."""

from datetime import date, time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthnotify.domain.model import Category, Channel, QuietHours, notification_id

USER = UUID("00000000-0000-4000-8000-000000000001")
NEW_YEAR = date(2026, 1, 1)

occasions = st.tuples(
    st.uuids(), st.sampled_from(Category), st.dates(), st.integers(1, 20), st.sampled_from(Channel)
)  # whatever the id is made of
times = st.times()


def test_an_id_is_the_same_in_every_process_and_every_release() -> None:
    """Rows, provider keys and dead letters carry it: a changed recipe would send what was already sent."""
    assert notification_id(USER, Category.NUDGE, NEW_YEAR, 1, Channel.EMAIL) == UUID(
        "d41b9ca0-1ce9-5a05-9df4-aaee03930532"
    )


@given(occasions, occasions)
def test_two_occasions_share_an_id_only_when_they_are_the_same(one: tuple, other: tuple) -> None:
    assert (notification_id(*one) == notification_id(*other)) == (one == other)


@pytest.mark.parametrize(
    "other",
    [
        (UUID(int=2), Category.NUDGE, NEW_YEAR, 1, Channel.EMAIL),
        (USER, Category.DIGEST, NEW_YEAR, 1, Channel.EMAIL),
        (USER, Category.NUDGE, date(2026, 1, 2), 1, Channel.EMAIL),
        (USER, Category.NUDGE, NEW_YEAR, 2, Channel.EMAIL),
        (USER, Category.NUDGE, NEW_YEAR, 1, Channel.SMS),
    ],
    ids=["user", "category", "date", "slot", "channel"],
)
def test_each_part_of_an_occasion_changes_its_id(other: tuple) -> None:
    assert notification_id(*other) != notification_id(USER, Category.NUDGE, NEW_YEAR, 1, Channel.EMAIL)


@pytest.mark.parametrize(
    ("wall", "inside"),
    [("21:59:59", False), ("22:00", True), ("23:59:59", True), ("00:00", True), ("06:59:59", True), ("07:00", False)],
)
def test_a_window_over_midnight_holds_its_start_and_not_its_end(wall: str, inside: bool) -> None:
    assert QuietHours(time(22), time(7)).holds(time.fromisoformat(wall)) is inside


@pytest.mark.parametrize(
    ("wall", "inside"),
    [("12:59:59", False), ("13:00", True), ("14:59:59", True), ("15:00", False), ("00:00", False)],
)
def test_a_window_within_a_day_holds_its_start_and_not_its_end(wall: str, inside: bool) -> None:
    assert QuietHours(time(13), time(15)).holds(time.fromisoformat(wall)) is inside


@given(times, times, times)
def test_a_window_and_its_complement_share_the_day(start: time, end: time, wall: time) -> None:
    if start == end:
        assert not QuietHours(start, end).holds(wall)
    else:
        assert QuietHours(start, end).holds(wall) != QuietHours(end, start).holds(wall)

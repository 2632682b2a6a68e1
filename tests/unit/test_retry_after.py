"""A provider's Retry-After, believed only as far as it makes sense."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthnotify.adapters.retry_after import LONGEST, parse

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", timedelta(0)),
        (" 120 ", timedelta(seconds=120)),
        ("Sun, 01 Mar 2026 12:01:30 GMT", timedelta(seconds=90)),
        ("Sunday, 01-Mar-26 12:01:30 GMT", timedelta(seconds=90)),
        ("Sun Mar  1 12:01:30 2026", timedelta(seconds=90)),
        ("Sun, 01 Mar 2026 13:01:30 +0100", timedelta(seconds=90)),
    ],
)
def test_seconds_and_dates_are_understood(text, wait):
    assert parse(text, NOW) == wait


def test_a_date_in_the_past_means_no_wait():
    assert parse("Sat, 28 Feb 2026 12:00:00 GMT", NOW) == timedelta(0)


@pytest.mark.parametrize("text", ["99999999", "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_absurd_wait_is_cut(text):
    assert parse(text, NOW) == LONGEST


@pytest.mark.parametrize(
    "text", [None, "", "-5", "+5", "1.5", "1e9", "soon", "٣", "nan", "Sun, 99 Mar 2026 12:00:00 GMT", "0x10"]
)
def test_what_is_not_understood_is_no_wish_at_all(text):
    assert parse(text, NOW) is None


@given(st.text())
def test_no_text_whatever_raises_or_leaves_the_bounds(text):
    wait = parse(text, NOW)

    assert wait is None or timedelta(0) <= wait <= LONGEST

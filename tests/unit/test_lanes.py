"""A lane a channel: what fits goes, what does not waits, and what is in the way of others is put off."""

from datetime import timedelta

import pytest

from healthnotify.domain.lanes import AT_A_TIME, LATELY, PATIENCE, SPAN, Lanes
from healthnotify.domain.model import Channel
from tests.builders import NOON

MAIL, HOOK = Channel.EMAIL, Channel.WEBHOOK


def lanes(size=2, most_waiting=6, most=None):
    return Lanes(size, most or size, most_waiting=most_waiting)


def fill(one, channel, number, now=NOON):
    items = [f"{channel} {n}" for n in range(number)]
    for item in items:
        one.wait(channel, item, now=now)
    return items


def test_as_many_are_ready_as_a_lane_has_room_for_in_the_order_in_which_they_came():
    it = lanes()
    hooks, mails = fill(it, HOOK, 3), fill(it, MAIL, 1)

    assert it.ready(NOON) == [*hooks[:2], *mails]
    it.begin({HOOK: 1})
    assert it.ready(NOON) == [*hooks[:1], *mails]
    it.begin({HOOK: 1})
    assert it.ready(NOON) == mails
    it.end({HOOK: 2})
    assert it.ready(NOON) == [*hooks[:2], *mails]


def test_they_wait_until_they_go():
    it = lanes()
    hooks = fill(it, HOOK, 2)

    assert it.ready(NOON) == it.ready(NOON) == it.waiting() == hooks
    it.go(hooks)
    assert it.ready(NOON) == it.waiting() == []


def test_what_must_wait_for_an_instant_lets_others_pass():
    it = lanes(size=1)
    it.wait(HOOK, "parked", now=NOON, not_before=NOON + timedelta(seconds=1))
    it.wait(HOOK, "free", now=NOON)

    assert it.ready(NOON) == ["free"]
    assert it.ready(NOON + timedelta(seconds=1)) == ["parked"]


def test_no_more_is_read_than_may_wait():
    it = lanes(most_waiting=6)
    fill(it, HOOK, 4)
    assert it.room() == 2
    fill(it, MAIL, 5)
    assert it.room() == 0


@pytest.mark.parametrize(
    ("waited", "mail_came", "under_way", "waiting", "put_off"),
    [
        pytest.param(PATIENCE, timedelta(0), 2, 6, 6, id="it stands in the way"),
        pytest.param(PATIENCE - timedelta(milliseconds=1), timedelta(0), 2, 6, 0, id="it has not waited long"),
        pytest.param(PATIENCE, None, 2, 6, 0, id="there is nobody to give way to"),
        pytest.param(LATELY + PATIENCE, timedelta(0), 2, 6, 0, id="the others came long ago"),
        pytest.param(PATIENCE, timedelta(0), 1, 6, 0, id="its lane moves"),
        pytest.param(PATIENCE, timedelta(0), 2, 5, 0, id="there is room to read on"),
    ],
)
def test_who_gives_way(waited, mail_came, under_way, waiting, put_off):
    it = lanes(most_waiting=6)
    if mail_came is not None:
        it.go(fill(it, MAIL, 1))
    hooks = fill(it, HOOK, waiting)
    it.begin({HOOK: under_way})

    found = it.overstayed(NOON + waited)

    assert len(found) == put_off
    assert set(found) <= set(hooks)


def answered_lately(it, channel, number, now=NOON):
    it.answered({channel: 0}, now - SPAN)
    it.answered({channel: number}, now - SPAN)
    it.answered({channel: 0}, now)


def test_a_lane_is_as_wide_as_its_channel_is_fast():
    it = lanes(size=2, most=100)
    assert it.room_in(MAIL, NOON) == 2
    answered_lately(it, MAIL, 40)
    assert it.room_in(MAIL, NOON) == 40
    assert it.room_in(HOOK, NOON) == 2
    answered_lately(it, MAIL, 400)
    assert it.room_in(MAIL, NOON) == 100


def test_a_lane_that_has_stood_still_is_narrow_again():
    it = lanes(size=2, most=100)
    answered_lately(it, MAIL, 40)

    assert it.room_in(MAIL, NOON + PATIENCE - SPAN) == 40
    assert it.room_in(MAIL, NOON + PATIENCE) == 2


def test_only_the_slowest_gives_way():
    it = lanes(size=1, most_waiting=6)
    mails, hooks = fill(it, MAIL, 4), fill(it, HOOK, 2)
    answered_lately(it, MAIL, 1, NOON + PATIENCE)
    it.begin({MAIL: 1, HOOK: 1})

    assert it.overstayed(NOON + PATIENCE) == hooks
    answered_lately(it, HOOK, 1, NOON + PATIENCE)
    assert it.overstayed(NOON + PATIENCE) == mails  # the longer line, when both move alike


def test_only_so_many_give_way_at_a_time():
    it = lanes(most_waiting=2 * AT_A_TIME)
    it.go(fill(it, MAIL, 1))
    hooks = fill(it, HOOK, 2 * AT_A_TIME)
    it.begin({HOOK: 2})

    assert it.overstayed(NOON + PATIENCE) == hooks[:AT_A_TIME]

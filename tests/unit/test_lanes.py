"""A lane a channel: what fits goes, what does not waits, and what is in the way of others is put off."""

from datetime import timedelta

import pytest

from healthnotify.domain.lanes import LATELY, PATIENCE, Lanes
from healthnotify.domain.model import Channel
from tests.builders import NOON

MAIL, HOOK = Channel.EMAIL, Channel.WEBHOOK


def lanes(size=2, most_waiting=6):
    return Lanes(lambda _: size, most_waiting=most_waiting)


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

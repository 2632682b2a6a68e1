"""What of somebody's notifications still stands after a change."""

from dataclasses import replace
from datetime import date, time, timedelta
from uuid import uuid4

import pytest

from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Category, Channel, Goal, QuietHours, Withheld
from healthnotify.domain.replanning import Waiting, Wish, fallen
from healthnotify.domain.schedule import Rule
from tests.builders import NOON

RULE = Rule("Europe/Berlin", (time(13, 5), time(18)))
WISH = Wish(RULE, frozenset({Goal.WALK_MORE, Goal.STRETCH}))
KEY = (Category.NUDGE, Channel.EMAIL)
ROW = Waiting(
    id=uuid4(),
    category=Category.NUDGE,
    channel=Channel.EMAIL,
    goal=Goal.WALK_MORE,
    local_date=date(2026, 11, 23),
    slot=1,
    timezone="Europe/Berlin",
    send_at=NOON + timedelta(minutes=5),
    state=State.STAGED,
    is_written=True,
)


def fate(row=ROW, wish=WISH, now=NOON, **options):
    return fallen([row], {} if wish is None else {KEY: wish}, now=now, **options).get(row.id)


def test_what_the_new_wish_leads_to_as_well_stands():
    assert fate() is None
    assert fate(wish=replace(WISH, rule=replace(RULE, times=(time(13, 5), time(20))))) is None


@pytest.mark.parametrize(
    "rule",
    [
        replace(RULE, times=(time(13, 6), time(18))),
        replace(RULE, times=(time(9), time(13, 5))),  # the same hour, but the second occasion of the day now
        replace(RULE, days=frozenset({1})),
        replace(RULE, every=2, anchor=date(2026, 11, 22)),
        replace(RULE, quiet=QuietHours(time(13), time(14))),
        replace(RULE, timezone="Europe/Vienna"),  # the same instant; but the row, the cache and the page say Berlin
        replace(RULE, timezone="America/New_York"),
    ],
)
def test_what_it_does_not_lead_to_is_superseded(rule):
    assert fate(wish=replace(WISH, rule=rule)) is Withheld.SUPERSEDED


def test_what_is_about_a_goal_that_is_gone_is_superseded():
    assert fate(wish=replace(WISH, goals=frozenset({Goal.STRETCH}))) is Withheld.SUPERSEDED


def test_what_is_no_longer_wanted_at_all_is_opted_out_whatever_its_time_and_state():
    assert fate(wish=None) is Withheld.OPTED_OUT
    assert fate(wish=None, now=ROW.send_at) is Withheld.OPTED_OUT
    assert fate(replace(ROW, state=State.RETRY), wish=None) is Withheld.OPTED_OUT


def test_what_is_due_already_goes_its_way():
    moved = replace(WISH, rule=replace(RULE, times=(time(18),)))

    assert fate(wish=moved, now=ROW.send_at) is None
    assert fate(replace(ROW, state=State.RETRY), wish=moved) is None


def test_a_text_that_has_become_untrue_is_superseded_and_one_that_is_not_written_yet_is_not():
    assert fate(text_is_stale=True) is Withheld.SUPERSEDED
    assert fate(replace(ROW, state=State.PLANNED, is_written=False), text_is_stale=True) is None
    assert fate(replace(ROW, state=State.PLANNED, is_written=True), text_is_stale=True) is Withheld.SUPERSEDED

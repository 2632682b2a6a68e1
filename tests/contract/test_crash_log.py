"""What every crash log promises, in memory and on PostgreSQL."""

from functools import partial
from uuid import uuid4

import pytest

from healthnotify.adapters.memory.safeguards import MemoryMarks
from healthnotify.apps.notifications.crash_log import PostgresCrashLog
from healthnotify.pipeline.ports import Span, Topic
from tests.builders import NOON


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.django_db)])
def process(request):
    """Makes the log of another process, of the daily topic unless told otherwise."""
    if request.param == "memory":
        return MemoryMarks().log
    return lambda topic: PostgresCrashLog(topic, uuid4(), lambda: NOON)


@pytest.fixture
def daily(process):
    return partial(process, Topic.DAILY)


def test_what_a_process_had_in_hand_is_told_to_others_and_not_to_itself(daily):
    dead, heir = daily(), daily()
    dead.begin([Span(0, 5, 9), Span(1, 3, 4, deaths=1)])

    assert heir.suspects([0, 1, 2]) == [Span(0, 5, 9), Span(1, 3, 4, deaths=1)]
    assert heir.suspects([1]) == [Span(1, 3, 4, deaths=1)]
    assert dead.suspects([0, 1]) == []


def test_what_begins_takes_the_place_of_all_that_went_before(daily):
    log, other = daily(), daily()
    log.begin([Span(0, 5, 9), Span(1, 3, 4)])
    log.begin([Span(0, 9, 12)])

    assert other.suspects([0, 1]) == [Span(0, 9, 12)]


def test_an_heir_that_begins_takes_the_place_of_the_trace_that_it_found(daily):
    dead, heir, third = daily(), daily(), daily()
    dead.begin([Span(0, 5, 9), Span(1, 0, 2)])
    heir.begin([Span(0, 5, 6, deaths=1)])

    assert third.suspects([0, 1]) == [Span(0, 5, 6, deaths=1), Span(1, 0, 2)]
    assert dead.suspects([0]) == [Span(0, 5, 6, deaths=1)]


def test_who_puts_down_what_it_had_leaves_no_trace_and_touches_nobody_elses(daily):
    log, other, third = daily(), daily(), daily()
    log.begin([Span(0, 5, 9), Span(1, 3, 4)])
    other.begin([Span(2, 1, 2)])

    log.done([0])
    assert third.suspects([0, 1, 2]) == [Span(1, 3, 4), Span(2, 1, 2)]
    log.done()
    assert third.suspects([0, 1, 2]) == [Span(2, 1, 2)]


def test_a_topic_knows_nothing_of_another(process):
    process(Topic.RETRY).begin([Span(0, 5, 9)])

    assert process(Topic.DAILY).suspects([0]) == []

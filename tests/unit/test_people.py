"""What is wrong with a person is told all at once, and a person without wishes is a person."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from healthnotify.domain.errors import BadInput, Rejected
from healthnotify.domain.model import Channel, Goal, QuietHours
from healthnotify.domain.people import NewGoal, anchor_of, check, first_due, problems
from tests.builders import NOON, a_person, a_preference


def fields(person, **options):
    return [problem.field for problem in problems(person, **options)]


def test_everything_that_is_wrong_is_told_at_once_each_with_its_fix():
    person = a_person(
        name="see www.example.org", timezone="Mars/Olympus", preferences=(a_preference(times=(), days=frozenset()),)
    )

    with pytest.raises(Rejected) as refusal:
        check(person)

    told = [problem.field for problem in refusal.value.problems]
    assert told == ["name", "timezone", "preferences.nudge.email.times", "preferences.nudge.email.days"]
    assert all(problem.fix for problem in refusal.value.problems)


def test_one_thing_that_is_wrong_is_told_by_itself():
    with pytest.raises(BadInput, match="locale"):
        check(a_person(locale="klingon!"))


def test_somebody_without_goals_preferences_and_addresses_is_fine_and_never_due():
    person = a_person(goals=(), preferences=(), addresses={})

    check(person)

    assert first_due(a_preference(), person, NOON) is None


def test_without_a_goal_nothing_is_due_because_there_is_nothing_to_write_about():
    person = a_person(goals=())

    assert first_due(person.preferences[0], person, NOON) is None
    assert first_due(person.preferences[0], a_person(), NOON) is not None


@pytest.mark.parametrize(
    "link",
    [
        "http://example.org/inbox",
        "https://user:secret@example.org/",
        "https://example.org/a b",
        "https://example.org/\r\nX-Injected: 1",
        "ftp://example.org/",
        "https://",
        "https://example.org:99999/",
        "javascript:alert(1)",
        "https://[::1/",
    ],
)
def test_a_webhook_that_we_would_not_call_is_refused(link):
    assert fields(a_person(addresses={Channel.EMAIL: "a@example.org", Channel.WEBHOOK: link})) == ["channels.webhook"]


def test_a_webhook_over_http_is_taken_where_the_installation_allows_receivers_of_its_own_network():
    person = a_person(addresses={Channel.EMAIL: "a@example.org", Channel.WEBHOOK: "http://receiver:8080/inbox?a=1"})

    assert fields(person) == ["channels.webhook"]
    assert fields(person, http_webhooks=True) == []


@pytest.mark.parametrize(
    ("but", "field"),
    [
        ({"external_id": "a\x00b"}, "external_id"),
        ({"external_id": " a"}, "external_id"),
        ({"timezone_source": "stars"}, "timezone_source"),
        ({"quiet": QuietHours(time(7), time(7))}, "quiet_hours"),
        ({"goals": (NewGoal(Goal.STRETCH, target=-1),)}, "goals.stretch.target"),
        ({"goals": (NewGoal(Goal.STRETCH, progress=2**31),)}, "goals.stretch.progress"),
        ({"goals": (NewGoal(Goal.STRETCH), NewGoal(Goal.STRETCH))}, "goals.stretch"),
        ({"goals": (NewGoal(Goal.STRETCH, notes="a" * 2001),)}, "goals.stretch.notes"),
        ({"preferences": (a_preference(), a_preference())}, "preferences.nudge.email"),
        ({"preferences": (a_preference(every=367),)}, "preferences.nudge.email.every_days"),
        ({"verified": frozenset({Channel.WEBHOOK})}, "channels"),
    ],
)
def test_a_wrong_value_is_named(but, field):
    assert fields(a_person(**but)) == [field]


def test_one_category_may_be_wanted_over_two_channels():
    assert fields(a_person(preferences=(a_preference(), a_preference(Channel.SMS)))) == []


def test_every_seventh_day_is_counted_from_a_day_that_was_chosen():
    sunday = datetime(2026, 11, 29, 23, 30, tzinfo=UTC)  # Monday in Berlin
    wish = a_preference(days=frozenset({0}), every=7)

    assert anchor_of(wish, a_person(), sunday) == date(2026, 11, 30)
    assert anchor_of(wish, replace(a_person(), timezone="America/New_York"), NOON) == date(2026, 11, 23)
    assert first_due(wish, a_person(), NOON.replace(day=24)) == datetime(2026, 11, 30, 12, 5, tzinfo=UTC)

"""A change of what somebody wants, through the ledger and the planner: nothing twice, nothing forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import takewhile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthnotify.apps.notifications.models import Move, Notification
from healthnotify.apps.users import changes
from healthnotify.apps.users.models import Preference
from healthnotify.domain import people
from healthnotify.domain.delivery import Position
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import MAKES_ROOM, Category, Channel, Goal, QuietHours, Withheld
from healthnotify.domain.schedule import occasions
from healthnotify.pipeline.plan import Planning, plan
from healthnotify.pipeline.ports import Announced, DueIndex
from tests.builders import NOON, PLANNING, a_message, a_person, a_preference, planned, staged
from tests.postgres_store import RING, TestedPostgres

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=1)
FAR = Planning(ahead=timedelta(hours=36), expires_after=timedelta(hours=4), tzdata="2026.6")


@pytest.fixture
def store():
    return TestedPostgres()


def change(user_id, now=LATER, **but):
    """Replace these fields of the person."""
    return changes.change(user_id, lambda before: replace(before.person, **but), now=now, ring=RING)


def at(*times, **but):
    return (a_preference(times=tuple(time(hour, minute) for hour, minute in times), **but),)


def rows(user_id):
    found = Notification.objects.filter(user=user_id).order_by("send_at", "revision")
    return [(row.send_at.strftime("%H:%M"), row.slot, row.state, row.reason) for row in found]


def everything_planned(store, now, planning=PLANNING):
    while plan(now=now, limit=100, store=store, planning=planning)[0]:
        pass


def test_a_later_time_supersedes_what_is_written_and_plans_it_anew_once(store):
    (entry,) = staged(store)
    user_id = entry.user_id

    changed = change(user_id, preferences=at((13, 10)))
    everything_planned(store, LATER)

    assert rows(user_id) == [
        ("12:05", 1, State.CANCELLED, Withheld.SUPERSEDED),
        ("12:10", 1, State.PLANNED, None),
    ]
    (step,) = changed.steps
    assert (step.id, step.before, step.reason) == (entry.id, State.STAGED, Withheld.SUPERSEDED)
    assert Move.objects.filter(notification=entry.id, event="cancelled", at=LATER).count() == 1


def test_a_change_there_and_back_plans_it_a_third_time(store):
    (entry,) = staged(store)
    first = a_preference()

    change(entry.user_id, preferences=at((13, 10)))
    everything_planned(store, LATER)
    change(entry.user_id, preferences=(first,))
    everything_planned(store, LATER)

    assert [row[2:] for row in rows(entry.user_id)] == [
        (State.CANCELLED, Withheld.SUPERSEDED),
        (State.PLANNED, None),
        (State.CANCELLED, Withheld.SUPERSEDED),
    ]


def test_what_was_sent_today_is_not_sent_again_at_the_new_time(store):
    (entry,) = staged(store)
    sent(store, entry.send_at)

    change(entry.user_id, now=entry.send_at, preferences=at((13, 10)))
    everything_planned(store, entry.send_at)

    assert rows(entry.user_id) == [("12:05", 1, State.PENDING, None)]


def test_what_is_not_touched_by_the_change_stands(store):
    (entry,) = staged(store, [a_person(preferences=at((13, 5), (20, 0)))])

    changed = change(entry.user_id, preferences=at((13, 5), (21, 0)))
    everything_planned(store, LATER)

    assert changed.steps == []
    assert rows(entry.user_id) == [("12:05", 1, State.STAGED, None)]


def test_moving_to_another_zone_moves_what_is_planned(store):
    (entry,) = staged(store)

    change(entry.user_id, timezone="America/New_York")
    everything_planned(store, LATER, FAR)

    assert rows(entry.user_id)[:2] == [
        ("12:05", 1, State.CANCELLED, Withheld.SUPERSEDED),
        ("18:05", 1, State.PLANNED, None),
    ]


def test_a_new_name_makes_written_texts_stale_and_leaves_unwritten_ones(store):
    (written,) = staged(store)
    (unwritten,) = planned(store, [a_person()])

    change(written.user_id, name="Berta")
    change(Notification.objects.get(id=unwritten).user_id, name="Berta")
    everything_planned(store, LATER)

    assert rows(written.user_id) == [
        ("12:05", 1, State.CANCELLED, Withheld.SUPERSEDED),
        ("12:05", 1, State.PLANNED, None),
    ]
    assert Notification.objects.get(id=unwritten).state == State.PLANNED


def test_progress_is_no_reason_to_write_again(store):
    (entry,) = staged(store)

    changed = change(entry.user_id, goals=(people.NewGoal(Goal.WALK_MORE, target=8000, progress=7999),))

    assert changed.steps == []


def test_without_its_goal_it_is_written_about_another_and_without_any_not_at_all(store):
    person = a_person(goals=(people.NewGoal(Goal.WALK_MORE), people.NewGoal(Goal.STRETCH)))
    (entry,) = staged(store, [person])
    (kept,) = {Goal.WALK_MORE, Goal.STRETCH} - {Notification.objects.get().goal}

    change(entry.user_id, goals=(people.NewGoal(kept),))
    everything_planned(store, LATER)
    assert Notification.objects.get(state=State.PLANNED).goal == kept

    change(entry.user_id, goals=())
    everything_planned(store, LATER)
    assert not Notification.objects.exclude(state=State.CANCELLED).exists()
    assert Preference.objects.get().next_due_at is None


@pytest.mark.parametrize(
    ("but", "reason"),
    [
        ({"preferences": (a_preference(enabled=False),)}, Withheld.OPTED_OUT),
        ({"preferences": ()}, Withheld.OPTED_OUT),
        ({"active": False}, Withheld.USER_INACTIVE),
    ],
)
def test_what_is_switched_off_is_cancelled_with_the_reason_also_when_it_is_late(store, but, reason):
    (entry,) = staged(store)
    late = entry.send_at + timedelta(minutes=1)

    change(entry.user_id, now=late, **but)
    everything_planned(store, late, FAR)

    assert rows(entry.user_id) == [("12:05", 1, State.CANCELLED, reason)]


def test_a_retry_that_waits_is_cancelled_with_its_preference_and_one_that_is_undecided_is_left_to_the_consumer(store):
    waits, undecided = staged(store, [a_person(), a_person()])
    for entry, next_attempt_at in ((waits, LATER), (undecided, None)):
        row = Notification.objects.filter(id=entry.id)
        row.update(state=State.PENDING)
        row.update(state=State.RETRY, next_attempt_at=next_attempt_at)
        change(entry.user_id, preferences=())

    assert store.state(waits.id) == State.CANCELLED
    assert store.state(undecided.id) == State.RETRY


def test_a_preference_that_is_removed_and_given_again_plans_under_ids_of_its_own(store):
    (entry,) = staged(store)
    change(entry.user_id, preferences=at((13, 10)))
    change(entry.user_id, preferences=())

    change(entry.user_id, preferences=at((13, 5), (13, 10)))
    everything_planned(store, LATER)

    assert rows(entry.user_id) == [
        ("12:05", 1, State.CANCELLED, Withheld.SUPERSEDED),
        ("12:05", 1, State.PLANNED, None),
        ("12:10", 2, State.PLANNED, None),
    ]


def test_a_planner_that_read_the_preference_before_the_change_adds_nothing(store):
    (user_id,) = store.add([a_person()], NOON)

    class Slow(TestedPostgres):
        def due_preferences(self, until, limit):
            found = super().due_preferences(until, limit)
            change(user_id, preferences=at((13, 10)))
            return found

    steps, _ = plan(now=LATER, limit=10, store=Slow(), planning=PLANNING)
    assert steps == []

    everything_planned(store, LATER)
    assert rows(user_id) == [("12:10", 1, State.PLANNED, None)]


def test_every_other_day_goes_on_in_its_rhythm_when_only_the_time_changes(store):
    (user_id,) = store.add([a_person(preferences=at((13, 5), every=2))], NOON)  # on the 23rd, the 25th, ...

    change(user_id, now=NOON + timedelta(days=1), preferences=at((14, 0), every=2))

    assert Preference.objects.get().next_due_at == NOON + timedelta(days=2, hours=1)


def test_another_rhythm_is_counted_from_its_first_chosen_day(store):
    (user_id,) = store.add([a_person(preferences=at((13, 5), every=7, days=frozenset({0})))], NOON)

    change(user_id, preferences=at((13, 5), every=7, days=frozenset({2})))

    assert Preference.objects.get().next_due_at == NOON + timedelta(days=2, minutes=5)


def test_nothing_is_written_when_nothing_changes(store):
    (user_id,) = store.add([a_person()], NOON)
    before = Preference.objects.get()

    changed = change(user_id, name="Anna")

    after = Preference.objects.get()
    assert changed.steps == []
    assert (after.revision, after.planned_until) == (before.revision, before.planned_until)


def test_what_is_switched_off_and_on_again_in_time_is_sent(store):
    (user_id,) = store.add([a_person()], NOON)
    everything_planned(store, NOON)
    off = tuple(replace(one, enabled=False) for one in a_person().preferences)

    change(user_id, preferences=off)
    change(user_id, preferences=a_person().preferences)
    everything_planned(store, NOON)

    assert [(state, reason) for _, _, state, reason in rows(user_id)] == [
        (State.CANCELLED, Withheld.OPTED_OUT),
        (State.PLANNED, None),
    ]


# --- any sequence of changes and planner runs

KEYS = [(Category.NUDGE, Channel.EMAIL), (Category.NUDGE, Channel.SMS), (Category.DIGEST, Channel.EMAIL)]
CLOCKS = st.builds(time, st.integers(0, 23), st.sampled_from([0, 5, 30]))
WISHES = st.builds(
    a_preference,
    times=st.lists(CLOCKS, min_size=1, max_size=3, unique=True).map(lambda some: tuple(sorted(some))),
    days=st.sets(st.integers(0, 6), min_size=1).map(frozenset),
    every=st.sampled_from([1, 1, 2, 7]),
    enabled=st.sampled_from([True, True, True, False]),
)
STEPS = st.one_of(
    st.tuples(st.just("plan")),
    st.tuples(st.just("write")),
    st.tuples(st.just("send")),
    st.tuples(st.just("wait"), st.integers(1, 20 * 60)),
    st.tuples(st.just("wish"), st.sampled_from(KEYS), st.none() | WISHES),
    st.tuples(
        st.just("timezone"), st.sampled_from(["Europe/Berlin", "Europe/Vienna", "America/New_York", "Pacific/Apia"])
    ),
    st.tuples(st.just("quiet"), st.sampled_from([None, QuietHours(time(22), time(7)), QuietHours(time(9), time(18))])),
    st.tuples(st.just("name"), st.sampled_from(["Anna", "Berta"])),
    st.tuples(st.just("active"), st.sampled_from([True, True, False])),
    st.tuples(
        st.just("goals"),
        st.sets(st.sampled_from([Goal.WALK_MORE, Goal.STRETCH, Goal.CHECKUP])).map(
            lambda some: tuple(people.NewGoal(goal) for goal in some)
        ),
    ),
)


def sent(store, now):
    """Put on the road what is due."""
    for due in store.due(DueIndex.DAILY, now, 1000):
        place = Position("notifications.daily", 0, 0)
        store.published(DueIndex.DAILY, [Announced(due.envelope(1), place)], now)


def written(store, now):
    assignments = store.lease_planned(now, now + timedelta(minutes=1), 1000)
    store.stage([a_message(one) for one in assignments], now)


def wish(person, key, given):
    others = tuple(one for one in person.preferences if one.key != key)
    return others if given is None else (*others, replace(given, category=key[0], channel=key[1]))


def taken(step, user_id, store, now):
    """Do one step; answers what the clock shows afterwards."""
    match step:
        case ("plan",):
            everything_planned(store, now, FAR)
        case ("write",):
            written(store, now)
        case ("send",):
            sent(store, now)
        case ("wait", minutes):
            return now + timedelta(minutes=minutes)
        case ("wish", key, given):
            alter = lambda before: replace(before.person, preferences=wish(before.person, key, given))  # noqa: E731
            changes.change(user_id, alter, now=now, ring=RING)
        case (name, value):
            change(user_id, now, **{name: value})
    return now


def wanted_occasions(user_id, now):
    """(category, channel, date, slot) -> (send time, zone) of all that the user wants up to the horizon."""
    before = changes.lock(user_id, RING)
    found = {}
    for key, known in before.preferences.items():
        if people.wanted(known.wish, before.person):
            rule = people.rule(known.wish, before.person, known.anchor)
            near = takewhile(lambda one: one.send_at <= now + FAR.ahead + timedelta(days=1), occasions(rule, now))
            found |= {
                (*key, one.local_date, one.slot): (one.send_at, rule.timezone)
                for one in near
                if one.send_at <= now + FAR.ahead
            }
    return found, {goal.goal for goal in before.person.goals}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 220 * 24 * 60), steps=st.lists(STEPS, max_size=12))
def test_whatever_is_changed_nothing_is_planned_twice_or_unwanted_and_nothing_is_missing(store, start, steps):
    now = datetime(2026, 3, 27, tzinfo=UTC) + timedelta(minutes=start)
    (user_id,) = store.add([a_person(goals=(people.NewGoal(Goal.WALK_MORE), people.NewGoal(Goal.STRETCH)))], now)
    for step in steps:
        now = taken(step, user_id, store, now)
    everything_planned(store, now, FAR)

    found = Notification.objects.filter(user=user_id)
    standing = [row for row in found if row.attempt or row.reason not in MAKES_ROOM]
    living = {(row.category, row.channel, row.local_date, row.slot): row for row in standing}
    assert len(living) == len(standing)
    expected, goals = wanted_occasions(user_id, now)
    waiting = {
        key: row for key, row in living.items() if row.state in (State.PLANNED, State.STAGED) and row.send_at > now
    }
    assert {key: (row.send_at, row.timezone) for key, row in waiting.items()}.items() <= expected.items()
    assert {row.goal for row in waiting.values()} <= goals
    for key in expected.keys() - waiting.keys():  # its occasion is spent: sent or due already
        assert key in living
        assert living[key].send_at <= now

"""What every store promises of a notification that somebody asked for."""

import pytest

from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Category, Channel, Goal, Withheld
from tests.builders import NOON, WORDS, a_message, a_person, a_preference, an_ad_hoc, planned
from tests.store_steps import MINUTE, claim


def asked(store, person=None, **but):
    """Somebody, and what was asked for them."""
    (user_id,) = store.add([person or a_person()], NOON)
    wanted = an_ad_hoc(user_id, **but)
    store.ask(wanted, NOON)
    return wanted


def leased(store, limit=10, given=10, at=NOON):
    return store.lease_planned(at, at + MINUTE, limit, given)


def test_it_is_planned_with_a_move_of_its_own(store):
    wanted = asked(store)

    (step,) = store.latest([wanted.plan.id])

    assert store.state(wanted.plan.id) == State.PLANNED
    assert (step.event, step.before, step.after, step.reason) == (Event.PLANNED, None, State.PLANNED, "ad_hoc")


def test_a_builder_finds_the_words_and_their_author(store):
    asked(store)

    (assignment,) = leased(store)

    assert (assignment.draft, assignment.template, assignment.goal) == (WORDS, None, None)
    assert (assignment.asked_by, assignment.needs_model, assignment.withheld) == ("key:test", False, None)


def test_a_builder_finds_the_template_with_its_goal(store):
    asked(store, draft=None, template="walk_more.nudge.en.1")

    (assignment,) = leased(store)

    assert (assignment.draft, assignment.template, assignment.goal) == (None, "walk_more.nudge.en.1", Goal.WALK_MORE)
    assert (assignment.target, assignment.progress, assignment.needs_model) == (8000, 3000, False)


def test_what_is_to_be_about_a_goal_needs_the_model(store):
    asked(store, draft=None, goal=Goal.WALK_MORE)

    assert leased(store, limit=0) == []
    (assignment,) = leased(store, given=0)
    assert (assignment.goal, assignment.needs_model) == (Goal.WALK_MORE, True)


def test_given_words_have_a_room_of_their_own(store):
    planned(store, [a_person() for _ in range(3)])
    user_id, *_ = store.user_ids()
    wanted = [an_ad_hoc(user_id) for _ in range(2)]
    for one in wanted:
        store.ask(one, NOON)

    first = leased(store, limit=0, given=1)
    rest = leased(store, limit=2, given=5)

    assert [one.needs_model for one in first] == [False]
    assert sorted(one.needs_model for one in rest) == [False, True, True]
    assert {one.id for one in first + rest if not one.needs_model} == {one.plan.id for one in wanted}


@pytest.mark.parametrize(
    ("wishes", "withheld"),
    [
        ((), None),
        ((a_preference(category=Category.SERVICE),), None),
        ((a_preference(Channel.SMS, category=Category.SERVICE, enabled=False),), None),
        ((a_preference(category=Category.NUDGE, enabled=False),), None),
        ((a_preference(category=Category.SERVICE, enabled=False),), Withheld.OPTED_OUT),
    ],
)
def test_it_is_wanted_unless_the_user_says_no_to_that_category_on_that_channel(store, wishes, withheld):
    asked(store, a_person(preferences=wishes))

    (assignment,) = leased(store)
    assert assignment.withheld is withheld
    _, (entry,) = store.stage([a_message(assignment)], NOON)
    assert claim(store, entry, at=NOON).person.enabled is (withheld is None)


def test_who_leaves_before_it_is_written_gets_nothing(store):
    wanted = asked(store)
    store.erase(wanted.plan.user_id)

    (assignment,) = leased(store)

    assert assignment.withheld is Withheld.ERASED


def test_two_of_them_on_one_day_are_two(store):
    first = asked(store)
    store.ask(an_ad_hoc(first.plan.user_id), NOON)

    assert len(leased(store)) == 2

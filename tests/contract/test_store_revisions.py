"""What every store promises when a preference changes between two looks of the planner."""

from dataclasses import replace
from datetime import timedelta

import pytest

from healthnotify.domain.delivery import Accepted
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import MAKES_ROOM, Channel, Withheld
from healthnotify.pipeline.plan import plan
from tests.builders import NOON, PLANNING, a_message, a_person, a_preference, planned, staged
from tests.store_steps import LATER, MINUTE, claim


def plan_again(store, at=NOON):
    """After a change: all of the quarter of an hour is looked at once more."""
    (user_id,) = store.user_ids()
    store.revise(user_id, at)
    (preference,) = store.due_preferences(at, 10)
    return plan(now=at, limit=10, store=_Rewound(store, preference), planning=PLANNING)[0]


class _Rewound:
    """The store as it is after a replanning: the preference is planned up to now only."""

    def __init__(self, store, preference):
        self.plan = store.plan
        self._preference = replace(preference, planned_until=NOON)

    def due_preferences(self, until, limit):
        return [self._preference]


@pytest.mark.parametrize("reason", MAKES_ROOM)
def test_what_a_change_has_cancelled_makes_room_for_its_successor_under_another_id(store, reason):
    (first,) = planned(store, [a_person()])
    store.cancel({first: reason}, NOON)

    (step,) = plan_again(store)

    assert step.id != first
    assert (store.state(first), store.state(step.id)) == (State.CANCELLED, State.PLANNED)


@pytest.mark.parametrize("reason", sorted(set(Withheld) - set(MAKES_ROOM)))
def test_what_was_cancelled_for_another_reason_makes_no_room(store, reason):
    (first,) = planned(store, [a_person()])
    store.cancel({first: reason}, NOON)

    assert plan_again(store) == []


def test_what_was_withheld_at_an_attempt_makes_no_room_because_that_may_yet_turn_out_to_be_sent(store):
    (entry,) = staged(store)
    store.withhold({entry.id: (claim(store, entry), Withheld.OPTED_OUT)}, LATER)

    assert plan_again(store) == []


def test_what_stands_makes_no_room(store):
    (first,) = planned(store, [a_person()])

    assert plan_again(store) == []
    assert store.state(first) == State.PLANNED


def test_what_was_sent_is_not_sent_again_after_a_change(store):
    (entry,) = staged(store)
    store.complete({entry.id: (claim(store, entry), Accepted())}, LATER)

    assert plan_again(store) == []


def test_a_change_that_the_planner_did_not_see_wins(store):
    store.add([a_person()], NOON)
    (seen,) = store.due_preferences(NOON + 15 * MINUTE, 10)
    store.revise(seen.user_id, seen.next_due_at)

    class Late:
        due_preferences = staticmethod(lambda until, limit: [seen])
        plan = staticmethod(store.plan)

    assert plan(now=NOON, limit=10, store=Late(), planning=PLANNING) == ([], [])
    assert [one.revision for one in store.due_preferences(NOON + 15 * MINUTE, 10)] == [1]


def test_who_has_no_goals_is_not_due(store):
    store.add([a_person()], NOON)
    store.forget_goals(*store.user_ids())

    assert store.due_preferences(NOON + timedelta(days=400), 10) == []


def test_the_wish_for_one_channel_says_nothing_about_another(store):
    """A preference is one a category and channel: the SMS that is off does not silence the e-mail."""
    wishes = (a_preference(Channel.EMAIL), a_preference(Channel.SMS, enabled=False))
    planned(store, [a_person(preferences=wishes)])

    (assignment,) = store.lease_planned(NOON, NOON + MINUTE, 10)
    assert (assignment.channel, assignment.withheld) == (Channel.EMAIL, None)
    _, (entry,) = store.stage([a_message(assignment)], NOON)
    assert claim(store, entry).person.enabled


def test_two_channels_of_one_category_are_two_notifications(store):
    wishes = (a_preference(Channel.EMAIL), a_preference(Channel.SMS))
    planned(store, [a_person(preferences=wishes)])

    assert len(store.lease_planned(NOON, NOON + MINUTE, 10)) == 2

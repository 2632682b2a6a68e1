"""What every store promises about planning, writing, publishing and sweeping."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from healthnotify.domain.delivery import Accepted, Position
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Channel, Withheld
from healthnotify.pipeline.plan import plan
from healthnotify.pipeline.ports import Announced, DueIndex, Topic
from tests.builders import (
    NOON,
    PLANNING,
    a_message,
    a_person,
    a_preference,
    planned,
    record_of,
    staged,
)
from tests.store_steps import LATER, MINUTE, PLACE, claim, moves, published

# plan


def test_planning_twice_plans_once(store):
    first = planned(store, [a_person()])

    again, _ = plan(now=NOON + MINUTE, limit=10, store=store, planning=PLANNING)

    assert len(first) == 1
    assert again == []


def test_a_planner_that_read_an_old_preference_changes_nothing(store):
    store.add([a_person()], NOON)
    (seen,) = store.due_preferences(NOON + 15 * MINUTE, 10)
    plan(now=NOON, limit=10, store=store, planning=PLANNING)

    class Late:
        def due_preferences(self, until, limit):
            return [seen]

        plan = staticmethod(store.plan)

    assert plan(now=NOON, limit=10, store=Late(), planning=PLANNING) == ([], [])


def test_every_missed_occasion_is_planned_after_a_long_stand_still(store):
    planned(store, [a_person()])

    steps, _ = plan(now=NOON + timedelta(days=3), limit=10, store=store, planning=PLANNING)

    assert len(steps) == 3
    assert len({step.id for step in steps}) == 3


def test_those_who_are_switched_off_are_not_due(store):
    store.add([a_person(active=False), a_person(preferences=(a_preference(enabled=False),))], NOON)

    assert store.due_preferences(NOON + timedelta(days=400), 10) == []


# build


def test_an_assignment_is_leased_to_one_builder_until_its_lease_ends(store):
    planned(store, [a_person()])

    first = store.lease_planned(NOON, NOON + MINUTE, 10)

    assert [one.name for one in first] == ["Anna"]
    assert store.lease_planned(NOON + MINUTE / 2, NOON + 2 * MINUTE, 10) == []
    assert store.lease_planned(NOON + MINUTE, NOON + 2 * MINUTE, 10) == first


def test_the_earliest_send_time_is_written_first(store):
    late, early = a_person(), a_person(timezone="Asia/Kolkata", preferences=(a_preference(times=(time(17, 32),)),))
    planned(store, [late, early])

    leased = store.lease_planned(NOON, NOON + MINUTE, 1)

    assert leased[0].send_at == NOON + 2 * MINUTE


def test_staging_moves_and_answers_the_cache_entry(store):
    (key,) = planned(store, [a_person()])
    (assignment,) = store.lease_planned(NOON, NOON + MINUTE, 10)

    steps, entries = store.stage([a_message(assignment)], NOON)

    assert moves(steps) == [(State.PLANNED, Event.WRITTEN, State.STAGED)]
    (entry,) = entries
    assert (entry.id, entry.state, entry.due_at) == (key, State.STAGED, NOON + 5 * MINUTE)
    assert "Ten minutes" not in entry.sealed


def test_staging_twice_keeps_the_first_text(store):
    planned(store, [a_person()])
    (assignment,) = store.lease_planned(NOON, NOON + MINUTE, 10)
    _, (entry,) = store.stage([a_message(assignment, "first")], NOON)

    assert store.stage([a_message(assignment, "second")], NOON) == ([], [])
    assert claim(store, entry).person.text == "first"


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ({"active": False}, Withheld.USER_INACTIVE),
        ({"preferences": (a_preference(enabled=False),)}, Withheld.OPTED_OUT),
        ({"preferences": (a_preference(Channel.SMS),)}, Withheld.OPTED_OUT),
    ],
)
def test_who_changes_their_mind_after_planning_is_known_when_it_is_written(person, reason):
    from healthnotify.adapters.memory.store import MemoryStore

    store = MemoryStore()
    planned(store, [a_person()])
    (user_id,) = store.people
    store.people[user_id] = replace(store.people[user_id], **person)

    assert store.lease_planned(NOON, NOON + MINUTE, 10)[0].withheld is reason


def test_cancelling_gives_the_reason_and_happens_once(store):
    (entry,) = staged(store)

    steps = store.cancel({entry.id: Withheld.SUPERSEDED}, NOON)

    assert moves(steps) == [(State.STAGED, Event.CANCELLED, State.CANCELLED)]
    assert steps[0].reason == "superseded"
    assert store.cancel({entry.id: Withheld.SUPERSEDED}, NOON) == []


def test_what_a_consumer_may_hold_is_not_cancelled_from_outside(store):
    (entry,) = staged(store)
    claim(store, entry)

    assert store.cancel({entry.id: Withheld.SUPERSEDED}, LATER) == []


# publish


def test_due_is_what_is_staged_and_whose_time_has_come(store):
    (entry,) = staged(store)

    assert store.due(DueIndex.DAILY, NOON + 4 * MINUTE, 10) == []
    (due,) = store.due(DueIndex.DAILY, NOON + 5 * MINUTE, 10)
    assert due.envelope(1) == record_of(entry)


def test_publishing_moves_once(store):
    (entry,) = staged(store)

    assert moves(published(store, entry)) == [(State.STAGED, Event.PUBLISHED, State.PENDING)]
    assert published(store, entry) == []
    assert store.due(DueIndex.DAILY, LATER, 10) == []


# sweep


def test_what_is_merely_waiting_does_not_stand_still(store):
    entries = staged(store, [a_person() for _ in range(3)])
    published(store, entries[0])
    claim(store, entries[1])

    assert store.still(LATER, 10) == []


def test_what_nobody_claimed_stands_still_with_its_place(store):
    (entry,) = staged(store)
    published(store, entry)

    (still,) = store.still(LATER + MINUTE, 10)

    assert (still.position, still.claimed, still.failure) == (PLACE, False, None)
    assert still.due.envelope(1) == record_of(entry)


def test_an_expired_claim_stands_still(store):
    (entry,) = staged(store)
    claim(store, entry)

    assert store.still(LATER + MINUTE, 10) == []
    (still,) = store.still(LATER + MINUTE + MINUTE, 10)
    assert still.claimed


def test_what_is_swept_does_not_stand_still_any_more(store):
    (entry,) = staged(store)
    published(store, entry)
    elsewhere = Position(Topic.DAILY, 1, 99)

    steps = store.swept([Announced(record_of(entry), elsewhere)], LATER + 10 * MINUTE)

    assert moves(steps) == [(State.PENDING, Event.REPUBLISHED, State.PENDING)]
    assert store.still(LATER + 10 * MINUTE, 10) == []


def test_overdue_is_what_nobody_published(store):
    (entry,) = staged(store)

    assert store.overdue(DueIndex.DAILY, entry.send_at, 10) == []
    assert store.overdue(DueIndex.DAILY, entry.send_at + MINUTE, 10) == [entry]


def test_what_expires_unsent_is_cancelled_and_counted(store):
    (entry,) = staged(store)

    assert store.expire(entry.expires_at - MINUTE, 10) == []
    (step,) = store.expire(entry.expires_at, 10)
    assert (step.before, step.after, step.reason) == (State.STAGED, State.CANCELLED, "expired")


def test_all_that_is_open_can_be_read_in_chunks(store):
    entries = staged(store, [a_person() for _ in range(7)])
    store.complete({entries[0].id: (claim(store, entries[0]), Accepted())}, LATER)

    chunks = list(store.open_entries(2))

    assert [len(chunk) for chunk in chunks] == [2, 2, 2]
    assert {entry.id for chunk in chunks for entry in chunk} == {entry.id for entry in entries[1:]}

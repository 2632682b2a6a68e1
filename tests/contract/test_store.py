"""What every store promises."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from healthnotify.domain.delivery import Accepted, Answer, DeadLetter, Failure, FailureKind, Position
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Category, Channel, Withheld
from healthnotify.pipeline.plan import plan
from healthnotify.pipeline.ports import Announced, DueIndex, Topic
from tests.builders import (
    BAD_ADDRESS,
    NOON,
    PLANNING,
    REFUSED,
    a_message,
    a_person,
    a_preference,
    ask,
    planned,
    record_of,
    staged,
)

MINUTE = timedelta(minutes=1)
LATER = NOON + 6 * MINUTE  # after everybody's send time
PLACE = Position(Topic.DAILY, 3, 41)


def claim(store, entry, attempt=1, at=LATER, claim_id=None):
    return store.claim([ask(entry, attempt, claim_id)], at, at + MINUTE)[0]


def published(store, entry, at=LATER, index=DueIndex.DAILY, attempt=1):
    return store.published(index, [Announced(record_of(entry, attempt), PLACE)], at)


def refused(store, entry, failure=REFUSED, attempt=1, at=LATER):
    """A try that failed, handed to the retry topic."""
    held = claim(store, entry, attempt, at)
    (reported,) = store.report({entry.id: (held, failure)}, at)
    store.returned([(reported, PLACE)], at)
    return store.undecided([record_of(entry, attempt)], at)[1]


def waiting(store, entry, until, attempt=1, at=LATER):
    """A try that failed and whose next one has its time."""
    (undecided,) = refused(store, entry, attempt=attempt, at=at)
    return store.wait({entry.id: (undecided, until)}, at)


def moves(steps):
    return [(step.before, step.event, step.after) for step in steps]


# plan


def test_planning_twice_plans_once(store):
    first = planned(store, [a_person()])

    again = plan(now=NOON + MINUTE, limit=10, store=store, planning=PLANNING)

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

    assert plan(now=NOON, limit=10, store=Late(), planning=PLANNING) == []


def test_every_missed_occasion_is_planned_after_a_long_stand_still(store):
    planned(store, [a_person()])

    steps = plan(now=NOON + timedelta(days=3), limit=10, store=store, planning=PLANNING)

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
    late, early = a_person(), a_person(timezone="Asia/Kolkata", preferences=(a_preference(times=(_time(17, 32),)),))
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


# deliver


def test_a_claim_gives_all_that_the_last_look_needs(store):
    (entry,) = staged(store)
    published(store, entry)

    held = claim(store, entry)

    assert held.answer is Answer.CLAIMED
    assert held.person.address == "anna@example.org"
    assert (held.person.subject, held.person.text) == ("A walk", "Ten minutes outside?")
    assert held.person.active
    assert held.person.enabled
    assert not held.person.erased


def test_a_consumer_that_is_faster_than_the_producer_moves_it_itself(store):
    (entry,) = staged(store)

    assert claim(store, entry).answer is Answer.CLAIMED
    assert published(store, entry) == []


def test_somebody_elses_claim_is_busy_until_its_lease_ends(store):
    (entry,) = staged(store)
    claim(store, entry)

    second = claim(store, entry, at=LATER + MINUTE / 2)

    assert second.answer is Answer.BUSY
    assert second.lease_until == LATER + MINUTE


def test_a_lost_commit_reply_is_asked_again_and_finds_the_own_claim(store):
    (entry,) = staged(store)
    mine = uuid4()
    claim(store, entry, claim_id=mine)

    again = claim(store, entry, claim_id=mine)

    assert again.answer is Answer.CLAIMED
    assert again.person.text == "Ten minutes outside?"


def test_a_claim_after_an_expired_lease_is_ambiguous(store):
    (entry,) = staged(store)
    claim(store, entry)

    assert claim(store, entry, at=LATER + MINUTE).answer is Answer.AMBIGUOUS


@pytest.mark.parametrize("attempt", [0, 2, 7])
def test_a_record_of_another_attempt_is_stale(store, attempt):
    (entry,) = staged(store)

    assert claim(store, entry, attempt).answer is Answer.STALE


def test_an_unknown_id_is_missing(store):
    (entry,) = staged(store)

    assert claim(store, replace(entry, id=uuid4())).answer is Answer.MISSING


def test_answers_come_in_the_order_of_the_asks(store):
    entries = staged(store, [a_person() for _ in range(20)])
    asks = [ask(entry, 1 if number % 2 else 5) for number, entry in enumerate(entries)]

    claims = store.claim(asks, LATER, LATER + MINUTE)

    assert [claim.envelope for claim in claims] == [one.envelope for one in asks]
    assert [claim.answer for claim in claims] == [Answer.STALE, Answer.CLAIMED] * 10


def test_success_completes_and_is_terminal(store):
    (entry,) = staged(store)
    held = claim(store, entry)

    steps = store.complete({entry.id: (held, Accepted("250 ok"))}, LATER)

    assert moves(steps) == [(State.PENDING, Event.ACCEPTED, State.COMPLETED)]
    assert claim(store, entry, at=LATER + 10 * MINUTE).answer is Answer.TERMINAL


def test_a_success_is_reported_twice_but_completes_once(store):
    (entry,) = staged(store)
    held = claim(store, entry)
    store.complete({entry.id: (held, Accepted())}, LATER)

    assert store.complete({entry.id: (held, Accepted())}, LATER) == []


def test_success_needs_no_lease(store):
    (entry,) = staged(store)
    first = claim(store, entry)
    claim(store, entry, at=LATER + MINUTE)

    steps = store.complete({entry.id: (first, Accepted())}, LATER + MINUTE)

    assert moves(steps) == [(State.PENDING, Event.ACCEPTED, State.COMPLETED)]


def test_an_outcome_of_an_earlier_claim_is_refused(store):
    (entry,) = staged(store)
    first = claim(store, entry)
    second = claim(store, entry, at=LATER + MINUTE)

    assert store.report({entry.id: (first, REFUSED)}, LATER + MINUTE) == []
    assert store.withhold({entry.id: (first, Withheld.OPTED_OUT)}, LATER + MINUTE) == []
    assert [one.failure for one in store.report({entry.id: (second, REFUSED)}, LATER + MINUTE)] == [REFUSED]


def test_a_reported_failure_is_found_by_whoever_reads_the_record_next(store):
    (entry,) = staged(store)
    held = claim(store, entry)
    store.report({entry.id: (held, REFUSED)}, LATER)

    again = claim(store, entry, at=LATER + MINUTE / 2)

    assert again.answer is Answer.REPORTED
    assert again.failure == REFUSED
    assert moves(store.returned([(again, PLACE)], LATER)) == [(State.PENDING, Event.REFUSED, State.RETRY)]


def test_a_failure_that_was_handed_over_is_stale_for_the_daily_record(store):
    (entry,) = staged(store)
    refused(store, entry)

    assert claim(store, entry, at=LATER + 10 * MINUTE).answer is Answer.STALE


def test_withholding_ends_it_with_the_reason(store):
    (entry,) = staged(store)
    held = claim(store, entry)

    steps = store.withhold({entry.id: (held, Withheld.CAPPED)}, LATER)

    assert moves(steps) == [(State.PENDING, Event.CANCELLED, State.CANCELLED)]
    assert steps[0].reason == "capped"


def test_a_success_after_a_cancellation_is_still_a_fact(store):
    (entry,) = staged(store)
    held = claim(store, entry)
    store.withhold({entry.id: (held, Withheld.OPTED_OUT)}, LATER)

    steps = store.complete({entry.id: (held, Accepted())}, LATER)

    assert moves(steps) == [(State.CANCELLED, Event.ACCEPTED, State.COMPLETED)]


def test_what_was_sent_in_the_last_day_is_counted(store):
    people = [a_person(preferences=tuple(a_preference(category=category) for category in Category))]
    entries = staged(store, people)
    for entry in entries[:3]:
        store.complete({entry.id: (claim(store, entry), Accepted())}, LATER)

    assert claim(store, entries[3]).person.sent_last_day == 3
    assert claim(store, entries[4], at=LATER + timedelta(days=1)).person.sent_last_day == 0


# retry


def test_a_failed_try_waits_for_a_decision_with_its_failure(store):
    (entry,) = staged(store)
    failure = Failure(FailureKind.TRANSIENT, "http_503", retry_after=timedelta(seconds=7))

    (undecided,) = refused(store, entry, failure)

    assert undecided.envelope == record_of(entry, 1).__class__(
        **{name: getattr(record_of(entry, 1), name) for name in record_of(entry, 1).__slots__} | {"failure": failure}
    )
    assert undecided.tries == 1


def test_the_retry_consumer_moves_what_the_consumer_could_not(store):
    (entry,) = staged(store)
    held = claim(store, entry)
    store.report({entry.id: (held, REFUSED)}, LATER)

    steps, undecided = store.undecided([record_of(entry)], LATER)

    assert moves(steps) == [(State.PENDING, Event.REFUSED, State.RETRY)]
    assert len(undecided) == 1
    assert store.returned([(held, PLACE)], LATER) == []


def test_a_decision_is_made_once(store):
    (entry,) = staged(store)
    at = LATER + MINUTE

    steps = waiting(store, entry, at)

    assert moves(steps) == [(State.RETRY, Event.SCHEDULED, State.RETRY)]
    assert steps[0].due_at == at
    assert store.undecided([record_of(entry)], LATER) == ([], [])


def test_the_next_attempt_is_published_and_claimed_under_the_next_number(store):
    (entry,) = staged(store)
    at = LATER + MINUTE
    waiting(store, entry, at)
    assert store.due(DueIndex.RETRY, at - MINUTE / 60, 10) == []
    (due,) = store.due(DueIndex.RETRY, at, 10)

    steps = published(store, entry, at, DueIndex.RETRY, attempt=due.attempt + 1)

    assert moves(steps) == [(State.RETRY, Event.REPUBLISHED, State.PENDING)]
    assert claim(store, entry, 1, at).answer is Answer.STALE
    assert claim(store, entry, 2, at).answer is Answer.CLAIMED


def test_a_deferral_uses_no_try(store):
    (entry,) = staged(store)
    deferral = Failure(FailureKind.DEFERRED, "quiet_hours", until=LATER + MINUTE)
    (first,) = refused(store, entry, deferral)
    store.wait({entry.id: (first, LATER + MINUTE)}, LATER)

    (second,) = refused(store, entry, REFUSED, attempt=2, at=LATER + MINUTE)

    assert (first.tries, second.tries) == (0, 1)
    assert first.envelope.failure == deferral


def test_giving_up_ends_it_with_its_reason_once(store):
    (entry,) = staged(store)
    (undecided,) = refused(store, entry, BAD_ADDRESS)
    letters = [DeadLetter("smtp_550", undecided.envelope)]

    steps = store.give_up(letters, LATER)

    assert moves(steps) == [(State.RETRY, Event.GAVE_UP, State.FAILED)]
    assert steps[0].reason == "smtp_550"
    assert store.give_up(letters, LATER) == []


def test_a_late_success_does_not_bring_back_what_was_given_up(store):
    (entry,) = staged(store)
    held = claim(store, entry)
    store.report({entry.id: (held, BAD_ADDRESS)}, LATER)
    _, (undecided,) = store.undecided([record_of(entry)], LATER)
    store.give_up([DeadLetter("smtp_550", undecided.envelope)], LATER)

    assert store.complete({entry.id: (held, Accepted())}, LATER) == []
    assert claim(store, entry).answer is Answer.TERMINAL


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


def _time(hour, minute):
    from datetime import time

    return time(hour, minute)

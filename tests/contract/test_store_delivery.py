"""What every store promises about claims, outcomes and retries."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from healthnotify.domain.delivery import Accepted, Answer, DeadLetter, Failure, FailureKind
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Category, Withheld
from healthnotify.pipeline.ports import DueIndex
from tests.builders import (
    BAD_ADDRESS,
    REFUSED,
    a_person,
    a_preference,
    ask,
    record_of,
    staged,
)
from tests.store_steps import LATER, MINUTE, PLACE, claim, moves, published, refused, waiting


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

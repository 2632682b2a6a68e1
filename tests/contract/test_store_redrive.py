"""What every store promises of a notification that is brought back from the dead letters."""

from datetime import timedelta
from uuid import uuid4

import pytest

from healthnotify.domain.delivery import KILLS_THE_PROCESS, OUTCOME_UNKNOWN, Accepted, Answer, DeadLetter, Position
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.redriving import MOST_REDRIVES, Obstacle
from healthnotify.pipeline.ports import Announced, Topic
from tests.builders import BAD_ADDRESS, REFUSED, a_person, record_of, staged
from tests.store_steps import LATER, MINUTE, PLACE, claim, failed, moves, published, refused


def a_failed(store, **how):
    return failed(store, staged(store, [a_person()])[0], **how)


def why_not(store, entry, at=LATER, **how):
    (answer,) = store.redrive([entry.id], at=at, **how)
    return answer.obstacle


def test_what_is_brought_back_is_pending_and_nobodys(store):
    entry = a_failed(store)

    (answer,) = store.redrive([entry.id], at=LATER)

    assert answer.obstacle is None
    assert moves([answer.step]) == [(State.FAILED, Event.REDRIVEN, State.PENDING)]
    assert store.state(entry.id) == State.PENDING
    assert [due.envelope(2) for due in store.redriven(10)] == [record_of(entry, 2)]


def test_the_next_attempt_has_the_next_number_and_all_tries_again(store):
    entry = a_failed(store)
    store.redrive([entry.id], at=LATER)

    assert claim(store, entry, 1).answer is Answer.STALE
    (undecided,) = refused(store, entry, REFUSED, attempt=2)
    assert undecided.tries == 1


def test_what_is_announced_is_not_announced_again(store):
    entry = a_failed(store)
    store.redrive([entry.id], at=LATER)

    (step,) = store.swept([Announced(record_of(entry, 2), PLACE)], LATER)

    assert (step.event, step.after, step.attempt) == (Event.REPUBLISHED, State.PENDING, 2)
    assert store.redriven(10) == []


def test_a_consumer_that_is_faster_than_the_sweeper_keeps_its_claim(store):
    entry = a_failed(store)
    store.redrive([entry.id], at=LATER)
    held = claim(store, entry, 2)

    assert held.answer is Answer.CLAIMED
    assert store.redriven(10) == []
    assert store.swept([Announced(record_of(entry, 2), PLACE)], LATER) == []
    assert len(store.complete({entry.id: (held, Accepted())}, LATER)) == 1


def test_a_failure_that_was_handed_on_keeps_its_newer_place(store):
    entry = a_failed(store)
    store.redrive([entry.id], at=LATER)
    held = claim(store, entry, 2)
    (reported,) = store.report({entry.id: (held, REFUSED)}, LATER)
    retry_record = Position(Topic.RETRY, 1, 7)
    store.returned([(reported, retry_record)], LATER)

    store.swept([Announced(record_of(entry, 2), PLACE)], LATER)

    (still,) = store.still(LATER + MINUTE, 10)
    assert still.position == retry_record


def test_bringing_it_back_twice_brings_it_back_once(store):
    entry = a_failed(store)

    assert why_not(store, entry) is None
    assert why_not(store, entry) is Obstacle.NOT_FAILED


def test_what_never_was_is_said_so(store):
    (answer,) = store.redrive([uuid4()], at=LATER)

    assert (answer.obstacle, answer.step) == (Obstacle.NOT_FAILED, None)


def test_what_was_accepted_after_all_is_left_alone(store):
    (entry,) = staged(store)
    held = claim(store, entry)
    store.report({entry.id: (held, BAD_ADDRESS)}, LATER)
    _, (undecided,) = store.undecided([record_of(entry)], LATER)
    store.give_up([DeadLetter("smtp_550", undecided.envelope)], LATER)
    store.complete({entry.id: (held, Accepted())}, LATER)

    assert why_not(store, entry) is Obstacle.ACCEPTED_LATE


def test_what_has_expired_is_left_alone(store):
    entry = a_failed(store)

    assert why_not(store, entry, at=entry.expires_at) is Obstacle.EXPIRED
    assert why_not(store, entry, at=entry.expires_at - timedelta(seconds=1)) is None


def test_what_has_no_dead_letter_any_more_is_left_alone(store):
    entry, later = a_failed(store), a_failed(store, at=LATER + 2 * MINUTE)
    store.expire_letters(LATER + MINUTE)

    assert why_not(store, entry) is Obstacle.LETTER_EXPIRED
    assert why_not(store, later) is None
    assert store.state(entry.id) == State.FAILED


@pytest.mark.parametrize(
    ("switch", "obstacle"),
    [
        ("opt_out", Obstacle.OPTED_OUT),
        ("deactivate", Obstacle.USER_INACTIVE),
        ("erase", Obstacle.ERASED),
        ("forget_addresses", Obstacle.OPTED_OUT),
    ],
)
def test_who_does_not_want_it_any_more_is_left_in_peace(store, switch, obstacle):
    entry = a_failed(store)
    getattr(store, switch)(entry.user_id)

    assert why_not(store, entry) is obstacle
    assert store.state(entry.id) == State.FAILED


@pytest.mark.parametrize("reason", [OUTCOME_UNKNOWN, KILLS_THE_PROCESS])
def test_what_may_have_been_sent_needs_a_word_more(store, reason):
    entry = a_failed(store, reason=reason)

    assert why_not(store, entry) is Obstacle.OUTCOME_UNKNOWN
    assert why_not(store, entry, accept_duplicates=True) is None


def test_it_is_brought_back_three_times_and_no_more(store):
    entry = a_failed(store)
    for number in range(MOST_REDRIVES):
        assert why_not(store, entry) is None
        failed(store, entry, attempt=number + 2)

    assert why_not(store, entry) is Obstacle.TOO_OFTEN


def test_what_the_producer_published_is_not_taken_for_redriven(store):
    first, second = staged(store, [a_person(), a_person()])
    published(store, first)
    claim(store, second)

    assert store.redriven(10) == []


def test_the_latest_move_is_told_of_each(store):
    entry, other = staged(store, [a_person(), a_person()])
    published(store, entry)

    told = {step.id: step for step in store.latest([entry.id, other.id, uuid4()])}

    assert set(told) == {entry.id, other.id}
    assert (told[entry.id].before, told[entry.id].event, told[entry.id].after, told[entry.id].attempt) == (
        State.STAGED,
        Event.PUBLISHED,
        State.PENDING,
        1,
    )
    assert told[other.id].event is Event.WRITTEN

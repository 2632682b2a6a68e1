"""What every store makes of a record that was buried unread: the notification behind it ends with it."""

from dataclasses import replace

import pytest

from healthnotify.domain.delivery import KILLS_THE_PROCESS, Answer, DeadLetter, Poison, Position, Record
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.redriving import Obstacle
from healthnotify.pipeline.ports import Announced, Topic
from tests.builders import REFUSED, record_of, staged
from tests.store_steps import LATER, MINUTE, PLACE, claim, moves, published, refused

AGAIN = Position(Topic.DAILY, 3, 57)  # where the sweeper has put it
ENDS = [(State.PENDING, Event.REFUSED, State.RETRY), (State.RETRY, Event.GAVE_UP, State.FAILED)]


def killer(place=PLACE, reason=f"{KILLS_THE_PROCESS}: 3 processes have ended over it"):
    return DeadLetter(reason, record=Record(place, Poison(b"unread", reason)))


def swept(store, entry, attempt, at):
    return store.swept([Announced(record_of(entry, attempt), AGAIN)], at)


def test_the_notification_that_nobody_has_claimed_is_given_up_with_its_record(store):
    (entry,) = staged(store)
    published(store, entry)

    steps = store.bury([killer()], LATER)

    assert moves(steps) == ENDS
    assert {(step.id, step.attempt, step.reason) for step in steps} == {(entry.id, 1, KILLS_THE_PROCESS)}
    assert store.latest([entry.id]) == steps[1:]
    assert store.state(entry.id) == State.FAILED
    assert store.letters_of(entry.id) == [killer().reason]


def test_only_those_whose_last_record_it_is_are(store):
    one, other = staged(store), staged(store)
    published(store, one[0])
    store.published("daily", [Announced(record_of(other[0]), AGAIN)], LATER)

    steps = store.bury(
        [killer(), killer(replace(PLACE, partition=2)), killer(replace(PLACE, topic=Topic.RETRY))], LATER
    )

    assert [step.id for step in steps] == 2 * [one[0].id]
    assert store.state(other[0].id) == State.PENDING


def test_what_is_no_killer_ends_nothing(store):
    (entry,) = staged(store)
    published(store, entry)

    assert store.bury([killer(reason="not_json"), DeadLetter("unknown_notification", record_of(entry))], LATER) == []
    assert store.state(entry.id) == State.PENDING


def test_one_whose_place_is_not_known_yet_stays_and_ends_when_its_record_is_buried_once_more(store):
    (entry,) = staged(store)
    assert store.bury([killer()], LATER) == []
    assert store.state(entry.id) == State.STAGED
    published(store, entry)

    assert moves(store.bury([killer()], LATER)) == ENDS
    assert store.letters_of(entry.id) == [killer().reason]


@pytest.mark.parametrize("at", [LATER, LATER + 5 * MINUTE], ids=["the claim lives", "its lease is over"])
def test_whoever_has_claimed_it_since_has_read_it_and_is_not_touched(store, at):
    (entry,) = staged(store)
    published(store, entry)
    claim(store, entry)

    assert store.bury([killer()], at) == []
    assert store.state(entry.id) == State.PENDING
    assert claim(store, entry, at=at + MINUTE).answer is Answer.AMBIGUOUS


def test_a_claim_whose_lease_was_over_when_the_sweeper_offered_it_again_does_not_save_it(store):
    (entry,) = staged(store)
    published(store, entry)
    claim(store, entry)
    assert swept(store, entry, 1, LATER + 6 * MINUTE)

    steps = store.bury([killer(AGAIN)], LATER + 7 * MINUTE)

    assert moves(steps) == ENDS
    assert {step.attempt for step in steps} == {1}


def test_but_one_who_has_taken_over_since_is_not_touched(store):
    (entry,) = staged(store)
    published(store, entry)
    claim(store, entry)
    swept(store, entry, 1, LATER + 6 * MINUTE)
    assert claim(store, entry, at=LATER + 7 * MINUTE).answer is Answer.AMBIGUOUS

    assert store.bury([killer(AGAIN)], LATER + 7 * MINUTE) == []


def test_a_failure_that_is_recorded_is_handed_on_in_another_record(store):
    (entry,) = staged(store)
    published(store, entry)
    store.report({entry.id: (claim(store, entry), REFUSED)}, LATER + 2 * MINUTE)

    assert store.bury([killer()], LATER + 5 * MINUTE) == []
    assert store.state(entry.id) == State.PENDING


def test_but_it_ends_when_that_is_the_record_that_nobody_can_read(store):
    """Else the sweeper would hand it on for ever."""
    (entry,) = staged(store)
    published(store, entry)
    store.report({entry.id: (claim(store, entry), REFUSED)}, LATER)
    place = Position(Topic.RETRY, 0, 9)
    store.swept([Announced(record_of(entry), place)], LATER + 6 * MINUTE)

    assert moves(store.bury([killer(place)], LATER + 7 * MINUTE)) == ENDS
    assert store.letters_of(entry.id) == [killer().reason]


def test_a_record_on_the_retry_topic_ends_what_waits_for_a_decision(store):
    (entry,) = staged(store)
    refused(store, entry)

    assert moves(store.bury([killer()], LATER)) == ENDS[1:]
    assert store.letters_of(entry.id) == [killer().reason]


def test_buried_twice_it_is_kept_once_and_ends_once(store):
    (entry,) = staged(store)
    published(store, entry)
    store.bury([killer(), killer()], LATER)

    assert store.bury([killer()], LATER + MINUTE) == []
    assert store.letters_of(entry.id) == [killer().reason]


def test_it_is_brought_back_under_the_next_attempt_by_who_accepts_a_second_copy(store):
    (entry,) = staged(store)
    published(store, entry)
    store.bury([killer()], LATER)

    assert store.redrive([entry.id], at=LATER)[0].obstacle is Obstacle.OUTCOME_UNKNOWN
    (brought_back,) = store.redrive([entry.id], at=LATER, accept_duplicates=True)

    assert brought_back.obstacle is None
    assert [due.id for due in store.redriven(10)] == [entry.id]
    assert store.bury([killer()], LATER) == [], "the record that was buried is not its last one any more"
    assert claim(store, entry, attempt=1).answer is Answer.STALE
    assert claim(store, entry, attempt=2).answer is Answer.CLAIMED

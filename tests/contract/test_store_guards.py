"""What every store promises about stops, about putting off, and about first attempts."""

from datetime import timedelta
from uuid import uuid4

import pytest

from healthnotify.domain.delivery import Answer, Ask, Failure, FailureKind
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Category, Channel
from healthnotify.domain.stops import NOTHING_STOPPED, Stop, Stops
from healthnotify.pipeline.ports import DueIndex
from tests.builders import NOON, a_person, a_preference, record_of, staged
from tests.store_steps import LATER, MINUTE, PLACE, claim, published, refused, waiting

PUT_OFF = Failure(FailureKind.DEFERRED, "stopped", until=LATER + MINUTE)


def again(store):
    """One whose first try failed and whose next one has its time."""
    (entry,) = staged(store)
    waiting(store, entry, LATER)
    return entry


def put_off(store, *entries, attempt=1, at=LATER):
    return store.put_off({one.id: (Ask(record_of(one, attempt), uuid4()), PUT_OFF) for one in entries}, at)


def test_nothing_is_stopped_at_first(store):
    assert store.stops() == NOTHING_STOPPED


@pytest.mark.parametrize("stop", [Stop(), Stop(channel=Channel.SMS), Stop(category=Category.NUDGE)])
def test_a_stop_is_known_until_it_ends(store, stop):
    store.stop(stop)
    store.stop(stop)
    assert store.stops() == Stops.of([stop])

    store.resume(stop)
    assert store.stops() == NOTHING_STOPPED


def test_several_stops_hold_together(store):
    both = [Stop(channel=Channel.SMS), Stop(category=Category.NUDGE)]
    for one in both:
        store.stop(one)

    assert store.stops() == Stops.of(both)


@pytest.mark.parametrize("index", list(DueIndex))
@pytest.mark.parametrize("stop", [Stop(channel=Channel.EMAIL), Stop(category=Category.NUDGE)])
def test_what_is_stopped_is_not_due(store, index, stop):
    if index is DueIndex.DAILY:
        staged(store)
    else:
        again(store)

    at = NOON + timedelta(days=1)
    assert store.due(index, at, 10, Stops.of([stop])) == []
    assert store.due(index, at, 10, Stops.of([Stop(channel=Channel.WEBHOOK)])) == store.due(index, at, 10) != []


def test_what_is_put_off_has_a_failure_to_hand_over_and_was_not_tried(store):
    (entry,) = staged(store)
    published(store, entry)

    (held,) = put_off(store, entry)

    assert (held.answer, held.failure, held.person) == (Answer.REPORTED, PUT_OFF, None)
    assert claim(store, entry).answer is Answer.REPORTED
    (step,) = store.returned([(held, PLACE)], LATER)
    assert (step.event, step.after, step.reason) == (Event.DEFERRED, State.RETRY, "stopped")
    _, (undecided,) = store.undecided([held.envelope], LATER)
    assert (undecided.tries, undecided.envelope.failure) == (0, PUT_OFF)


def test_what_waits_in_a_state_of_its_own_is_put_off_with_the_move_that_was_missing(store):
    (entry,) = staged(store)

    assert len(put_off(store, entry)) == 1

    (latest,) = store.latest([entry.id])
    assert (latest.before, latest.event, latest.after) == (State.STAGED, Event.PUBLISHED, State.PENDING)
    assert published(store, entry) == []


def test_what_comes_again_can_be_put_off_again(store):
    entry = again(store)

    (held,) = put_off(store, entry, attempt=2)

    (step,) = store.returned([(held, PLACE)], LATER)
    assert step.event is Event.DEFERRED
    _, (undecided,) = store.undecided([held.envelope], LATER)
    assert undecided.tries == 1


@pytest.mark.parametrize("later", [timedelta(0), 2 * MINUTE])
def test_what_somebody_holds_or_held_is_not_put_off(store, later):
    (entry,) = staged(store)
    published(store, entry)
    claim(store, entry)

    assert put_off(store, entry, at=LATER + later) == []
    assert put_off(store, entry, attempt=2, at=LATER + later) == []


def test_what_is_past_unknown_or_ended_is_not_put_off(store):
    (entry,) = staged(store)
    published(store, entry)
    put_off(store, entry)

    assert put_off(store, entry) == []
    assert put_off(store, entry, attempt=3) == []
    assert store.put_off({uuid4(): (Ask(record_of(entry), uuid4()), PUT_OFF)}, LATER) == []
    assert store.put_off({}, LATER) == []


def test_many_are_put_off_at_once(store):
    entries = staged(store, [a_person() for _ in range(5)])
    for entry in entries:
        published(store, entry)

    assert {claim.envelope.id for claim in put_off(store, *entries)} == {entry.id for entry in entries}


def test_first_attempts_are_counted_from_an_instant_on(store):
    entries = staged(store, [a_person(preferences=(a_preference(Channel.EMAIL),)) for _ in range(3)])
    for entry in entries:
        published(store, entry)
    refused(store, entries[0])

    assert store.first_attempts(LATER) == 3
    assert store.first_attempts(LATER + MINUTE) == 0

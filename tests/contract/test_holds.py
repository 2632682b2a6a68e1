"""What every keeper of holds promises, in memory and on PostgreSQL."""

import pytest

from healthnotify.adapters.memory.safeguards import MemoryHolds
from healthnotify.apps.notifications.holding import PostgresHolds, resume
from healthnotify.domain.delivery import KILLS_THE_PROCESS, Accepted, DeadLetter, Poison, Position, Record
from healthnotify.domain.model import Channel
from healthnotify.pipeline.ports import Hold, Topic
from tests.builders import NOON, a_person, a_preference, staged
from tests.memory_store import TestedMemory
from tests.store_steps import LATER, MINUTE, claim


@pytest.fixture
def holds(store):
    return MemoryHolds(store) if isinstance(store, TestedMemory) else PostgresHolds()


def test_a_hold_stands_for_its_topic_and_the_first_word_counts(holds):
    assert holds.held(Topic.RETRY) is None

    first = holds.hold(Topic.RETRY, "51 in a row", NOON)
    second = holds.hold(Topic.RETRY, "another reason", LATER)

    assert first == second == holds.held(Topic.RETRY) == Hold(Topic.RETRY, NOON, "51 in a row")
    assert holds.held(Topic.DAILY) is None


def test_a_reason_that_is_too_long_is_cut(holds):
    assert holds.hold(Topic.DAILY, "x" * 500, NOON).why == "x" * 200


def killer(offset, topic=Topic.DAILY, reason=f"{KILLS_THE_PROCESS}: 3 processes have ended over it"):
    return DeadLetter(reason, record=Record(Position(topic, 0, offset), Poison(b"x", reason)))


def test_records_that_were_buried_unread_are_counted_until_a_hold_has_ended(store, holds):
    store.bury([killer(1), killer(2), killer(3, Topic.RETRY), killer(4, reason="bad_json: x")], LATER)

    assert holds.unread(Topic.DAILY, NOON) == 2
    assert holds.unread(Topic.RETRY, NOON) == 1

    holds.hold(Topic.DAILY, "2 records", LATER)
    end_hold(holds, Topic.DAILY, LATER + MINUTE)
    store.bury([killer(5)], LATER + 2 * MINUTE)
    assert holds.unread(Topic.DAILY, NOON) == 1
    assert holds.unread(Topic.RETRY, NOON) == 1


def end_hold(holds, topic, at):
    if isinstance(holds, MemoryHolds):
        holds.resume(topic)
    else:
        resume(actor="command", at=at, topic=topic)


def test_what_a_channel_has_accepted_since_then_is_counted_up_to_a_number(store, holds):
    mails = staged(store, [a_person() for _ in range(3)])
    texts = staged(store, [a_person(preferences=(a_preference(Channel.SMS),))])
    for entry, at in zip([*mails, *texts], [LATER, LATER + MINUTE, LATER + 2 * MINUTE, LATER + MINUTE], strict=True):
        store.complete({entry.id: (claim(store, entry, at=at), Accepted())}, at)

    assert holds.accepted(Channel.EMAIL, NOON, 10) == 3
    assert holds.accepted(Channel.EMAIL, LATER, 10) == 2
    assert holds.accepted(Channel.EMAIL, NOON, 2) == 2
    assert holds.accepted(Channel.SMS, NOON, 10) == 1
    assert holds.accepted(Channel.WEBHOOK, NOON, 10) == 0

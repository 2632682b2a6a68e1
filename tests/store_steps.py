"""Steps that tests of the store take."""

from datetime import timedelta

from healthnotify.domain.delivery import DeadLetter, Position
from healthnotify.pipeline.ports import Announced, DueIndex, Topic
from tests.builders import (
    BAD_ADDRESS,
    NOON,
    REFUSED,
    ask,
    record_of,
)

MINUTE = timedelta(minutes=1)
LATER = NOON + 6 * MINUTE  # after everybody's send time
PLACE = Position(Topic.DAILY, 3, 41)


def claim(store, entry, attempt=1, at=LATER, claim_id=None, *, alone=False):
    return store.claim([ask(entry, attempt, claim_id)], at, at + MINUTE, alone=alone)[0]


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


def failed(store, entry, attempt=1, reason="smtp_550", at=LATER):
    """Tried, refused, given up."""
    (undecided,) = refused(store, entry, BAD_ADDRESS, attempt, at)
    store.give_up([DeadLetter(reason, undecided.envelope)], at)
    return entry


def moves(steps):
    return [(step.before, step.event, step.after) for step in steps]

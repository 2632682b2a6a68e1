"""The life of a notification: its states, what can happen to it, and the one table of moves."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from healthnotify.domain.errors import IllegalMove


class State(StrEnum):
    PLANNED = "PLANNED"  #: one user is due in one slot; the row exists, the text does not
    STAGED = "STAGED"  #: approved text is saved; it waits for its send time
    PENDING = "PENDING"  #: Kafka holds it or soon will; at most one consumer holds its lease
    RETRY = "RETRY"  #: a try failed or was put off; the retry consumer alone decides what follows
    COMPLETED = "COMPLETED"  #: the channel accepted it
    FAILED = "FAILED"  #: given up, with a reason; a dead letter exists
    CANCELLED = "CANCELLED"  #: must no longer be sent, with a reason


class Event(StrEnum):
    PLANNED = "planned"  #: the planner made the row (there is no state before)
    WRITTEN = "written"  #: text passed the guardrails and is saved
    PUBLISHED = "published"  #: Kafka confirmed the first record
    ACCEPTED = "accepted"  #: the channel took the message
    REFUSED = "refused"  #: the channel said no, or said nothing
    DEFERRED = "deferred"  #: nothing was sent, and no attempt is used: it was not the hour for it
    SCHEDULED = "scheduled"  #: the retry consumer set the time of the next attempt
    REPUBLISHED = "republished"  #: Kafka confirmed a record for the next attempt
    TAKEN_OVER = "taken_over"  #: the lease ended without an outcome; another consumer holds the same attempt now
    GAVE_UP = "gave_up"  #: no attempt is left, or none would help
    CANCELLED = "cancelled"  #: a reason not to send came first
    REDRIVEN = "redriven"  #: an operator brought it back from the dead letters


MOVES: Final[Mapping[tuple[State, Event], State]] = {
    (State.PLANNED, Event.WRITTEN): State.STAGED,
    (State.PLANNED, Event.CANCELLED): State.CANCELLED,
    (State.STAGED, Event.PUBLISHED): State.PENDING,
    (State.STAGED, Event.CANCELLED): State.CANCELLED,
    (State.PENDING, Event.ACCEPTED): State.COMPLETED,
    (State.PENDING, Event.REFUSED): State.RETRY,
    (State.PENDING, Event.DEFERRED): State.RETRY,
    (State.PENDING, Event.REPUBLISHED): State.PENDING,
    (State.PENDING, Event.TAKEN_OVER): State.PENDING,
    (State.PENDING, Event.CANCELLED): State.CANCELLED,
    (State.RETRY, Event.ACCEPTED): State.COMPLETED,
    (State.RETRY, Event.SCHEDULED): State.RETRY,
    (State.RETRY, Event.REPUBLISHED): State.PENDING,
    (State.RETRY, Event.GAVE_UP): State.FAILED,
    (State.RETRY, Event.CANCELLED): State.CANCELLED,
    (State.FAILED, Event.REDRIVEN): State.PENDING,
    # Success is a fact: a message that was accepted while somebody cancelled it has been sent.
    (State.CANCELLED, Event.ACCEPTED): State.COMPLETED,
}

BEGINNING: Final = State.PLANNED
ENDED: Final = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})
OPEN: Final = frozenset(State) - ENDED


def after(state: State, event: Event) -> State:
    """The state that `event` leads to. Raises `IllegalMove` where the table has no such move."""
    try:
        return MOVES[state, event]
    except KeyError:
        raise IllegalMove(f"{state} has no move for {event}") from None


def before(event: Event) -> frozenset[State]:
    """The states in which `event` can happen."""
    return frozenset(state for state, cause in MOVES if cause is event)

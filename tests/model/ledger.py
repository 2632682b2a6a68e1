"""PostgreSQL's statements on one row. Moves are those of `domain.lifecycle`: the database refuses every other."""

# ruff: noqa: PLR0911 - the answers to a claim, one by one

from healthnotify.domain.delivery import Answer
from healthnotify.domain.lifecycle import MOVES, Event
from tests.model.scenarios import Protocol
from tests.model.world import (
    COMPLETED,
    DEFERRED,
    ENDED,
    FAILED,
    NO_LEASE,
    PENDING,
    PERMANENT,
    RAN_OUT,
    RETRIES,
    RETRY,
    RUNS,
    STAGED,
    UNKNOWN,
    Row,
)

TABLE = {(state.value, event.value): after.value for (state, event), after in MOVES.items()}
MADE: set[tuple[str, str]] = set()  #: the moves that searches have made so far

Answered = tuple[Answer, Row]


def move(row: Row, event: Event, **but: object) -> Row:
    """The row after that event, which the table must know."""
    key = (row.state, event.value)
    MADE.add(key)
    return row._replace(state=TABLE[key], **but)  # type: ignore[arg-type]


def claim(row: Row, attempt: int, mine: int, p: Protocol) -> Answered:
    """CLAIM."""
    if _is_free(row, attempt):
        taken = _entered(row)
        but = {"claim": mine, "lease": RUNS, "failure": "", "due": False, "doubt": False, "unread": False}
        if p.claims_in_memory_only:
            return Answer.CLAIMED, row
        return Answer.CLAIMED, taken._replace(attempt=row.attempt if p.claims_without_attempt else attempt, **but)
    if row.state in ENDED:
        return Answer.TERMINAL, row
    if attempt != row.attempt or row.state != PENDING or not row.claim:
        return Answer.STALE, row
    if row.failure:
        return Answer.REPORTED, row
    if row.claim == mine:
        return Answer.AMBIGUOUS if row.doubt else Answer.CLAIMED, row._replace(lease=RUNS)
    if row.lease == RUNS:
        return Answer.BUSY, row
    but = {"claim": mine, "lease": RUNS, "doubt": p.remembers_doubt, "unread": False}
    return Answer.AMBIGUOUS, move(row, Event.TAKEN_OVER, **but)


def put_off(row: Row, attempt: int, mine: int) -> Row | None:
    """PUT_OFF: the claim and its deferral in one statement; not for what somebody may have sent."""
    if not _is_free(row, attempt):
        return None
    return _entered(row)._replace(attempt=attempt, claim=mine, lease=RAN_OUT, failure=DEFERRED, due=False, doubt=False)


def complete(row: Row, mine: int, p: Protocol) -> Row:
    """COMPLETE: needs no lease, because success is a fact."""
    if p.success_needs_lease and (row.claim != mine or row.state != PENDING):
        return row
    if row.state == FAILED:
        return row._replace(late=True)
    if row.state == COMPLETED:
        return row
    return move(row, Event.ACCEPTED, lease=NO_LEASE, due=False)


def withhold(row: Row, mine: int, p: Protocol) -> Row:
    """WITHHOLD: for the holder only."""
    return move(row, Event.CANCELLED, lease=NO_LEASE) if _is_mine(row, mine, p) else row


def report(row: Row, mine: int, outcome: str, p: Protocol) -> Row | None:
    """REPORT: for the holder only; None for anybody else."""
    return row._replace(failure=outcome) if _is_mine(row, mine, p) else None


def returned(row: Row, mine: int, offset: int | None, p: Protocol) -> Row:
    """RETURNED: for the holder only."""
    if not (_is_mine(row, mine, p) and row.failure):
        return row
    place = row.place if offset is None else (RETRIES, offset)
    return _returned(row)._replace(place=place)


def catch_up(row: Row, attempt: int) -> Row:
    """CATCH_UP: the consumer died before it could."""
    waiting = row.state == PENDING and row.attempt == attempt and row.failure
    return _returned(row) if waiting else row


def is_undecided(row: Row, attempt: int) -> bool:
    """UNDECIDED."""
    return row.state == RETRY and row.attempt == attempt and not row.due and bool(row.failure)


def wait(row: Row, attempt: int) -> Row:
    """WAIT."""
    return move(row, Event.SCHEDULED, due=True) if is_undecided(row, attempt) else row


def give_up(row: Row, attempt: int) -> Row:
    """GIVE_UP."""
    return move(row, Event.GAVE_UP) if is_undecided(row, attempt) else row


def end_unread(row: Row, topic: str, offset: int, p: Protocol) -> Row:
    """REFUSE and GIVE_UP of a burial, in one transaction: what has its last record there, and nobody has in hand."""
    if row.place != (topic, offset) or p.leaves_what_is_buried:
        return row
    handed_on = bool(row.failure) and topic == RETRIES
    if row.state == PENDING and (handed_on or (not row.failure and (not row.claim or row.unread))):
        failure = PERMANENT if p.brings_back_what_is_buried else UNKNOWN  # it counts as perhaps sent
        but = {"claim": 0, "lease": NO_LEASE, "doubt": False, "unread": False, "failure": failure}
        row = move(row, Event.REFUSED, attempt=row.attempt + (not row.claim), **but)
    return move(row, Event.GAVE_UP) if row.state == RETRY and not row.due else row


def cancel(row: Row) -> Row:
    """CANCEL: what consumers hold is not touched."""
    return move(row, Event.CANCELLED, due=False) if row.state in (STAGED, RETRY) else row


def published(row: Row, index: str, attempt: int, offset: int | None, p: Protocol) -> Row:
    """PUBLISHED: compare-and-set on state and attempt."""
    place = None if offset is None else ("daily", offset)
    but = {"place": place, "due": False, "claim": 0, "lease": NO_LEASE, "failure": ""}
    if p.publishes_without_comparing:
        return row._replace(state=PENDING, **but)
    if row.attempt + 1 != attempt:
        return row
    if index == "daily":
        return move(row, Event.PUBLISHED, **but) if row.state == STAGED else row
    return move(row, Event.REPUBLISHED, **but) if row.state == RETRY and row.due else row


def swept(row: Row, topic: str, offset: int) -> Row:
    """SWEPT: what a consumer was fast enough to take is left alone."""
    if row.state == PENDING and row.lease != RUNS:
        return move(row, Event.REPUBLISHED, place=(topic, offset), unread=bool(row.claim))
    if row.state == RETRY and not row.due and topic == RETRIES:
        return row._replace(place=(topic, offset))
    return row


def expire(row: Row) -> Row:
    """EXPIRE: STAGED, or RETRY whose next time is set."""
    return cancel(row) if row.state == STAGED or (row.state == RETRY and row.due) else row


def redrive(row: Row) -> Row:
    """REDRIVE: not what may have been sent."""
    if row.state != FAILED or row.late or row.failure == UNKNOWN:
        return row
    but = {"uncounted": row.attempt, "claim": 0, "lease": NO_LEASE, "failure": "", "due": False, "place": None}
    return move(row, Event.REDRIVEN, **but)


def _is_free(row: Row, attempt: int) -> bool:
    waiting = row.state == STAGED or (row.state == PENDING and not row.claim) or (row.state == RETRY and row.due)
    return attempt == row.attempt + 1 and waiting


def _entered(row: Row) -> Row:
    """PENDING, when the record was faster than its producer."""
    if row.state == STAGED:
        return move(row, Event.PUBLISHED)
    return move(row, Event.REPUBLISHED) if row.state == RETRY else row


def _is_mine(row: Row, mine: int, p: Protocol) -> bool:
    return row.state == PENDING and (row.claim == mine or p.fences_nothing)


def _returned(row: Row) -> Row:
    deferred = row.failure == DEFERRED
    event = Event.DEFERRED if deferred else Event.REFUSED
    but = {"claim": 0, "lease": NO_LEASE, "doubt": False, "unread": False}
    return move(row, event, uncounted=row.uncounted + deferred, **but)

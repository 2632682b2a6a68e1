"""A notification as the store in memory remembers it, and what can be read off it."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from healthnotify.domain.ad_hoc import AdHoc
from healthnotify.domain.delivery import Answer, Ask, Due, Failure, Position
from healthnotify.domain.lifecycle import BEGINNING, ENDED, State
from healthnotify.domain.model import Entry, Message, Notification
from healthnotify.pipeline.ports import Topic


@dataclass(slots=True)
class Row:
    """A notification as the store remembers it."""

    plan: Notification
    updated_at: datetime
    state: State = BEGINNING
    attempt: int = 0
    uncounted: int = 0
    reason: str | None = None
    message: Message | None = None
    build_lease_until: datetime | None = None
    claim_id: UUID | None = None
    lease_until: datetime | None = None
    failure: Failure | None = None
    next_attempt_at: datetime | None = None
    accepted_by: list[UUID] = field(default_factory=list)
    late_success_at: datetime | None = None
    ended_at: datetime | None = None
    position: Position | None = None
    asked: AdHoc | None = None
    letter_expired: bool = False

    @property
    def due_at(self) -> datetime | None:
        """When it is to be published."""
        return {State.STAGED: self.plan.send_at, State.RETRY: self.next_attempt_at}.get(self.state)


def answer(ask: Ask, row: Row, now: datetime) -> Answer:
    """What the store says to an ask for this row."""
    asked = ask.envelope.attempt
    if row.state in ENDED:
        return Answer.TERMINAL
    if asked == row.attempt + 1:
        published = row.state is State.PENDING and row.claim_id is None
        decided = row.state is State.RETRY and row.next_attempt_at is not None
        return Answer.CLAIMED if row.state is State.STAGED or published or decided else Answer.STALE
    if asked != row.attempt or row.state is not State.PENDING or row.claim_id is None:
        return Answer.STALE
    if row.failure is not None:
        return Answer.REPORTED
    if row.claim_id == ask.claim_id:
        return Answer.CLAIMED
    return Answer.AMBIGUOUS if row.lease_until is None or row.lease_until <= now else Answer.BUSY


def on_the_road(row: Row) -> bool:
    """Whether a record of it lies in Kafka, as far as the store knows."""
    return row.state is State.PENDING or (row.state is State.RETRY and row.next_attempt_at is None)


def unread_since(row: Row) -> bool:
    """Whether nobody has claimed it since its last record was put on the road, or only its failure lies there."""
    if row.state is not State.PENDING or row.position is None:
        return False
    if row.failure is not None:
        return row.position.topic == Topic.RETRY
    return row.claim_id is None or (row.lease_until is not None and row.lease_until <= row.updated_at)


def due(row: Row) -> Due:
    """What its envelope needs."""
    plan = row.plan
    return Due(plan.id, plan.user_id, plan.category, plan.channel, row.attempt, plan.send_at, plan.expires_at)


def entry(row: Row) -> Entry:
    """What the cache holds of it."""
    plan = row.plan
    return Entry(
        id=plan.id,
        user_id=plan.user_id,
        state=row.state,
        category=plan.category,
        channel=plan.channel,
        timezone=plan.timezone,
        local_date=plan.local_date,
        attempt=row.attempt,
        send_at=plan.send_at,
        expires_at=plan.expires_at,
        due_at=row.due_at,
        sealed=f"memory:{plan.id}" if row.message else "",
    )

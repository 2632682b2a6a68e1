"""What comes to the store in memory from outside of the road: a notification somebody asks for, and a redrive."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from healthnotify.adapters.memory.guards import MemoryGuards
from healthnotify.adapters.memory.ledger import one_at_a_time
from healthnotify.adapters.memory.rows import Row, due
from healthnotify.domain.ad_hoc import AD_HOC, AdHoc
from healthnotify.domain.delivery import Due, Step
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Withheld
from healthnotify.domain.redriving import GivenUp, Obstacle, Redrive, obstacle


class MemoryOutside(MemoryGuards):
    """Twin of `apps.notifications.asking` and `apps.notifications.redrive`, and of what the road sees of them."""

    @one_at_a_time
    def ask(self, wanted: AdHoc, at: datetime) -> Step:
        """Write it down as PLANNED."""
        row = self.rows[wanted.plan.id] = Row(wanted.plan, at, asked=wanted)
        return self._note(row, Event.PLANNED, None, at, reason=AD_HOC)

    @one_at_a_time
    def redrive(self, ids: Sequence[UUID], *, at: datetime, accept_duplicates: bool = False) -> list[Redrive]:
        """FAILED -> PENDING for those that may be brought back."""
        return [self._redrive(key, at, accept_duplicates) for key in dict.fromkeys(ids)]

    @one_at_a_time
    def expire_letters(self, before: datetime) -> None:
        """What was given up before then stays given up, and nothing but that is known of it."""
        for row in self.rows.values():
            row.letter_expired |= row.state is State.FAILED and row.ended_at is not None and row.ended_at < before

    @one_at_a_time
    def redriven(self, limit: int) -> list[Due]:
        """See `ports.SweepStore`."""
        found = [
            row
            for row in self.rows.values()
            if row.state is State.PENDING and row.position is None and row.claim_id is None
        ]
        return [due(row) for row in sorted(found, key=lambda row: row.updated_at)[:limit]]

    @one_at_a_time
    def latest(self, ids: Collection[UUID]) -> list[Step]:
        """See `ports.RoadStore`."""
        last = {step.id: step for step in self.moves if step.id in ids}
        return list(last.values())

    def _redrive(self, key: UUID, at: datetime, accept_duplicates: bool) -> Redrive:  # noqa: FBT001 - as it came
        row = self.rows.get(key)
        if row is None:
            return Redrive(key, Obstacle.NOT_FAILED)
        why_not = obstacle(self._given_up(row), at=at, accept_duplicates=accept_duplicates)
        if why_not:
            return Redrive(key, why_not)
        row.position = row.claim_id = row.lease_until = row.failure = row.reason = row.ended_at = None
        row.uncounted = row.attempt
        return Redrive(key, None, self._move(row, Event.REDRIVEN, at))

    def _given_up(self, row: Row) -> GivenUp:
        plan = row.plan
        no_address = not self.people[plan.user_id].addresses.get(plan.channel)
        return GivenUp(
            id=plan.id,
            state=row.state,
            reason=row.reason,
            expires_at=plan.expires_at,
            accepted_late=row.late_success_at is not None,
            redrives=sum(step.id == plan.id and step.event is Event.REDRIVEN for step in self.moves),
            withheld=self._withheld(row) or (Withheld.OPTED_OUT if no_address else None),
            letter_expired=row.letter_expired,
            attempt=row.attempt,
        )

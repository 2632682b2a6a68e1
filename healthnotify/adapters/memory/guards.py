"""What may keep the store in memory from giving a claim: stops, ceilings, and what is put off."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from healthnotify.adapters.memory.ledger import MemoryLedger, one_at_a_time
from healthnotify.adapters.memory.rows import Row, answer
from healthnotify.domain.delivery import Answer, Ask, Claim, Failure
from healthnotify.domain.lifecycle import Event
from healthnotify.domain.stops import Stop, Stops


class MemoryGuards(MemoryLedger):
    """Twin of `apps.notifications.stopping`, of PostgreSQL's ceiling, and of putting off."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped: set[Stop] = set()
        self.ceiling: int | None = None  #: claims that one user may have in all; PostgreSQL counts a day's
        self.claimed: Counter[UUID] = Counter()

    @one_at_a_time
    def stops(self) -> Stops:
        """See `ports.RoadStore`."""
        return Stops.of(self.stopped)

    @one_at_a_time
    def put_off(self, deferrals: Mapping[UUID, tuple[Ask, Failure]], at: datetime) -> list[Claim]:
        """See `ports.DeliveryStore`."""
        reported = []
        for key, (ask, failure) in deferrals.items():
            row = self.rows.get(key)
            untried = row is not None and row.attempt + 1 == ask.envelope.attempt
            if row is not None and untried and answer(ask, row, at) is Answer.CLAIMED:
                claim = super()._claim(ask, row, at, at, alone=False)
                row.failure = failure
                reported.append(replace(claim, answer=Answer.REPORTED, failure=failure, person=None))
        return reported

    @one_at_a_time
    def first_attempts(self, since: datetime) -> int:
        """See `ports.RetryStore`."""
        return sum(step.event is Event.PUBLISHED and step.at >= since for step in self.moves)

    def _claim(self, ask: Ask, row: Row | None, now: datetime, lease_until: datetime, *, alone: bool) -> Claim:
        goes = row is not None and (alone or not self._is_suspect(ask, row, now))
        if row is not None and goes and answer(ask, row, now) in (Answer.CLAIMED, Answer.AMBIGUOUS):
            user_id = row.plan.user_id
            if self.ceiling is not None and self.claimed[user_id] >= self.ceiling:
                return Claim(Answer.REFUSED, ask.envelope, ask.claim_id)
            self.claimed[user_id] += row.claim_id != ask.claim_id  # asked again after a reply that was lost
        return super()._claim(ask, row, now, lease_until, alone=alone)

"""The store in memory: the same answers as PostgreSQL gives, one caller at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from healthnotify.adapters.memory.ledger import CAUSE, WAITING, one_at_a_time
from healthnotify.adapters.memory.outside import MemoryOutside
from healthnotify.adapters.memory.rows import Row, due, entry, on_the_road
from healthnotify.domain.delivery import (
    Accepted,
    Answer,
    Ask,
    Claim,
    DeadLetter,
    Due,
    Envelope,
    Failure,
    Position,
    Step,
    Undecided,
)
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import Event, State, before
from healthnotify.domain.model import Assignment, Entry, Message, Preference, Withheld
from healthnotify.domain.stops import NOTHING_STOPPED, Stops
from healthnotify.pipeline.ports import Announced, DueIndex, Plan, Still, Topic


class MemoryStore(MemoryOutside):
    """Twin of PostgreSQL."""

    # plan

    @one_at_a_time
    def due_preferences(self, until: datetime, limit: int) -> list[Preference]:
        due = [one for one in self.preferences.values() if one.next_due_at <= until and one.goals]
        return sorted(due, key=lambda one: one.next_due_at)[:limit]

    @one_at_a_time
    def plan(self, plans: Sequence[Plan], at: datetime) -> list[Step]:
        steps = []
        for plan in plans:
            seen = self.preferences[plan.preference_id]
            if (seen.next_due_at, seen.revision) != (plan.seen_next_due_at, plan.seen_revision):
                continue
            self.preferences[plan.preference_id] = replace(
                seen, planned_until=plan.planned_until, next_due_at=plan.next_due_at
            )
            for notification in plan.notifications:
                if not self._is_taken(notification):
                    row = self.rows[notification.id] = Row(notification, at)
                    steps.append(self._note(row, Event.PLANNED, None, at, reason=notification.shift))
        return steps

    # build

    @one_at_a_time
    def lease_planned(self, now: datetime, lease_until: datetime, limit: int, given: int = 0) -> list[Assignment]:
        free = [
            row
            for row in self.rows.values()
            if row.state is State.PLANNED and (row.build_lease_until is None or row.build_lease_until <= now)
        ]
        room = {True: limit, False: given}  # by whether a model has to write it
        leased = []
        for row in sorted(free, key=lambda row: row.plan.send_at):
            assignment = self._assignment(row)
            if room[assignment.needs_model] > 0:
                room[assignment.needs_model] -= 1
                row.build_lease_until = lease_until
                leased.append(assignment)
        return leased

    @one_at_a_time
    def stage(self, messages: Sequence[Message], at: datetime) -> tuple[list[Step], list[Entry]]:
        steps, entries = [], []
        for message in messages:
            row = self.rows[message.id]
            if row.state is State.PLANNED and message.user_id not in self.erased:
                row.message, row.build_lease_until = message, None
                why = message.provenance.why_template
                steps.append(self._move(row, Event.WRITTEN, at, reason=why or message.provenance.source))
                entries.append(entry(row))
        return steps, entries

    @one_at_a_time
    def cancel(self, reasons: Mapping[UUID, Withheld], at: datetime) -> list[Step]:
        allowed = before(Event.CANCELLED) - {State.PENDING}
        return [
            self._end(self.rows[key], Event.CANCELLED, at, reason)
            for key, reason in reasons.items()
            if key in self.rows and self.rows[key].state in allowed
        ]

    # publish

    @one_at_a_time
    def due(self, index: DueIndex, now: datetime, limit: int, stops: Stops = NOTHING_STOPPED) -> list[Due]:
        waiting = [
            row
            for row in self._waiting(index)
            if row.due_at is not None and row.due_at <= now and not stops.hold(row.plan.channel, row.plan.category)
        ]
        return [due(row) for row in waiting[:limit]]

    @one_at_a_time
    def published(self, index: DueIndex, announced: Sequence[Announced], at: datetime) -> list[Step]:
        steps = []
        for one in announced:
            row = self.rows[one.envelope.id]
            undecided = row.state is State.RETRY and row.next_attempt_at is None
            if row.state is WAITING[index] and row.attempt + 1 == one.envelope.attempt and not undecided:
                row.position, row.next_attempt_at, row.claim_id, row.failure = one.position, None, None, None
                row.lease_until = None
                steps.append(self._move(row, CAUSE[index], at, attempt=one.envelope.attempt))
        return steps

    # deliver

    @one_at_a_time
    def claim(self, asks: Sequence[Ask], now: datetime, lease_until: datetime, *, alone: bool = False) -> list[Claim]:
        return [self._claim(ask, self.rows.get(ask.envelope.id), now, lease_until, alone=alone) for ask in asks]

    @one_at_a_time
    def complete(self, accepted: Mapping[UUID, tuple[Claim, Accepted]], at: datetime) -> list[Step]:
        steps = []
        for key, (claim, _) in accepted.items():
            row = self.rows[key]
            if claim.claim_id not in row.accepted_by:
                row.accepted_by.append(claim.claim_id)
            row.lease_until = row.next_attempt_at = None
            if row.state is State.FAILED:
                row.late_success_at = row.late_success_at or at
            elif row.state is not State.COMPLETED:
                steps.append(self._end(row, Event.ACCEPTED, at, None, attempt=claim.envelope.attempt))
        return steps

    @one_at_a_time
    def withhold(self, claims: Mapping[UUID, tuple[Claim, Withheld]], at: datetime) -> list[Step]:
        return [
            self._end(self.rows[key], Event.CANCELLED, at, reason)
            for key, (claim, reason) in claims.items()
            if self._holds(claim)
        ]

    @one_at_a_time
    def report(self, failures: Mapping[UUID, tuple[Claim, Failure]], at: datetime) -> list[Claim]:
        reported = []
        for key, (claim, failure) in failures.items():
            if self._holds(claim):
                self.rows[key].failure, self.rows[key].updated_at = failure, at
                reported.append(replace(claim, answer=Answer.REPORTED, failure=failure, person=None))
        return reported

    @one_at_a_time
    def returned(self, announced: Sequence[tuple[Claim, Position]], at: datetime) -> list[Step]:
        steps = []
        for claim, position in announced:
            if self._holds(claim) and self.rows[claim.envelope.id].failure is not None:
                self.rows[claim.envelope.id].position = position
                steps.append(self._return(self.rows[claim.envelope.id], at))
        return steps

    @one_at_a_time
    def bury(self, letters: Sequence[DeadLetter], at: datetime) -> list[Step]:
        return [step for letter in letters for step in self._bury(letter, at)]

    # retry

    @one_at_a_time
    def undecided(self, envelopes: Sequence[Envelope], at: datetime) -> tuple[list[Step], list[Undecided]]:
        steps, waiting = [], []
        for envelope in {(one.id, one.attempt): one for one in envelopes}.values():
            row = self.rows.get(envelope.id)
            if row is None or row.attempt != envelope.attempt or row.failure is None:
                continue
            if row.state is State.PENDING:
                steps.append(self._return(row, at))
            if row.state is State.RETRY and row.next_attempt_at is None:
                waiting.append(Undecided(due(row).envelope(row.attempt, row.failure), row.attempt - row.uncounted))
        return steps, waiting

    @one_at_a_time
    def wait(self, until: Mapping[UUID, tuple[Undecided, datetime]], at: datetime) -> list[Step]:
        steps = []
        for key, (undecided, instant) in until.items():
            if self._is_undecided(key, undecided.envelope):
                row = self.rows[key]
                row.next_attempt_at = instant
                reason = row.failure.reason if row.failure else None
                steps.append(self._move(row, Event.SCHEDULED, at, reason=reason, due_at=instant))
        return steps

    @one_at_a_time
    def give_up(self, letters: Sequence[DeadLetter], at: datetime) -> list[Step]:
        steps = []
        for letter in letters:
            if letter.envelope and self._is_undecided(letter.envelope.id, letter.envelope):
                self.dead_letters.append(letter)
                steps.append(self._end(self.rows[letter.envelope.id], Event.GAVE_UP, at, letter.reason))
        return steps

    # sweep

    @one_at_a_time
    def overdue(self, index: DueIndex, before: datetime, limit: int) -> list[Entry]:
        waiting = [row for row in self._waiting(index) if row.due_at is not None and row.due_at < before]
        return [entry(row) for row in waiting[:limit]]

    @one_at_a_time
    def still(self, before: datetime, limit: int) -> list[Still]:
        found = [
            row
            for row in self.rows.values()
            if on_the_road(row) and row.updated_at < before and (row.lease_until is None or row.lease_until < before)
        ]
        found.sort(key=lambda row: row.updated_at)
        return [
            Still(due(row), row.state, row.claim_id is not None, row.position, row.failure) for row in found[:limit]
        ]

    @one_at_a_time
    def swept(self, announced: Sequence[Announced], at: datetime) -> list[Step]:
        steps = []
        for one in announced:
            row = self.rows[one.envelope.id]
            offered = row.attempt + (row.claim_id is None)
            free = row.lease_until is None or row.lease_until <= at
            if row.state is State.PENDING and free and one.envelope.attempt == offered:
                row.position = one.position
                steps.append(self._move(row, Event.REPUBLISHED, at, attempt=one.envelope.attempt))
            elif (
                row.state is State.RETRY
                and on_the_road(row)
                and one.position.topic == Topic.RETRY
                and one.envelope.attempt == row.attempt
            ):
                row.position, row.updated_at = one.position, at
        return steps

    @one_at_a_time
    def expire(self, now: datetime, limit: int) -> list[Step]:
        late = [
            row
            for row in self.rows.values()
            if (row.state in (State.PLANNED, State.STAGED) or (row.state is State.RETRY and row.next_attempt_at))
            and row.plan.expires_at <= now
        ]
        return [self._end(row, Event.CANCELLED, now, Withheld.EXPIRED) for row in late[:limit]]

    def open_entries(self, chunk: int) -> Iterator[list[Entry]]:
        with self.lock:
            if self.down:
                raise Unavailable("PostgreSQL", "switched off by the test")
            open_states = (State.STAGED, State.PENDING, State.RETRY)
            entries = [entry(row) for row in self.rows.values() if row.state in open_states]
        for start in range(0, len(entries), chunk):
            yield entries[start : start + chunk]

"""What the store in memory holds, and the moves that all its parts make."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from uuid import UUID, uuid4

from healthnotify.adapters.memory.rows import Row, answer, due, unread_since
from healthnotify.domain.delivery import (
    KILLS_THE_PROCESS,
    Answer,
    Ask,
    Claim,
    DeadLetter,
    Envelope,
    Failure,
    FailureKind,
    Person,
    Step,
)
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import Event, State, after
from healthnotify.domain.model import MAKES_ROOM, Assignment, Notification, Preference, Withheld
from healthnotify.domain.people import NewPerson, anchor_of, check, first_due
from healthnotify.domain.routing import SUSPECT
from healthnotify.pipeline.ports import DueIndex

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="MemoryLedger")
WAITING: Final = {DueIndex.DAILY: State.STAGED, DueIndex.RETRY: State.RETRY}
CAUSE: Final = {DueIndex.DAILY: Event.PUBLISHED, DueIndex.RETRY: Event.REPUBLISHED}


def one_at_a_time(
    method: Callable[Concatenate[S, P], R],
) -> Callable[Concatenate[S, P], R]:
    """One caller at a time, as a row lock would have it."""

    @wraps(method)
    def locked(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            if self.down:
                raise Unavailable("PostgreSQL", "switched off by the test")
            return method(self, *args, **kwargs)

    return locked  # type: ignore[return-value]  # wraps() forgets that self is positional


class MemoryLedger:
    """Rows, moves, dead letters and people. `down` makes every call raise `Unavailable`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.down = False
        self.people: dict[UUID, NewPerson] = {}
        self.erased: set[UUID] = set()
        self.preferences: dict[UUID, Preference] = {}
        self.rows: dict[UUID, Row] = {}
        self.moves: list[Step] = []
        self.dead_letters: list[DeadLetter] = []

    @one_at_a_time
    def add(self, people: Sequence[NewPerson], now: datetime) -> list[UUID]:
        """Enter people, as the users' app does."""
        ids = []
        for person in people:
            check(person)
            user_id = uuid4()
            ids.append(user_id)
            self.people[user_id] = person
            for wish in person.preferences:
                due = first_due(wish, person, now)
                if due is not None:
                    preference = Preference(
                        id=uuid4(),
                        user_id=user_id,
                        category=wish.category,
                        channel=wish.channel,
                        goals=tuple(sorted(goal.goal for goal in person.goals)),
                        timezone=person.timezone,
                        times=wish.times,
                        days=wish.days,
                        every=wish.every,
                        anchor=anchor_of(wish, person, now),
                        quiet=person.quiet,
                        planned_until=now,
                        next_due_at=due,
                    )
                    self.preferences[preference.id] = preference
        return ids

    def _is_taken(self, plan: Notification) -> bool:
        """Whether its occasion has a notification; one that a change has cancelled makes room, under another id."""
        return plan.id in self.rows or any(
            row.plan.occasion == plan.occasion and (row.attempt > 0 or row.reason not in MAKES_ROOM)
            for row in self.rows.values()
        )

    def _note(self, row: Row, event: Event, was: State | None, at: datetime, **more: Any) -> Step:
        more.setdefault("attempt", row.attempt)
        step = Step(id=row.plan.id, event=event, before=was, after=row.state, at=at, **more)
        self.moves.append(step)
        return step

    def _move(self, row: Row, event: Event, at: datetime, **more: Any) -> Step:
        was, row.state, row.updated_at = row.state, after(row.state, event), at
        return self._note(row, event, was, at, **more)

    def _end(self, row: Row, event: Event, at: datetime, reason: str | None, **more: Any) -> Step:
        row.reason, row.ended_at, row.next_attempt_at = reason, row.ended_at or at, None
        row.lease_until = row.build_lease_until = None
        return self._move(row, event, at, reason=reason, **more)

    def _return(self, row: Row, at: datetime) -> Step:
        assert row.failure is not None
        deferred = row.failure.kind is FailureKind.DEFERRED
        row.claim_id, row.lease_until = None, None
        row.uncounted += deferred
        return self._move(row, Event.DEFERRED if deferred else Event.REFUSED, at, reason=row.failure.reason)

    def _bury(self, letter: DeadLetter, at: datetime) -> list[Step]:
        place = letter.unread_at
        there = [row for row in self.rows.values() if place is not None and row.position == place]
        steps = [self._refuse_unread(row, at) for row in there if unread_since(row)]
        for row in there:
            if row.state is State.RETRY and row.next_attempt_at is None:
                letter = replace(letter, envelope=due(row).envelope(row.attempt, row.failure))
                steps.append(self._end(row, Event.GAVE_UP, at, KILLS_THE_PROCESS))
        known = [one for one in self.dead_letters if (one.reason, one.record) == (letter.reason, letter.record)]
        if not known or (letter.envelope and not known[0].envelope):
            self.dead_letters = [one for one in self.dead_letters if one not in known] + [letter]
        return steps

    def _refuse_unread(self, row: Row, at: datetime) -> Step:
        row.attempt += row.claim_id is None
        row.claim_id, row.lease_until = None, None
        row.failure = Failure(FailureKind.PERMANENT, KILLS_THE_PROCESS)
        return self._move(row, Event.REFUSED, at, reason=KILLS_THE_PROCESS)

    def _waiting(self, index: DueIndex) -> list[Row]:
        waiting = [row for row in self.rows.values() if row.state is WAITING[index] and row.due_at is not None]
        return sorted(waiting, key=lambda row: row.due_at or row.plan.send_at)

    def _holds(self, claim: Claim) -> bool:
        row = self.rows.get(claim.envelope.id)
        return row is not None and row.state is State.PENDING and row.claim_id == claim.claim_id

    def _is_undecided(self, key: UUID, envelope: Envelope) -> bool:
        row = self.rows[key]
        return row.state is State.RETRY and row.next_attempt_at is None and row.attempt == envelope.attempt

    def _is_suspect(self, ask: Ask, row: Row, now: datetime) -> bool:
        return answer(ask, row, now) is Answer.AMBIGUOUS and self._takeovers(row) + 1 >= SUSPECT

    def _takeovers(self, row: Row) -> int:
        return sum(
            step.id == row.plan.id and step.event is Event.TAKEN_OVER and step.attempt == row.attempt
            for step in self.moves
        )

    def _claim(self, ask: Ask, row: Row | None, now: datetime, lease_until: datetime, *, alone: bool) -> Claim:
        if row is None:
            return Claim(Answer.MISSING, ask.envelope, ask.claim_id)
        if not alone and self._is_suspect(ask, row, now):
            return Claim(Answer.SUSPECT, ask.envelope, row.claim_id or ask.claim_id, row.lease_until)
        said = answer(ask, row, now)
        if said not in (Answer.CLAIMED, Answer.AMBIGUOUS):
            failure = row.failure if said is Answer.REPORTED else None
            return Claim(said, ask.envelope, row.claim_id or ask.claim_id, row.lease_until, failure)
        was = row.state
        row.attempt, row.claim_id, row.lease_until = ask.envelope.attempt, ask.claim_id, lease_until
        row.failure, row.next_attempt_at, row.updated_at = None, None, now
        if said is Answer.AMBIGUOUS:
            self._move(row, Event.TAKEN_OVER, now)
        elif was is not State.PENDING:
            self._move(row, Event.PUBLISHED if was is State.STAGED else Event.REPUBLISHED, now)
        takeovers = self._takeovers(row)
        said = Answer.AMBIGUOUS if takeovers else said  # also when it is asked again, after a reply that was lost
        person = self._person(row, now)
        return Claim(said, ask.envelope, ask.claim_id, lease_until, person=person, takeovers=takeovers)

    def _person(self, row: Row, now: datetime) -> Person:
        user_id = row.plan.user_id
        person, erased = self.people[user_id], user_id in self.erased
        message = None if erased else row.message
        sent = [
            one
            for one in self.rows.values()
            if one.plan.user_id == user_id
            and one.state is State.COMPLETED
            and one.ended_at is not None
            and one.ended_at > now - timedelta(days=1)
        ]
        return Person(
            active=person.active,
            erased=erased,
            enabled=self._wants(row),
            timezone=person.timezone,
            quiet=person.quiet,
            locale=person.locale,
            address="" if erased else person.addresses.get(row.plan.channel, ""),
            sent_last_day=len(sent),
            subject=message.subject if message else "",
            text=message.text if message else "",
        )

    def _wants(self, row: Row) -> bool:
        """What nobody said anything about is not sent of our own accord, but it is when somebody asked for it."""
        said = [
            wish.enabled
            for wish in self.people[row.plan.user_id].preferences
            if wish.category is row.plan.category and wish.channel is row.plan.channel
        ]
        return said[0] if said else row.plan.slot is None

    def _assignment(self, row: Row) -> Assignment:
        plan, person = row.plan, self.people[row.plan.user_id]
        aim = next((goal for goal in person.goals if goal.goal is plan.goal), None)
        return Assignment(
            id=plan.id,
            user_id=plan.user_id,
            category=plan.category,
            channel=plan.channel,
            goal=plan.goal,
            name="" if plan.user_id in self.erased else person.name,
            locale=person.locale,
            target=aim.target if aim else 0,
            progress=aim.progress if aim else 0,
            streak=aim.streak if aim else 0,
            send_at=plan.send_at,
            expires_at=plan.expires_at,
            withheld=self._withheld(row),
            asked_by=row.asked.asked_by if row.asked else None,
            draft=row.asked.draft if row.asked else None,
            template=row.asked.template if row.asked else None,
        )

    def _withheld(self, row: Row) -> Withheld | None:
        if row.plan.user_id in self.erased:
            return Withheld.ERASED
        if not self.people[row.plan.user_id].active:
            return Withheld.USER_INACTIVE
        return None if self._wants(row) else Withheld.OPTED_OUT

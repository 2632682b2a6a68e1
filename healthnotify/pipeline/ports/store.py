"""The store: one protocol a verb, and what they pass to each other."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from healthnotify.domain.delivery import (
    Accepted,
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
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Assignment, Entry, Message, Notification, Preference, Withheld
from healthnotify.domain.stops import NOTHING_STOPPED, Stops


class Topic(StrEnum):
    DAILY = "notifications.daily"
    RETRY = "notifications.retry"
    DEAD_LETTER = "notifications.dead-letter"


class DueIndex(StrEnum):
    """The two lists of what waits for an instant."""

    DAILY = "daily"  #: STAGED, by send time
    RETRY = "retry"  #: RETRY, by the next attempt's time


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from one due preference: the notifications of its occasions, and how far it is planned now."""

    preference_id: UUID
    seen_next_due_at: datetime  #: as it was read: somebody else's newer value wins
    seen_revision: int  #: likewise: what changed meanwhile is planned anew
    planned_until: datetime
    next_due_at: datetime
    notifications: tuple[Notification, ...]


@dataclass(frozen=True, slots=True)
class Announced:
    """A record that Kafka has confirmed."""

    envelope: Envelope
    position: Position


@dataclass(frozen=True, slots=True)
class Still:
    """A notification that has stood still too long, and where its last record lies."""

    due: Due
    state: State
    claimed: bool  #: somebody held it, so its last attempt may have been sent
    position: Position | None
    failure: Failure | None


class PlanningStore(Protocol):
    def due_preferences(self, until: datetime, limit: int) -> list[Preference]:
        """Preferences of active users who have a goal, with `next_due_at` up to `until`, the earliest first."""

    def plan(self, plans: Sequence[Plan], at: datetime) -> list[Step]:
        """Insert what is new and advance the preferences, in one transaction; answers a step per new row.

        An occasion that has a notification already, under whatever revision, gets none: only one that a change
        has cancelled before any attempt (`MAKES_ROOM`) makes room."""


class BuildingStore(Protocol):
    def lease_planned(self, now: datetime, lease_until: datetime, limit: int, given: int = 0) -> list[Assignment]:
        """PLANNED rows that no other builder holds, the earliest send time first: up to `limit` that a model has to
        write, and up to `given` whose words were given."""

    def stage(self, messages: Sequence[Message], at: datetime) -> tuple[list[Step], list[Entry]]:
        """Encrypt and save the texts: PLANNED -> STAGED. Answers the cache entries of those that moved."""

    def cancel(self, reasons: Mapping[UUID, Withheld], at: datetime) -> list[Step]:
        """PLANNED, STAGED or RETRY -> CANCELLED; what consumers hold is not touched."""


class RoadStore(Protocol):
    def due(self, index: DueIndex, now: datetime, limit: int, stops: Stops = NOTHING_STOPPED) -> list[Due]:
        """What `Staging.due` would answer, read from PostgreSQL; nothing that is stopped."""

    def stops(self) -> Stops:
        """What an operator has stopped."""

    def published(self, index: DueIndex, announced: Sequence[Announced], at: datetime) -> list[Step]:
        """STAGED (daily) or RETRY (retry) -> PENDING for records of the next attempt, with their place on the road."""

    def cancel(self, reasons: Mapping[UUID, Withheld], at: datetime) -> list[Step]:
        """As for the builder."""

    def latest(self, ids: Collection[UUID]) -> list[Step]:
        """The last recorded move of each, for a cache that did not hear of it."""


class DeliveryStore(Protocol):
    def claim(self, asks: Sequence[Ask], now: datetime, lease_until: datetime, *, alone: bool = False) -> list[Claim]:
        """One answer for each ask, in order; ids are distinct within a call. Claiming moves STAGED or RETRY to
        PENDING when the record was faster than its producer. A suspect is claimed only `alone`."""

    def stops(self) -> Stops:
        """As for the producer."""

    def put_off(self, deferrals: Mapping[UUID, tuple[Ask, Failure]], at: datetime) -> list[Claim]:
        """Claim and report a deferral in one: nothing is sent, and no attempt is used. Answers the claims (REPORTED) of
        those that nobody has tried yet; the others cannot be put off, because an earlier holder may have sent them."""

    def complete(self, accepted: Mapping[UUID, tuple[Claim, Accepted]], at: datetime) -> list[Step]:
        """Record successes. Needs no lease: success is a fact. On FAILED it only sets `late_success_at`."""

    def withhold(self, claims: Mapping[UUID, tuple[Claim, Withheld]], at: datetime) -> list[Step]:
        """PENDING -> CANCELLED, for the holder of the claim only."""

    def report(self, failures: Mapping[UUID, tuple[Claim, Failure]], at: datetime) -> list[Claim]:
        """Note definite failures, for the holders only; answers the claims (REPORTED) to hand to the retry topic."""

    def returned(self, announced: Sequence[tuple[Claim, Position]], at: datetime) -> list[Step]:
        """PENDING -> RETRY for reported claims whose retry record is confirmed."""

    def bury(self, letters: Sequence[DeadLetter], at: datetime) -> list[Step]:
        """Keep dead letters of records: poison, unknown ids, and what was buried unread (`unread_at`).

        The notification whose last record was buried unread is given up in the same transaction, and its letter names
        it: PENDING -> RETRY -> FAILED if nobody has claimed it since that record was put there, or if the record was
        to hand on its failure; RETRY -> FAILED if it waits for a decision. Answers all moves."""


class RetryStore(Protocol):
    def undecided(self, envelopes: Sequence[Envelope], at: datetime) -> tuple[list[Step], list[Undecided]]:
        """Those of the failed tries that still wait for a decision; moves PENDING -> RETRY where the consumer died
        before it could."""

    def wait(self, until: Mapping[UUID, tuple[Undecided, datetime]], at: datetime) -> list[Step]:
        """Note `next_attempt_at`: RETRY -> RETRY, the steps carry it as `due_at`."""

    def give_up(self, letters: Sequence[DeadLetter], at: datetime) -> list[Step]:
        """RETRY -> FAILED and keep the dead letters, in one statement."""

    def cancel(self, reasons: Mapping[UUID, Withheld], at: datetime) -> list[Step]:
        """As for the builder."""

    def first_attempts(self, since: datetime) -> int:
        """How many notifications were published for the first time since then."""


class SweepStore(Protocol):
    def overdue(self, index: DueIndex, before: datetime, limit: int) -> list[Entry]:
        """Waiting rows whose time has passed `before` and that nobody has published."""

    def still(self, before: datetime, limit: int) -> list[Still]:
        """PENDING without a live lease, and RETRY without a decision, untouched since `before`."""

    def redriven(self, limit: int) -> list[Due]:
        """PENDING, never claimed and never announced: an operator brought it back."""

    def latest(self, ids: Collection[UUID]) -> list[Step]:
        """As for the producer."""

    def swept(self, announced: Sequence[Announced], at: datetime) -> list[Step]:
        """PENDING -> PENDING: a record is on the road again. What a consumer was fast enough to take is left alone."""

    def expire(self, now: datetime, limit: int) -> list[Step]:
        """PLANNED and STAGED past their expiry -> CANCELLED (`expired`)."""

    def open_entries(self, chunk: int) -> Iterator[list[Entry]]:
        """Every STAGED, PENDING or RETRY notification, for a rebuild of the cache."""


class Store(PlanningStore, BuildingStore, RoadStore, DeliveryStore, RetryStore, SweepStore, Protocol):
    """The truth."""

"""Send what is on the daily topic: PENDING -> COMPLETED, RETRY or CANCELLED.

Three parts in this order, each durable before the next begins: `take` claims, `send` sends, `settle` records. The send
is the one effect that cannot be taken back, so it stands between two writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from healthnotify.domain.delivery import (
    Accepted,
    Answer,
    Ask,
    Claim,
    DeadLetter,
    Envelope,
    Failure,
    FailureKind,
    Letter,
    Outcome,
    Person,
    Record,
    Step,
)
from healthnotify.domain.model import Channel, Withheld
from healthnotify.domain.routing import last_look, settled
from healthnotify.pipeline import caching
from healthnotify.pipeline.ports import ChannelPort, DeliveryStore, Road, Staging, Topic

UNKNOWN_ID: Final = "unknown_notification"
#: A send that could outlast its lease is put off instead: then nobody can take the claim over while it is under way.
TOO_LATE_TO_SEND: Final = "lease_too_short"
#: The operator may add the channel before the tries are used up, and redrive what came too early.
NOT_CONFIGURED: Final = "channel_not_configured"
CLAIMED: Final = (Answer.CLAIMED, Answer.AMBIGUOUS)


@dataclass(frozen=True, slots=True)
class Delivering:
    """How long a claim lasts, how long a send may take, and how many messages a user gets in 24 hours at most."""

    lease: timedelta
    send_timeout: timedelta
    daily_cap: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record and the id that it will be claimed with, the same one however often the store has to be asked: when a
    COMMIT's reply is lost, asking again finds our own claim."""

    record: Record
    claim_id: UUID
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A record and the claim that it led to."""

    record: Record
    claim: Claim


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a claim."""

    held: Held
    outcome: Outcome


@dataclass(slots=True)
class Taken:
    """What became of a batch of records."""

    to_send: list[Held] = field(default_factory=list)
    to_settle: list[Sent] = field(default_factory=list)  #: known without a send
    parked: list[Arrival] = field(default_factory=list)  #: somebody else's until then
    finished: list[Record] = field(default_factory=list)


def take(
    arrivals: Sequence[Arrival], *, now: datetime, store: DeliveryStore, road: Road, delivering: Delivering
) -> Taken:
    """Claim what the records announce and look once more whether it may be sent. Records must hold envelopes.

    A claim that somebody else holds is parked, never skipped: skipping loses it when its holder dies. An id that the
    store does not know is a dead letter, never a shrug.
    """
    taken = Taken()
    unique = _one_an_id(arrivals, taken)
    asks = [Ask(envelope, arrival.claim_id) for envelope, arrival in unique]
    claims = store.claim(asks, now, now + delivering.lease)
    missing: list[tuple[Envelope, Arrival]] = []
    for claim, (envelope, arrival) in zip(claims, unique, strict=True):
        held = Held(arrival.record, claim)
        if claim.answer in CLAIMED:
            _look(held, now, delivering, taken)
        elif claim.answer is Answer.REPORTED:
            assert claim.failure is not None
            taken.to_settle.append(Sent(held, claim.failure))
        elif claim.answer is Answer.BUSY:
            taken.parked.append(replace(arrival, not_before=claim.lease_until or now))
        elif claim.answer is Answer.MISSING:
            missing.append((envelope, arrival))
        else:
            taken.finished.append(arrival.record)
    _bury(missing, now, store, road, taken)
    return taken


async def send(held: Held, *, now: datetime, channels: Mapping[Channel, ChannelPort], delivering: Delivering) -> Sent:
    """Hand one claimed message to its channel."""
    lease_until, person = held.claim.lease_until, held.claim.person
    assert lease_until is not None
    assert person is not None
    if now + delivering.send_timeout > lease_until:
        return Sent(held, Failure(FailureKind.DEFERRED, TOO_LATE_TO_SEND, until=now))
    envelope = held.claim.envelope
    channel = channels.get(envelope.channel)
    if channel is None:
        return Sent(held, Failure(FailureKind.TRANSIENT, NOT_CONFIGURED))
    outcome = await channel.send(_letter(envelope, person))
    return Sent(held, settled(outcome, envelope.channel))


def settle(
    sent: Sequence[Sent], *, now: datetime, store: DeliveryStore, staging: Staging, road: Road
) -> tuple[list[Step], list[Record], list[Sent]]:
    """Record what came of the claims: the steps, the records that may be finished, and what is still to be settled.

    A failure is recorded, then put on the retry topic, then moved: whoever reads the record after a crash in between
    finds the failure and need not guess whether the message went out. Outcomes of a claim that is no longer ours find
    nothing; their record is finished because the new holder has one of its own.
    """
    accepted = {s.held.claim.envelope.id: (s.held.claim, s.outcome) for s in sent if isinstance(s.outcome, Accepted)}
    withheld = {s.held.claim.envelope.id: (s.held.claim, s.outcome) for s in sent if isinstance(s.outcome, Withheld)}
    failed = {s.held.claim.envelope.id: (s.held.claim, s.outcome) for s in sent if isinstance(s.outcome, Failure)}
    steps = store.complete(accepted, now) + store.withhold(withheld, now)
    returned, unannounced = _return(failed, now, store, road)
    steps += returned
    caching.follow(staging, steps)
    finished = [s.held.record for s in sent if s.held.claim.envelope.id not in unannounced]
    return steps, finished, [s for s in sent if s.held.claim.envelope.id in unannounced]


def _return(
    failed: Mapping[UUID, tuple[Claim, Failure]], now: datetime, store: DeliveryStore, road: Road
) -> tuple[list[Step], set[UUID]]:
    if not failed:
        return [], set()
    reported = {claim.envelope.id: claim for claim in store.report(failed, now)}
    envelopes = [replace(claim.envelope, failure=claim.failure) for claim in reported.values()]
    announced = road.announce(Topic.RETRY, envelopes) if envelopes else []
    steps = store.returned([(reported[one.envelope.id], one.position) for one in announced], now)
    return steps, set(reported) - {one.envelope.id for one in announced}


def _one_an_id(arrivals: Sequence[Arrival], taken: Taken) -> list[tuple[Envelope, Arrival]]:
    """A claim answers once an id: of two records for one notification the second waits for the next round."""
    seen: dict[UUID, tuple[Envelope, Arrival]] = {}
    for arrival in arrivals:
        envelope = arrival.record.content
        assert isinstance(envelope, Envelope)
        if envelope.id in seen:
            taken.parked.append(arrival)
        else:
            seen[envelope.id] = (envelope, arrival)
    return list(seen.values())


def _look(held: Held, now: datetime, delivering: Delivering, taken: Taken) -> None:
    person = held.claim.person
    assert person is not None
    obstacle = last_look(held.claim, person, now=now, daily_cap=delivering.daily_cap)
    if obstacle is None:
        taken.to_send.append(held)
    else:
        taken.to_settle.append(Sent(held, obstacle))


def _bury(
    missing: Sequence[tuple[Envelope, Arrival]], now: datetime, store: DeliveryStore, road: Road, taken: Taken
) -> None:
    """Unconfirmed ones are parked and tried again."""
    if not missing:
        return
    announced = road.announce(Topic.DEAD_LETTER, [envelope for envelope, _ in missing])
    buried = {one.envelope.id for one in announced}
    known = [(envelope, arrival) for envelope, arrival in missing if envelope.id in buried]
    store.bury([DeadLetter(UNKNOWN_ID, envelope, arrival.record) for envelope, arrival in known], now)
    taken.finished += [arrival.record for _, arrival in known]
    taken.parked += [arrival for envelope, arrival in missing if envelope.id not in buried]


def _letter(envelope: Envelope, person: Person) -> Letter:
    return Letter(
        id=envelope.id,
        user_id=envelope.user_id,
        category=envelope.category,
        address=person.address,
        locale=person.locale,
        subject=person.subject,
        text=person.text,
    )

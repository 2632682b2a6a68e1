"""The claim: what records announce is leased, looked at once more, parked, put off or buried."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from healthnotify.domain.delivery import (
    Answer,
    Ask,
    DeadLetter,
    Envelope,
    Failure,
    FailureKind,
)
from healthnotify.domain.routing import last_look
from healthnotify.pipeline.deliver.nouns import Arrival, Delivering, Held, Sent, Taken
from healthnotify.pipeline.ports import DeliveryStore, Road, Topic

UNKNOWN_ID: Final = "unknown_notification"
#: More of them than may be buried at a time: looked at again after so long.
UNKNOWN_REST: Final = timedelta(seconds=1)
#: The last line of defence: something is wrong, so nothing is urgent.
CEILING: Final = "ceiling"
CEILING_REST: Final = timedelta(minutes=5)
#: An operator has stopped the system, the channel or the category; looked at again after `STOP_REST`.
STOPPED: Final = "stopped"
STOP_REST: Final = timedelta(minutes=1)
#: Its channel is so slow that it was in the way of others.
LANE_FULL: Final = "lane_full"
LANE_REST: Final = timedelta(seconds=30)
CLAIMED: Final = (Answer.CLAIMED, Answer.AMBIGUOUS)


def take(
    arrivals: Sequence[Arrival],
    *,
    now: datetime,
    store: DeliveryStore,
    road: Road,
    delivering: Delivering,
    burying: int,
    alone: bool = False,
) -> Taken:
    """Claim what the records announce and look once more whether it may be sent. Records must hold envelopes.

    A claim that somebody else holds is parked, never skipped: skipping loses it when its holder dies. What has ended
    its holders before is claimed only `alone`. An id that the store does not know is a dead letter, never a shrug; so
    many of them at most, and the others are parked.
    """
    taken = Taken()
    unique = _one_an_id(arrivals, taken)
    asks = [Ask(envelope, arrival.claim_id) for envelope, arrival in unique]
    claims = store.claim(asks, now, now + delivering.lease, alone=alone)
    missing: list[tuple[Envelope, Arrival]] = []
    refused: list[Arrival] = []
    for claim, (envelope, arrival) in zip(claims, unique, strict=True):
        held = Held(arrival.record, claim)
        if claim.answer in CLAIMED:
            _look(held, now, delivering, taken)
        elif claim.answer is Answer.REPORTED:
            assert claim.failure is not None
            taken.to_settle.append(Sent(held, claim.failure))
        elif claim.answer is Answer.BUSY:
            taken.parked.append(replace(arrival, not_before=claim.lease_until or now))
        elif claim.answer is Answer.SUSPECT:
            taken.suspects.append(arrival)
        elif claim.answer is Answer.MISSING:
            missing.append((envelope, arrival))
        elif claim.answer is Answer.REFUSED:
            refused.append(arrival)
        else:
            taken.finished.append(arrival.record)
    taken.parked += [replace(arrival, not_before=now + UNKNOWN_REST) for _, arrival in missing[burying:]]
    _bury(missing[:burying], now, store, road, taken)
    _hold_back(refused, now, store, taken)
    return taken


def put_off(arrivals: Sequence[Arrival], reason: str, until: datetime, *, now: datetime, store: DeliveryStore) -> Taken:
    """Send these back to wait until then, without a try; records must hold envelopes. Those that somebody may have sent
    already cannot be put off, and stay where they are."""
    taken = Taken()
    deferral = Failure(FailureKind.DEFERRED, reason, until=until)
    unique = _one_an_id(arrivals, taken)
    reported = store.put_off(
        {envelope.id: (Ask(envelope, arrival.claim_id), deferral) for envelope, arrival in unique}, now
    )
    of = {envelope.id: arrival for envelope, arrival in unique}
    for claim in reported:
        assert claim.failure is not None
        taken.to_settle.append(Sent(Held(of[claim.envelope.id].record, claim), claim.failure))
    return taken


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


def _hold_back(refused: Sequence[Arrival], now: datetime, store: DeliveryStore, taken: Taken) -> None:
    """The ceiling refuses them. What cannot be put off, because it may have been sent, is parked."""
    if not refused:
        return
    back = put_off(refused, CEILING, now + CEILING_REST, now=now, store=store)
    taken.to_settle += back.to_settle
    gone = {sent.held.claim.envelope.id for sent in back.to_settle}
    left = [(arrival, arrival.record.content) for arrival in refused]
    taken.parked += [
        replace(arrival, not_before=now + CEILING_REST)
        for arrival, content in left
        if isinstance(content, Envelope) and content.id not in gone
    ]


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
    taken.buried += len(known)
    taken.parked += [arrival for envelope, arrival in missing if envelope.id not in buried]

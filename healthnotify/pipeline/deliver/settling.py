"""The outcome: recorded before the record is finished."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from healthnotify.domain.delivery import (
    Accepted,
    Claim,
    Failure,
    Step,
)
from healthnotify.domain.model import Withheld
from healthnotify.pipeline import caching
from healthnotify.pipeline.deliver.nouns import Sent, Settled
from healthnotify.pipeline.ports import DeliveryStore, Road, Staging, Topic


def settle(sent: Sequence[Sent], *, now: datetime, store: DeliveryStore, staging: Staging, road: Road) -> Settled:
    """Record what came of the claims.

    A failure is recorded, then put on the retry topic, then moved: whoever reads the record after a crash in between
    finds the failure and need not guess whether the message went out. Success is a fact whoever reports it; any other
    outcome of a claim that is somebody else's by now finds nothing, and its record is asked for again: the new holder's
    own may be committed already, and then it is the only one that is left when they die.
    """
    turn, settled = _first_of_each(sent), Settled()
    settled.left += [one for one in sent if turn[one.held.claim.envelope.id] is not one]
    accepted = {key: (s.held.claim, s.outcome) for key, s in turn.items() if isinstance(s.outcome, Accepted)}
    withheld = {key: (s.held.claim, s.outcome) for key, s in turn.items() if isinstance(s.outcome, Withheld)}
    failed = {key: (s.held.claim, s.outcome) for key, s in turn.items() if isinstance(s.outcome, Failure)}
    cancelled = store.withhold(withheld, now)
    settled.steps += store.complete(accepted, now) + cancelled
    caching.follow(staging, settled.steps)  # now: what follows may raise, and these will not be moved again
    reported = {claim.envelope.id: claim for claim in store.report(failed, now)} if failed else {}
    returned = _return(reported, now, store, road)
    caching.follow(staging, returned.steps)
    settled.steps += returned.steps
    over = accepted.keys() | {step.id for step in cancelled} | returned.announced
    settled.finished += [turn[key].held.record for key in over]
    settled.left += [turn[key] for key in reported.keys() - returned.announced]
    settled.again += [turn[key].held.record for key in turn.keys() - over - reported.keys()]
    return settled


def _first_of_each(sent: Sequence[Sent]) -> dict[UUID, Sent]:
    """Two claims of one notification may come to their end together: the second waits for the next round."""
    turn: dict[UUID, Sent] = {}
    for one in sent:
        turn.setdefault(one.held.claim.envelope.id, one)
    return turn


@dataclass(frozen=True, slots=True)
class _Returned:
    steps: list[Step]
    announced: set[UUID]


def _return(reported: Mapping[UUID, Claim], now: datetime, store: DeliveryStore, road: Road) -> _Returned:
    if not reported:
        return _Returned([], set())
    announced = road.announce(Topic.RETRY, [replace(one.envelope, failure=one.failure) for one in reported.values()])
    steps = store.returned([(reported[one.envelope.id], one.position) for one in announced], now)
    return _Returned(steps, {one.envelope.id for one in announced})

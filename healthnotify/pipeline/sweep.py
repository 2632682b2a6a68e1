"""Put back on its way whatever stands still too long; rebuild Redis from PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import State
from healthnotify.pipeline import caching
from healthnotify.pipeline.ports import DueIndex, Road, Staging, Still, SweepStore, Topic

CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Patience:
    """How long something may stand still: due but unpublished, and on the road without an outcome."""

    due: timedelta = timedelta(seconds=60)
    road: timedelta = timedelta(minutes=5)


def sweep(
    *, now: datetime, limit: int, store: SweepStore, staging: Staging, road: Road, patience: Patience
) -> list[Step]:
    """One round. In a healthy system it finds nothing; each act is a compare-and-set, so it is safe at any time.

    Kafka comes last: while it is away the cache is rebuilt all the same.
    """
    steps = store.expire(now, limit)
    _mend_cache(steps, now - patience.due, limit, store, staging)
    steps += _resume(now, limit, store, staging, road)
    return steps + _republish(now, limit, store, road, patience)


def _mend_cache(steps: Sequence[Step], before: datetime, limit: int, store: SweepStore, staging: Staging) -> None:
    try:
        staging.follow(steps)
        if staging.is_cold():
            rebuild(store, staging)
        else:
            for index in DueIndex:
                staging.put(store.overdue(index, before, limit))
    except Unavailable:
        return  # publishing reads PostgreSQL until Redis is back; the next round rebuilds it


def rebuild(store: SweepStore, staging: Staging) -> int:
    """Fill the cache and the due indexes from PostgreSQL; answers how many entries. Ends with the cache warm."""
    staging.clear()
    count = 0
    for entries in store.open_entries(CHUNK):
        staging.put(entries)
        count += len(entries)
    staging.warm()
    return count


def _resume(now: datetime, limit: int, store: SweepStore, staging: Staging, road: Road) -> list[Step]:
    """Put what an operator brought back on the road at once. The redrive is recorded first and announced here, because
    PENDING means "Kafka holds it or soon will": whoever dies in between leaves it for the next round."""
    redriven = store.redriven(limit)
    if not redriven:
        return []
    caching.follow(staging, store.latest([one.id for one in redriven]))  # the operator's page knows PostgreSQL only
    return store.swept(road.announce(Topic.DAILY, [one.envelope(one.attempt + 1) for one in redriven]), now)


def _republish(now: datetime, limit: int, store: SweepStore, road: Road, patience: Patience) -> list[Step]:
    """Announce again what no consumer will see any more. What is merely queued is left alone: a rule by age alone
    republishes a whole backlog."""
    still = store.still(now - patience.road, limit)
    places = [one.position for one in still if one.position is not None]
    passed = road.passed(places) if places else set()
    lost = [one for one in still if one.position is None or one.position in passed]
    return _hand_on([one for one in lost if one.failure is not None], now, store, road) + _offer(
        [one for one in lost if one.failure is None and one.state is State.PENDING], now, store, road
    )


def _hand_on(failed: Sequence[Still], now: datetime, store: SweepStore, road: Road) -> list[Step]:
    """A reported failure goes to the retry consumer."""
    envelopes = [one.due.envelope(one.due.attempt, one.failure) for one in failed]
    return store.swept(road.announce(Topic.RETRY, envelopes), now) if envelopes else []


def _offer(untold: Sequence[Still], now: datetime, store: SweepStore, road: Road) -> list[Step]:
    """A claim whose outcome nobody knows is offered again under the same attempt, so that the claim can call it
    ambiguous; what was never claimed is offered as the next attempt."""
    envelopes = [one.due.envelope(one.due.attempt + (0 if one.claimed else 1)) for one in untold]
    return store.swept(road.announce(Topic.DAILY, envelopes), now) if envelopes else []

"""Hand what is due to Kafka: STAGED -> PENDING, and RETRY -> PENDING for the next attempt."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from healthnotify.domain.delivery import Due, Step
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.model import Withheld
from healthnotify.domain.stops import NOTHING_STOPPED, Stops
from healthnotify.pipeline import caching
from healthnotify.pipeline.ports import DueIndex, Road, RoadStore, Staging, Topic

#: How long a due entry is hidden from other producers while this one announces it; longer than Kafka's delivery
#: timeout, so that in a healthy system nobody announces it twice, and short, because a crash hides it as well.
HIDE: Final = timedelta(seconds=30)


def publish(
    index: DueIndex,
    *,
    now: datetime,
    limit: int,
    store: RoadStore,
    staging: Staging,
    road: Road,
    stops: Stops = NOTHING_STOPPED,
) -> list[Step]:
    """Announce up to `limit` due notifications, then record those that Kafka confirmed. What is stopped stays due.

    A report that never comes means *unknown*: the row stays as it is and is announced again, and the claim drops the
    second copy. Recording first would lose the notification when we die in between (docs/decisions/0003).
    """
    if stops.everything:
        return []
    due = _due(index, now, limit, store=store, staging=staging, stops=stops)
    live = [one for one in due if one.expires_at > now and not stops.hold(one.channel, one.category)]
    late = [one for one in due if one.expires_at <= now]
    steps = _expire(late, now, store)
    announced = road.announce(Topic.DAILY, [one.envelope(one.attempt + 1) for one in live]) if live else []
    steps += store.published(index, announced, now)
    acted_on = {one.id for one in late} | {one.envelope.id for one in announced}
    caching.follow(staging, steps + _missed(acted_on, steps, store))
    return steps


def _due(
    index: DueIndex, now: datetime, limit: int, *, store: RoadStore, staging: Staging, stops: Stops
) -> Sequence[Due]:
    """From Redis; from PostgreSQL, slower, while Redis is cold or does not answer."""
    try:
        found = staging.due(index, now, limit, HIDE)
    except Unavailable:
        found = None
    return store.due(index, now, limit, stops) if found is None else found


def _expire(late: Sequence[Due], now: datetime, store: RoadStore) -> list[Step]:
    return store.cancel({one.id: Withheld.EXPIRED for one in late}, now) if late else []


def _missed(acted_on: set[UUID], steps: Sequence[Step], store: RoadStore) -> list[Step]:
    """What became of those that would not move: somebody was faster whom the cache does not hear of, as the API,
    which works without Redis. Once it is told, they leave the due index instead of coming up again and again."""
    unmoved = acted_on - {step.id for step in steps}
    return store.latest(unmoved) if unmoved else []

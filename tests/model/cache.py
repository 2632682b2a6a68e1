"""Redis as its scripts leave it: which report counts, and in which due index an entry is."""

from datetime import UTC, datetime
from functools import cache
from uuid import UUID

from healthnotify.adapters.staging.order import WAITS_IN
from healthnotify.adapters.staging.order import rank as order_of
from healthnotify.domain.delivery import Step
from healthnotify.domain.lifecycle import Event, State
from tests.model.world import FAILED, RETRY, STAGED, Entry, News, Redis, Row, World

SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)
INDEX_OF = {state.value: index.value for state, index in WAITS_IN.items()}


@cache
def rank(state: str, attempt: int) -> int:
    """As `adapters.staging.order` has it."""
    return order_of(Step(UUID(int=0), Event.PUBLISHED, None, State(state), SOME_TIME, attempt))


def news_of(row: Row) -> News:
    """What a move of that row tells the cache; the attempt of one that has a record but no claim is the record's."""
    return News(row.state, row.attempt, row.due or row.state == STAGED)


def latest(row: Row) -> News:
    """What PostgreSQL's last recorded move says: that of a published row names the try that its record is for."""
    published = row.state == "PENDING" and not row.claim
    return News(row.state, row.attempt + published, row.due or row.state == STAGED)


def entry_of(row: Row) -> Entry:
    """As a rebuild, or the builder, puts it."""
    due = row.due or row.state == STAGED
    return Entry(rank(row.state, row.attempt), due, _index(row.state, due), row.state, row.attempt)


def follow(redis: Redis, n: int, news: News) -> Redis:
    """Script FOLLOW: older news changes nothing; what has no entry leaves the indexes."""
    cached = redis.entries[n]
    if cached is None:
        return redis
    new = rank(news.state, news.attempt)
    if news.back and cached.state == FAILED:
        new = max(new, cached.rank + 1)
    if (new, news.due) < (cached.rank, cached.due):
        return redis
    return _with(redis, n, Entry(new, news.due, _index(news.state, news.due), news.state, news.attempt))


def put(redis: Redis, n: int, row: Row) -> Redis:
    """Script PUT."""
    cached, entry = redis.entries[n], entry_of(row)
    if cached is not None and (entry.rank, entry.due) < (cached.rank, cached.due):
        return redis
    return _with(redis, n, entry)


def drop(redis: Redis, n: int) -> Redis:
    """Out of its index."""
    cached = redis.entries[n]
    return redis if cached is None else _with(redis, n, cached._replace(index=""))


def told(w: World, n: int, news: News | None) -> World:
    """The world after the cache has heard of it."""
    return w if news is None else w._replace(redis=follow(w.redis, n, news))


def emptied(redis: Redis) -> Redis:
    """After FLUSHALL."""
    return Redis(False, (None,) * len(redis.entries))


def waits(row: Row | None, index: str) -> bool:
    """Whether PostgreSQL would answer it as due."""
    if row is None:
        return False
    return row.state == STAGED if index == "daily" else row.state == RETRY and row.due


def _index(state: str, due: bool) -> str:
    return INDEX_OF.get(state, "") if due else ""


def _with(redis: Redis, n: int, entry: Entry) -> Redis:
    return redis._replace(entries=(*redis.entries[:n], entry, *redis.entries[n + 1 :]))

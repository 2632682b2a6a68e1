"""Reading the cache, for operators: never KEYS, never more than a chunk in memory."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

from redis import Redis

from healthnotify.adapters.staging import keys, scripts, shape
from healthnotify.adapters.staging.connection import meaning
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Entry
from healthnotify.pipeline.ports import DueIndex, Looked

T = TypeVar("T")

_OURS: Final = (keys.ENTRY, keys.BUCKET, keys.BUCKETS, *keys.DUE.values())


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """The notifications of one local date in one time zone."""

    day: date
    timezone: str

    @property
    def name(self) -> str:
        """As the keys have it."""
        return shape.bucket_name(self.timezone, self.day)


@dataclass(frozen=True, slots=True)
class Cached:
    """An entry, and how long it stays."""

    entry: Entry
    kept_until: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """The size of a due index, and when its first id is looked at next."""

    count: int
    earliest: datetime | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of the buckets that were asked for; the due indexes and the memory are those of the whole server."""

    by_state: dict[State, int]
    by_bucket: dict[Bucket, int]
    due: dict[DueIndex, Waiting]
    memory: int  #: bytes
    most_memory: int  #: bytes; 0 is no limit


class Inspection:
    """What `inspect_notification_cache` asks. A zone or a date narrows it, both narrow it to one bucket."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # the client's stubs promise sync and async answers alike
        self._forget = redis.register_script(scripts.FORGET)

    def stats(self, timezone: str | None = None, day: date | None = None) -> Statistics:
        """How much there is of what."""
        by_state: Counter[State] = Counter()
        by_bucket = {}
        for bucket in self._buckets(timezone, day):
            states = Counter(State(state) for state in self._states(bucket))
            by_bucket[bucket] = states.total()
            by_state += states
        with meaning():
            memory = self._redis.info("memory")
        return Statistics(
            by_state=dict(by_state),
            by_bucket=by_bucket,
            due={index: self._waiting(index) for index in DueIndex},
            memory=memory["used_memory"],
            most_memory=memory["maxmemory"],
        )

    def due_sizes(self) -> dict[DueIndex, int]:
        """How many ids each due index holds; it is also the sign of life that a probe asks for."""
        with meaning():
            return {index: self._redis.zcard(keys.DUE[index]) for index in DueIndex}

    def entries(self, timezone: str | None = None, day: date | None = None) -> Iterator[Cached]:
        """Whole entries, sealed text and all, by date, zone and send time."""
        for bucket in self._buckets(timezone, day):
            for members in self._pages(bucket):
                yield from self._read(members)

    def look(self, ids: Sequence[UUID]) -> dict[UUID, Looked]:
        """See `ports.Inspected`."""
        found = {}
        for some in chunks(ids, keys.CHUNK):
            pipeline = self._redis.pipeline(transaction=False)
            for one in some:
                pipeline.hgetall(f"{keys.ENTRY}{one}")
                for index in DueIndex:
                    pipeline.zscore(keys.DUE[index], str(one))
            with meaning():
                answers = iter(pipeline.execute())
            for one in some:
                fields, scores = next(answers), {index: next(answers) for index in DueIndex}
                if fields:
                    indexes = frozenset(index for index, score in scores.items() if score is not None)
                    found[one] = Looked(shape.entry(str(one), fields), indexes)
        return found

    def forget(self, timezone: str | None = None, day: date | None = None) -> int:
        """Remove entries and their places in the due indexes; answers how many entries.

        The cache is cold from then on, so that producers read PostgreSQL and the sweeper rebuilds what was removed; a
        rebuild that is under way does not count as complete.
        """
        with meaning():
            self._redis.unlink(keys.WARM, keys.REBUILD)
        if timezone is None and day is None:
            return self._remove_all()
        return sum(self._forget_bucket(bucket) for bucket in self._buckets(timezone, day))

    def _forget_bucket(self, bucket: Bucket) -> int:
        count = 0
        for members in self._pages(bucket):
            with meaning():
                count += self._forget(
                    keys=[keys.BUCKETS, *keys.DUE.values(), keys.BUCKET + bucket.name],
                    args=[keys.ENTRY, bucket.name, *members],
                )
        return count

    def _remove_all(self) -> int:
        """Every key of ours but the marks; FLUSHALL would take what others keep on that server."""
        entries = 0
        with meaning():
            found = self._redis.scan_iter(match=f"{keys.PREFIX}*", count=keys.CHUNK)
            for chunk in chunks((key for key in found if key.startswith(_OURS)), keys.CHUNK):
                self._redis.unlink(*chunk)
                entries += sum(key.startswith(keys.ENTRY) for key in chunk)
        return entries

    def _buckets(self, timezone: str | None, day: date | None) -> list[Bucket]:
        with meaning():
            names = [name for name, _ in self._redis.zscan_iter(keys.BUCKETS, count=keys.CHUNK)]
        split = (name.rpartition(":") for name in names)
        known = {Bucket(date.fromisoformat(text), zone) for zone, _, text in split}
        return sorted(one for one in known if timezone in (None, one.timezone) and day in (None, one.day))

    def _pages(self, bucket: Bucket) -> Iterator[list[str]]:
        """Members in order; by text and not by rank, so that what comes or goes meanwhile shifts nothing."""
        after = "-"
        while True:
            with meaning():
                page = self._redis.zrange(keys.BUCKET + bucket.name, after, "+", bylex=True, offset=0, num=keys.CHUNK)
            if not page:
                return
            yield page
            after = f"({page[-1]}"

    def _states(self, bucket: Bucket) -> Iterator[str]:
        for members in self._pages(bucket):
            pipeline = self._redis.pipeline(transaction=False)
            for member in members:
                pipeline.hget(keys.ENTRY + _id(member), "state")
            with meaning():
                answers = pipeline.execute()
            yield from (state for state in answers if state)

    def _read(self, members: list[str]) -> Iterator[Cached]:
        pipeline = self._redis.pipeline(transaction=False)
        for member in members:
            pipeline.hgetall(keys.ENTRY + _id(member)).expiretime(keys.ENTRY + _id(member))
        with meaning():
            answers = iter(pipeline.execute())
        for member, fields, until in zip(members, answers, answers, strict=False):
            if fields:
                yield Cached(shape.entry(_id(member), fields), datetime.fromtimestamp(until, UTC))

    def _waiting(self, index: DueIndex) -> Waiting:
        with meaning():
            count = self._redis.zcard(keys.DUE[index])
            first = self._redis.zrange(keys.DUE[index], 0, 0, withscores=True)
        earliest = shape.EPOCH + first[0][1] * shape.MILLISECOND if first else None
        return Waiting(count, earliest)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of up to `size`."""
    remaining = iter(items)
    while chunk := list(islice(remaining, size)):
        yield chunk


def _id(member: str) -> str:
    return member.partition(":")[2]

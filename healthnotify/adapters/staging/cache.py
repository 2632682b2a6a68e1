"""The cache and the due indexes in Redis or Valkey: what the verbs and the sweeper call."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from redis import Redis

from healthnotify.adapters.staging import keys, scripts, shape
from healthnotify.adapters.staging.connection import client, meaning
from healthnotify.adapters.staging.inspection import Inspection, chunks
from healthnotify.adapters.staging.order import WAITS_IN
from healthnotify.domain.delivery import Due, Step
from healthnotify.domain.model import Entry
from healthnotify.pipeline.ports import DueIndex

_BATCH_KEYS: Final = (keys.BUCKETS, *keys.DUE.values())
_STATE_IN: Final = {index: state for state, index in WAITS_IN.items()}


def connect(url: str) -> "RedisStaging":
    """The staging at that URL; no connection is opened yet. Raises `Misconfigured` for a malformed URL."""
    return RedisStaging(client(url))


class RedisStaging(Inspection):
    """`ports.Staging`. Safe to share between threads.

    Every method raises `Unavailable` when Redis does not serve, and `Misconfigured` when it refuses us.
    """

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self._put = redis.register_script(scripts.PUT)
        self._follow = redis.register_script(scripts.FOLLOW)
        self._due = redis.register_script(scripts.DUE)
        self._is_warm = redis.register_script(scripts.IS_WARM)
        self._begin_rebuild = redis.register_script(scripts.BEGIN_REBUILD)
        self._warm = redis.register_script(scripts.WARM)
        self._rebuilds = False

    def ping(self) -> None:
        """Ask for a sign of life."""
        with meaning():
            self._redis.ping()

    def close(self) -> None:
        """Let go of the connections."""
        self._redis.close()

    def put(self, entries: Sequence[Entry]) -> None:
        """See `ports.Staging`. Older news than what is cached changes nothing (`order`)."""
        self._send(self._put, [shape.put_item(entry) for entry in entries])

    def replace(self, entries: Sequence[Entry]) -> None:
        """See `ports.Inspected`. Who asks for one of them in between finds nothing, and asks again."""
        for chunk in chunks(entries, keys.CHUNK):
            with meaning():
                self._redis.unlink(*(f"{keys.ENTRY}{entry.id}" for entry in chunk))
            self.put(chunk)

    def follow(self, steps: Sequence[Step]) -> None:
        """See `ports.Staging`. Where the entry is missing only the due indexes hear of the step."""
        self._send(self._follow, [shape.follow_item(step) for step in steps])

    def due(self, index: DueIndex, now: datetime, limit: int, hide: timedelta) -> list[Due] | None:
        """See `ports.Staging`. The ids come back after `hide` unless a step takes them out of the index.

        An id that has no entry or does not wait here is dropped: PostgreSQL knows better, and the sweeper asks it.
        """
        found: list[Due] = []
        while len(found) < limit:
            size = min(limit - len(found), keys.CHUNK)
            hidden = shape.score(now + hide)
            arguments = [keys.ENTRY, _STATE_IN[index].value, shape.reach(now), hidden, size]
            with meaning():
                answer: Any = self._due(keys=[keys.DUE[index], keys.WARM], args=arguments)
            if answer is None:
                return found or None
            looked_at, rows = answer
            found += [shape.due(row) for row in rows]
            if looked_at < size:
                break
        return found

    def is_cold(self) -> bool:
        """Whether `warm` did not mark this run of the server: flushed, restarted, failed over or rolled back."""
        with meaning():
            return not self._is_warm(keys=[keys.WARM])

    def clear(self) -> None:
        """See `ports.Staging`. It is cold from the first moment on."""
        with meaning():
            self._begin_rebuild(keys=[keys.WARM, keys.REBUILD])
        self._rebuilds = True
        self._remove_all()

    def warm(self) -> None:
        """See `ports.Staging`. A cache that was lost again since our `clear` stays cold."""
        with meaning():
            self._warm(keys=[keys.WARM, keys.REBUILD], args=[int(self._rebuilds)])
        self._rebuilds = False

    def _send(self, script: Any, items: list[list[str | int]]) -> None:
        for chunk in chunks(items, keys.CHUNK):
            kept = int(keys.KEPT.total_seconds())
            arguments = [keys.ENTRY, keys.BUCKET, kept, len(chunk[0])]
            for item in chunk:
                arguments += item
            with meaning():
                script(keys=_BATCH_KEYS, args=arguments)

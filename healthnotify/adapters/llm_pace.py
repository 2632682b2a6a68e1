"""When the next call to the model may begin: so many a minute for all builders together, and not before a provider's
hint.

GCRA spaces the calls evenly with a burst of 2 %. Within any minute there are at most as many as allowed, while a bucket
of a whole minute would let twice as many through at a start, and half of them would come back as 429.
"""

import asyncio
from time import monotonic
from typing import Any, Final

from redis.exceptions import RedisError
from throttled.asyncio import MemoryStore, RedisStore, Throttled, per_min
from throttled.exceptions import BaseThrottledError

from healthnotify.pipeline.ports import NotWritten

#: The one key of Redis is `healthnotify:v1:gcra:llm:<model>`; it expires by itself when no call is owed any more.
KEY_PREFIX: Final = "healthnotify"
BURST_SHARE: Final = 50
REDIS_TIMEOUT: Final = 0.25  # seconds; it answers in one millisecond or it is in trouble
REDIS_REST: Final = 5.0  # seconds in which Redis is not asked again after it was in trouble
LONGEST_HINT: Final = 120.0  # seconds; a stranger's number is clamped
RATE_LIMITED: Final = "rate_limited"


class Pace:
    """One line of waiting calls a process; the limit is shared through Redis when there is one. Use it in one loop."""

    def __init__(self, requests_per_minute: int, *, name: str, redis_url: str | None) -> None:
        """`name` tells limits apart, as of two models. Connects to nothing yet."""
        self._burst = max(1, requests_per_minute // BURST_SHARE)
        rate = requests_per_minute - (self._burst - 1)
        quota = per_min(rate, self._burst)
        self._interval = 60 / rate
        self._own = Throttled(key=f"llm:{name}", using="gcra", quota=quota, store=MemoryStore())
        self._store = _redis_store(redis_url) if redis_url else None
        self._shared: Throttled | None = None
        if self._store:
            self._shared = Throttled(
                key=f"llm:{name}", using="gcra", quota=quota, store=self._store, key_prefix=KEY_PREFIX
            )
        self._redis_rests_until = 0.0
        self._held: tuple[float, str] = (0.0, RATE_LIMITED)
        self._line = asyncio.Lock()
        self._waiting = 0

    async def turn(self, patience: float) -> None:
        """Wait for a turn, at most `patience` seconds. Raises `NotWritten`, at once where waiting is hopeless."""
        self._look_at_hold(patience)
        if (self._waiting - self._burst) * self._interval > patience:
            raise NotWritten(RATE_LIMITED)
        self._waiting += 1
        try:
            async with asyncio.timeout(patience), self._line:
                while not await self._taken(patience):
                    pass
        except TimeoutError:
            raise NotWritten(RATE_LIMITED) from None
        finally:
            self._waiting -= 1

    def hold(self, reason: str, seconds: float) -> None:
        """No turn for that long. For `rate_limited` those who can wait do; for other reasons all are refused."""
        until = monotonic() + min(max(seconds, 0.0), LONGEST_HINT)
        self._held = max(self._held, (until, reason))

    async def close(self) -> None:
        """Let go of the connection."""
        if self._store:
            client: Any = self._store._backend.get_client()  # noqa: SLF001 - the library gives no other way
            await client.aclose()

    async def _taken(self, patience: float) -> bool:
        """Whether the turn is ours; else it has slept as long as it was told to."""
        wait = self._look_at_hold(patience) or await self._ask()
        if wait > patience:
            raise NotWritten(RATE_LIMITED)
        await asyncio.sleep(wait)
        return wait == 0

    def _look_at_hold(self, patience: float) -> float:
        """Seconds until calls are allowed again. Raises `NotWritten` when they are not worth waiting for."""
        until, reason = self._held
        left = until - monotonic()
        if left > 0 and (reason != RATE_LIMITED or left > patience):
            raise NotWritten(reason)
        return max(left, 0.0)

    async def _ask(self) -> float:
        """Take a turn and answer 0, or the seconds after which to ask again. Without Redis the limit is ours alone."""
        if self._shared and monotonic() >= self._redis_rests_until:
            try:
                return await _take(self._shared)
            except (BaseThrottledError, RedisError, OSError, RuntimeError):  # the last: uvloop's after a reset
                self._redis_rests_until = monotonic() + REDIS_REST
        return await _take(self._own)


async def _take(throttled: Throttled) -> float:
    result = await throttled.limit(timeout=-1)
    return max(result.state.retry_after, 0.001) if result.limited else 0.0


def _redis_store(url: str) -> RedisStore:
    options = {"SOCKET_TIMEOUT": REDIS_TIMEOUT, "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT}
    return RedisStore(server=url, options=options)

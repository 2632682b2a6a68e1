"""How many requests a caller may make in a minute: counted in Redis, and here alone while Redis is away."""

from collections.abc import Mapping
from time import monotonic
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry
from throttled.rate_limiter.gcra import RedisLimitAtomicActionSpec

from healthnotify.adapters.memory.limiter import MemoryLimiter
from healthnotify.domain.limits import Allowance, tightest

#: The keys in Redis are `healthnotify:limit:<name>`; each expires when its bucket is full again.
PREFIX: Final = "healthnotify:limit:"
TIMEOUT: Final = 0.1  # seconds; it answers in a tenth of a millisecond or it is in trouble
REST: Final = 5.0  # seconds in which Redis is not asked again after it was in trouble


class RequestLimits:
    """Port `Limiter`. Any thread may ask.

    The library's own limiters take one key a round trip; its script is asked for all of a request's limits in one.
    """

    def __init__(self, redis_url: str | None) -> None:
        """Connects to nothing yet."""
        self._redis = _client(redis_url) if redis_url else None
        self._digest: str | None = None
        self._rests_until = 0.0
        self._alone = MemoryLimiter()

    def take(self, limits: Mapping[str, int]) -> Allowance:
        """See `ports.Limiter`."""
        if self._redis is not None and monotonic() >= self._rests_until:
            try:
                return tightest(self._ask(self._redis, limits))
            except (RedisError, OSError):
                self._rests_until = monotonic() + REST
        return self._alone.take(limits)

    def close(self) -> None:
        """Let go of the connections."""
        if self._redis is not None:
            self._redis.close()

    def _ask(self, server: redis.Redis, limits: Mapping[str, int]) -> list[Allowance]:
        if self._digest is not None:
            try:
                return self._run(server, self._digest, limits)
            except NoScriptError:
                pass  # it was flushed, or another server has taken over
        self._digest = str(server.script_load(RedisLimitAtomicActionSpec.SCRIPTS))
        return self._run(server, self._digest, limits)

    def _run(self, server: redis.Redis, digest: str, limits: Mapping[str, int]) -> list[Allowance]:
        with server.pipeline(transaction=False) as calls:
            for name, per_minute in limits.items():
                calls.evalsha(digest, 1, PREFIX + name, str(60 / per_minute), str(per_minute), "1")
            answers = calls.execute()
        return [_allowance(per_minute, *answer) for per_minute, answer in zip(limits.values(), answers, strict=True)]


def _allowance(per_minute: int, limited: int, remaining: int, reset_after: str, retry_after: str) -> Allowance:
    return Allowance(
        allowed=not limited,
        limit=per_minute,
        remaining=remaining,
        reset_after=float(reset_after),
        retry_after=float(retry_after),
    )


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0), decode_responses=True
    )

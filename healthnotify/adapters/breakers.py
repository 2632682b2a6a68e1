"""Breakers that all processes share through Redis; while that is away each decides alone.

Only those that are not closed are in Redis, in one hash, and each process reads all of it once a second at most: to ask
about a provider that is well costs nothing. That exactly one probe goes is decided there, by its clock.
"""

import asyncio
from time import monotonic
from typing import Any, Final

from redis import asyncio as redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from healthnotify.adapters.memory.breakers import MemoryBreakers
from healthnotify.domain.breaker import LOOK_AGAIN, BreakerRule, Opened

KEY: Final = "healthnotify:v1:breakers"
TIMEOUT: Final = 0.25  # seconds; it answers in a millisecond or it is in trouble
REST: Final = 5.0  # seconds in which Redis is not asked again after that
FRESH: Final = 1.0  # seconds for which what was read is believed
KEPT: Final = 3600  # seconds after which breakers that nobody asks for are forgotten

#: A field is `until rests probe_until`, in milliseconds of the server's clock.
_SHARED: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function read(provider)
    local text = redis.call('HGET', KEYS[1], provider)
    if not text then return nil end
    local till, rests, probe = string.match(text, '^(%d+) (%d+) (%d+)$')
    return tonumber(till), tonumber(rests), tonumber(probe)
end
local function write(provider, till, rests, probe)
    redis.call('HSET', KEYS[1], provider, string.format('%.0f %.0f %.0f', till, rests, probe))
    redis.call('EXPIRE', KEYS[1], ARGV[2])
end
"""
#: ARGV: provider, KEPT, rest in ms, rests before, whether it was a probe that failed. Somebody else's rest stays.
OPEN: Final = _SHARED + """
local till = read(ARGV[1])
if not till or ARGV[5] == '1' then write(ARGV[1], now + ARGV[3], ARGV[4], 0) end
"""
#: ARGV: provider, KEPT, ms that a probe may take. Answers 1 for the one that goes, and for all when it is closed.
PROBE: Final = _SHARED + """
local till, rests, probe = read(ARGV[1])
if not till then return 1 end
if now < till or now < probe then return 0 end
write(ARGV[1], till, rests, now + ARGV[3])
return 1
"""
READ: Final = """
local time = redis.call('TIME')
return {time[1] * 1000 + math.floor(time[2] / 1000), redis.call('HGETALL', KEYS[1])}
"""


class SharedBreakers(MemoryBreakers):
    """Port `Breakers`. Use it in one event loop."""

    def __init__(self, redis_url: str | None, rule: BreakerRule | None = None) -> None:
        """Connects to nothing yet."""
        super().__init__(rule)
        self._redis = _client(redis_url) if redis_url else None
        self._rests_until = 0.0
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    async def ask(self, provider: str) -> float:
        """See `ports.Breakers`."""
        if monotonic() - self._read_at >= FRESH and self._is_asked():
            await self._read()
        found = self.opened.get(provider)
        if found is None:
            return 0.0
        now = monotonic()
        if now < found.until or now < found.probe_until or not self._is_asked():
            return await super().ask(provider)
        goes = await self._run(PROBE, provider, round(self.rule.probe * 1000))
        if goes is None:
            return await super().ask(provider)
        if not goes:
            return LOOK_AGAIN
        return await super().ask(provider)

    async def tell(self, provider: str, *, good: bool) -> None:
        """See `ports.Breakers`."""
        before = self.opened.get(provider)
        was_probe = provider in self._probing
        await super().tell(provider, good=good)
        after = self.opened.get(provider)
        if after is before or not self._is_asked():
            return
        if after is None:
            await self._call("HDEL", KEY, provider)
        else:
            rest = round((after.until - monotonic()) * 1000)
            await self._run(OPEN, provider, rest, after.rests, int(was_probe))

    async def close(self) -> None:
        """Let go of the connections."""
        if self._redis is not None:
            await self._redis.aclose()

    def _is_asked(self) -> bool:
        return self._redis is not None and monotonic() >= self._rests_until

    async def _read(self) -> None:
        """Take over what others have found; while one reads, the others go by what is known."""
        if self._reading.locked():
            return
        async with self._reading:
            answer = await self._call("EVAL", READ, 1, KEY)
            if answer is None:
                return
            self._read_at = now = monotonic()
            server_now, fields = answer
            pairs = zip(fields[::2], fields[1::2], strict=True)
            known = {provider: _opened(text, server_now, now) for provider, text in pairs}
            self.opened = known | {one: mine for one, mine in self.opened.items() if one in self._probing}

    async def _run(self, script: str, provider: str, *arguments: int) -> Any:
        return await self._call("EVAL", script, 1, KEY, provider, KEPT, *arguments)

    async def _call(self, *command: Any) -> Any:
        """None when Redis is away; then it is left alone for a while. A reply of nothing is 0."""
        assert self._redis is not None
        try:
            answer = await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        except (RedisError, OSError, RuntimeError):  # the last: uvloop's after a reset
            self._rests_until = monotonic() + REST
            return None
        return 0 if answer is None else answer


def _opened(text: str, server_now: int, now: float) -> Opened:
    """A field in this process's time."""
    until, rests, probe_until = map(int, text.split())
    return Opened(now + (until - server_now) / 1000, rests, now + (probe_until - server_now) / 1000)


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0), decode_responses=True
    )

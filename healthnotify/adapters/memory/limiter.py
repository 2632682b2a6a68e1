"""Rate limits counted in this process alone: the twin, and what takes over while Redis is away."""

import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from healthnotify.domain.limits import Allowance, spend, tightest

MOST_NAMES: Final = 20_000  # a flood from many addresses must not fill the memory; about 3 MB


class MemoryLimiter:
    """Port `Limiter`. Any thread may ask."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """`clock` answers seconds."""
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, limits: Mapping[str, int]) -> Allowance:
        """See `ports.Limiter`."""
        with self._lock:
            now = self._clock()
            if len(self._full_at) > MOST_NAMES:
                self._forget(now)
            return tightest([self._spend(name, now, per_minute) for name, per_minute in limits.items()])

    def _spend(self, name: str, now: float, per_minute: int) -> Allowance:
        self._full_at[name], allowance = spend(self._full_at.get(name, now), now, per_minute)
        return allowance

    def _forget(self, now: float) -> None:
        """First those whose bucket is full again; when that is not enough, all: then everybody begins afresh."""
        self._full_at = {name: full_at for name, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) > MOST_NAMES // 2:
            self._full_at = {}

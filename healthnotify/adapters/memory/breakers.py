"""Breakers of this process alone: the twin, and what decides while Redis is away."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from healthnotify.domain.breaker import LOOK_AGAIN, BreakerRule, Opened, Tally

#: Hosts of webhooks are many; of those that are forgotten the next outcomes begin anew.
MOST_TALLIES: Final = 10_000


class MemoryBreakers:
    """Port `Breakers`. Use it in one thread."""

    def __init__(self, rule: BreakerRule | None = None, clock: Callable[[], float] = monotonic) -> None:
        """`clock` answers seconds."""
        self.rule = rule or BreakerRule()
        self.opened: dict[str, Opened] = {}
        self._clock = clock
        self._tallies: dict[str, Tally] = {}
        self._probing: set[str] = set()

    async def ask(self, provider: str) -> float:
        """See `ports.Breakers`."""
        found = self.opened.get(provider)
        if found is None:
            return 0.0
        now = self._clock()
        if now < found.until:
            return found.until - now
        if now < found.probe_until:
            return LOOK_AGAIN
        self.opened[provider] = Opened(found.until, found.rests, now + self.rule.probe)
        self._probing.add(provider)
        return 0.0

    async def tell(self, provider: str, *, good: bool) -> None:
        """See `ports.Breakers`. Of sends that began before it opened nothing more is learnt."""
        now = self._clock()
        if (found := self.opened.get(provider)) is not None:
            if provider in self._probing:
                self._probing.discard(provider)
                self._judge(provider, found, now, good=good)
        elif self._failed_too_often(provider, now, good=good):
            self.opened[provider] = Opened(now + self.rule.rest_after(0))

    async def close(self) -> None:
        """See `ports.Breakers`."""

    def _judge(self, provider: str, found: Opened, now: float, *, good: bool) -> None:
        if good:
            del self.opened[provider]
        else:
            rests = found.rests + 1
            self.opened[provider] = Opened(now + self.rule.rest_after(rests), rests)

    def _failed_too_often(self, provider: str, now: float, *, good: bool) -> bool:
        tally = self._tallies.get(provider)
        if tally is None:
            if good:
                return False  # nobody is remembered for doing well alone
            if len(self._tallies) >= MOST_TALLIES:
                self._tallies.clear()
            tally = self._tallies[provider] = Tally(now)
        if tally.add(now, good=good, rule=self.rule):
            del self._tallies[provider]
            return True
        return False

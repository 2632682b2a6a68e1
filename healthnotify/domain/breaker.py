"""When a provider is left alone, for how long, and how it is tried again: closed, open, half open.

Closed, everything goes. When nearly all sends of the last seconds fail, it opens: nothing goes for a while. Then
exactly one goes, the probe; it closes the breaker, or opens it again for twice as long.
"""

from dataclasses import dataclass
from typing import Final

#: While one probe is out, the others look again after so many seconds.
LOOK_AGAIN: Final = 1.0


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When it opens and how long it stays so; all in seconds but `least` and `share`."""

    window: float = 10.0  #: what counts as lately
    least: int = 10  #: fewer outcomes than this say nothing
    share: float = 0.8  #: of failures; with fewer a retry helps more than a rest
    rest: float = 5.0  #: the first one
    longest_rest: float = 60.0
    probe: float = 60.0  #: after which a probe that never came back is given up: longer than any send

    def rest_after(self, rests: int) -> float:
        """How long to leave it alone after `rests` earlier rests in a row."""
        return float(min(self.longest_rest, self.rest * 2 ** min(rests, 10)))


@dataclass(slots=True)
class Tally:
    """Outcomes of one provider, lately: of this half window and of the one before."""

    began: float
    good: int = 0
    bad: int = 0
    good_before: int = 0
    bad_before: int = 0

    def add(self, now: float, *, good: bool, rule: BreakerRule) -> bool:
        """Count one outcome; answers whether it is time to open."""
        half = rule.window / 2
        if now - self.began >= rule.window:
            self.good_before = self.bad_before = self.good = self.bad = 0
            self.began = now
        elif now - self.began >= half:
            self.good_before, self.bad_before, self.good, self.bad = self.good, self.bad, 0, 0
            self.began += half
        if good:
            self.good += 1
            return False
        self.bad += 1
        bad = self.bad + self.bad_before
        outcomes = bad + self.good + self.good_before
        return outcomes >= rule.least and bad >= rule.share * outcomes


@dataclass(frozen=True, slots=True)
class Opened:
    """A breaker that is open, or half open once `until` has come."""

    until: float
    rests: int = 0  #: earlier ones in a row
    probe_until: float = 0.0  #: somebody tries it, unless they have died

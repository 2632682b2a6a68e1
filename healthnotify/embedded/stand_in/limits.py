"""Requests and tokens a minute, as OpenAI limits them: two buckets that fill evenly, and headers that tell how full."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final

HINTS: Final = ("seconds", "ms", "date", "reset", "silent")


@dataclass(slots=True)
class Bucket:
    """So many a minute; it holds what a window of that rate gives."""

    per_minute: int
    window: float
    level: float = field(init=False)
    at: float | None = None

    def __post_init__(self) -> None:
        """Full to begin with."""
        self.level = self.size

    @property
    def size(self) -> float:
        """What it holds at most."""
        return max(1.0, self.per_minute * self.window / 60)

    def lacks(self, wanted: float, now: float) -> float:
        """Seconds until so much is there: none when it is."""
        if self.at is not None:
            self.level = min(self.size, self.level + (now - self.at) * self.per_minute / 60)
        self.at = now
        return max(0.0, (wanted - self.level) * 60 / self.per_minute)

    @property
    def fills_in(self) -> float:
        """Seconds until it is full."""
        return (self.size - self.level) * 60 / self.per_minute


@dataclass(frozen=True, slots=True)
class Refused:
    """Which limit was reached, and how long until there is room; None when there never will be."""

    which: str
    seconds: float | None
    limit: int


class Limits:
    """What one key may use. A refused request is not charged."""

    def __init__(
        self, requests: int, tokens: int, window: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Zero is no limit."""
        self._clock = clock
        pairs = (("requests", requests), ("tokens", tokens))
        self._buckets = {name: Bucket(per_minute, window) for name, per_minute in pairs if per_minute}

    def take(self, tokens: int) -> Refused | None:
        """Charge a request of so many tokens, or say why not."""
        now = self._clock()
        wanted = {"requests": 1.0, "tokens": float(tokens)}
        waits = {name: bucket.lacks(wanted[name], now) for name, bucket in self._buckets.items()}
        which = max(waits, key=lambda name: waits[name], default=None)
        if which is not None and waits[which] > 0:
            bucket = self._buckets[which]
            return Refused(which, waits[which] if wanted[which] <= bucket.size else None, bucket.per_minute)
        for name, bucket in self._buckets.items():
            bucket.level -= wanted[name]
        return None

    def headers(self) -> dict[str, str]:
        """What every answer says of them."""
        said = {}
        for name, bucket in self._buckets.items():
            said[f"x-ratelimit-limit-{name}"] = str(bucket.per_minute)
            said[f"x-ratelimit-remaining-{name}"] = str(max(0, int(bucket.level)))
            said[f"x-ratelimit-reset-{name}"] = duration(bucket.fills_in)
        return said


def hint(kind: str, seconds: float) -> dict[str, str]:
    """The headers of a 429 that ask to wait so long, in one of the ways there are."""
    return {
        "seconds": {"retry-after": str(math.ceil(seconds))},
        "ms": {"retry-after-ms": str(math.ceil(seconds * 1000))},
        "date": {"retry-after": formatdate(math.ceil(time.time() + seconds), usegmt=True)},
        "reset": {"x-ratelimit-reset-requests": duration(seconds), "x-ratelimit-reset-tokens": duration(seconds)},
        "silent": {},
    }[kind]


def duration(seconds: float) -> str:
    """As OpenAI writes it: 12ms, 1.5s, 6m0s."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    whole = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    return f"{minutes}m{whole}" if minutes else whole

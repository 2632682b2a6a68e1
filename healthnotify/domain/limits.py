"""What a rate limit answers, and the rule behind it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a rate limit says to one request. Times are seconds from now."""

    allowed: bool
    limit: int  #: requests a minute
    remaining: int
    reset_after: float  #: until all of `limit` are there again
    retry_after: float  #: until the next one is allowed; 0 when this one was


def tightest(allowances: Iterable[Allowance]) -> Allowance:
    """The one to tell: of those that refuse the longest wait, else the fewest left."""
    return min(allowances, key=lambda one: (one.allowed, -one.retry_after, one.remaining))


def spend(full_at: float, now: float, per_minute: int) -> tuple[float, Allowance]:
    """One request of a bucket that holds a minute's worth, refills evenly, and is full again at `full_at`.

    Answers when it will be full after this request, and the allowance (GCRA). A request that is refused takes nothing.
    """
    interval = 60 / per_minute
    begin = max(full_at, now)
    full_then = begin + interval
    wait = full_then - now - 60
    # A billionth of an interval is rounding, not a request too many.
    if wait > interval * 1e-9:
        return begin, Allowance(allowed=False, limit=per_minute, remaining=0, reset_after=begin - now, retry_after=wait)
    left = int((60 - (full_then - now)) / interval + 1e-9)
    return full_then, Allowance(
        allowed=True, limit=per_minute, remaining=left, reset_after=full_then - now, retry_after=0
    )

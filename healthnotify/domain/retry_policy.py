"""Whether, and when, a failed try is followed by another."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from healthnotify.domain.delivery import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient we are: `attempts` tries in all, the first wait at most `first`, no wait beyond `longest`."""

    attempts: int = 5
    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Decision: try again at this instant, never earlier."""

    at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Decision: no further try, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    """Decision: the next try would come after the notification's expiry, so it is cancelled."""


Decision = RetryAt | GiveUp | Expire


def decide(
    failure: Failure, *, tries: int, now: datetime, expires_at: datetime, dice: float, policy: RetryPolicy
) -> Decision:
    """Decide after `tries` used tries (1 is the first). `dice` is uniform in [0, 1).

    Full jitter under an exponential ceiling; a channel's `retry_after` is a lower bound, but clamped to
    `policy.longest`, because it is a stranger's number. A deferral waits for its own instant and uses no try.
    """
    if failure.kind is FailureKind.PERMANENT:
        return GiveUp(failure.reason)
    if failure.kind is FailureKind.DEFERRED:
        at = max(now, failure.until or now)
    elif tries >= policy.attempts:
        return GiveUp(failure.reason)
    else:
        at = now + _wait(failure, tries, dice, policy)
    return Expire() if at >= expires_at else RetryAt(at)


def _wait(failure: Failure, tries: int, dice: float, policy: RetryPolicy) -> timedelta:
    doublings = min(max(tries - 1, 0), 20)  # a second is 12 days by then; 2**30 times a day would overflow a timedelta
    ceiling = min(policy.longest, policy.first * (1 << doublings))
    return min(max(dice * ceiling, failure.retry_after or timedelta(0)), policy.longest)

"""Decide what follows a failed try: RETRY with a time, CANCELLED (expired), or a dead letter and FAILED."""

from collections.abc import Callable, Sequence
from datetime import datetime

from healthnotify.domain.budget import LATELY, RetryBudget
from healthnotify.domain.delivery import DeadLetter, Envelope, FailureKind, Step, Undecided
from healthnotify.domain.model import Withheld
from healthnotify.domain.retry_policy import Decision, Expire, GiveUp, RetryAt, RetryPolicy, decide
from healthnotify.pipeline import caching
from healthnotify.pipeline.ports import RetryStore, Road, Staging, Topic


def retry(
    envelopes: Sequence[Envelope],
    *,
    now: datetime,
    store: RetryStore,
    staging: Staging,
    road: Road,
    policy: RetryPolicy,
    budget: RetryBudget,
    dice: Callable[[], float],
) -> tuple[list[Step], bool]:
    """Decide for each failed try that still waits for it; says also whether all of them are settled.

    A second record of the same try finds nothing undecided. Given up is: dead letter, confirmed, then FAILED; the
    reverse order is silent loss when we die in between. Unconfirmed dead letters leave the batch unsettled.
    """
    steps, undecided = store.undecided(envelopes, now)
    if undecided and budget.is_stale(now):
        budget.heard(store.first_attempts(now - LATELY), now=now)
    decided = [(one, _decide(one, now, policy, budget, dice())) for one in undecided]
    steps += store.wait({one.envelope.id: (one, d.at) for one, d in decided if isinstance(d, RetryAt)}, now)
    steps += store.cancel({one.envelope.id: Withheld.EXPIRED for one, d in decided if isinstance(d, Expire)}, now)
    caching.follow(staging, steps)  # now: what follows may raise, and these will not be moved again
    given_up = {one.envelope.id: (one, d) for one, d in decided if isinstance(d, GiveUp)}
    announced = road.announce(Topic.DEAD_LETTER, [one.envelope for one, _ in given_up.values()]) if given_up else []
    letters = [DeadLetter(given_up[a.envelope.id][1].reason, a.envelope) for a in announced]
    ended = store.give_up(letters, now)
    caching.follow(staging, ended)
    return steps + ended, len(announced) == len(given_up)


def _decide(one: Undecided, now: datetime, policy: RetryPolicy, budget: RetryBudget, dice: float) -> Decision:
    """A deferral has sent nothing, so what follows it is no retry and costs nothing of the budget."""
    failure, expires_at = one.envelope.failure, one.envelope.expires_at
    assert failure is not None, "an undecided try has failed"
    decision = decide(failure, tries=one.tries, now=now, expires_at=expires_at, dice=dice, policy=policy)
    if isinstance(decision, RetryAt) and failure.kind is not FailureKind.DEFERRED:
        at = budget.reserve(decision.at, now=now)
        return RetryAt(at) if at < expires_at else Expire()
    return decision

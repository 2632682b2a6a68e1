"""Decide what follows a failed try: RETRY with a time, CANCELLED (expired), or a dead letter and FAILED."""

from collections.abc import Callable, Sequence
from datetime import datetime

from healthnotify.domain.delivery import DeadLetter, Envelope, Step, Undecided
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
    dice: Callable[[], float],
) -> tuple[list[Step], bool]:
    """Decide for each failed try that still waits for it; says also whether all of them are settled.

    A second record of the same try finds nothing undecided. Given up is: dead letter, confirmed, then FAILED; the
    reverse order is silent loss when we die in between. Unconfirmed dead letters leave the batch unsettled.
    """
    steps, undecided = store.undecided(envelopes, now)
    decided = [(one, _decide(one, now, policy, dice())) for one in undecided]
    steps += store.wait({one.envelope.id: (one, d.at) for one, d in decided if isinstance(d, RetryAt)}, now)
    steps += store.cancel({one.envelope.id: Withheld.EXPIRED for one, d in decided if isinstance(d, Expire)}, now)
    given_up = {one.envelope.id: (one, d) for one, d in decided if isinstance(d, GiveUp)}
    announced = road.announce(Topic.DEAD_LETTER, [one.envelope for one, _ in given_up.values()]) if given_up else []
    letters = [DeadLetter(given_up[a.envelope.id][1].reason, a.envelope) for a in announced]
    steps += store.give_up(letters, now)
    caching.follow(staging, steps)
    return steps, len(announced) == len(given_up)


def _decide(one: Undecided, now: datetime, policy: RetryPolicy, dice: float) -> Decision:
    failure = one.envelope.failure
    assert failure is not None, "an undecided try has failed"
    return decide(failure, tries=one.tries, now=now, expires_at=one.envelope.expires_at, dice=dice, policy=policy)

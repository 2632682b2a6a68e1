"""The retry policy: bounds that hold for every failure, every die and every stranger's number."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthnotify.domain.delivery import Failure, FailureKind
from healthnotify.domain.retry_policy import Decision, Expire, GiveUp, RetryAt, RetryPolicy, decide

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
FAR = NOW + timedelta(days=3650)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
ALMOST_ONE = 1 - 2**-53
POLICY = RetryPolicy(attempts=5, first=timedelta(seconds=30), longest=HOUR)

dice = st.floats(0, ALMOST_ONE)
absurd = st.none() | st.timedeltas()
policies = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 100),
    first=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
    longest=st.timedeltas(timedelta(0), timedelta(days=400)),
)
passing = st.builds(
    Failure, st.sampled_from([FailureKind.TRANSIENT, FailureKind.UNKNOWN]), st.just("busy"), retry_after=absurd
)


def busy(retry_after: timedelta | None = None) -> Failure:
    """A failure that another try may help."""
    return Failure(FailureKind.TRANSIENT, "busy", retry_after=retry_after)


def deferred(until: datetime | None) -> Failure:
    """Nothing was sent, on purpose."""
    return Failure(FailureKind.DEFERRED, "quiet_hours", until=until)


def decided(
    failure: Failure, *, tries: int = 1, dice: float = 0.5, expires_at: datetime = FAR, policy: RetryPolicy = POLICY
) -> Decision:
    """The decision of now."""
    return decide(failure, tries=tries, now=NOW, expires_at=expires_at, dice=dice, policy=policy)


def wait(failure: Failure, **how: object) -> timedelta:
    """How long it waits."""
    decision = decided(failure, **how)
    assert isinstance(decision, RetryAt)
    return decision.at - NOW


@given(passing, st.integers(0, 200), dice, policies)
def test_a_retry_is_never_in_the_past_and_never_beyond_the_longest_wait(
    failure: Failure, tries: int, dice: float, policy: RetryPolicy
) -> None:
    decision = decided(failure, tries=tries, dice=dice, policy=policy)

    if tries >= policy.attempts:
        assert decision == GiveUp("busy")
    else:
        assert isinstance(decision, RetryAt)
        assert timedelta(0) <= decision.at - NOW <= policy.longest


@given(st.timedeltas(timedelta(0)), st.integers(1, 4), dice)
def test_retry_after_is_a_lower_bound_up_to_the_longest_wait(asked: timedelta, tries: int, dice: float) -> None:
    assert wait(busy(asked), tries=tries, dice=dice) >= min(asked, POLICY.longest)


@pytest.mark.parametrize("asked", [timedelta.max, timedelta(days=365), HOUR + SECOND])
def test_an_absurd_retry_after_is_clamped(asked: timedelta) -> None:
    assert wait(busy(asked)) == HOUR


@pytest.mark.parametrize("asked", [timedelta.min, timedelta(seconds=-1), timedelta(0), None])
def test_a_negative_or_missing_retry_after_changes_nothing(asked: timedelta | None) -> None:
    assert wait(busy(asked), dice=0.5) == timedelta(seconds=15)


def test_a_retry_after_that_is_shorter_than_the_jitter_does_not_shorten_it() -> None:
    assert wait(busy(SECOND), dice=0.5) == timedelta(seconds=15)


@pytest.mark.parametrize("tries", [1, 2, 3, 4])
def test_jitter_spans_the_whole_range_under_a_ceiling_that_doubles(tries: int) -> None:
    ceiling = timedelta(seconds=30) * 2 ** (tries - 1)

    assert wait(busy(), tries=tries, dice=0) == timedelta(0)
    assert wait(busy(), tries=tries, dice=0.5) == ceiling / 2
    assert ceiling - SECOND < wait(busy(), tries=tries, dice=ALMOST_ONE) <= ceiling


def test_the_ceiling_stops_at_the_longest_wait() -> None:
    patient = RetryPolicy(attempts=1000, first=timedelta(seconds=30), longest=HOUR)

    assert [wait(busy(), tries=tries, dice=0.5, policy=patient) for tries in (8, 9, 999)] == [HOUR / 2] * 3


@given(st.integers(1, 998), dice)
def test_a_later_try_never_waits_less_for_the_same_die(tries: int, dice: float) -> None:
    patient = RetryPolicy(attempts=1000)

    earlier, later = (wait(busy(), tries=n, dice=dice, policy=patient) for n in (tries, tries + 1))

    assert earlier <= later


@pytest.mark.parametrize("attempts", [1, 2, 5, 48])
def test_the_last_attempt_is_exactly_the_one_that_the_policy_names(attempts: int) -> None:
    policy = RetryPolicy(attempts=attempts)
    decisions = [decided(busy(), tries=tries, policy=policy) for tries in range(1, attempts + 2)]

    assert all(isinstance(decision, RetryAt) for decision in decisions[: attempts - 1])
    assert decisions[attempts - 1 :] == [GiveUp("busy")] * 2


@pytest.mark.parametrize("tries", [0, 1, 4, 5])
def test_a_permanent_refusal_is_given_up_at_once_with_its_reason(tries: int) -> None:
    refused = Failure(FailureKind.PERMANENT, "no_such_mailbox", retry_after=SECOND, until=NOW + HOUR)

    assert decided(refused, tries=tries) == GiveUp("no_such_mailbox")


def test_a_permanent_refusal_after_the_expiry_is_still_a_refusal() -> None:
    assert decided(Failure(FailureKind.PERMANENT, "blocked"), expires_at=NOW - HOUR) == GiveUp("blocked")


def test_attempts_that_end_at_the_expiry_are_a_failure_and_no_quiet_cancellation() -> None:
    assert decided(busy(), tries=5, expires_at=NOW) == GiveUp("busy")


@pytest.mark.parametrize("tries", [0, 1, 5, 500])
def test_a_deferral_waits_for_its_instant_and_uses_no_try(tries: int) -> None:
    morning = NOW + timedelta(hours=9)  # longer than the longest wait between tries

    assert decided(deferred(morning), tries=tries, dice=0.9) == RetryAt(morning)


@pytest.mark.parametrize("until", [None, NOW - HOUR, NOW])
def test_a_deferral_without_an_instant_to_come_is_tried_now(until: datetime | None) -> None:
    assert decided(deferred(until)) == RetryAt(NOW)


@given(
    st.one_of(passing, st.builds(deferred, st.none() | st.datetimes(timezones=st.just(UTC)))),
    dice,
    st.timedeltas(-HOUR, 2 * HOUR),
)
def test_nothing_is_tried_at_or_after_its_expiry(failure: Failure, dice: float, left: timedelta) -> None:
    expires_at = NOW + left
    decision, without_expiry = (
        decide(failure, tries=2, now=NOW, expires_at=end, dice=dice, policy=POLICY)
        for end in (expires_at, datetime.max.replace(tzinfo=UTC))
    )

    if isinstance(without_expiry, RetryAt) and without_expiry.at < expires_at:
        assert decision == without_expiry
    else:
        assert decision == Expire()


def test_the_expiry_itself_is_too_late() -> None:
    assert decided(deferred(NOW + HOUR), expires_at=NOW + HOUR) == Expire()
    assert decided(deferred(NOW + HOUR), expires_at=NOW + HOUR + timedelta(microseconds=1)) == RetryAt(NOW + HOUR)

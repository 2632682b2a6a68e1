"""The last look before a send, and what an unknown outcome means: every branch, for every channel."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest

from healthnotify.domain.delivery import (
    OUTCOME_UNKNOWN,
    Accepted,
    Answer,
    Claim,
    Envelope,
    Failure,
    FailureKind,
    Outcome,
    Person,
)
from healthnotify.domain.model import Category, Channel, QuietHours, Withheld
from healthnotify.domain.routing import LONGEST, PROMISES, Promise, last_look, settled

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CAP = 10
GIVEN_UP = Failure(FailureKind.PERMANENT, OUTCOME_UNKNOWN)
RECOGNISES_COPIES = [channel for channel in Channel if channel is not Channel.SMS]

WELCOME = Person(
    active=True,
    erased=False,
    enabled=True,
    timezone="Europe/Berlin",
    quiet=QuietHours(time(22), time(7)),
    locale="de",
    address="somewhere",
    sent_last_day=0,
    subject="",
    text="",
)
EACH_CHANNEL = pytest.mark.parametrize("channel", Channel)


def claim(channel: Channel, answer: Answer = Answer.CLAIMED) -> Claim:
    """A claim on a notification that is due for an hour, and will be for three more."""
    envelope = Envelope(
        id=UUID(int=1),
        user_id=UUID(int=2),
        category=Category.NUDGE,
        channel=channel,
        attempt=1,
        send_at=NOW - HOUR,
        expires_at=NOW + 3 * HOUR,
    )
    return Claim(answer, envelope, claim_id=UUID(int=3))


def look(claimed: Claim, now: datetime = NOW, **changed: object) -> Failure | Withheld | None:
    """The last look at a person who differs from a welcome one in this."""
    return last_look(claimed, replace(WELCOME, **changed), now=now, daily_cap=CAP)


def test_every_channel_has_a_promise_and_a_length() -> None:
    assert set(PROMISES) == set(LONGEST) == set(Channel)
    assert PROMISES[Channel.SMS] is Promise.AT_MOST_ONCE
    assert PROMISES[Channel.EMAIL] is Promise.ONE_EXTRA
    assert PROMISES[Channel.WEBHOOK] is Promise.CONSTANT_ID


@EACH_CHANNEL
def test_what_is_wanted_and_due_is_sent(channel: Channel) -> None:
    assert look(claim(channel)) is None


@EACH_CHANNEL
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"erased": True}, Withheld.ERASED),
        ({"active": False}, Withheld.USER_INACTIVE),
        ({"enabled": False}, Withheld.OPTED_OUT),
        ({"address": ""}, Withheld.OPTED_OUT),
        ({"sent_last_day": CAP}, Withheld.CAPPED),
        ({"sent_last_day": CAP + 1}, Withheld.CAPPED),
        ({"erased": True, "active": False, "enabled": False, "address": "", "timezone": ""}, Withheld.ERASED),
        ({"active": False, "enabled": False}, Withheld.USER_INACTIVE),
        ({"enabled": False, "sent_last_day": CAP}, Withheld.OPTED_OUT),
    ],
)
def test_what_is_not_wanted_is_withheld_for_the_weightiest_reason(
    channel: Channel, changed: dict[str, object], reason: Withheld
) -> None:
    assert look(claim(channel), **changed) is reason


@EACH_CHANNEL
def test_one_below_the_daily_cap_is_sent(channel: Channel) -> None:
    assert look(claim(channel), sent_last_day=CAP - 1) is None


@EACH_CHANNEL
def test_from_its_expiry_on_it_is_withheld(channel: Channel) -> None:
    claimed = claim(channel)
    expiry = claimed.envelope.expires_at

    assert look(claimed, now=expiry) is Withheld.EXPIRED
    assert look(claimed, now=expiry - timedelta(microseconds=1)) is None
    assert look(claimed, now=expiry, sent_last_day=CAP) is Withheld.EXPIRED


@EACH_CHANNEL
def test_a_record_that_comes_early_waits_for_its_time(channel: Channel) -> None:
    claimed = claim(channel)
    due = claimed.envelope.send_at

    assert look(claimed, now=due - timedelta(seconds=1)) == Failure(FailureKind.DEFERRED, "early", until=due)
    assert look(claimed, now=due) is None


@EACH_CHANNEL
def test_what_comes_late_into_quiet_hours_waits_for_their_end(channel: Channel) -> None:
    lunch = QuietHours(time(14), time(15, 30))  # it is 14:00 in Berlin

    assert look(claim(channel), quiet=lunch) == Failure(FailureKind.DEFERRED, "quiet_hours", until=NOW + 1.5 * HOUR)
    assert look(claim(channel), quiet=lunch, timezone="UTC") is None
    assert look(claim(channel), quiet=None) is None
    assert look(claim(channel), quiet=QuietHours(time(13), time(14))) is None


@EACH_CHANNEL
def test_somebody_who_left_is_not_even_deferred(channel: Channel) -> None:
    assert look(claim(channel), quiet=QuietHours(time(14), time(15)), enabled=False) is Withheld.OPTED_OUT


def test_a_second_text_message_is_never_risked() -> None:
    assert look(claim(Channel.SMS, Answer.AMBIGUOUS)) == GIVEN_UP
    assert look(claim(Channel.SMS, Answer.AMBIGUOUS), enabled=False) == GIVEN_UP  # it may have been sent before that


@pytest.mark.parametrize("channel", RECOGNISES_COPIES)
def test_a_copy_that_does_no_harm_is_sent_again_if_it_is_still_wanted(channel: Channel) -> None:
    assert look(claim(channel, Answer.AMBIGUOUS)) is None
    assert look(claim(channel, Answer.AMBIGUOUS), enabled=False) is Withheld.OPTED_OUT


@pytest.mark.parametrize("channel", RECOGNISES_COPIES)
def test_what_has_ended_its_sender_ten_times_is_not_sent_once_more(channel: Channel) -> None:
    taken_over = claim(channel, Answer.AMBIGUOUS)

    assert look(replace(taken_over, takeovers=4)) is None
    assert look(replace(taken_over, takeovers=5)) == Failure(FailureKind.PERMANENT, "kills_the_process")
    assert look(replace(taken_over, takeovers=5), enabled=False) == Failure(FailureKind.PERMANENT, "kills_the_process")


def test_of_a_text_message_it_is_said_that_it_may_have_been_sent() -> None:
    assert look(replace(claim(Channel.SMS, Answer.AMBIGUOUS), takeovers=3)) == GIVEN_UP


@EACH_CHANNEL
@pytest.mark.parametrize(
    "outcome",
    [
        Accepted("receipt"),
        Failure(FailureKind.TRANSIENT, "busy", retry_after=HOUR),
        Failure(FailureKind.PERMANENT, "blocked"),
        Failure(FailureKind.DEFERRED, "quiet_hours", until=NOW),
        Withheld.OPTED_OUT,
    ],
    ids=["accepted", "transient", "permanent", "deferred", "withheld"],
)
def test_an_outcome_without_doubt_stays_as_it_is(channel: Channel, outcome: Outcome) -> None:
    assert settled(outcome, channel) is outcome


def test_an_unknown_outcome_of_a_text_message_is_given_up_visibly() -> None:
    assert settled(Failure(FailureKind.UNKNOWN, "timeout", retry_after=HOUR), Channel.SMS) == GIVEN_UP


@pytest.mark.parametrize("channel", RECOGNISES_COPIES)
def test_an_unknown_outcome_elsewhere_is_tried_again_with_what_the_channel_asked_for(channel: Channel) -> None:
    unknown = Failure(FailureKind.UNKNOWN, "timeout", retry_after=HOUR)

    assert settled(unknown, channel) == Failure(FailureKind.TRANSIENT, "timeout", retry_after=HOUR)

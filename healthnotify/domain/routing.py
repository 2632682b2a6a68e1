"""What each channel promises, and the last look before a send."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from healthnotify.domain.delivery import (
    KILLS_THE_PROCESS,
    OUTCOME_UNKNOWN,
    Answer,
    Claim,
    Failure,
    FailureKind,
    Outcome,
    Person,
)
from healthnotify.domain.model import Channel, Withheld
from healthnotify.domain.schedule import end_of_quiet_hours


class Promise(StrEnum):
    CONSTANT_ID = "constant_id"  #: at least once; a second copy replaces the first
    ONE_EXTRA = "one_extra"  #: at least once; one extra copy possible per crash in the send window
    AT_MOST_ONCE = "at_most_once"  #: an unknown outcome is given up, visibly


PROMISES: Final[Mapping[Channel, Promise]] = {
    Channel.WEBHOOK: Promise.CONSTANT_ID,
    Channel.EMAIL: Promise.ONE_EXTRA,
    Channel.SMS: Promise.AT_MOST_ONCE,
}

#: From so many takeovers on it is claimed alone among those of its kind (`one_by_one`): what merely waits beside it is
#: not claimed, so another death is none of theirs.
SUSPECT: Final = 2
#: So many holders of one attempt have left it without an outcome, three of them while it was alone, that it is the
#: sending that ends them.
MOST_TAKEOVERS: Final = 5

#: Characters of text that a channel takes well; an SMS of this length stays within five segments in any script.
LONGEST: Final[Mapping[Channel, int]] = {Channel.EMAIL: 600, Channel.WEBHOOK: 600, Channel.SMS: 320}


def last_look(claim: Claim, person: Person, *, now: datetime, daily_cap: int) -> Failure | Withheld | None:
    """Why a claimed notification must not be sent now, or None.

    An earlier holder of the same attempt may have sent it (`AMBIGUOUS`): a channel that cannot recognise a second copy
    does not get one, and what has ended its holders again and again is not sent again. Everything else is read in the
    same statement as the claim, so consent is as fresh as it can be.
    """
    envelope = claim.envelope
    if claim.answer is Answer.AMBIGUOUS and PROMISES[envelope.channel] is Promise.AT_MOST_ONCE:
        return Failure(FailureKind.PERMANENT, OUTCOME_UNKNOWN)
    if claim.takeovers >= MOST_TAKEOVERS:
        return Failure(FailureKind.PERMANENT, KILLS_THE_PROCESS)
    if reason := _withheld(claim, person, now, daily_cap):
        return reason
    if now < envelope.send_at:
        return Failure(FailureKind.DEFERRED, "early", until=envelope.send_at)
    open_at = end_of_quiet_hours(now, person.timezone, person.quiet)
    return Failure(FailureKind.DEFERRED, "quiet_hours", until=open_at) if open_at > now else None


def _withheld(claim: Claim, person: Person, now: datetime, daily_cap: int) -> Withheld | None:
    if person.erased:
        return Withheld.ERASED
    if not person.active:
        return Withheld.USER_INACTIVE
    if not person.enabled or not person.address:
        return Withheld.OPTED_OUT
    if now >= claim.envelope.expires_at:
        return Withheld.EXPIRED
    if person.sent_last_day >= daily_cap:
        return Withheld.CAPPED
    return None


def settled(outcome: Outcome, channel: Channel) -> Outcome:
    """The outcome with doubt removed: where a second copy is harmless an unknown outcome is tried again, else not."""
    if not isinstance(outcome, Failure) or outcome.kind is not FailureKind.UNKNOWN:
        return outcome
    if PROMISES[channel] is Promise.AT_MOST_ONCE:
        return Failure(FailureKind.PERMANENT, OUTCOME_UNKNOWN)
    return Failure(FailureKind.TRANSIENT, outcome.reason, outcome.retry_after)

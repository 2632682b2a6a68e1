"""Whether a notification that was given up may be brought back from the dead letters."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from healthnotify.domain.delivery import KILLS_THE_PROCESS, OUTCOME_UNKNOWN, Step
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Withheld

MOST_REDRIVES: Final = 3
#: Reasons of those that may have been sent.
IN_DOUBT: Final = (OUTCOME_UNKNOWN, KILLS_THE_PROCESS)


class Obstacle(StrEnum):
    """Why it is left where it is."""

    NOT_FAILED = "not_failed"  #: it does not exist, or has moved on: somebody else may have brought it back
    ACCEPTED_LATE = "accepted_late"  #: the channel took it after all
    LETTER_EXPIRED = "letter_expired"  #: its dead letter was kept for as long as dead letters are kept
    EXPIRED = "expired"
    OPTED_OUT = "opted_out"  #: or has no address on that channel any more
    USER_INACTIVE = "user_inactive"
    ERASED = "erased"
    TOO_OFTEN = "too_often"  #: it was brought back as often as is allowed
    OUTCOME_UNKNOWN = "outcome_unknown"  #: it may have been sent, and a second copy was not allowed


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What the decision needs of a notification."""

    id: UUID
    state: State
    reason: str | None
    expires_at: datetime
    accepted_late: bool
    redrives: int  #: so far
    withheld: Withheld | None  #: what the last look before a send would say of the user
    letter_expired: bool = False
    attempt: int = 0  #: the last one: by it a later failure is told from this one


@dataclass(frozen=True, slots=True)
class Redrive:
    """What was done with one, or would be."""

    id: UUID
    obstacle: Obstacle | None  #: None: it is brought back
    step: Step | None = None  #: its move; none in a dry run


def obstacle(given_up: GivenUp, *, at: datetime, accept_duplicates: bool) -> Obstacle | None:
    """Why it may not be brought back, or None."""
    in_doubt = given_up.reason in IN_DOUBT and not accept_duplicates
    looked_at: list[tuple[bool, Obstacle]] = [
        (given_up.state is not State.FAILED, Obstacle.NOT_FAILED),
        (given_up.accepted_late, Obstacle.ACCEPTED_LATE),
        *((True, Obstacle(reason.value)) for reason in (given_up.withheld,) if reason),
        (given_up.letter_expired, Obstacle.LETTER_EXPIRED),
        (given_up.expires_at <= at, Obstacle.EXPIRED),
        (given_up.redrives >= MOST_REDRIVES, Obstacle.TOO_OFTEN),
        (in_doubt, Obstacle.OUTCOME_UNKNOWN),
    ]
    return next((one for stands, one in looked_at if stands), None)

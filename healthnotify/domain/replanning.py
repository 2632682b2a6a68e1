"""Which of somebody's open notifications still stand after they changed what they want."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Category, Channel, Goal, Withheld
from healthnotify.domain.schedule import Rule, occasion_of


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants in one category over one channel, after the change."""

    rule: Rule
    goals: frozenset[Goal]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notification for an occasion that nobody has put on the road yet, or that waits for another try."""

    id: UUID
    category: Category
    channel: Channel
    goal: Goal
    local_date: date
    slot: int
    timezone: str
    send_at: datetime
    state: State
    is_written: bool  #: it has a text, or a builder is at it: a changed name or language is too late for it


def fallen(
    rows: Iterable[Waiting],
    wishes: Mapping[tuple[Category, Channel], Wish],
    *,
    now: datetime,
    text_is_stale: bool = False,
) -> dict[UUID, Withheld]:
    """The notifications that no longer stand, each with the reason; the planner plans anew what takes their place.

    What is no longer wanted falls, whatever its time. What is wanted at another time, or about something else, falls
    while its send time is still to come: what is due already goes its way, because a second one for the same occasion
    would be one too many.
    """
    reasons = {row.id: _reason(row, wishes.get((row.category, row.channel)), now, text_is_stale) for row in rows}
    return {key: reason for key, reason in reasons.items() if reason is not None}


def _reason(row: Waiting, wish: Wish | None, now: datetime, text_is_stale: bool) -> Withheld | None:  # noqa: FBT001
    if wish is None:
        return Withheld.OPTED_OUT
    if row.state is State.RETRY or row.send_at <= now:
        return None
    stale = text_is_stale and row.is_written
    return None if not stale and _is_wanted(row, wish) else Withheld.SUPERSEDED


def _is_wanted(row: Waiting, wish: Wish) -> bool:
    """Whether the wish, planned from the beginning, would lead to this very notification."""
    if row.goal not in wish.goals or row.timezone != wish.rule.timezone:
        return False
    occasion = occasion_of(wish.rule, row.local_date, row.slot)
    return occasion is not None and occasion.send_at == row.send_at

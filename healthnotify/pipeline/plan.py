"""Write down who is due in which slot: nothing -> PLANNED."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Goal, Notification, Preference, notification_id
from healthnotify.domain.schedule import Occasion, Rule, next_occasion, occasions
from healthnotify.pipeline.ports import Plan, PlanningStore

#: After a long stand-still this many missed occasions of one preference are planned in one go (and then expire, each
#: with its reason, instead of being forgotten); the next scan goes on from there.
MOST_OCCASIONS: Final = 50
LOOK_AGAIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Planning:
    """How far ahead is planned, how long a notification stays worth sending, and by which time zone database."""

    ahead: timedelta
    expires_after: timedelta
    tzdata: str


@dataclass(frozen=True, slots=True)
class Unplannable:
    """A preference that cannot be planned: its zone is gone from the database, or it can never have an occasion."""

    preference_id: UUID
    problem: BadInput


def plan(
    *, now: datetime, limit: int, store: PlanningStore, planning: Planning
) -> tuple[list[Step], list[Unplannable]]:
    """Plan up to `limit` preferences that are due within `planning.ahead`; one transaction for all of them.

    The id of a notification follows from its occasion, so planning again after any crash adds nothing. A preference
    that cannot be planned is told about and looked at again later; it must not keep the others waiting.
    """
    horizon = now + planning.ahead
    plans, problems = [], []
    for preference in store.due_preferences(horizon, limit):
        try:
            plans.append(_plan(preference, horizon, planning))
        except BadInput as problem:
            problems.append(Unplannable(preference.id, problem))
            plans.append(_put_off(preference, horizon))
    return store.plan(plans, now) if plans else [], problems


def _put_off(preference: Preference, horizon: datetime) -> Plan:
    """Nothing is planned, and nothing is forgotten: once it is mended, all since `planned_until` is planned."""
    later = horizon + LOOK_AGAIN
    return Plan(preference.id, preference.next_due_at, preference.revision, preference.planned_until, later, ())


def _plan(preference: Preference, horizon: datetime, planning: Planning) -> Plan:
    rule = rule_of(preference)
    found = _until(rule, preference.planned_until, horizon)
    planned_until = horizon if len(found) < MOST_OCCASIONS else max(occasion.send_at for occasion in found)
    return Plan(
        preference_id=preference.id,
        seen_next_due_at=preference.next_due_at,
        seen_revision=preference.revision,
        planned_until=planned_until,
        next_due_at=next_occasion(rule, planned_until).send_at,
        notifications=tuple(_notification(preference, occasion, planning) for occasion in found),
    )


def _until(rule: Rule, after: datetime, horizon: datetime) -> Sequence[Occasion]:
    """Occasions in (after, horizon]. Slots of one date may be sent in another order than they are wanted, and a date's
    last may come after the next one's first, so a day's worth beyond the horizon is looked at."""
    found = []
    for occasion in islice(occasions(rule, after), MOST_OCCASIONS):
        if occasion.send_at > horizon + timedelta(days=1):
            break
        if occasion.send_at <= horizon:
            found.append(occasion)
    return found


def _notification(preference: Preference, occasion: Occasion, planning: Planning) -> Notification:
    return Notification(
        id=notification_id(
            preference.user_id,
            preference.category,
            occasion.local_date,
            occasion.slot,
            preference.channel,
            revision=preference.revision,
        ),
        user_id=preference.user_id,
        category=preference.category,
        channel=preference.channel,
        goal=_goal(preference, occasion),
        local_date=occasion.local_date,
        slot=occasion.slot,
        timezone=preference.timezone,
        wall_clock=occasion.wall_clock,
        send_at=occasion.send_at,
        expires_at=occasion.send_at + planning.expires_after,
        shift=occasion.shift,
        tzdata=planning.tzdata,
        revision=preference.revision,
    )


def _goal(preference: Preference, occasion: Occasion) -> Goal:
    """Goals take turns, by date and slot, so that the choice is the same whoever plans it."""
    if not preference.goals:
        raise BadInput("goals", "there is none", "Give at least one goal to write about")
    turn = occasion.local_date.toordinal() + occasion.slot
    return preference.goals[turn % len(preference.goals)]


def rule_of(preference: Preference) -> Rule:
    """What the preference says about time."""
    return Rule(
        timezone=preference.timezone,
        times=preference.times,
        days=preference.days,
        every=preference.every,
        anchor=preference.anchor,
        quiet=preference.quiet,
    )

"""Ask for a notification, for no occasion: it is written down as PLANNED and goes the same road as any other."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from tzdata import IANA_VERSION

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.ledger import about_given
from healthnotify.apps.privacy.cipher import UserKey
from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.apps.users.sealing import open_name
from healthnotify.domain.ad_hoc import AD_HOC, AdHoc, Wanted, appoint, check_words
from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import BadInput, Rejected
from healthnotify.domain.lifecycle import BEGINNING, Event
from healthnotify.domain.model import Assignment
from healthnotify.domain.wording import template_called

PERSON: Final = """
    SELECT u.id AS user_id, u.active, u.timezone, u.locale, u.name_sealed, k.wrapped,
           d.id IS NOT NULL AS has_address, COALESCE(p.enabled, true) AS enabled,
           COALESCE(g.target, 0) AS target, COALESCE(g.progress, 0) AS progress, COALESCE(g.streak, 0) AS streak
    FROM users u
    JOIN data_keys k ON k.user_id = u.id
    LEFT JOIN addresses d ON d.user_id = u.id AND d.channel = %(channel)s
    LEFT JOIN preferences p ON p.user_id = u.id AND p.category = %(category)s AND p.channel = %(channel)s
    LEFT JOIN goals g ON g.user_id = u.id AND g.code = %(goal)s
    WHERE u.erased_at IS NULL AND (u.id = %(user_id)s OR u.external_id = %(external_id)s)
"""

INSERT: Final = """
    WITH changed AS (
        INSERT INTO notifications (id, user_id, category, channel, goal, local_date, slot, revision, timezone,
                                   wall_clock, send_at, expires_at, shift, tzdata, state, updated_at, attempt,
                                   uncounted, accepted_by, asked_by, template, given_sealed)
        VALUES (%(id)s, %(user_id)s, %(category)s, %(channel)s, %(goal)s, %(local_date)s, NULL, 0, %(timezone)s,
                %(wall_clock)s, %(send_at)s, %(expires_at)s, NULL, %(tzdata)s, %(beginning)s, %(at)s, 0, 0, '{}',
                %(asked_by)s, %(template)s, %(given)s)
        RETURNING id, local_date, state
    )
    INSERT INTO moves (notification_id, local_date, at, event, before, after, attempt, reason, actor)
    SELECT id, local_date, %(at)s, %(event)s, NULL, state, 0, %(reason)s, %(asked_by)s FROM changed
"""


@dataclass(frozen=True, slots=True)
class Whose:
    """For whom: by exactly one of the two ids."""

    user_id: UUID | None = None
    external_id: str | None = None

    @property
    def field(self) -> str:
        """The one that was given."""
        return "user_id" if self.user_id else "external_id"


def ask(
    whose: Whose, wanted: Wanted, *, asked_by: str, now: datetime, ring: KeyRing, expires_after: timedelta
) -> tuple[UUID, Step]:
    """Write it down; answers the user and the step. The words are judged now, while their author can mend them, and
    again when they are written. Raises `BadInput` or `Rejected`, naming the field, when it could not be sent."""
    template = template_called(wanted.template) if wanted.template else None
    person = _person(whose, wanted, goal=template.goal if template else wanted.goal)
    wish = appoint(
        wanted,
        identity=uuid4(),
        user_id=person.user_id,
        timezone=person.timezone,
        asked_by=asked_by,
        now=now,
        expires_after=expires_after,
        tzdata=IANA_VERSION,
    )
    key = ring.unwrap(person.user_id, person.wrapped)
    if wanted.draft or wanted.template:
        check_words(_assignment(wish, person, key))
    return person.user_id, write_down(wish, key, now)


def write_down(wish: AdHoc, key: UserKey, at: datetime) -> Step:
    """Insert its row with its first move."""
    plan = wish.plan
    words = json.dumps([wish.draft.subject, wish.draft.text], ensure_ascii=False) if wish.draft else None
    parameters = {
        "id": plan.id,
        "user_id": plan.user_id,
        "category": plan.category,
        "channel": plan.channel,
        "goal": plan.goal,
        "local_date": plan.local_date,
        "timezone": plan.timezone,
        "wall_clock": plan.wall_clock.isoformat(),
        "send_at": plan.send_at,
        "expires_at": plan.expires_at,
        "tzdata": plan.tzdata,
        "beginning": BEGINNING,
        "at": at,
        "event": Event.PLANNED,
        "reason": AD_HOC,
        "asked_by": wish.asked_by,
        "template": wish.template,
        "given": key.seal(words, about_given(plan.id)) if words is not None else None,
    }
    rows(INSERT, parameters)
    return Step(id=plan.id, event=Event.PLANNED, before=None, after=BEGINNING, at=at, reason=AD_HOC)


def _person(whose: Whose, wanted: Wanted, goal: str | None) -> Any:
    found = rows(
        PERSON,
        {
            "user_id": whose.user_id,
            "external_id": whose.external_id,
            "category": wanted.category,
            "channel": wanted.channel,
            "goal": goal,
        },
    )
    if not found:
        raise BadInput(whose.field, "there is nobody with that id", "Take an id from GET /api/v1/users")
    person = found[0]
    problems = []
    if not person.active:
        problems.append(BadInput(whose.field, "this user is not active", "Activate them first"))
    if not person.has_address:
        fix = "Give the user an address on it, or choose a channel that has one"
        problems.append(BadInput("channel", "this user has no address on it", fix))
    if not person.enabled:
        fix = "Choose another channel or category: the user has the last word"
        problems.append(BadInput("category", f"this user has switched it off for {wanted.channel}", fix))
    if problems:
        raise Rejected(problems)
    return person


def _assignment(wish: AdHoc, person: Any, key: UserKey) -> Assignment:
    """As a builder would lease it now."""
    plan = wish.plan
    return Assignment(
        id=plan.id,
        user_id=plan.user_id,
        category=plan.category,
        channel=plan.channel,
        goal=plan.goal,
        name=open_name(key, person),
        locale=person.locale,
        target=person.target,
        progress=person.progress,
        streak=person.streak,
        send_at=plan.send_at,
        expires_at=plan.expires_at,
        withheld=None,
        asked_by=wish.asked_by,
        draft=wish.draft,
        template=wish.template,
    )

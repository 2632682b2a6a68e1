"""The builder's part: what is to be written, and the texts that came of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.notifications.store.ledger import (
    ENTRY,
    RECORD_MOVES,
    STEP,
    THOSE_DATES,
    Ledger,
    about_given,
    about_message,
    dates,
    entry,
    states_before,
    steps,
)
from healthnotify.apps.privacy.cipher import UserKey
from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.apps.users.sealing import open_name
from healthnotify.domain.delivery import Step
from healthnotify.domain.lifecycle import Event, State, after
from healthnotify.domain.model import MAKES_ROOM, Assignment, Category, Channel, Draft, Entry, Goal, Message, Withheld

FREE: Final = """
    SELECT id, local_date FROM notifications
    WHERE state = 'PLANNED' AND (build_lease_until IS NULL OR build_lease_until <= %(now)s)
"""

#: Words that were given have a room of their own, so that they need not wait until a model has answered others.
LEASE: Final = f"""
    WITH for_the_model AS (
        {FREE} AND given_sealed IS NULL AND template IS NULL
        ORDER BY send_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), with_words AS (
        {FREE} AND slot IS NULL AND (given_sealed IS NOT NULL OR template IS NOT NULL)
        ORDER BY send_at LIMIT %(given)s FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE notifications n SET build_lease_until = %(lease_until)s
        FROM (SELECT * FROM for_the_model UNION ALL SELECT * FROM with_words) free
        WHERE n.id = free.id AND n.local_date = free.local_date
        RETURNING n.*
    )
    SELECT n.id, n.user_id, n.category, n.channel, n.goal, n.send_at, n.expires_at,
           n.asked_by, n.given_sealed, n.template, u.name_sealed, u.locale, u.active, u.erased_at, k.wrapped,
           COALESCE(g.target, 0) AS target, COALESCE(g.progress, 0) AS progress, COALESCE(g.streak, 0) AS streak,
           COALESCE(p.enabled, n.slot IS NULL) AS enabled
    FROM leased n
    JOIN users u ON u.id = n.user_id
    LEFT JOIN data_keys k ON k.user_id = n.user_id
    LEFT JOIN goals g ON g.user_id = n.user_id AND g.code = n.goal
    LEFT JOIN preferences p ON p.user_id = n.user_id AND p.category = n.category AND p.channel = n.channel
    ORDER BY n.send_at
"""

KEYS: Final = "SELECT user_id, wrapped FROM data_keys WHERE user_id = ANY(%(users)s)"

STAGE: Final = f"""
    WITH changed AS (
        UPDATE notifications n
        SET state = %(after)s, message_sealed = m.sealed, message_sha256 = m.sha256, provenance = m.provenance::jsonb,
            build_lease_until = NULL, updated_at = %(at)s
        FROM unnest(%(ids)s::uuid[], %(sealed)s::text[], %(sha256)s::text[], %(provenance)s::text[])
             AS m(id, sealed, sha256, provenance)
        WHERE n.id = m.id AND {THOSE_DATES} AND n.state = ANY(%(before)s)
        RETURNING {ENTRY}, 'PLANNED' AS was,
                  COALESCE(n.provenance ->> 'why_template', n.provenance ->> 'source') AS reason
    ), {RECORD_MOVES.replace("reason, due_at FROM", "reason, NULL FROM")}
    SELECT * FROM changed
"""

CANCEL: Final = f"""
    WITH asked AS (SELECT * FROM unnest(%(ids)s::uuid[], %(reasons)s::text[]) AS t(id, reason)),
    held AS (
        SELECT n.id, n.local_date, n.state FROM notifications n JOIN asked USING (id)
        WHERE n.state = ANY(%(before)s) ORDER BY n.id FOR UPDATE OF n
    ), changed AS (
        UPDATE notifications n
        SET state = %(after)s, reason = asked.reason, ended_at = %(at)s, updated_at = %(at)s,
            next_attempt_at = NULL, build_lease_until = NULL,
            makes_room = n.attempt = 0 AND asked.reason = ANY(%(make_room)s)
        FROM asked, held
        WHERE n.id = asked.id AND n.id = held.id AND n.local_date = held.local_date AND n.state = ANY(%(before)s)
        RETURNING n.id, n.local_date, held.state AS was, n.state, n.attempt, n.reason, NULL::timestamptz AS due_at
    ), {RECORD_MOVES}
    SELECT {STEP} FROM changed
"""


class Building(Ledger):
    def lease_planned(self, now: datetime, lease_until: datetime, limit: int, given: int = 0) -> list[Assignment]:
        """See `ports.BuildingStore`. What cannot be opened, because the key ring lacks its key, is not leased."""
        with all_or_nothing():
            found = rows(LEASE, {"now": now, "lease_until": lease_until, "limit": limit, "given": given})
            return [_assignment(row, self._ring) for row in found]

    def stage(self, messages: Sequence[Message], at: datetime) -> tuple[list[Step], list[Entry]]:
        """See `ports.BuildingStore`. A user whose key is gone has been erased: nothing is saved for them."""
        if not messages:
            return [], []
        wrapped = {
            row.user_id: row.wrapped for row in rows(KEYS, {"users": list({message.user_id for message in messages})})
        }
        known = [message for message in messages if message.user_id in wrapped]
        texts = [json.dumps([message.subject, message.text], ensure_ascii=False) for message in known]
        parameters = {
            "ids": [message.id for message in known],
            "sealed": [
                self._ring.unwrap(message.user_id, wrapped[message.user_id]).seal(text, about_message(message.id))
                for message, text in zip(known, texts, strict=True)
            ],
            "sha256": [hashlib.sha256(text.encode()).hexdigest() for text in texts],
            "provenance": [json.dumps(asdict(message.provenance)) for message in known],
            **dates(message.send_at for message in messages),
            "at": at,
            "event": Event.WRITTEN,
            "before": states_before(Event.WRITTEN),
            "after": State.STAGED,
        }
        staged = rows(STAGE, parameters) if known else []
        return steps(staged, Event.WRITTEN, at), [entry(row) for row in staged]

    def cancel(self, reasons: Mapping[UUID, Withheld], at: datetime) -> list[Step]:
        """See `ports.BuildingStore`."""
        if not reasons:
            return []
        parameters = {
            "ids": list(reasons),
            "reasons": list(reasons.values()),
            "at": at,
            "event": Event.CANCELLED,
            "before": sorted(set(states_before(Event.CANCELLED)) - {State.PENDING}),  # a consumer may be sending it
            "after": after(State.PLANNED, Event.CANCELLED),
            "make_room": list(MAKES_ROOM),
        }
        return steps(rows(CANCEL, parameters), Event.CANCELLED, at)


def _assignment(row: Any, ring: KeyRing) -> Assignment:
    key = None if row.wrapped is None else ring.unwrap(row.user_id, row.wrapped)
    return Assignment(
        id=row.id,
        user_id=row.user_id,
        category=Category(row.category),
        channel=Channel(row.channel),
        goal=Goal(row.goal) if row.goal else None,
        name=open_name(key, row) if key else "",
        locale=row.locale,
        target=row.target,
        progress=row.progress,
        streak=row.streak,
        send_at=row.send_at,
        expires_at=row.expires_at,
        withheld=_withheld(row),
        asked_by=row.asked_by,
        draft=_given(key, row),
        template=row.template,
    )


def _given(key: UserKey | None, row: Any) -> Draft | None:
    """The words; none can be read any more once the user is erased, and then none are needed."""
    if row.given_sealed is None:
        return None
    return Draft(*json.loads(key.open(row.given_sealed, about_given(row.id)))) if key else Draft("", "")


def _withheld(row: Any) -> Withheld | None:
    if row.erased_at is not None or row.wrapped is None:
        return Withheld.ERASED
    if not row.active:
        return Withheld.USER_INACTIVE
    return None if row.enabled else Withheld.OPTED_OUT

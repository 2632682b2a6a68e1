"""Messages as their readers see them; for people who may."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.access.audit import Action, note
from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.ledger import about_message
from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.domain.model import Draft

READ: Final = """
    SELECT DISTINCT ON (n.channel, n.provenance ->> 'source')
           n.id, n.user_id, n.channel, n.message_sealed, n.provenance, n.timezone, n.wall_clock, k.wrapped
    FROM notifications n JOIN data_keys k ON k.user_id = n.user_id
    WHERE n.user_id = ANY(%(users)s) AND n.state = 'COMPLETED'
    ORDER BY n.channel, n.provenance ->> 'source', n.id
"""

ONE: Final = """
    SELECT n.id, n.user_id, n.message_sealed, k.wrapped
    FROM notifications n JOIN data_keys k ON k.user_id = n.user_id
    WHERE n.id = %(id)s AND n.message_sealed IS NOT NULL
"""


def read(notification_id: UUID, *, ring: KeyRing, by: str, at: datetime) -> Draft | None:
    """What it says, once it is written down who reads it; None when it has no text, not yet or not any more."""
    found = rows(ONE, {"id": notification_id})
    if not found:
        return None
    note(by, Action.MESSAGE_READ, str(notification_id), at)
    return Draft(*_open(found[0], ring))


@dataclass(frozen=True, slots=True)
class Sample:
    """A message that was sent."""

    id: UUID
    channel: str
    source: str
    timezone: str
    wall_clock: str
    subject: str
    text: str


def samples(users: Sequence[UUID], ring: KeyRing) -> list[Sample]:
    """One sent message of these users for each channel and each source, decrypted."""
    return [
        Sample(
            row.id,
            row.channel,
            json.loads(row.provenance)["source"],
            row.timezone,
            row.wall_clock,
            *_open(row, ring),
        )
        for row in rows(READ, {"users": list(users)})
    ]


def _open(row: Any, ring: KeyRing) -> list[str]:
    """Subject and text."""
    said: list[str] = json.loads(ring.unwrap(row.user_id, row.wrapped).open(row.message_sealed, about_message(row.id)))
    return said

"""Messages as their readers see them; for people who may."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.ledger import about_message
from healthnotify.apps.privacy.keyring import KeyRing

READ: Final = """
    SELECT DISTINCT ON (n.channel, n.provenance ->> 'source')
           n.id, n.user_id, n.channel, n.message_sealed, n.provenance, n.timezone, n.wall_clock, k.wrapped
    FROM notifications n JOIN data_keys k ON k.user_id = n.user_id
    WHERE n.user_id = ANY(%(users)s) AND n.state = 'COMPLETED'
    ORDER BY n.channel, n.provenance ->> 'source', n.id
"""


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
            *json.loads(ring.unwrap(row.user_id, row.wrapped).open(row.message_sealed, about_message(row.id))),
        )
        for row in rows(READ, {"users": list(users)})
    ]

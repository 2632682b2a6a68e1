"""What the cache should hold of notifications, read from PostgreSQL for an operator who doubts it."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.ledger import ENTRY, entry
from healthnotify.domain.model import Channel, Entry

#: Open ones that have a text, as the sweeper's rebuild takes them.
OPEN: Final = f"""
    SELECT {ENTRY} FROM notifications n
    WHERE n.state IN ('STAGED', 'PENDING', 'RETRY') AND n.id > %(last)s
          AND (%(channel)s::text IS NULL OR n.channel = %(channel)s)
    ORDER BY n.id LIMIT %(limit)s
"""  # noqa: S608 - put together from constants
BY_IDS: Final = f"SELECT {ENTRY} FROM notifications n WHERE n.id = ANY(%(ids)s)"  # noqa: S608


def open_entries(channel: Channel | None, after: UUID | None, limit: int) -> list[Entry]:
    """The next of the open ones by id; of that channel or of all. Raises `Unavailable`."""
    last = after or UUID(int=0)
    found = rows(OPEN, {"last": last, "channel": channel and channel.value, "limit": limit})
    return [entry(row) for row in found]


def entries_of(ids: Sequence[UUID]) -> list[Entry]:
    """Of these notifications, in whatever state; none for an id that nobody knows. Raises `Unavailable`."""
    return [entry(row) for row in rows(BY_IDS, {"ids": list(ids)})]

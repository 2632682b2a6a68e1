"""What stands in PostgreSQL of some users' notifications, read past every proxy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

ROWS = """
    SELECT id::text, user_id::text, channel, state, reason, attempt, uncounted, send_at, expires_at, ended_at,
           cardinality(accepted_by), topic, partition, "offset", next_attempt_at, lease_until
    FROM notifications WHERE user_id = ANY(%s) ORDER BY send_at, id
"""
MOVES = """
    SELECT m.notification_id::text, m.at, m.event, m.before, m.after, m.reason
    FROM moves m JOIN notifications n ON n.id = m.notification_id WHERE n.user_id = ANY(%s) ORDER BY m.id
"""
STATES = "SELECT state, count(*) FROM notifications WHERE user_id = ANY(%s) GROUP BY state"


@dataclass(frozen=True, slots=True)
class Row:
    """A notification."""

    id: str
    user_id: str
    channel: str
    state: str
    reason: str | None
    attempt: int
    uncounted: int
    send_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    acceptances: int
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    next_attempt_at: datetime | None = None
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A change of its state."""

    id: str
    at: datetime
    event: str
    before: str | None
    after: str
    reason: str | None


class Ledger:
    """A connection of our own for each question, because servers come and go here."""

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, users: Sequence[UUID]) -> list[Row]:
        """The notifications of those users."""
        return [Row(*row) for row in self.ask(ROWS, list(users))]

    def moves(self, users: Sequence[UUID]) -> list[Move]:
        """All that happened to them, in order."""
        return [Move(*row) for row in self.ask(MOVES, list(users))]

    def states(self, users: Sequence[UUID]) -> dict[str, int]:
        """How many are in each state."""
        return dict(self.ask(STATES, list(users)))

    def ask(self, statement: str, *parameters: object) -> list[tuple]:
        """Any question; its rows."""
        with psycopg.connect(self._url, connect_timeout=5, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

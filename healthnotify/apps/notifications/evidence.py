"""The proof for a day, or for all of them: everything that was planned is accounted for, and nothing went out twice."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.domain.lifecycle import OPEN

SCOPE: Final = """(%(day)s::date IS NULL OR n.local_date = %(day)s::date)
           AND (%(users)s::uuid[] IS NULL OR n.user_id = ANY(%(users)s))"""

#: Unaccounted is what the ledger contradicts itself about: a state that no move led to, a failure without its dead
#: letter, a success without its acceptance, a planned move without its row.
SUMS: Final = f"""
    WITH last_move AS (
        SELECT DISTINCT ON (notification_id) notification_id, after FROM moves ORDER BY notification_id, id DESC
    ), scope AS (
        SELECT n.*, m.after AS moved_to,
               EXISTS (SELECT FROM dead_letters d WHERE d.notification_id = n.id) AS buried
        FROM notifications n LEFT JOIN last_move m ON m.notification_id = n.id WHERE {SCOPE}
    ), rowless AS (
        SELECT count(*) AS lost FROM last_move m
        WHERE %(day)s::date IS NULL AND %(users)s::uuid[] IS NULL
              AND NOT EXISTS (SELECT FROM notifications n WHERE n.id = m.notification_id)
    )
    SELECT count(*) + (SELECT lost FROM rowless) AS planned,
           count(*) FILTER (WHERE state = 'COMPLETED') AS completed,
           count(*) FILTER (WHERE state = 'FAILED') AS failed,
           count(*) FILTER (WHERE state = 'CANCELLED') AS cancelled,
           count(*) FILTER (WHERE state = ANY(%(open)s)) AS open,
           COALESCE(sum(GREATEST(cardinality(accepted_by) - 1, 0)), 0)::int AS duplicates,
           count(*) FILTER (
               WHERE moved_to IS DISTINCT FROM state
                  OR (state = 'FAILED' AND NOT buried)
                  OR (state = 'COMPLETED' AND cardinality(accepted_by) = 0)
           ) + (SELECT lost FROM rowless) AS unaccounted
    FROM scope
"""

BREAKDOWN: Final = f"""
    SELECT n.channel, n.state,
           CASE WHEN n.state = 'COMPLETED' AND n.attempt - n.uncounted > 1 THEN 'after a retry'
                WHEN n.state = 'COMPLETED' THEN 'at the first try'
                WHEN n.state = 'RETRY' THEN COALESCE(n.failure ->> 'reason', '')
                ELSE COALESCE(n.reason, '') END AS reason,
           count(*) AS notifications,
           count(*) FILTER (WHERE n.provenance ->> 'source' = 'template') AS by_template
    FROM notifications n WHERE {SCOPE}
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 4 DESC, 3
"""

UNKNOWN: Final = f"""
    SELECT n.id FROM notifications n WHERE n.state = 'FAILED' AND n.reason = 'outcome_unknown' AND {SCOPE} ORDER BY n.id
"""

#: A claim that was taken over and sent again where the channel allows it may have made a second copy that no provider
#: told us about.
POSSIBLE_COPIES: Final = f"""
    SELECT count(*) AS copies FROM moves m JOIN notifications n ON n.id = m.notification_id
    WHERE m.event = 'taken_over' AND n.channel <> 'sms' AND {SCOPE}
"""


@dataclass(frozen=True, slots=True)
class Share:
    """How many notifications of a channel ended, or stand, in one way."""

    channel: str
    state: str
    reason: str
    notifications: int
    by_template: int  #: of these, how many say a reviewed template's words


COLUMNS: Final = tuple(column.name for column in fields(Share))


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sums, what they are made of, and what no ledger can know."""

    planned: int
    completed: int
    failed: int
    cancelled: int
    open: int
    duplicates: int
    unaccounted: int
    shares: tuple[Share, ...]
    unknown_outcomes: tuple[UUID, ...]
    possible_copies: int

    @property
    def balances(self) -> bool:
        """Whether everything is accounted for, and nothing was accepted twice."""
        ended = self.completed + self.failed + self.cancelled
        return self.planned == ended + self.open and not self.duplicates and not self.unaccounted

    @property
    def line(self) -> str:
        """The last line of the command."""
        names = ("planned", "completed", "failed", "cancelled", "open", "duplicates", "unaccounted")
        return "evidence: " + " ".join(f"{name}={getattr(self, name)}" for name in names)

    def as_json(self) -> dict[str, Any]:
        """The same, for machines."""
        return asdict(self) | {
            "unknown_outcomes": [str(key) for key in self.unknown_outcomes],
            "balances": self.balances,
        }


def evidence(day: date | None = None, users: Sequence[UUID] | None = None) -> Evidence:
    """For the notifications of one local date, of some users, or for all. Raises `Unavailable`."""
    scope = {"day": day, "users": None if users is None else list(users)}
    (sums,) = rows(SUMS, scope | {"open": sorted(OPEN)})
    (copies,) = rows(POSSIBLE_COPIES, scope)
    shares: Sequence[Any] = rows(BREAKDOWN, scope)
    return Evidence(
        planned=sums.planned,
        completed=sums.completed,
        failed=sums.failed,
        cancelled=sums.cancelled,
        open=sums.open,
        duplicates=sums.duplicates,
        unaccounted=sums.unaccounted,
        shares=tuple(Share(*row) for row in shares),
        unknown_outcomes=tuple(row.id for row in rows(UNKNOWN, scope)),
        possible_copies=copies.copies,
    )

"""The proof for a day, or for all of them: everything that was planned is accounted for, and nothing went out twice."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.domain.errors import BadInput
from healthnotify.domain.lifecycle import OPEN

SCOPE: Final = """(%(day)s::date IS NULL OR n.local_date = %(day)s::date)
           AND (%(users)s::uuid[] IS NULL OR n.user_id = ANY(%(users)s))"""

#: The notifications in question, each with the state that its last move led to.
ROWS: Final = f"""
    scope AS (
        SELECT n.*, m.after AS moved_to,
               EXISTS (SELECT FROM dead_letters d WHERE d.notification_id = n.id) AS buried
        FROM notifications n
        LEFT JOIN LATERAL (
            SELECT after FROM moves WHERE notification_id = n.id ORDER BY id DESC LIMIT 1
        ) m ON true
        WHERE {SCOPE}
    )
"""

#: What each number counts. Unaccounted is what the ledger contradicts itself about: a state that no move led to, a
#: failure without its dead letter, a success without its acceptance (and, in the sum, a move without its row).
COUNTED: Final[Mapping[str, str]] = {
    "planned": "true",
    "completed": "state = 'COMPLETED'",
    "failed": "state = 'FAILED'",
    "cancelled": "state = 'CANCELLED'",
    "open": "state = ANY(%(open)s)",
    "duplicates": "cardinality(accepted_by) > 1",
    "unaccounted": """(moved_to IS DISTINCT FROM state OR (state = 'FAILED' AND NOT buried)
                       OR (state = 'COMPLETED' AND cardinality(accepted_by) = 0))""",
}

SUMS: Final = f"""
    WITH {ROWS}, rowless AS (
        SELECT count(DISTINCT m.notification_id) AS lost FROM moves m
        WHERE %(day)s::date IS NULL AND %(users)s::uuid[] IS NULL
              AND NOT EXISTS (SELECT FROM notifications n WHERE n.id = m.notification_id)
    )
    SELECT count(*) + (SELECT lost FROM rowless) AS planned,
           count(*) FILTER (WHERE {COUNTED["completed"]}) AS completed,
           count(*) FILTER (WHERE {COUNTED["failed"]}) AS failed,
           count(*) FILTER (WHERE {COUNTED["cancelled"]}) AS cancelled,
           count(*) FILTER (WHERE {COUNTED["open"]}) AS open,
           COALESCE(sum(cardinality(accepted_by) - 1) FILTER (WHERE {COUNTED["duplicates"]}), 0)::int AS duplicates,
           count(*) FILTER (WHERE {COUNTED["unaccounted"]}) + (SELECT lost FROM rowless) AS unaccounted
    FROM scope
"""

#: In which way it ended, or stands.
WAY: Final = """
    CASE WHEN n.state = 'COMPLETED' AND n.attempt - n.uncounted > 1 THEN 'after a retry'
         WHEN n.state = 'COMPLETED' THEN 'at the first try'
         WHEN n.state = 'RETRY' THEN COALESCE(n.failure ->> 'reason', '')
         ELSE COALESCE(n.reason, '') END
"""

BREAKDOWN: Final = f"""
    SELECT n.channel, n.state, {WAY} AS reason, count(*) AS notifications,
           count(*) FILTER (WHERE n.provenance ->> 'source' = 'template') AS by_template
    FROM notifications n WHERE {SCOPE}
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 4 DESC, 3
"""

#: The rows of one number, or of one share, by send time; a page begins after the last row of the one before.
BEHIND: Final = {number: f"""
        WITH {ROWS}
        SELECT n.id, u.external_id, n.category, n.channel, n.state, {WAY} AS reason, n.send_at, n.local_date,
               n.attempt - n.uncounted AS tries, cardinality(n.accepted_by) AS acceptances
        FROM scope n JOIN users u ON u.id = n.user_id
        WHERE {condition}
              AND (%(channel)s::text IS NULL
                   OR (n.channel = %(channel)s AND n.state = %(state)s AND {WAY} = %(reason)s))
              AND (%(after)s::uuid IS NULL
                   OR (n.send_at, n.id) > (SELECT send_at, id FROM notifications WHERE id = %(after)s))
        ORDER BY n.send_at, n.id LIMIT %(limit)s
    """ for number, condition in COUNTED.items()}

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
class Counted:
    """A notification behind a number."""

    id: UUID
    external_id: str  #: of its user
    category: str
    channel: str
    state: str
    reason: str  #: as in the shares
    send_at: datetime
    local_date: date
    tries: int
    acceptances: int


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
        return "evidence: " + " ".join(f"{name}={getattr(self, name)}" for name in COUNTED)

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


def behind(
    number: str,
    day: date | None = None,
    share: tuple[str, str, str] | None = None,
    *,
    after: UUID | None = None,
    limit: int = 100,
) -> list[Counted]:
    """The notifications that a number of the evidence counts, by send time, `limit` of them after `after`.

    `number` is a name in `COUNTED`; `share` narrows it to channel, state and reason as `Evidence.shares` has them.
    """
    if number not in COUNTED:
        raise BadInput("number", f"{number!r} is none", f"Give one of {', '.join(COUNTED)}")
    channel, state, reason = share or (None, None, None)
    parameters = {
        "day": day,
        "users": None,
        "open": sorted(OPEN),
        "channel": channel,
        "state": state,
        "reason": reason,
        "after": after,
        "limit": limit,
    }
    return [Counted(*row) for row in rows(BEHIND[number], parameters)]

"""The proof for a day, or for all of them: everything that was planned is accounted for, and nothing went out twice."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.domain.errors import BadInput
from healthnotify.domain.lifecycle import OPEN, State

SCOPE: Final = """(%(first)s::date IS NULL OR n.local_date BETWEEN %(first)s::date AND %(last)s::date)
           AND (%(users)s::uuid[] IS NULL OR n.user_id = ANY(%(users)s))"""

#: The notifications in question, each with the state that its last move led to. A claim that was taken over and sent
#: again where the channel allows it may have made a second copy that no provider told us about.
ROWS: Final = f"""
    scope AS (
        SELECT n.*, m.moved_to, CASE WHEN n.channel = 'sms' THEN 0 ELSE m.taken_over END AS possible_copies,
               EXISTS (SELECT FROM dead_letters d WHERE d.notification_id = n.id) AS buried
        FROM notifications n
        LEFT JOIN LATERAL (
            SELECT (array_agg(after ORDER BY id DESC))[1] AS moved_to,
                   count(*) FILTER (WHERE event = 'taken_over') AS taken_over
            FROM moves WHERE notification_id = n.id AND local_date = n.local_date
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

#: In which way it ended, or stands.
WAY: Final = """
    CASE WHEN n.state = 'COMPLETED' AND n.attempt - n.uncounted > 1 THEN 'after a retry'
         WHEN n.state = 'COMPLETED' THEN 'at the first try'
         WHEN n.state = 'RETRY' THEN COALESCE(n.failure ->> 'reason', '')
         ELSE COALESCE(n.reason, '') END
"""

#: Columns of a sum; `apps.notifications.retention` keeps them of what it drops.
SUM: Final = "channel, state, reason, notifications, by_template, duplicates, unaccounted, possible_copies"

#: For each date, channel, state and way: how many, and what is wrong with how many. Moves whose notification is not
#: there have no channel.
COUNTS: Final = f"""
    {ROWS}, counts AS (
        SELECT n.local_date, n.channel, n.state, {WAY} AS reason, count(*) AS notifications,
               count(*) FILTER (WHERE n.provenance ->> 'source' = 'template') AS by_template,
               COALESCE(sum(cardinality(accepted_by) - 1) FILTER (WHERE {COUNTED["duplicates"]}), 0) AS duplicates,
               count(*) FILTER (WHERE {COUNTED["unaccounted"]}) AS unaccounted,
               sum(n.possible_copies) AS possible_copies
        FROM scope n GROUP BY 1, 2, 3, 4
        UNION ALL
        SELECT n.local_date, '', '', '', count(DISTINCT n.notification_id), 0, 0, count(DISTINCT n.notification_id), 0
        FROM moves n
        WHERE %(users)s::uuid[] IS NULL
              AND (%(first)s::date IS NULL OR n.local_date BETWEEN %(first)s::date AND %(last)s::date)
              AND NOT EXISTS (SELECT FROM notifications one
                              WHERE one.id = n.notification_id AND one.local_date = n.local_date)
        GROUP BY 1
    )
"""

#: What is there, and what is left of what was dropped. Of some users nothing is left: sums name nobody.
SUMS: Final = f"""
    WITH {COUNTS}, kept AS (
        SELECT {SUM}, false AS dropped FROM counts
        UNION ALL
        SELECT {SUM}, true FROM evidence_sums n
        WHERE %(users)s::uuid[] IS NULL
              AND (%(first)s::date IS NULL OR n.local_date BETWEEN %(first)s::date AND %(last)s::date)
    )
    SELECT channel, state, reason, sum(notifications)::int AS notifications, sum(by_template)::int AS by_template,
           sum(duplicates)::int AS duplicates, sum(unaccounted)::int AS unaccounted,
           sum(possible_copies)::int AS possible_copies,
           COALESCE(sum(notifications) FILTER (WHERE dropped), 0)::int AS dropped
    FROM kept GROUP BY 1, 2, 3 ORDER BY 1, 2, 4 DESC, 3
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
    SELECT n.id FROM notifications n
    WHERE n.state = 'FAILED' AND n.reason IN ('outcome_unknown', 'kills_the_process') AND {SCOPE} ORDER BY n.id
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
    unknown_outcomes: tuple[UUID, ...]  #: of those that are there; the shares count the dropped ones, too
    possible_copies: int
    dropped: int  #: how many of those planned were dropped, so that only their sums are left

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
    scope = {"first": day, "last": day, "users": None if users is None else list(users)}
    found = rows(SUMS, scope)
    return Evidence(
        planned=sum(row.notifications for row in found),
        completed=_number(found, State.COMPLETED),
        failed=_number(found, State.FAILED),
        cancelled=_number(found, State.CANCELLED),
        open=_number(found, *OPEN),
        duplicates=sum(row.duplicates for row in found),
        unaccounted=sum(row.unaccounted for row in found),
        shares=tuple(
            Share(row.channel, row.state, row.reason, row.notifications, row.by_template) for row in found if row.state
        ),
        unknown_outcomes=tuple(row.id for row in rows(UNKNOWN, scope)),
        possible_copies=sum(row.possible_copies for row in found),
        dropped=sum(row.dropped for row in found),
    )


def _number(found: Sequence[Any], *states: State) -> int:
    return sum(row.notifications for row in found if row.state in states)


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
        "first": day,
        "last": day,
        "users": None,
        "open": sorted(OPEN),
        "channel": channel,
        "state": state,
        "reason": reason,
        "after": after,
        "limit": limit,
    }
    return [Counted(*row) for row in rows(BEHIND[number], parameters)]

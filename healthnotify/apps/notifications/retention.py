"""Drop the months that are old enough, once all of them has ended; the evidence of their days stays as sums."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from healthnotify.apps.access.audit import Action, note
from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.notifications.evidence import COUNTS, SUM
from healthnotify.apps.notifications.store import months
from healthnotify.apps.notifications.store.months import MOVES, NOTIFICATIONS, partition
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import OPEN

LEAST: Final = 40  # days; longer than a notification may live, so that nothing that is dropped could be brought back
MOST: Final = 36_500
USUAL: Final = 400
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtext('retention of notifications'))"
TRIES: Final = 20  # for the locks, half a second each, with a pause in which everybody else goes on
PAUSE: Final = "SELECT pg_sleep(1)"
#: What was moved within this time is left for the next time: clocks differ, and transactions last.
LATELY: Final = timedelta(hours=1)

#: By the index of what is open, and the one of the latest moves: both answer at once, however large the month is.
STANDING: Final = """
    SELECT (SELECT count(*) FROM {notifications} WHERE state = ANY(%(open)s)) AS open,
           EXISTS (SELECT FROM {moves} WHERE at > %(lately)s) AS is_moving
"""
NUMBER: Final = "SELECT count(*) AS number FROM {notifications}"

KEEP_SUMS: Final = f"""
    WITH {COUNTS}
    INSERT INTO evidence_sums (local_date, {SUM}, dropped_at)
    SELECT local_date, {SUM}, %(at)s FROM counts
    RETURNING notifications
"""  # noqa: S608 - put together from constants
DROP_LETTERS: Final = """
    DELETE FROM dead_letters WHERE notification_id IN (SELECT id FROM {notifications}) RETURNING id
"""
#: In the order in which the statements of the road lock.
LOCK: Final = "LOCK TABLE ONLY notifications, ONLY moves IN ACCESS EXCLUSIVE MODE"
DROP: Final = "DROP TABLE {notifications}, {moves}"


@dataclass(frozen=True, slots=True)
class Month:
    """What became of one that is old enough."""

    month: date
    notifications: int
    open: int
    dropped: bool
    why_kept: str  #: empty when it was dropped, or would have been

    def as_row(self) -> dict[str, Any]:
        """For a table, or JSON."""
        return {
            "month": f"{self.month:%Y-%m}",
            "notifications": self.notifications,
            "open": self.open,
            "dropped": self.dropped,
            "why_kept": self.why_kept,
        }


class _Kept(Exception):
    """Why a month is not dropped after all; takes back what was written in its transaction."""


def retire(*, keep: timedelta, now: datetime, actor: str, dry_run: bool = False) -> Iterator[Month]:
    """One answer for each month that ended more than `keep` ago, the earliest first; each is a transaction of its own.

    Makes the months that lie ahead, too, and those of rows that have none yet. Raises `Unavailable`.
    """
    if not dry_run:
        months.make([*months.in_default(), *months.wanted(now)])
    for month in _complete():
        if months.month_after(month) <= (now - keep).date():
            found = _look(month, now) if dry_run else _retire(month, now, actor)
            if found:
                yield found


def _complete() -> list[date]:
    """The months that have both partitions."""
    return sorted(set(months.known(NOTIFICATIONS)) & set(months.known(MOVES)))


def _look(month: date, now: datetime) -> Month:
    standing = _standing(month, now)
    number = rows(NUMBER.format(**_names(month)), {})[0].number
    return Month(month, number, standing.open, dropped=False, why_kept=_why_kept(standing))


def _standing(month: date, now: datetime) -> Any:
    return rows(STANDING.format(**_names(month)), {"open": sorted(OPEN), "lately": now - LATELY})[0]


def _names(month: date) -> dict[str, str]:
    return {table: partition(table, month) for table in months.TABLES}


def _why_kept(standing: Any) -> str:
    if standing.open:
        verb = "has" if standing.open == 1 else "have"
        return f"{standing.open} of its notifications {verb} not ended"
    return "one of its notifications moved within the hour" if standing.is_moving else ""


def _retire(month: date, now: datetime, actor: str) -> Month | None:
    """What became of it; None when somebody else has dropped it. A month is there, or its sums are: what takes long
    comes before the locks, and all of it is one transaction."""
    found = None
    try:
        with all_or_nothing():
            rows(ONE_AT_A_TIME, {})
            if month not in _complete():
                return None
            found = _look(month, now)
            if found.why_kept:
                return found
            _sum_up(month, now, actor)
            _let_go(month, now)
            return replace(found, dropped=True)
    except _Kept as problem:
        assert found is not None, "it was looked at before"
        return replace(found, why_kept=str(problem))


def _sum_up(month: date, now: datetime, actor: str) -> None:
    last = months.month_after(month) - timedelta(days=1)
    kept = rows(KEEP_SUMS, {"first": month, "last": last, "users": None, "at": now})
    letters = len(rows(DROP_LETTERS.format(**_names(month)), {}))
    if number := sum(row.notifications for row in kept):
        note(actor, Action.RETENTION, f"{month:%Y-%m}", now, notifications=number, dead_letters=letters)


def _let_go(month: date, now: datetime) -> None:
    """Who waits for this lock keeps everybody else waiting, so no wait is long. Raises `_Kept`."""
    for _ in range(TRIES):
        try:
            with all_or_nothing():
                months.change([LOCK])
                if why := _why_kept(_standing(month, now)):  # an operator may have brought something back meanwhile
                    raise _Kept(why)
                months.change([DROP.format(**_names(month))])
        except Unavailable:
            rows(PAUSE, {})
        else:
            return
    raise _Kept("somebody else holds its lock; run it again")

"""The months: each has one partition of the notifications for its local dates, and one of their moves.

What belongs to a month that has no partition goes to the default one, so that nothing is ever refused, and moves over
when its partition is made. Every change waits for its lock for half a second at most, and is tried again later: who
waits for a lock on the table makes everybody else wait as well (docs/decisions/0016).
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Final

from psycopg.errors import InsufficientPrivilege

from healthnotify.apps.append_only import partition_append_only
from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.domain.errors import Unavailable

NOTIFICATIONS: Final = "notifications"
MOVES: Final = "moves"
TABLES: Final = (NOTIFICATIONS, MOVES)  # locked in this order, as the statements of the road do

BEFORE: Final = 1  # months that are made although they are past: a notification may be late
AHEAD: Final = 3
LOOK_AGAIN: Final = timedelta(hours=1)
LOCK_SECONDS: Final = 0.5  # shorter than PostgreSQL takes to find a deadlock: it is always we who give way

#: Pages keep room for a notification's next version, so that a claim finds it beside the old one; moves never change.
ROOM: Final = {NOTIFICATIONS: " WITH (fillfactor = 70)", MOVES: ""}

PARTITIONS: Final = """
    SELECT relname AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = to_regclass(%(table)s) ORDER BY relname
"""
IN_DEFAULT: Final = {
    table: f"SELECT DISTINCT date_trunc('month', local_date)::date AS month FROM {table}_default" for table in TABLES
}
PATIENCE: Final = "SELECT set_config('lock_timeout', %(patience)s, true)"


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def month_after(month: date, count: int = 1) -> date:
    """The month that many months later, or earlier."""
    years, index = divmod(month.month - 1 + count, 12)
    return date(month.year + years, index + 1, 1)


def partition(table: str, month: date) -> str:
    """Its name, such as notifications_2026_11."""
    return f"{table}_{month:%Y_%m}"


def known(table: str = NOTIFICATIONS) -> list[date]:
    """The months that have a partition of that table, the earliest first."""
    names = [re.fullmatch(rf"{table}_(\d{{4}})_(\d{{2}})", row.name) for row in rows(PARTITIONS, {"table": table})]
    return [date(int(found[1]), int(found[2]), 1) for found in names if found]


def in_default() -> list[date]:
    """The months whose rows wait in a default partition, the earliest first."""
    return sorted({row.month for table in TABLES for row in rows(IN_DEFAULT[table], {})})


def wanted(now: datetime) -> list[date]:
    """The months that should have partitions now."""
    return [month_after(month_of(now.date()), count) for count in range(-BEFORE, AHEAD + 1)]


def make(months: Iterable[date]) -> list[date]:
    """Make what is missing of these months, with what lies in the default partitions; answers what was made.

    A month whose lock somebody else holds is left for the next time, and so are all when our role may make no tables:
    the rows have the default partition until then, and the command `retention` makes the months as well.
    """
    asked, made = set(months), set()
    for table in TABLES:
        for month in sorted(asked - set(known(table))):
            with suppress(Unavailable, InsufficientPrivilege):
                made.add(_make(table, month))
    return sorted(made)


def _make(table: str, month: date) -> date:
    """In a transaction of its own, so that it never waits for one table with the lock of the other."""
    with all_or_nothing():
        rows("SELECT pg_advisory_xact_lock(hashtext('months of notifications'))", {})
        if month not in known(table):
            change(statements(table, month))
    return month


def change(ddl: Iterable[str]) -> None:
    """Run these in the transaction that is open, and wait for locks for a moment only."""
    (before,) = rows("SELECT current_setting('lock_timeout') AS patience", {})
    rows(PATIENCE, {"patience": f"{int(LOCK_SECONDS * 1000)}ms"})
    rows("SET CONSTRAINTS ALL IMMEDIATE", {})  # what is deferred to the commit stands in the way of ALTER TABLE
    for statement in ddl:
        rows(statement, {})
    rows(PATIENCE, before._asdict())


def statements(table: str, month: date) -> list[str]:
    """What makes the partition: filled from the default one before anybody sees it, then attached, which gives it the
    indexes, the keys and the triggers of each row. Readers go on meanwhile. Writers wait: a row that is on its way to
    the default partition when its month appears would be refused."""
    name, after = partition(table, month), month_after(month)
    range_ = f"local_date >= '{month}' AND local_date < '{after}'"
    return [
        f"LOCK TABLE ONLY {table} IN SHARE ROW EXCLUSIVE MODE",
        *_unguarded(
            table,
            f"""
            CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE){ROOM[table]};
            WITH taken AS (DELETE FROM {table}_default WHERE {range_} RETURNING *)
            INSERT INTO {name} SELECT * FROM taken
        """,
        ),
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{month}') TO ('{after}')",
        *([partition_append_only(table, name)] if table == MOVES else []),
    ]


def _unguarded(table: str, text: str) -> list[str]:
    """The only deletion of moves there is: from the default partition to the one where they belong."""
    parts = [part.strip() for part in text.split(";")]
    if table != MOVES:
        return parts
    default = f"ALTER TABLE {MOVES}_default {{}} TRIGGER {MOVES}_append_only"
    return [default.format("DISABLE"), *parts, default.format("ENABLE")]


class Ahead:
    """Looks once an hour whether the months ahead have their partitions."""

    def __init__(self) -> None:
        self._looked_at: datetime | None = None

    def look(self, now: datetime) -> None:
        """Make what is missing, unless it was looked at within the hour."""
        if self._looked_at is None or abs(now - self._looked_at) >= LOOK_AGAIN:
            self._looked_at = now
            make(wanted(now))

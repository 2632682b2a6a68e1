"""Keeps what processes report of themselves, for a day."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from healthnotify.apps.database import rows
from healthnotify.domain.health import Report

KEPT: Final = timedelta(days=1)

KEEP: Final = """
    WITH old AS (DELETE FROM worker_reports WHERE seen_at < %(before)s)
    INSERT INTO worker_reports (
        id, worker, host, pid, port, started_at, seen_at, progress_at, alive, problem, dependencies, figures
    ) VALUES (
        %(id)s, %(worker)s, %(host)s, %(pid)s, %(port)s, %(started_at)s, %(seen_at)s, %(progress_at)s,
        %(alive)s, %(problem)s, %(dependencies)s, %(figures)s
    )
    ON CONFLICT (id) DO UPDATE SET
        seen_at = excluded.seen_at, progress_at = excluded.progress_at, alive = excluded.alive,
        problem = excluded.problem, port = excluded.port,
        dependencies = excluded.dependencies, figures = excluded.figures
"""

GOODBYE: Final = "UPDATE worker_reports SET ended_at = %(at)s, seen_at = %(at)s WHERE id = %(id)s"


def keep(report: Report) -> None:
    """It is so now; what others said more than a day ago is cleared away in passing. Raises `Unavailable`."""
    given = asdict(report) | {
        "alive": report.problem is None,
        "problem": report.problem or "",
        "dependencies": Jsonb(report.dependencies),
        "figures": Jsonb(report.figures),
        "before": report.seen_at - KEPT,
    }
    rows(KEEP, given)


def goodbye(id_: UUID, at: datetime) -> None:
    """It has ended, of its own will. Raises `Unavailable`."""
    rows(GOODBYE, {"id": id_, "at": at})

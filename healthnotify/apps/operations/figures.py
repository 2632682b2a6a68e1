"""The figures of the dashboard: each is one statement that answers one JSON document, with its share of time."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: Each through the partial index of its state, which stays small however long the ledger grows.
STANDING: Final = """
    SELECT json_build_object(
        'PLANNED', (SELECT count(*) FROM notifications WHERE state = 'PLANNED'),
        'STAGED', (SELECT count(*) FROM notifications WHERE state = 'STAGED'),
        'RETRY', (SELECT count(*) FROM notifications WHERE state = 'RETRY' AND next_attempt_at IS NOT NULL)
               + road.undecided,
        'PENDING', road.pending,
        'overdue', (SELECT count(*) FROM notifications
                    WHERE state = 'PLANNED' AND send_at < %(now)s - interval '10 seconds')
                 + (SELECT count(*) FROM notifications
                    WHERE state = 'STAGED' AND send_at < %(now)s - interval '10 seconds'),
        'given_up', (SELECT count(*) FROM notifications WHERE state = 'FAILED'),
        'poison', (SELECT count(*) FROM dead_letters WHERE notification_id IS NULL)
    ) FROM (
        SELECT count(*) FILTER (WHERE state = 'PENDING') AS pending,
               count(*) FILTER (WHERE state = 'RETRY') AS undecided
        FROM notifications WHERE state = 'PENDING' OR (state = 'RETRY' AND next_attempt_at IS NULL)
    ) road
"""

#: How many ended, by how many times five seconds ago.
MINUTE: Final = """
    SELECT COALESCE(json_agg(bar), '[]') FROM (
        SELECT floor(extract(epoch FROM %(now)s - at) / 5)::int AS ago, event, count(*) AS number
        FROM moves WHERE at > %(since)s AND at <= %(now)s AND event IN ('accepted', 'gave_up', 'cancelled')
        GROUP BY 1, 2
    ) bar
"""

#: How many ended, by the minute (since 1970), the channel and the zone.
HOUR: Final = """
    SELECT COALESCE(json_agg(part), '[]') FROM (
        SELECT floor(extract(epoch FROM m.at) / 60)::int AS minute, n.channel, n.timezone, m.event, count(*) AS number
        FROM moves m JOIN notifications n ON n.id = m.notification_id AND n.local_date = m.local_date
        WHERE m.at >= %(since)s AND m.at <= %(now)s AND m.event IN ('accepted', 'gave_up', 'cancelled')
        GROUP BY 1, 2, 3, 4
    ) part
"""

#: Seconds from the time it was wanted to the channel's acceptance, by the minute: how many fell into which step of a
#: scale on which each step is a quarter longer than the one before (`charts.lateness` reads it).
LATENESS: Final = """
    SELECT COALESCE(json_agg(part), '[]') FROM (
        SELECT floor(extract(epoch FROM m.at) / 60)::int AS minute, count(*) AS number,
               ceil(ln(GREATEST(extract(epoch FROM m.at - n.send_at), 0.01)) / ln(1.25))::int AS step
        FROM moves m JOIN notifications n ON n.id = m.notification_id AND n.local_date = m.local_date
        WHERE m.at >= %(since)s AND m.at <= %(now)s AND m.event = 'accepted'
        GROUP BY 1, 3
    ) part
"""

OPEN_BY: Final = """
    SELECT COALESCE(json_agg(part), '[]') FROM (
        SELECT channel, timezone, count(*) AS number FROM notifications
        WHERE state IN ('PENDING', 'PLANNED', 'RETRY', 'STAGED') GROUP BY 1, 2
    ) part
"""

#: `reason` says who wrote it: model, given, template, or why the model's words could not be taken.
WRITING: Final = """
    SELECT COALESCE(json_agg(part), '[]') FROM (
        SELECT floor(extract(epoch FROM at) / 60)::int AS minute, reason, count(*) AS number FROM moves
        WHERE at >= %(since)s AND at <= %(now)s AND event = 'written' GROUP BY 1, 2
    ) part
"""

#: What was given up last, whenever that was, and the tries of others that failed within the window.
FAILURES: Final = """
    SELECT COALESCE(json_agg(failure ORDER BY failure.at DESC), '[]') FROM (
        (SELECT n.id, n.ended_at AS at, n.reason, n.channel, n.attempt, 'gave_up' AS event
         FROM notifications n WHERE n.state = 'FAILED' ORDER BY n.ended_at DESC LIMIT 8)
        UNION ALL
        (SELECT m.notification_id, m.at, m.reason, n.channel, m.attempt, m.event
         FROM moves m JOIN notifications n ON n.id = m.notification_id AND n.local_date = m.local_date
         WHERE m.at > %(since)s AND m.event = 'refused' AND n.state <> 'FAILED'
         ORDER BY m.at DESC LIMIT 8)
        ORDER BY 2 DESC LIMIT 8
    ) failure
"""

WORKERS: Final = """
    SELECT COALESCE(json_agg(report ORDER BY report.worker, report.started_at), '[]') FROM (
        SELECT worker, host, pid, port, started_at, seen_at, ended_at, alive, problem, dependencies, figures
        FROM worker_reports WHERE seen_at > %(since)s
    ) report
"""

STOPPED: Final = """
    SELECT COALESCE(json_agg(stop ORDER BY stop.since), '[]') FROM (
        SELECT COALESCE(channel, category, 'everything') AS what, since, actor, reason FROM stops
    ) stop
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One statement. `share` bounds the database's time that it takes; all shares together stay below 1.5 %."""

    statement: str
    share: float
    window: timedelta = timedelta(hours=1)  #: back from now
    by_minute: bool = False  #: its rows have a `minute`, and those of minutes that are over are not asked for again


FIGURES: Final = {
    "standing": Figure(STANDING, 0.0035),
    "minute": Figure(MINUTE, 0.002, window=timedelta(minutes=1)),
    "lateness_minute": Figure(LATENESS, 0.001, window=timedelta(minutes=1)),
    "hour": Figure(HOUR, 0.0015, by_minute=True),
    "lateness_hour": Figure(LATENESS, 0.0015, by_minute=True),
    "open_by": Figure(OPEN_BY, 0.0015),
    "writing": Figure(WRITING, 0.001, by_minute=True),
    "failures": Figure(FAILURES, 0.001, window=timedelta(minutes=10)),
    "workers": Figure(WORKERS, 0.001),
    "stopped": Figure(STOPPED, 0.0005),
}

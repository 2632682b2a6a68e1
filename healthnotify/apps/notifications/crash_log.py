"""The CrashLog port on PostgreSQL: one row a partition, written without waiting for the disk."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.pipeline.ports import Span, Topic

#: Our death leaves the server alone, so nothing waits until the disk has it; the CTEs run in any case, and the setting
#: is looked at when the statement commits.
NOT_WAITING: Final = "SELECT set_config('synchronous_commit', 'off', true)"

BEGIN: Final = f"""
    WITH before AS (
        DELETE FROM intake_marks
        WHERE topic = %(topic)s AND owner = %(owner)s AND partition <> ALL(%(partitions)s::int[])
    ), marked AS (
        INSERT INTO intake_marks (topic, partition, first_offset, end_offset, deaths, owner, at)
        SELECT %(topic)s, partition, first, "end", deaths, %(owner)s, %(at)s
        FROM unnest(%(partitions)s::int[], %(firsts)s::bigint[], %(ends)s::bigint[], %(deaths)s::int[])
             AS t(partition, first, "end", deaths)
        ORDER BY partition
        ON CONFLICT (topic, partition) DO UPDATE SET
            first_offset = excluded.first_offset, end_offset = excluded.end_offset, deaths = excluded.deaths,
            owner = excluded.owner, at = excluded.at
    )
    {NOT_WAITING}
"""  # noqa: S608 - put together from constants

SUSPECTS: Final = """
    SELECT partition, first_offset, end_offset, deaths FROM intake_marks
    WHERE topic = %(topic)s AND partition = ANY(%(partitions)s) AND owner <> %(owner)s ORDER BY partition
"""

DONE: Final = f"""
    WITH gone AS (
        DELETE FROM intake_marks WHERE topic = %(topic)s AND owner = %(owner)s
              AND (%(partitions)s::int[] IS NULL OR partition = ANY(%(partitions)s::int[]))
    )
    {NOT_WAITING}
"""  # noqa: S608 - put together from constants


class PostgresCrashLog:
    """Of one process and one topic. Every method raises `Unavailable` when PostgreSQL does not answer."""

    def __init__(self, topic: Topic, owner: UUID, clock: Callable[[], datetime]) -> None:
        self._whose = {"topic": topic.value, "owner": owner}
        self._clock = clock

    def begin(self, spans: Sequence[Span]) -> None:
        """See `ports.CrashLog`."""
        parameters = {
            "partitions": [span.partition for span in spans],
            "firsts": [span.first for span in spans],
            "ends": [span.end for span in spans],
            "deaths": [span.deaths for span in spans],
            "at": self._clock(),
        }
        rows(BEGIN, self._whose | parameters)

    def suspects(self, partitions: Collection[int]) -> list[Span]:
        """See `ports.CrashLog`."""
        found = rows(SUSPECTS, self._whose | {"partitions": list(partitions)})
        return [Span(row.partition, row.first_offset, row.end_offset, row.deaths) for row in found]

    def done(self, partitions: Collection[int] | None = None) -> None:
        """See `ports.CrashLog`."""
        rows(DONE, self._whose | {"partitions": None if partitions is None else list(partitions)})

"""What processes say of themselves, in PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from healthnotify.apps.operations import reports
from healthnotify.apps.operations.models import WorkerReport
from healthnotify.domain.health import Report
from tests.builders import NOON

SECOND = timedelta(seconds=1)
REPORT = Report(
    id=uuid4(),
    worker="consumer",
    host="here",
    pid=7,
    port=9403,
    started_at=NOON,
    seen_at=NOON,
    progress_at=None,
    problem=None,
    dependencies={"Kafka": "ok"},
    figures={"lag": {"notifications.daily": 3}},
)

pytestmark = pytest.mark.django_db


def test_a_process_has_one_row_and_the_last_word_counts():
    reports.keep(REPORT)
    later = replace(
        REPORT,
        seen_at=NOON + 5 * SECOND,
        progress_at=NOON + SECOND,
        problem="a call has not returned for 31 s",
        dependencies={"Kafka": "no answer for 16 s"},
        figures={},
    )
    reports.keep(later)

    (row,) = WorkerReport.objects.all()
    assert (row.worker, row.host, row.pid, row.port, row.started_at) == ("consumer", "here", 7, 9403, NOON)
    assert (row.seen_at, row.progress_at) == (later.seen_at, later.progress_at)
    assert (row.alive, row.problem) == (False, later.problem)
    assert (row.dependencies, row.figures) == (later.dependencies, {})
    assert row.ended_at is None


def test_who_is_alive_has_no_problem():
    reports.keep(replace(REPORT, problem="a call has not returned for 31 s"))
    reports.keep(REPORT)

    (row,) = WorkerReport.objects.all()
    assert (row.alive, row.problem) == (True, "")
    assert row.figures == {"lag": {"notifications.daily": 3}}


def test_a_goodbye_is_for_good():
    reports.keep(REPORT)
    other = replace(REPORT, id=uuid4())
    reports.keep(other)
    reports.goodbye(REPORT.id, NOON + SECOND)

    ended = {row.id: row.ended_at for row in WorkerReport.objects.all()}
    assert ended == {REPORT.id: NOON + SECOND, other.id: None}


def test_what_was_said_more_than_a_day_ago_is_cleared_away_in_passing():
    reports.keep(replace(REPORT, id=uuid4(), seen_at=NOON - reports.KEPT - SECOND))
    kept = replace(REPORT, id=uuid4(), seen_at=NOON - reports.KEPT)
    reports.keep(kept)
    reports.keep(REPORT)

    assert {row.id for row in WorkerReport.objects.all()} == {kept.id, REPORT.id}

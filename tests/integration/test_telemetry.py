"""What leaves a worker besides messages: log lines, and reports of defects."""

import json
import subprocess
import sys
import zlib

import pytest

from config.environment import ROOT
from healthnotify.adapters.telemetry import report_defects
from healthnotify.domain.errors import Misconfigured

BROKEN = """
from healthnotify.adapters.telemetry import Log, report_defects, set_up

set_up("info")
report_defects({dsn!r})

def send(address):
    raise RuntimeError(f"no mail for {{address}}")

try:
    send("canary@example.org")
except RuntimeError as problem:
    Log("consumer").broken("ended", problem)
"""


def test_a_defect_is_reported_without_a_word_about_anybody(httpserver):
    httpserver.expect_request("/api/7/envelope/", method="POST").respond_with_data("{}")
    dsn = f"http://key@{httpserver.host}:{httpserver.port}/7"

    done = subprocess.run(
        [sys.executable, "-c", BROKEN.format(dsn=dsn)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    ((request, _),) = httpserver.log
    body = request.get_data()
    report = (zlib.decompress(body, 31) if body[:2] == b"\x1f\x8b" else body).decode()
    assert "RuntimeError" in report
    assert '"function":"send"' in report.replace(" ", "")
    assert "canary" not in report
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["event"], line["kind"]) == ("ended", "RuntimeError")
    assert "in send" in line["where"][-1]
    assert "canary@" not in done.stderr


def test_a_malformed_dsn_stops_the_start():
    with pytest.raises(Misconfigured, match="SENTRY_DSN"):
        report_defects("sentry")


def test_without_a_dsn_nothing_is_loaded():
    code = (
        "import sys; from healthnotify.adapters.telemetry import report_defects; "
        "report_defects(None); sys.exit('sentry_sdk' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode == 0


STEPS = """
from datetime import UTC, datetime
from healthnotify.adapters.telemetry import Log, set_up
from healthnotify.domain.delivery import Step
from healthnotify.domain.lifecycle import Event, State

set_up({level!r})
at = datetime(2026, 7, 1, tzinfo=UTC)
Log("consumer").steps(Step(number, Event.ACCEPTED, State.PENDING, State.COMPLETED, at, 1) for number in range(25))
"""


def test_each_step_has_a_line_of_its_own_however_many_are_written_together():
    lines = [json.loads(line) for line in _said("info")]

    assert [line["correlation_id"] for line in lines] == list(range(25))
    assert {(line["worker"], line["event"], line["cause"], line["before"], line["after"]) for line in lines} == {
        ("consumer", "step", "accepted", "PENDING", "COMPLETED")
    }


def test_steps_are_not_told_where_only_warnings_are():
    assert _said("warning") == []


def _said(level):
    done = subprocess.run(
        [sys.executable, "-c", STEPS.format(level=level)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stderr.splitlines()

"""The figures of the dashboard on a real PostgreSQL, and the stream that keeps it fresh."""

import asyncio
import json
import re
from datetime import timedelta
from http.client import HTTPConnection

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client

from healthnotify.apps.access.models import Operator
from healthnotify.apps.access.scopes import Role
from healthnotify.apps.operations import live
from healthnotify.apps.operations.board import TOO_DEAR, Board, Reading, TooDear, ask
from healthnotify.apps.operations.charts import lateness
from healthnotify.apps.operations.figures import FIGURES, Figure
from healthnotify.apps.operations.live import Live, event
from healthnotify.apps.operations.models import WorkerReport
from healthnotify.domain.errors import Unavailable
from tests.every_kind import every_kind
from tests.store_steps import LATER

pytest_plugins = ["tests.pages_world", "tests.web_server"]


class Asked:
    """Answers what a test wants, in as many seconds of its own clock as the test says."""

    def __init__(self):
        self.at = 0.0
        self.count = dict.fromkeys(FIGURES, 0)
        self.seconds = 0.0001
        self.problem = None

    def __call__(self, figure, _since, _now):
        (name,) = (name for name, known in FIGURES.items() if known is figure)
        self.count[name] += 1
        if self.problem:
            raise self.problem
        self.at += self.seconds
        return EMPTY[name], self.seconds


EMPTY = {
    "standing": {"PLANNED": 0, "STAGED": 0, "PENDING": 0, "RETRY": 0, "overdue": 0, "given_up": 0, "poison": 0},
    "minute": [],
    "hour": [],
    "lateness_minute": [],
    "lateness_hour": [],
    "open_by": [],
    "writing": [],
    "failures": [],
    "stopped": [],
    "workers": [],
}


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def board(asked):
    return Board(ask=asked, clock=lambda: asked.at)


def now():
    return LATER


# --- the board


def test_a_figure_is_not_asked_for_again_before_its_pause_is_over(board, asked):
    board.refresh(now)
    board.refresh(now)
    assert set(asked.count.values()) == {1}

    asked.at += 1.1
    board.refresh(now)
    assert set(asked.count.values()) == {2}


def test_a_dear_figure_is_asked_for_more_rarely(board, asked):
    asked.seconds = 0.3
    board.refresh(now)
    asked.at += 100  # 0.3 s at a share of 0.35 % are 86 s
    board.refresh(now)

    assert asked.count["standing"] == 2
    assert asked.count["failures"] == 1


def test_a_look_back_over_a_whole_hour_makes_the_next_look_wait_for_its_own_cost_only(board, asked):
    asked.seconds = 0.3
    board.refresh(now)
    asked.at += 10  # 0.3 s for an hour are 0.01 s for two minutes; at a share of 0.2 % that is 5 s
    board.refresh(now)
    assert asked.count["hour"] == 2

    asked.at += 10  # now 0.3 s were for the open minutes
    board.refresh(now)
    assert asked.count["hour"] == 2


def test_when_postgresql_is_away_one_figure_is_tried_and_the_old_readings_stay(board, asked):
    board.refresh(now)
    asked.at, asked.problem = asked.at + 1.1, Unavailable("PostgreSQL", "connection refused")

    readings = board.refresh(now)

    assert sum(asked.count.values()) == len(FIGURES) + 1
    assert readings["standing"].document == EMPTY["standing"]
    assert (board.outage.since, board.outage.problem) == (LATER, "connection refused")

    asked.at, asked.problem = asked.at + 1.1, None
    board.refresh(now)
    assert board.outage is None


def test_a_statement_that_was_ended_leaves_the_old_reading_with_a_problem_and_a_long_pause(board, asked):
    board.refresh(now)
    asked.at, asked.problem = asked.at + 1.1, TooDear(5.0)

    readings = board.refresh(now)

    assert readings["standing"] == Reading(EMPTY["standing"], LATER, TOO_DEAR)
    assert board.outage is None
    asked.at += 600
    board.refresh(now)
    assert asked.count["standing"] == 2


@pytest.mark.django_db
def test_the_time_that_a_statement_took_is_measured():
    document, seconds = ask(Figure("SELECT to_json(7) FROM pg_sleep(0.05)", 0.1), LATER, LATER)

    assert document == 7
    assert seconds >= 0.05


@pytest.mark.django_db
def test_a_statement_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr("healthnotify.apps.operations.board.MODEST", "SET LOCAL statement_timeout = '20ms'")

    with pytest.raises(TooDear) as ended:
        ask(Figure("SELECT to_json(7) FROM pg_sleep(10)", 0.1), LATER, LATER)

    assert 0.02 <= ended.value.seconds < 5


# --- the figures


@pytest.mark.django_db
def test_every_notification_is_counted_where_it_stands_and_how_it_ended(some):
    a_report()
    read = readings_at(LATER)

    assert read["standing"] == EMPTY["standing"] | {"PLANNED": 1, "STAGED": 1, "overdue": 2, "given_up": 2}
    ended = {(one["ago"], one["event"]): one["number"] for one in read["minute"]}
    assert ended == {(0, "accepted"): 1, (0, "gave_up"): 2, (0, "cancelled"): 1}
    assert [pace for _, pace in lateness(read["lateness_minute"])] == [
        pytest.approx(67.8, abs=8)
    ] * 4, "60 s, and a bit"
    assert read["open_by"] == [{"channel": "email", "timezone": "Europe/Berlin", "number": 2}]
    assert {(one["ago"], one["channel"], one["event"]): one["number"] for one in read["hour"]} == {
        (0, "email", "accepted"): 1,
        (0, "email", "gave_up"): 1,
        (0, "sms", "gave_up"): 1,
        (0, "email", "cancelled"): 1,
    }
    assert sum(one["number"] for one in read["writing"] if one["reason"] == "model") == 5
    assert {(one["id"], one["event"], one["reason"]) for one in read["failures"]} == {
        (str(some.failed.id), "gave_up", "smtp_550"),
        (str(some.unknown.id), "gave_up", "outcome_unknown"),
    }
    assert [(one["worker"], one["dependencies"]) for one in read["workers"]] == [("planner", {"Kafka": "ok"})]


@pytest.mark.django_db
def test_what_was_long_ago_is_not_counted(some):
    read = readings_at(LATER + timedelta(hours=2))

    for name in ("minute", "hour", "lateness_minute", "lateness_hour", "writing", "workers"):
        assert read[name] == EMPTY[name], name
    assert len(read["failures"]) == 2, "what was given up is shown whenever that was"


def readings_at(instant):
    return {name: reading.document for name, reading in Board().refresh(lambda: instant).items()}


def a_report():
    WorkerReport.objects.create(
        id="6f0c2a52-4f0e-5b0e-9a3f-2d6c5f7f3f11",
        worker="planner",
        host="one",
        pid=7,
        started_at=LATER,
        seen_at=LATER,
        alive=True,
        dependencies={"Kafka": "ok"},
    )


# --- the stream


def told(text):
    """What a server-sent event says."""
    return json.loads(re.fullmatch(r"data: (.*)\n\n", text, re.DOTALL)[1])


async def first_of(stream):
    assert await anext(stream) == "retry: 3000\n\n"
    return told(await anext(stream))


async def test_a_stream_says_everything_first_and_then_only_what_changes(board, asked, monkeypatch):
    monkeypatch.setattr(live, "ROUND", 0.0)
    seen = Live(board)
    stream = seen.stream(now)
    first = await first_of(stream)
    asked.at += 1.1
    same = told(await anext(stream))
    asked.at += 1.1
    monkeypatch.setitem(EMPTY, "standing", EMPTY["standing"] | {"STAGED": 3})
    changed = told(await anext(stream))
    while not any("html" in piece for piece in changed["panels"]):
        asked.at += 1.1
        changed = told(await anext(stream))
    await stream.aclose()

    assert all("html" in piece for piece in first["panels"])
    assert "No worker is running" in first["alarm"]
    assert not any("html" in piece for piece in same["panels"])
    assert [piece["name"] for piece in changed["panels"] if "html" in piece] == ["now"]
    assert 'class="count">3</span><span class="what">staged' in changed["panels"][0]["html"]


async def test_one_collector_serves_all_viewers_and_ends_with_the_last(board, asked):
    seen = Live(board)
    assert not seen.is_collecting
    one, two = seen.stream(now), seen.stream(now)
    await first_of(one)
    await first_of(two)
    assert (seen.viewers, seen.is_collecting) == (2, True)
    assert asked.count["standing"] == 1

    (collector,) = (task for task in asyncio.all_tasks() if task.get_name() == "operations collector")
    await one.aclose()
    assert seen.is_collecting
    await two.aclose()
    assert (seen.viewers, seen.is_collecting) == (0, False)
    await asyncio.wait([collector], timeout=10)
    assert collector.cancelled()

    again = seen.stream(now)
    await first_of(again)
    assert seen.is_collecting
    await again.aclose()


async def test_a_stream_that_has_nothing_new_beats(board, monkeypatch):
    monkeypatch.setattr(live, "ROUND", 3600.0)
    stream = Live(board).stream(now, beat=0.01)
    await first_of(stream)

    assert told(await anext(stream))["at"] == "12:06:00"
    await stream.aclose()


async def test_a_stream_ends_so_that_who_was_logged_out_stops_seeing(board):
    stream = Live(board).stream(now, longest=0.0)

    assert [one async for one in stream] == ["retry: 3000\n\n"]


async def test_a_collector_that_breaks_ends_the_stream_and_the_next_viewer_starts_another(board, asked):
    seen = Live(board)
    asked.problem = ZeroDivisionError("a defect")
    stream = seen.stream(now)
    await anext(stream)
    with pytest.raises(ZeroDivisionError):
        await anext(stream)

    asked.problem = None
    again = seen.stream(now)
    assert (await first_of(again))["panels"]
    await again.aclose()


async def test_while_postgresql_is_away_the_stream_says_so(board, asked):
    asked.problem = Unavailable("PostgreSQL", "connection refused")
    stream = Live(board).stream(now)

    first = await first_of(stream)
    await stream.aclose()

    assert "PostgreSQL has not answered since 12:06:00 UTC" in first["alarm"]
    assert all("PostgreSQL has not answered" in piece["html"] for piece in first["panels"])


def test_an_event_is_one_line_whatever_it_says():
    assert event({"html": "a\nb\r\n\u2028"}).count("\n") == 2


# --- the stream, served


@pytest.fixture
def _no_session_stays(committed):
    yield
    Session.objects.all().delete()
    connection.close()


@pytest.mark.usefixtures("_no_session_stays")
def test_the_served_stream_sends_the_figures_of_the_database_to_those_who_may_look(committed, installation, served):
    every_kind(committed)
    installation.at = LATER

    assert events(served, "").getheader("Location").startswith("/operations/login/")
    answer = events(served, a_session(Role.VIEWER))

    assert answer.getheader("Content-Type") == "text/event-stream"
    assert "no-store" in answer.getheader("Cache-Control")
    assert answer.readline() == b"retry: 3000\n"
    assert answer.readline() == b"\n"
    first = told(answer.readline().decode() + "\n")
    answer.close()
    panels = {piece["name"]: piece["html"] for piece in first["panels"]}
    assert 'class="count">2</span><span class="what"><a id="dead-letters-link"' in panels["now"]
    assert "smtp 550" in panels["failures"]
    assert "anna@example.org" not in str(first)


def a_session(role):
    client = Client()
    client.force_login(Operator.objects.create_user("looker", "a password", role))
    connection.close()
    return client.cookies["sessionid"].value


def events(served, session):
    asked = HTTPConnection("127.0.0.1", served.port, timeout=30)
    asked.request("GET", "/operations/events/", headers={"Cookie": f"sessionid={session}"})
    return asked.getresponse()

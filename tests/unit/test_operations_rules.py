"""What the operators' pages decide without a database: pacing, charts, health, troubles, reasons, words."""

from datetime import UTC, datetime, timedelta

import pytest

from healthnotify.apps.operations.board import Outage, Reading
from healthnotify.apps.operations.charts import HEIGHT, chart, lateness
from healthnotify.apps.operations.figures import FIGURES
from healthnotify.apps.operations.minutes import Minutes
from healthnotify.apps.operations.pacing import SHORTEST, Pace
from healthnotify.apps.operations.processes import WANTED, Health, dependencies, figure, missing, processes
from healthnotify.apps.operations.tables import as_csv
from healthnotify.apps.operations.templatetags import words
from healthnotify.apps.operations.troubles import troubles
from healthnotify.apps.operations.why import REASONS, Latest, Person, Wanted, why
from healthnotify.domain.model import Withheld
from healthnotify.workers.everything import WORKERS

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


# --- pacing


@pytest.mark.parametrize("took", [0.0001, 0.002, 0.05, 3.0])
def test_over_a_day_a_figure_takes_no_more_than_its_share_and_is_asked_at_most_once_a_second(took):
    pace, at, asked = Pace(share=0.002), 0.0, 0
    while at < 86_400:
        if pace.is_due(at):
            at += took
            asked += 1
            pace.took(took, at)
        at = max(at, pace.due_at)

    assert asked * took <= 0.002 * at + took
    assert asked <= at / SHORTEST + 1


def test_all_figures_together_cost_the_database_less_than_15_ms_a_second():
    assert sum(figure.share for figure in FIGURES.values()) < 0.015


def test_who_did_not_answer_is_asked_again_soon():
    pace = Pace(share=0.002)
    pace.failed(ended_at=100.0)

    assert not pace.is_due(100.5)
    assert pace.is_due(101.0)


# --- charts


def test_bars_are_stacked_from_the_axis_up_and_the_highest_one_fills_the_chart():
    parts = [
        {"ago": 0, "event": "accepted", "number": 6},
        {"ago": 0, "event": "gave_up", "number": 2},
        {"ago": 2, "event": "cancelled", "number": 4},
    ]

    drawn = chart(parts, 3)

    oldest, middle, newest = drawn.bars
    assert [(part.kind, part.y, part.height) for part in newest.segments] == [
        ("completed", 25.0, 75.0),
        ("failed", 0.0, 25.0),
    ]
    assert [(part.kind, part.y, part.height) for part in oldest.segments] == [("cancelled", HEIGHT / 2, HEIGHT / 2)]
    assert middle.segments == ()
    assert oldest.x < middle.x < newest.x < drawn.width
    assert drawn.totals == {"completed": 6, "failed": 2, "cancelled": 4}
    assert drawn.peak == 8


def test_what_lies_on_the_edge_of_the_window_belongs_to_the_oldest_bar():
    assert chart([{"ago": 3, "event": "accepted", "number": 1}], 3).bars[0].numbers["completed"] == 1


def test_a_chart_of_nothing_has_bars_without_segments():
    assert [bar.segments for bar in chart([], 2).bars] == [(), ()]


def test_lateness_is_told_as_within_how_long_how_many_were_accepted():
    parts = [{"step": 0, "number": 90}, {"step": 3, "number": 5}, {"step": 0, "number": 4}, {"step": 10, "number": 1}]

    assert lateness(parts) == [
        ("half within", 1.0),
        ("95 % within", pytest.approx(1.95, abs=0.01)),
        ("99 % within", pytest.approx(1.95, abs=0.01)),
        ("all within", pytest.approx(9.31, abs=0.01)),
    ]
    assert lateness([]) == []


# --- what is kept by the minute


def row(minute, number=1):
    return {"minute": number_of(minute), "number": number}


def number_of(instant):
    return int(instant.timestamp() // 60)


def test_minutes_that_are_over_are_not_asked_for_again_and_the_last_two_are():
    kept, now = Minutes(timedelta(hours=1)), NOW + timedelta(seconds=30)
    assert kept.since(now) == NOW - 59 * MINUTE
    kept.take([row(NOW - 2 * MINUTE, 7), row(NOW - MINUTE, 5), row(NOW, 3)], now)

    later = now + MINUTE
    assert kept.since(later) == NOW - MINUTE
    found = kept.take([row(NOW - MINUTE, 6), row(NOW, 4), row(NOW + MINUTE, 1)], later)

    assert [(one["ago"], one["number"]) for one in found] == [(3, 7), (2, 6), (1, 4), (0, 1)]


def test_after_a_long_sleep_the_whole_window_is_asked_for_and_nothing_older_is_kept():
    kept = Minutes(timedelta(hours=1))
    kept.take([row(NOW, 3)], NOW)
    later = NOW + timedelta(hours=3)

    assert kept.since(later) == later - 59 * MINUTE
    assert kept.take([row(later, 1)], later) == [row(later, 1) | {"ago": 0}]


# --- processes


def report(worker="planner", seen=0.0, **but):
    known = {
        "worker": worker,
        "host": "one",
        "pid": 7,
        "port": 9400,
        "started_at": (NOW - MINUTE).isoformat(),
        "seen_at": (NOW - timedelta(seconds=seen)).isoformat(),
        "ended_at": None,
        "alive": True,
        "problem": "",
        "dependencies": {"PostgreSQL": "ok"},
        "figures": {},
    }
    return known | but


def healths(*reports):
    return [(one.worker, one.health) for one in processes(reports, NOW)]


def test_a_process_is_silent_after_three_missed_reports_and_forgotten_after_ten_minutes():
    assert healths(report(seen=15)) == [("planner", Health.RUNNING)]
    assert healths(report(seen=16)) == [("planner", Health.SILENT)]
    assert healths(report(seen=601)) == []


def test_a_process_that_is_not_alive_is_stuck_and_one_that_said_goodbye_has_ended():
    assert healths(report(alive=False)) == [("planner", Health.STUCK)]
    assert healths(report(seen=60, ended_at=NOW.isoformat())) == [("planner", Health.ENDED)]


def test_who_ended_is_not_shown_when_another_took_the_place_but_who_fell_silent_is():
    ended, silent = report(seen=60, ended_at=NOW.isoformat()), report(seen=60)

    assert healths(report(), ended) == [("planner", Health.RUNNING)]
    assert healths(report(), silent) == [("planner", Health.RUNNING), ("planner", Health.SILENT)]


def test_the_workers_that_have_to_run_are_those_that_are_started():
    assert set(WANTED) == set(WORKERS)
    assert missing(processes([report("builder")], NOW)) == [name for name in WANTED if name != "builder"]


def test_a_service_is_down_as_soon_as_one_process_says_so():
    known = processes(
        [
            report("planner", dependencies={"Redis": "ok", "Kafka": "not asked yet"}),
            report("builder", dependencies={"Redis": "no route"}),
            report("sweeper", seen=60, dependencies={"Kafka": "refused"}),
        ],
        NOW,
    )

    assert [(one.name, one.problem, one.said_by) for one in dependencies(known)] == [
        ("Kafka", "", ("planner",)),
        ("Redis", "no route", ("builder",)),
    ]


def test_a_figure_is_the_one_of_whoever_was_heard_of_last():
    old, new = report(seen=9, figures={"lag": {"daily": 5}}), report("builder", seen=1, figures={"lag": {"daily": 3}})

    assert figure(processes([old, new, report("sweeper")], NOW), "lag") == {"daily": 3}
    assert figure(processes([report()], NOW), "lag") == {}


# --- troubles


ALL = [report(name) for name in WANTED]


def told(reports=ALL, outage=None, stopped=(), **standing):
    readings = dict.fromkeys(FIGURES, Reading())
    readings["stopped"] = Reading(list(stopped), NOW)
    readings["workers"] = Reading(reports, NOW)
    readings["standing"] = Reading({"overdue": 0} | standing, NOW)
    return troubles(readings, outage, NOW)


def test_nothing_is_said_when_all_is_well():
    assert told() == []


def test_when_postgresql_is_away_that_alone_is_said_with_since_when():
    (sentence,) = told([], Outage(NOW - MINUTE, "connection refused"))

    assert "PostgreSQL has not answered since 11:59:00 UTC" in sentence
    assert "connection refused" in sentence


def test_a_missing_worker_is_named_and_when_none_runs_one_sentence_says_so():
    assert told(ALL[1:]) == ["No planner is running."]
    assert told([]) == ["No worker is running: nothing is planned, written or sent."]


def test_who_holds_because_dead_letters_poured_is_told_of_once_a_kind_with_the_way_out():
    holding = {"holds": {"email: 51 dead letters in a row": 1}}
    two = [report("retry-consumer", figures=holding), report("retry-consumer", figures=holding)]

    (sentence,) = told([one for one in ALL if one["worker"] != "retry-consumer"] + two)

    assert "The retry-consumer consumes nothing, because dead letters poured (email: 51 dead" in sentence
    assert "manage.py dead_letters resume" in sentence


def test_a_silent_and_a_stuck_worker_and_a_service_that_is_down_are_named():
    reports = [
        report("planner", seen=60),
        report("builder", alive=False, problem="the loop has not come round for 40 s"),
        *ALL[2:5],
        report("sweeper", dependencies={"Kafka": "refused"}),
    ]

    assert told(reports) == [
        "No planner is running.",
        "planner (process 7 on one) has not been heard of since 11:59:00 UTC.",
        "builder (process 7 on one) makes no progress: the loop has not come round for 40 s.",
        "Kafka: refused (says the sweeper)",
    ]


def test_what_is_past_its_time_is_counted():
    assert told(overdue=1200) == [
        "1,200 notifications are more than 10 seconds past their time and not on the road yet."
    ]


def test_a_stop_is_told_with_who_and_why():
    stop = {"what": "sms", "since": (NOW - MINUTE).isoformat(), "actor": "command", "reason": "the provider asked"}

    assert told(stopped=[stop]) == [
        (
            "Sending is stopped: sms, since 11:59:00 UTC, by command, because: the provider asked. "
            "To let it go on: manage.py sending resume."
        )
    ]


# --- why somebody gets nothing


def test_every_reason_not_to_send_has_words():
    assert set(Withheld) - set(REASONS) == set()


DAILY = Wanted("nudge", "email", enabled=True, has_address=True, next_due_at=NOW + timedelta(hours=3))


def person(**but):
    return Person(**({"active": True, "erased_at": None, "goals": 1, "wanted": (DAILY,)} | but))


def latest(state, reason=None, send_at=NOW - MINUTE):
    return Latest(state, reason, send_at, send_at if state in {"COMPLETED", "FAILED", "CANCELLED"} else None, "email")


@pytest.mark.parametrize(
    ("but", "sentence"),
    [
        ({"active": False}, "The user is inactive"),
        ({"erased_at": NOW}, "The user was erased on 2026-11-24"),
        ({"goals": 0}, "The user has no goal"),
        ({"wanted": ()}, "The user has no preference"),
        ({"wanted": (Wanted("nudge", "email", False, True, None),)}, "Every preference is switched off"),
        ({"wanted": (Wanted("nudge", "sms", True, False, NOW + MINUTE),)}, "There is no address for nudge by sms"),
        ({"wanted": (Wanted("nudge", "email", True, True, None),)}, "it is never due"),
        ({"wanted": (Wanted("nudge", "email", True, True, NOW - 2 * MINUTE),)}, "Look whether a planner runs"),
        ({}, "nudge by email: the next one that is not planned yet is due at 2026-11-24 15:00:00 UTC"),
        ({}, "No notification was ever planned"),
        ({"latest": latest("CANCELLED", "capped")}, "was cancelled: the user had already had as many messages"),
        ({"latest": latest("FAILED", "smtp_550")}, "was given up: smtp 550"),
        ({"latest": latest("RETRY", "smtp_451")}, "has failed and is tried again: smtp 451"),
        ({"latest": latest("STAGED", send_at=NOW + MINUTE)}, "waits for its time, 2026-11-24 12:01:00 UTC"),
        ({"latest": latest("PENDING")}, "is under way"),
        ({"latest": latest("COMPLETED")}, "was accepted by the email channel at 2026-11-24 11:59:00 UTC"),
    ],
)
def test_it_is_said_why_somebody_gets_nothing_or_what_comes_next(but, sentence):
    assert sentence in " ".join(why(person(**but), NOW))


@pytest.mark.parametrize("but", [{"active": False}, {"goals": 0}, {"erased_at": NOW}])
def test_nothing_is_promised_to_who_gets_nothing(but):
    assert "is due at" not in " ".join(why(person(**but), NOW))


# --- words and tables


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_no_cell_of_a_csv_file_begins_like_a_formula(text):
    written = as_csv("x", ("reason", "number"), [[text, -5]]).content.decode()

    assert f"'{text}" in written
    assert written.startswith("reason,number\r\n")
    assert written.endswith(",-5\r\n"), "a number is no formula"


@pytest.mark.parametrize(
    ("value", "text"), [(0.314, "0.31 s"), (12.4, "12 s"), (240, "4.0 min"), (9000, "2.5 h"), (None, "–")]
)
def test_lengths_of_time_are_short(value, text):
    assert words.seconds(value) == text


def test_instants_are_written_in_utc_and_nothing_else_is_taken_for_one():
    assert "2026-11-24 12:00:00</time>" in words.fact("2026-11-24T13:00:00+01:00")
    assert words.fact("2026-11-24, 1") == "2026-11-24, 1"


def test_a_name_is_escaped_where_it_may_break():
    assert words.breakable("Asia/<b>") == "Asia/<wbr>&lt;b&gt;"

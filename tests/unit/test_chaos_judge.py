"""The judge of chaos: each way of breaking a promise is seen, and what is within the promise is let through."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from inspect import isfunction
from types import SimpleNamespace
from uuid import uuid4

import pytest

from healthnotify.pipeline import ports
from tests.chaos.judge import Case, Request, judge, read_log
from tests.chaos.ledger import Move, Row
from tests.chaos.provider import Provider, Rule
from tests.chaos.report import Findings, power
from tests.chaos.steps import OWN_NAMES, QUIET, STEPS, CrashPoints, Stepping, every_step, worker_of

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WALK = [(None, "PLANNED", "planned"), ("PLANNED", "STAGED", "written"), ("STAGED", "PENDING", "published")]


def a_row(channel: str = "email", state: str = "COMPLETED", reason: str | None = None) -> Row:
    return Row(str(uuid4()), str(uuid4()), channel, state, reason, 1, 0, NOW, NOW + 60 * SECOND, NOW + SECOND, 1)


def moves_of(row: Row, *more: tuple[str, str, str, str | None]) -> list[Move]:
    """To its state, by way of `more` (before, after, event, reason)."""
    walk = [Move(row.id, NOW, event, before, after, None) for before, after, event in WALK]
    walk += [Move(row.id, NOW, event, before, after, reason) for before, after, event, reason in more]
    if walk[-1].after != row.state:
        walk.append(Move(row.id, NOW, "ended", walk[-1].after, row.state, row.reason))
    return walk


def taken(row: Row, after: timedelta = SECOND, *, did: str = "accept", accepted: bool = True) -> Request:
    return Request(1, row.send_at + after, row.channel, row.id, did, accepted)


def a_case(row: Row, *requests: Request, **changes: object) -> Case:
    case = Case(
        asked={row.user_id: row.channel},
        rows=[row],
        moves=moves_of(row),
        requests=requests,
        attempts=6,
        send_timeout=SECOND,
        punctual=5 * SECOND,
    )
    return replace(case, **changes)


def test_what_was_taken_once_holds():
    row = a_row()

    verdict = judge(a_case(row, taken(row)))

    assert verdict.holds
    assert (verdict.planned, verdict.accepted, verdict.duplicates) == (1, 1, 0)


def test_what_was_never_planned_is_lost():
    row = a_row()

    verdict = judge(a_case(row, taken(row), asked={row.user_id: "email", "somebody": "sms"}))

    assert verdict.lost == ["of user somebody: never planned"]
    assert not verdict.holds


@pytest.mark.parametrize("state", ["PLANNED", "STAGED", "PENDING", "RETRY"])
def test_what_stays_open_at_the_end_is_lost(state):
    row = a_row(state=state)

    assert judge(a_case(row)).lost == [f"{row.id}: {state} (None)"]


def test_a_success_that_the_provider_never_saw_is_lost_and_breaks_i2():
    row = a_row()

    verdict = judge(a_case(row, taken(row, did="close", accepted=False)))

    assert len(verdict.lost) == 1
    assert list(verdict.violations) == ["I2"]


@pytest.mark.parametrize(("state", "reason"), [("FAILED", "http_503"), ("CANCELLED", "opted_out")])
def test_what_was_given_up_or_cancelled_with_a_reason_is_not_lost(state, reason):
    assert judge(a_case(a_row(state=state, reason=reason))).holds


def test_a_second_text_is_always_beyond_the_promise():
    row = a_row("sms")
    moves = moves_of(row, ("PENDING", "PENDING", "taken_over", None))

    verdict = judge(a_case(row, taken(row), taken(row), moves=moves))

    assert len(verdict.beyond) == 1
    assert verdict.duplicates == 1


def test_a_second_mail_needs_a_reason():
    row = a_row()

    assert len(judge(a_case(row, taken(row), taken(row))).beyond) == 1


@pytest.mark.parametrize(
    "reasons",
    [
        [("PENDING", "PENDING", "taken_over", None)],
        [("PENDING", "RETRY", "refused", "disconnected"), ("RETRY", "PENDING", "republished", None)],
    ],
)
def test_one_more_mail_a_takeover_or_doubt_is_within_the_promise_and_two_are_not(reasons):
    row = a_row()
    moves = moves_of(row, *reasons)

    assert judge(a_case(row, taken(row), taken(row), moves=moves)).holds
    assert len(judge(a_case(row, taken(row), taken(row), taken(row), moves=moves)).beyond) == 1


def test_a_refusal_that_leaves_no_doubt_allows_no_second_mail():
    row = a_row()
    moves = moves_of(row, ("PENDING", "RETRY", "refused", "smtp_451"), ("RETRY", "PENDING", "republished", None))

    assert len(judge(a_case(row, taken(row), taken(row), moves=moves)).beyond) == 1


def test_a_webhook_may_come_again_and_is_counted():
    row = a_row("webhook")

    verdict = judge(a_case(row, taken(row), taken(row), taken(row)))

    assert verdict.holds
    assert verdict.duplicates == 2


@pytest.mark.parametrize(
    ("state", "reason", "agrees"),
    [
        ("FAILED", "outcome_unknown", True),
        ("FAILED", "http_503", False),
        ("CANCELLED", "expired", False),
        ("PENDING", None, False),
    ],
)
def test_what_was_taken_must_be_completed_or_say_that_nobody_knows(state, reason, agrees):
    row = a_row("sms", state=state, reason=reason)

    assert ("agreement" not in judge(a_case(row, taken(row))).violations) is agrees


@pytest.mark.parametrize("after", [-SECOND, 62 * SECOND], ids=["early", "after its expiry"])
def test_the_wrong_time_breaks_i7(after):
    row = a_row()

    assert list(judge(a_case(row, taken(row, after))).violations) == ["I7"]


def test_late_counts_only_while_no_fault_is_to_be_felt():
    row = a_row()
    calm = [(NOW - SECOND, NOW + SECOND)]

    assert judge(a_case(row, taken(row, 6 * SECOND))).late == []
    assert len(judge(a_case(row, taken(row, 6 * SECOND), calm=calm)).late) == 1
    assert judge(a_case(row, taken(row, 4 * SECOND), calm=calm)).late == []


def test_a_move_after_the_end_and_a_state_without_its_move_break_i4():
    row = a_row()
    again = [*moves_of(row), Move(row.id, NOW, "cancelled", "COMPLETED", "CANCELLED", "expired")]

    assert "I4" in judge(a_case(row, taken(row), moves=again)).violations
    assert "I4" in judge(a_case(row, taken(row), moves=moves_of(row)[:-1])).violations


def test_too_many_tries_break_i8_and_two_of_one_occasion_i11():
    row = replace(a_row(), attempt=9, uncounted=2)
    twin = replace(a_row(), user_id=row.user_id)

    assert "I8" in judge(a_case(row, taken(row))).violations
    both = judge(a_case(row, taken(row), taken(twin), rows=[row, twin], moves=moves_of(row) + moves_of(twin)))
    assert "I11" in both.violations


def test_what_nobody_planned_breaks_i2():
    row = a_row()

    assert "I2" in judge(a_case(row, taken(row), replace(taken(row), id=""))).violations


@pytest.mark.parametrize("wrong", ["planned", "completed", "open", "unaccounted", "duplicates"])
def test_sums_that_are_not_those_of_the_rows_are_seen(wrong):
    row = a_row()
    sums = {"planned": 1, "completed": 1, "failed": 0, "cancelled": 0, "open": 0, "unaccounted": 0, "duplicates": 0}

    assert judge(a_case(row, taken(row), evidence=sums)).holds
    assert "evidence" in judge(a_case(row, taken(row), evidence=sums | {wrong: sums[wrong] + 1})).violations


def a_result(row: Row, *requests: Request) -> SimpleNamespace:
    return SimpleNamespace(fault=27, kills=3, verdict=judge(a_case(row, *requests)))


def test_the_last_line_counts_and_a_disturbed_run_claims_nothing():
    row = a_row("sms")
    findings = Findings([a_result(row, taken(row), taken(row))])
    assert findings.line == "chaos: faults=1 kills=3 notifications=1 lost=0 duplicates=1 beyond_promise=1"
    assert not findings.holds

    disturbed = Findings([a_result(row, taken(row))], disturbed=[(27, "it took no effect")])
    assert not disturbed.holds
    assert disturbed.line == "chaos: disturbed=1 (nothing is claimed)"


def test_a_zero_is_told_with_its_power():
    row = {"planned": 3000, "kills": 200, "lost": [], "beyond promise": []}

    assert power([row])[0] == "lost: 0 of 3000 notifications, so below 1.0e-03 of them at 95 %."
    assert len(power([row])) == 3
    assert power([row | {"lost": ["one"], "beyond promise": ["one"]}]) == []


def test_the_provider_numbers_each_request_and_says_whether_it_took_it(tmp_path):
    with (tmp_path / "log").open("w") as sink:
        provider = Provider(sink, seed=1)
        provider.rules = [Rule("too_many", channel="sms", first=1), Rule("accept_close", channel="email")]
        for channel, key in [("sms", "a"), ("sms", "a"), ("email", "b"), ("webhook", "c")]:
            provider.note(channel, key, provider.decide(channel, key))
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]

    assert [line["number"] for line in lines] == [1, 2, 3, 4]
    told = [(line["did"], line["accepted"]) for line in lines]
    assert told == [("too_many", False), ("accept", True), ("accept_close", True), ("accept", True)]


def test_a_log_with_a_gap_or_a_missing_end_is_no_log():
    rest = '"at": "2026-11-23T09:00:00+00:00", "channel": "sms", "id": "a", "did": "accept", "accepted": true'
    line = f'{{{{"number": {{0}}, {rest}}}}}\n'
    whole = "".join(line.format(number) for number in (1, 2, 3))

    assert [request.number for request in read_log(whole, 3)] == [1, 2, 3]
    for text, known in [(whole, 4), (whole.replace(line.format(2), ""), 2), (whole.rstrip("\n"), 3)]:
        with pytest.raises(ValueError, match="incomplete"):
            read_log(text, known)


class Dying(CrashPoints):
    """Notes instead of dying."""

    def __init__(self) -> None:
        super().__init__("", None)
        self.seen: list[str] = []

    def reach(self, name: str) -> None:
        self.seen.append(name)


def test_a_step_is_named_by_its_verb_and_is_none_when_there_is_nothing_to_do():
    points = Dying()
    store = SimpleNamespace(complete=lambda accepted, at: [], bury=lambda letters, at: None)
    stepping = Stepping(store, "store", "consumer", points)

    stepping.complete({}, NOW)
    assert points.seen == []
    stepping.complete({"a": 1}, NOW)
    assert points.seen == ["before_deliver.complete", "deliver.complete"]


#: Worker -> the store port of its verb, and what else it calls.
PORTS = {
    "planner": (ports.PlanningStore,),
    "builder": (ports.BuildingStore, ports.Writer),
    "producer": (ports.RoadStore,),
    "consumer": (ports.DeliveryStore, ports.ChannelPort, ports.Intake),
    "retry-consumer": (ports.RetryStore, ports.RoadStore, ports.Intake),
    "sweeper": (ports.SweepStore,),
}


def test_every_call_of_the_ports_is_a_step():
    """Whoever adds a call to a port names it in `steps.STEPS`, and a scene that leads to it in `scenes.SCENES`."""
    for worker, its in PORTS.items():
        methods = {
            name for port in its for name, found in vars(port).items() if isfunction(found) and not name.startswith("_")
        }
        assert {OWN_NAMES.get(("store", name), name) for name in methods} - QUIET - set(STEPS[worker]) == set()


def test_each_step_belongs_to_a_worker():
    assert {worker_of(step) for step in every_step()} >= {"planner", "builder", "producer", "consumer", "sweeper"}
    assert worker_of("before_deliver.send") == "consumer"


def test_a_point_may_be_to_stand_still_once_instead_of_to_die(tmp_path):
    note = tmp_path / "note"
    points = CrashPoints("deliver.claim@0.001:2", note)

    for _ in range(4):
        points.reach("deliver.claim")

    assert note.read_text().split()[1:] == ["deliver.claim"]

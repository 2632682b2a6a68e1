"""`manage.py preview_schedule` as somebody types it, and as a program feeds it."""

import json
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime, time
from importlib.resources import files
from io import StringIO
from itertools import islice
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from healthnotify.commands.json_lines import LONGEST_LINE, lines
from healthnotify.commands.preview import LARGEST_COUNT, answer
from healthnotify.domain.model import QuietHours
from healthnotify.domain.schedule import Rule, occasions

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "manage.py", "preview_schedule"]

GOOD = {"id": "1", "timezone": "America/New_York", "time": "09:00", "from": "2026-03-07T20:00:00-05:00", "count": 1}
SUNDAY = {
    "local_date": "2026-03-08",
    "send_at": "2026-03-08T13:00:00Z",
    "local": "2026-03-08T09:00:00-04:00",
    "reason": None,
}
ASKED = ["--timezone", "America/New_York", "--time", "09:00", "--from", "2026-03-07T20:00:00-05:00"]


def run(*arguments: str, env: dict[str, str] | None = None, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, without any environment variable unless told."""
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, env=env or {}, input=given, capture_output=True, check=False, timeout=60
    )


def printed(*arguments: str) -> str:
    """What it prints, run in this process."""
    out = StringIO()
    call_command("preview_schedule", *arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    """Its error."""
    with pytest.raises(CommandError) as error:
        printed(*arguments)
    return str(error.value)


def answered(batch: Path) -> tuple[list[dict[str, object]], str]:
    """The answers to a batch, and its error at the end."""
    out, error = StringIO(), ""
    try:
        call_command("preview_schedule", "--batch", str(batch), stdout=out)
    except CommandError as problem:
        error = str(problem)
    return [json.loads(line) for line in out.getvalue().splitlines()], error


def line(**changed: object) -> bytes:
    """A good line, changed."""
    return json.dumps(GOOD | changed).encode()


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """A place for a batch."""
    return tmp_path / "questions.jsonl"


class TestOneQuestion:
    def test_it_runs_in_a_fresh_checkout_without_any_environment_variable(self) -> None:
        done = run(*ASKED, "--json")

        assert (done.returncode, done.stderr) == (0, b"")
        assert [found["local"] for found in json.loads(done.stdout)] == [
            "2026-03-08T09:00:00-04:00",
            "2026-03-09T09:00:00-04:00",
            "2026-03-10T09:00:00-04:00",
        ]

    def test_json_is_a_list_of_the_four_values(self) -> None:
        assert json.loads(printed(*ASKED, "--count", "1", "--json")) == [SUNDAY]

    def test_without_json_it_is_a_table_of_the_same(self) -> None:
        table = printed(*ASKED, "--count", "1", "--quiet", "08:00-09:30")

        assert "America/New_York" in table
        for text in ("2026-03-08 ", "2026-03-08T13:30:00Z", "2026-03-08T09:30:00-04:00", "quiet_hours"):
            assert text in table

    def test_it_answers_what_the_planner_computes(self) -> None:
        rule = Rule("Europe/Berlin", (time(2, 30),), days=frozenset({5, 6}), quiet=QuietHours(time(23), time(2, 45)))
        planned = islice(occasions(rule, datetime(2026, 3, 1, tzinfo=UTC)), 50)
        shown = json.loads(
            printed(
                *("--timezone", "Europe/Berlin", "--time", "02:30", "--days", "sat,sun", "--quiet", "23:00-02:45"),
                *("--from", "2026-03-01T00:00:00Z", "--count", "50", "--json"),
            )
        )

        assert [(day["local_date"], datetime.fromisoformat(day["send_at"]), day["reason"]) for day in shown] == [
            (occasion.local_date.isoformat(), occasion.send_at, occasion.shift) for occasion in planned
        ]

    @pytest.mark.parametrize("option", ["--timezone", "--time", "--from"])
    def test_what_is_missing_is_named(self, option: str) -> None:
        place = ASKED.index(option)

        assert f"{option.removeprefix('--')}: missing. Use " in refused(*ASKED[:place], *ASKED[place + 2 :])

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--timezone", "Europe/Atlantis"),
            ("--time", "25:00"),
            ("--days", "mon,someday"),
            ("--days", ""),
            ("--quiet", "22:00"),
            ("--from", "2026-03-07T20:00:00"),
            ("--from", "yesterday"),
            ("--count", "0"),
            ("--count", "-1"),
            ("--count", "1001"),
            ("--count", "three"),
            ("--count", "9" * 5000),
            ("--batch", "-"),
            ("--batch", ""),
        ],
    )
    def test_a_bad_value_is_named_with_its_fix(self, option: str, value: str) -> None:
        problem = refused(*ASKED, f"{option}={value}")

        assert problem.startswith(f"error: {option.removeprefix('--')}: ")
        assert any(fix in problem for fix in (". Use ", ". Write "))

    def test_on_the_command_line_an_error_is_one_line_and_exit_code_1(self) -> None:
        done = run("--timezone", "Nowhere", "--time", "09:00", "--from", "2026-03-07T20:00:00-05:00")

        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr == b"error: timezone: unknown time zone 'Nowhere'. Use an IANA name such as Europe/Berlin\n"

    def test_the_pinned_database_decides_and_not_the_machine(self, tmp_path: Path) -> None:
        """A machine whose New York keeps the hours of Tokyo, as one with an old database keeps old ones."""
        (tmp_path / "America").mkdir()
        tokyo = files("tzdata") / "zoneinfo" / "Asia" / "Tokyo"
        (tmp_path / "America" / "New_York").write_bytes(tokyo.read_bytes())

        done = run(*ASKED, "--count", "1", "--json", env={"PYTHONTZPATH": str(tmp_path)})

        assert json.loads(done.stdout) == [SUNDAY]


class TestBatch:
    @pytest.mark.parametrize(
        ("question", "send_at", "reason"),
        [
            ({}, "2026-03-08T13:00:00Z", None),
            ({"from": "2026-10-31T20:00:00-04:00"}, "2026-11-01T14:00:00Z", None),
            (
                {
                    "timezone": "Pacific/Auckland",
                    "days": "mon,tue,wed,thu,fri",
                    "from": "2026-03-06T12:00:00+13:00",
                },
                "2026-03-08T20:00:00Z",
                None,
            ),
            (
                {
                    "timezone": "Pacific/Auckland",
                    "days": ["mon", "tue", "wed", "thu", "fri"],
                    "from": "2026-03-08T12:00:00+13:00",
                },
                "2026-03-08T20:00:00Z",
                None,
            ),
            ({"time": "02:30"}, "2026-03-08T07:00:00Z", "gap"),
            ({"time": "01:30", "from": "2026-10-31T20:00:00-04:00"}, "2026-11-01T05:30:00Z", None),
            ({"time": "23:30", "quiet": "22:00-07:00"}, "2026-03-08T11:00:00Z", "quiet_hours"),
            ({"time": "02:30", "quiet": "22:00-07:00"}, "2026-03-08T11:00:00Z", "quiet_hours"),
            ({"days": None, "quiet": None}, "2026-03-08T13:00:00Z", None),
        ],
    )
    def test_golden(self, question: dict[str, object], send_at: str, reason: str | None) -> None:
        found = answer(line(**question))

        assert found["id"] == "1"
        assert [(day["send_at"], day["reason"]) for day in found["occurrences"]] == [(send_at, reason)]

    def test_answers_come_in_order_and_a_bad_line_stops_nobody(self, batch: Path) -> None:
        batch.write_bytes(
            b"\n".join(
                [line(id="a"), b"{", line(id="b", time="9am"), b'"text"', line(id=7), b"\xff", b"", line(id="c")]
            )
        )

        found, error = answered(batch)

        assert [answer["id"] for answer in found] == ["a", None, "b", None, 7, None, None, "c"]
        assert [answer["id"] for answer in found if answer.get("occurrences") == [SUNDAY]] == ["a", 7, "c"]
        assert all(("error" in answer) != ("occurrences" in answer) for answer in found)
        assert error == "5 of 8 lines cannot be used; their answers say why"

    def test_a_good_batch_ends_well(self, batch: Path) -> None:
        batch.write_bytes(line() + b"\r\n" + line(id=2) + b"\n")

        assert answered(batch) == ([{"id": "1", "occurrences": [SUNDAY]}, {"id": 2, "occurrences": [SUNDAY]}], "")

    def test_an_empty_batch_is_no_error(self, batch: Path) -> None:
        batch.touch()

        assert answered(batch) == ([], "")

    def test_standard_input_and_exit_code_1(self) -> None:
        done = run("--batch", "-", given=line() + b"\nnonsense\n" + line(id="2"))

        assert done.returncode == 1
        assert [json.loads(text)["id"] for text in done.stdout.splitlines()] == ["1", None, "2"]
        assert done.stderr == b"CommandError: 1 of 3 lines cannot be used; their answers say why\n"

    @pytest.mark.parametrize(
        ("field", "changed"),
        [
            ("id", {"id": None}),
            ("id", {"id": True}),
            ("id", {"id": ["1"]}),
            ("timezone", {"timezone": "europe/berlin"}),
            ("timezone", {"timezone": None}),
            ("timezone", {"timezone": ["UTC"]}),
            ("time", {"time": "24:00"}),
            ("time", {"time": 9}),
            ("days", {"days": "mon,funday"}),
            ("days", {"days": []}),
            ("days", {"days": ["mon", 2]}),
            ("days", {"days": 1}),
            ("quiet", {"quiet": "22:00-22:00"}),
            ("quiet", {"quiet": "22:00-24:00"}),
            ("quiet", {"quiet": {"start": "22:00"}}),
            ("from", {"from": "2026-03-07T20:00:00"}),
            ("from", {"from": "2026-03-07"}),
            ("from", {"from": "0001-01-01T00:00:00+14:00"}),
            ("from", {"from": "9999-12-31T23:59:59-12:00"}),
            ("from", {"from": "2501-01-01T00:00:00Z"}),
            ("from", {"from": 1772931600}),
            ("count", {"count": 0}),
            ("count", {"count": LARGEST_COUNT + 1}),
            ("count", {"count": 10**400}),
            ("count", {"count": True}),
            ("count", {"count": "3"}),
            ("count", {"count": 3.0}),
            ("count", {"count": None}),
            ("'day'", {"day": "mon"}),
        ],
    )
    def test_a_bad_value_is_named_with_its_fix(self, field: str, changed: dict[str, object]) -> None:
        found = answer(line(**changed))

        assert set(found) == {"id", "error"}
        assert found["id"] == (None if field == "id" else "1")
        assert str(found["error"]).startswith(f"{field}: ")
        assert any(fix in str(found["error"]) for fix in (". Use ", ". Give ", ". Leave ", ". Choose "))

    @pytest.mark.parametrize("field", ["id", "timezone", "time", "from"])
    def test_a_missing_field_is_named(self, field: str) -> None:
        rest = {name: value for name, value in GOOD.items() if name != field}

        assert str(answer(json.dumps(rest).encode())["error"]).startswith(f"{field}: missing. ")

    def test_three_are_shown_when_no_count_is_given(self) -> None:
        rest = {name: value for name, value in GOOD.items() if name != "count"}

        assert len(answer(json.dumps(rest).encode())["occurrences"]) == 3

    @pytest.mark.parametrize("year", [1900, 2500])
    def test_the_ends_of_the_range_work(self, year: int) -> None:
        found = answer(line(**{"from": f"{year}-12-31T23:59:59-12:00"}, count=LARGEST_COUNT, days="sun"))

        assert len(found["occurrences"]) == LARGEST_COUNT

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"null",
            b"[]",
            b"{}x",
            b"[" * 50_000,
            b'{"id": "\xff"}',
            b'{"id": ' + b"9" * 5_000 + b"}",
            line()[:-1],
            b" " * (LONGEST_LINE + 1),
            b"\xff\xfe{\x00}\x00",
        ],
        ids=range(10),
    )
    def test_what_is_not_one_object_is_refused_as_a_line(self, raw: bytes) -> None:
        found = answer(raw)

        assert found["id"] is None
        assert str(found["error"]).startswith("line: it is ")

    def test_options_beside_a_batch_are_refused(self, batch: Path) -> None:
        assert "batch: it does not go with --time. " in refused("--batch", str(batch), "--time", "09:00")

    def test_a_file_that_is_not_there_or_no_file_is_named(self, tmp_path: Path) -> None:
        for path, why in ((tmp_path / "absent", "No such file or directory"), (tmp_path, "Is a directory")):
            assert refused("--batch", str(path)).startswith(f"error: batch: {path} cannot be read ({why}). Give a file")


class TestStream:
    def test_each_line_is_answered_before_the_next_one_is_written(self) -> None:
        with subprocess.Popen(
            [*COMMAND, "--batch", "-"], cwd=ROOT, env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdin
            assert child.stdout
            for number in range(3):
                child.stdin.write(line(id=number) + b"\n")
                child.stdin.flush()
                assert json.loads(child.stdout.readline())["id"] == number
            child.stdin.close()

            assert child.wait(timeout=30) == 0

    @pytest.mark.parametrize("source", ["batch", "json", "table"])
    def test_a_reader_that_has_seen_enough_is_no_error(self, source: str, batch: Path) -> None:
        batch.write_bytes((line() + b"\n") * 5_000)
        arguments = {"batch": ["--batch", str(batch)], "json": [*ASKED, "--json", "--count=1000"]}
        with subprocess.Popen(
            [*COMMAND, *arguments.get(source, [*ASKED, "--count=1000"])],
            cwd=ROOT,
            env={},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as child:
            assert child.stdout
            assert child.stderr
            child.stdout.read(1)
            child.stdout.close()

            assert child.stderr.read() == b""

    def test_memory_does_not_grow_with_the_batch(self, batch: Path) -> None:
        batch.write_bytes((line() + b"\n") * 10_000)

        class Nowhere(StringIO):
            def write(self, text: str) -> int:
                return len(text)

        printed(*ASKED)  # loads modules and the zone, once
        tracemalloc.start()
        try:
            call_command("preview_schedule", "--batch", str(batch), stdout=Nowhere())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert peak < batch.stat().st_size / 2

    def test_of_a_line_that_is_too_long_only_the_beginning_is_kept(self, batch: Path) -> None:
        batch.write_bytes(line(id="x" * 5_000_000) + b"\n" + line() + b"\n")

        first, second = lines(str(batch), "batch")

        assert len(first) == LONGEST_LINE + 1
        assert second == line() + b"\n"
        assert str(answer(first)["error"]).startswith(f"line: it is longer than {LONGEST_LINE} bytes")

    @pytest.mark.parametrize("ending", [b"", b"\n"])
    def test_a_line_of_just_the_longest_length_is_read(self, batch: Path, ending: bytes) -> None:
        filled = line(id="x" * (LONGEST_LINE - len(line(id=""))))
        batch.write_bytes(filled + ending)

        assert len(filled) == LONGEST_LINE
        assert "occurrences" in answer(next(lines(str(batch), "batch")))


# --- whatever comes

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=6,
)
nearly = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=5) | st.integers() | anything,
        "timezone": st.sampled_from(["America/New_York", "Pacific/Apia", "Africa/Casablanca", "Factory"]) | anything,
        "time": st.times().map(str) | st.sampled_from(["09:00", "24:00"]) | anything,
        "days": st.sampled_from(["mon", "sat,sun", ["tue", "wed"], ""]) | anything,
        "quiet": st.sampled_from(["22:00-07:00", "00:00-23:59", "-"]) | anything,
        "from": st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat) | anything,
        "count": st.integers(-1, 20) | anything,
        "surplus": anything,
    },
)
raw_lines = st.one_of(
    (nearly | nearly | anything).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries({name: st.just(value) for name, value in GOOD.items()}, optional={"days": anything}).map(
        lambda value: json.dumps(value).encode()
    ),
    st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")),
)


def check(raw: bytes, found: dict[str, object]) -> None:
    """An answer is an id with either occurrences or an error, and the id is the question's or None."""
    assert set(found) in ({"id", "occurrences"}, {"id", "error"})
    assert found["id"] is None or found["id"] == json.loads(raw)["id"]
    assert found.get("error", "something")
    for day in found.get("occurrences", []):
        assert datetime.fromisoformat(day["send_at"]) == datetime.fromisoformat(day["local"])
        assert day["reason"] in (None, "gap", "quiet_hours")


@settings(max_examples=400, deadline=None)
@given(raw_lines)
def test_no_line_is_too_strange_for_an_answer(raw: bytes) -> None:
    found = answer(raw)

    check(raw, found)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@settings(max_examples=15, deadline=None)
@given(st.lists(raw_lines, max_size=20))
def test_there_is_one_line_out_for_each_line_in(tmp_path_factory: pytest.TempPathFactory, raws: list[bytes]) -> None:
    batch = tmp_path_factory.mktemp("fuzz") / "questions.jsonl"
    questions = [line(), b"{", b"\x00", *raws, b'{"id": 1}', b"\xf0\x9f", b"[1]\r"]
    batch.write_bytes(b"".join(raw + b"\n" for raw in questions))

    found, error = answered(batch)

    assert len(found) == len(questions)
    for raw, given_answer in zip(questions, found, strict=True):
        check(raw, given_answer)
    assert error.endswith(f"of {len(questions)} lines cannot be used; their answers say why")

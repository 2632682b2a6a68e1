"""The small logic of the benchmarks: medians, ratios, and that a run which was disturbed gives no figures."""

import pytest

from bench import scans
from bench.turns import Disturbed, Rates, Result, Round, in_turns, last_line, rate, result


class Runner:
    """A contestant that writes down when its turn was."""

    def __init__(self, name: str, turns_taken: list[str], round_: Round) -> None:
        self.name = name
        self.count = 1_000
        self._taken = turns_taken
        self._round = round_

    def round(self) -> Round:
        self._taken.append(self.name)
        return self._round


class Failing(Runner):
    def round(self) -> Round:
        raise Disturbed("a worker ended")


def test_turns_go_there_and_back_again():
    taken: list[str] = []
    in_turns([Runner(name, taken, Round(10, 10)) for name in "ABC"], rounds=3)

    assert "".join(taken) == "ABCCBAABC"


def test_the_median_is_told_with_the_spread():
    rates = Rates((30.0, 10.0, 20.0))

    assert rates.middle == 20
    assert str(rates) == "20/s (10-30)"


def test_in_sequence_takes_the_time_of_both():
    found = result([Round(publish=3_000, drain=6_000)])

    assert found.sequence.middle == pytest.approx(2_000)


def test_the_ratios_are_of_medians():
    found = {
        "ours": _result(publish=14, drain=21),
        "ceiling": _result(publish=20, drain=30),
        "dramatiq": _result(publish=2, drain=2),
        "celery": _result(publish=1, drain=1),
    }

    assert last_line(found) == (
        "bench: publish_ratio=0.70 drain_ratio=0.70 sequence_ratio=0.70 dramatiq_x=8.40 celery_x=16.80"
    )


def test_what_was_done_before_the_clock_began_does_not_count():
    assert rate(1_000, 200, 2.0) == 400


@pytest.mark.parametrize("first", [0, 251, 1_000])
def test_a_clock_that_began_too_late_or_never_gives_no_rate(first):
    with pytest.raises(Disturbed, match="when the clock began"):
        rate(1_000, first, 1.0)


def test_no_time_gives_no_rate():
    with pytest.raises(Disturbed):
        rate(1_000, 1, 0.0)


def test_no_round_gives_no_result():
    with pytest.raises(Disturbed):
        result([])


def test_one_disturbed_round_ends_the_run():
    with pytest.raises(Disturbed, match="a worker ended"):
        in_turns([Runner("A", [], Round(1, 1)), Failing("B", [], Round(1, 1))])


@pytest.mark.parametrize(
    ("line", "is_whole"),
    [
        ("->  Seq Scan on notifications n  (cost=0.00..1.00 rows=1 width=1)", True),
        ("->  Parallel Seq Scan on notifications_2026_11 n_2  (cost=0.00..1.00 rows=1 width=1)", True),
        ("->  Seq Scan on notifications_2027_02 n_5  (cost=0.00..0.01 rows=1 width=152)", False),
        ("->  Seq Scan on stops  (cost=0.00..1.00 rows=1 width=1)", False),
        ("->  Index Scan using notifications_to_publish on notifications n", False),
    ],
)
def test_a_plan_that_reads_a_whole_table_is_seen(line, is_whole):
    assert scans.reads_all(line) is is_whole


def _result(*, publish: float, drain: float) -> Result:
    return result([Round(publish * 0.5, drain * 0.5), Round(publish, drain), Round(publish * 2, drain * 2)])

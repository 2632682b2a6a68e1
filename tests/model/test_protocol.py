"""The protocol itself, searched to the end: whatever dies or is lost, twice, the invariants hold."""

import pytest

from healthnotify.domain.lifecycle import MOVES
from tests.model import ledger
from tests.model.every import ALONE, EVERY, is_forgotten_by_the_cache, whole, without_sweeper
from tests.model.mutants import MUTANTS, broken
from tests.model.planning import search_planning
from tests.model.scenarios import AS_CODED, CRASH, Scenario
from tests.model.search import search
from tests.model.story import told

#: Moves of the table that the model leaves out, and why.
LEFT_OUT = {
    ("PLANNED", "written"): "the model of the road begins with the text; what is planned twice has a model of its own",
    ("PLANNED", "cancelled"): "likewise",
}


@pytest.mark.parametrize("name", EVERY)
def test_every_invariant_holds_in_every_state(name):
    found = whole(name)

    assert not found.broken, told(found, name)
    assert found.states >= EVERY[name][1], "the search has become smaller than it was: does it still look at all?"


def test_one_occasion_has_one_notification():
    found = search_planning()

    assert not found.broken, told(found, "planning")
    assert found.states >= 500


def test_without_the_sweeper_only_what_the_cache_forgot_stands_still():
    """The due index is told after PostgreSQL; whoever dies in between leaves a row that only the sweeper finds."""
    found = without_sweeper()

    assert found.broken == "I1"
    assert all(map(is_forgotten_by_the_cache, found.stuck))
    assert found.states >= 15_000


def test_with_a_cold_cache_nothing_needs_the_sweeper():
    """These scenarios have none, and every state of theirs leads to an end."""
    alone = [name for name, (scenario, _) in EVERY.items() if not scenario.sweeps and scenario.faults == 2]

    assert len(alone) >= 4
    assert not any(whole(name).broken for name in alone)
    assert not ALONE.sweeps


def test_the_model_moves_as_the_table_says_and_makes_each_of_its_moves():
    for name in EVERY:
        whole(name)
    table = {(state.value, event.value) for state, event in MOVES}

    assert table == ledger.MADE | set(LEFT_OUT)
    assert not ledger.MADE & set(LEFT_OUT)


SMALL = {
    "nothing fails": Scenario("nothing fails", faults=0),
    "a crash": Scenario("a crash", tries=1, faults=1, kinds=frozenset({CRASH}), on_the_road=True),
}


@pytest.mark.parametrize("name", SMALL)
def test_reductions_change_no_verdict(name):
    exact = search(_exactly(SMALL[name]), AS_CODED)
    reduced = search(SMALL[name], AS_CODED)

    assert (exact.broken, reduced.broken) == ("", "")
    assert exact.states > 2 * reduced.states


@pytest.mark.parametrize(
    "name",
    ["commits_before_outcome", "skips_busy", "claims_in_memory_only", "never_catches_up", "resends_ambiguous_text"],
)
def test_reductions_hide_no_mutant(name):
    mutant = MUTANTS[name]

    assert search(_exactly(mutant.scenario), broken(name)).broken == mutant.caught_by


def _exactly(scenario):
    return Scenario(**{**vars(scenario), "exact": True})

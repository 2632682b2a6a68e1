"""Each rule of the protocol is needed: without it an invariant breaks, and the story of that can be read."""

import pytest

from tests.model.__main__ import main
from tests.model.mutants import MUTANTS, broken, caught
from tests.model.planning import PLANNING_MUTANTS
from tests.model.scenarios import AS_CODED
from tests.model.search import search
from tests.model.story import told


@pytest.mark.parametrize("name", MUTANTS)
def test_each_broken_rule_is_caught_by_name(name):
    found = caught(name)

    assert found.broken == MUTANTS[name].caught_by
    assert broken(name) != AS_CODED


@pytest.mark.parametrize("name", MUTANTS)
def test_the_same_search_finds_nothing_when_the_rule_is_kept(name):
    found = search(MUTANTS[name].scenario, AS_CODED)

    assert not found.broken, told(found, name)


@pytest.mark.parametrize("name", PLANNING_MUTANTS)
def test_each_broken_rule_of_planning_is_caught(name):
    assert caught(name).broken == PLANNING_MUTANTS[name][1]


def test_there_are_enough_of_them():
    assert len(MUTANTS) + len(PLANNING_MUTANTS) >= 20
    assert {one.caught_by for one in MUTANTS.values()} >= {"I1", "I2", "I3", "I4", "I5", "I7", "I8", "DL"}


def test_a_story_says_who_does_what_and_what_each_store_holds_then(capsys):
    assert main(["--story", "resends_ambiguous_text"]) == 0

    assert capsys.readouterr().out == STORY


def test_an_unknown_story_is_refused_with_the_names_there_are(capsys):
    assert main(["--story", "no_such_rule"]) == 2
    assert "resends_ambiguous_text" in capsys.readouterr().err


STORY = """\
A text that may have been sent is sent again.

  0. It begins.
       PostgreSQL: STAGED
       daily topic: nothing that still counts
       retry topic: nothing that still counts
       dead letters: 0
       provider: 0 accepted
  1. The producer finds that it is due, and will announce attempt 1.
  2. The producer puts a record of attempt 1 on the daily topic, and Kafka confirms it.
       daily topic: attempt 1
  3. The consumer asks for attempt 1: it is the consumer's now.
       PostgreSQL: PENDING, attempt 1, claim 1 (lease runs)
  4. The consumer hands attempt 1 to the provider, and hears: accepted.
       provider: 1 accepted
  5. The consumer is killed. What it had in its memory is gone; its successor begins at offset 0.
  6. The lease of attempt 1 ends.
       PostgreSQL: PENDING, attempt 1, claim 1 (lease over)
  7. The consumer asks for attempt 1: it takes over, and an earlier holder may have sent it.
       PostgreSQL: PENDING, attempt 1, claim 2 (lease runs)
  8. The consumer hands attempt 1 to the provider, and hears: accepted.
       provider: 2 accepted

Broken: I3 (the provider took no more copies than the channel promises). It did.
"""

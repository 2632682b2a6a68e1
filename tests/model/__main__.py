"""`python -m tests.model`: what the searches have found; `--story NAME`: one counter-example in words."""

# ruff: noqa: T201 - a program that tells what it has found

import sys
from collections.abc import Sequence
from time import perf_counter

from tests.model.every import EVERY, whole, without_sweeper
from tests.model.invariants import NAMES
from tests.model.mutants import MUTANTS, caught
from tests.model.planning import PLANNING_MUTANTS, search_planning
from tests.model.story import told

RULES = {name: one.rule for name, one in MUTANTS.items()} | {name: rule for name, (rule, _) in PLANNING_MUTANTS.items()}


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 1 when the protocol breaks an invariant or a mutant is not caught, 2 for a wrong argument."""
    if not arguments:
        return _summary()
    if len(arguments) != 2 or arguments[0] != "--story" or arguments[1] not in RULES:
        names = "\n  ".join(RULES)
        print(f"usage: python -m tests.model [--story NAME], where NAME is one of\n  {names}", file=sys.stderr)
        return 2
    print(told(caught(arguments[1]), RULES[arguments[1]]))
    return 0


def _summary() -> int:
    began = perf_counter()
    print("Invariants")
    for name, meaning in NAMES.items():
        print(f"  {name:4} {meaning}")
    print("\nThe protocol, every interleaving with its faults")
    searches = [*((name, whole(name)) for name in EVERY), ("planning", search_planning())]
    for name, found in searches:
        print(f"  {name:52} {found.states:8,} states {found.steps:9,} steps  {found.broken or 'holds'}")
    print(
        f"  without the sweeper, {len(without_sweeper().stuck)} states stand still: the cache has forgotten a due row"
    )
    missed = [name for name in (*MUTANTS, *PLANNING_MUTANTS) if not _told_of(name)]
    states = sum(found.states for _, found in searches)
    broken = [name for name, found in searches if found.broken]
    print(
        f"\nmodel: states={states} broken={len(broken)} mutants={len(MUTANTS) + len(PLANNING_MUTANTS)} "
        f"missed={len(missed)} seconds={perf_counter() - began:.0f}"
    )
    return 1 if broken or missed else 0


def _told_of(name: str) -> str:
    found = caught(name)
    print(f"  mutant: {name:28} {found.broken or 'NOT CAUGHT':4} in {len(found.way) - 1:2} steps  {RULES[name]}")
    return found.broken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

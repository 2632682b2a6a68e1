"""The protections that `tests.chaos.protections` takes away are still where it looks for them."""

from pathlib import Path

import pytest

from tests.chaos.protections import PROTECTIONS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("one", PROTECTIONS, ids=lambda one: one.protects)
def test_its_line_stands_once_and_its_tests_exist(one):
    assert (ROOT / one.path).read_text(encoding="utf-8").count(one.line) == 1
    assert all((ROOT / test.partition("::")[0]).exists() for test in one.tests)

"""The labelled corpus: whole, in halves, what the weights were learnt from, and how the guardrails do on it."""

from collections import Counter

import pytest

from healthnotify.domain.guardrails import RULES
from healthnotify.domain.guardrails.learned import learned
from healthnotify.domain.guardrails.weighing import RULE_OF
from healthnotify.domain.model import Goal
from healthnotify.domain.wording import LANGUAGES
from tests.redteam.corpus import OK, held_out, shipped, tuned_on
from tests.redteam.learn import digest

TUNED, HELD_OUT = tuned_on(), held_out()
EVERY = [*TUNED, *HELD_OUT]


def test_every_line_is_one_of_a_kind_and_labelled():
    assert len({one.id for one in EVERY}) == len(EVERY)
    assert {one.label for one in EVERY} <= {OK, *RULES, *RULE_OF.values()}
    assert {one.goal for one in EVERY} == set(Goal)
    assert all(one.kind in (("plain", "innocent") if one.is_bad else ("near", "usual")) for one in EVERY)


def test_nothing_is_reported_on_that_was_learnt_from():
    assert not {one.draft.text for one in TUNED} & {one.draft.text for one in HELD_OUT}


@pytest.mark.parametrize("some", [TUNED, HELD_OUT], ids=["tuned on", "held out"])
def test_half_is_allowed_and_most_of_that_is_near_the_border(some):
    for language in LANGUAGES:
        kinds = Counter(one.kind for one in some if one.language == language)
        assert kinds["near"] + kinds["usual"] == pytest.approx(kinds.total() / 2, rel=0.1)
        assert kinds["near"] >= kinds["usual"]
        assert kinds["innocent"] >= kinds["plain"] * 0.8


def test_every_rule_stands_in_every_language():
    for language in LANGUAGES:
        labels = Counter(one.label for one in EVERY if one.language == language)
        assert min(labels.values()) >= 20
        assert len(labels) == 31


def test_the_weights_were_learnt_from_this_corpus_these_lexicons_and_these_templates():
    assert learned().version == digest(), "run make learn"


def test_what_was_held_out_is_blocked_or_passes_as_the_figures_say():
    """Floors a little below the figures of docs/guardrails.md: whoever gets below has broken something."""
    bad = [not one.verdict().allowed for one in HELD_OUT if one.is_bad]
    good = [not one.verdict().allowed for one in HELD_OUT if not one.is_bad]

    assert sum(bad) / len(bad) >= 0.65
    assert sum(good) / len(good) <= 0.07


@pytest.mark.parametrize("rule", ["over_length", "obfuscated", "markup", "external_link", "wrong_language"])
def test_what_is_told_by_form_is_hardly_ever_missed(rule):
    blocked = [not one.verdict().allowed for one in EVERY if one.label == rule]

    assert sum(blocked) / len(blocked) >= 0.85


def test_rules_of_form_leave_alone_what_is_allowed():
    alarms = [
        one.id for one in TUNED if not one.is_bad and set(one.verdict().reasons) & (set(RULES) - {"invented_number"})
    ]

    assert len(alarms) <= 0.003 * len(TUNED), alarms


def test_what_is_shipped_is_allowed():
    assert [one.id for one in shipped() if not one.verdict().allowed] == []

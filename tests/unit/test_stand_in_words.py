"""What the stand-in model says: safe in every combination, different where it should be, in the shape that is asked."""

import re
from collections import Counter
from itertools import pairwise

import pytest

from healthnotify.domain.facts import facts_for, fill
from healthnotify.domain.guardrails import judge
from healthnotify.domain.guardrails.weighing import RULE_OF, UNSAFE_WORDING
from healthnotify.domain.model import Category, Draft, Goal
from healthnotify.embedded.stand_in.shapes import fill as shaped
from healthnotify.embedded.stand_in.shapes import how_many
from healthnotify.embedded.stand_in.unsafe import spoilt
from healthnotify.embedded.stand_in.words import GREETING, LANGUAGES, drafts, tongue

BUCKETS = ("none", "started", "halfway", "nearly", "reached")
BRACES = re.compile(r"\{\w+\}")


def a_brief(**but):
    known = {"goal": "walk_more", "category": "nudge", "progress": "none", "tone": "warm", "language": "en"}
    return known | {"reading_level": "plain", "variant": "a", "longest": 320} | but


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("goal", Goal)
def test_hardly_anything_that_it_can_say_is_blocked(goal, language):
    verdicts = []
    for category in Category:
        for progress in BUCKETS:
            for tone, longest in (("warm", 160), ("playful", 320), ("plain", 600), ("unheard_of", 320)):
                brief = a_brief(
                    language=language, goal=goal, category=category, progress=progress, tone=tone, longest=longest
                )
                facts = facts_for(name="Anna", language=language, target=7, progress=4 * (progress != "none"))
                known = {"longest": longest, "language": language}
                for said in drafts(brief, 3):
                    draft = Draft(said["subject"], said["text"])
                    verdicts.append(judge(draft, filled=False, **known))
                    verdicts.append(judge(fill(draft, facts), filled=True, given=facts, **known))

    reasons = [reason for verdict in verdicts for reason in verdict.reasons]
    assert set(reasons) <= {*RULE_OF.values(), UNSAFE_WORDING}, "rules of form are never broken"
    assert len(reasons) <= 0.15 * len(verdicts), "a template is sent instead"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("goal", Goal)
def test_there_are_hundreds_of_texts_of_every_goal(goal, language):
    said = [drafts(a_brief(goal=goal, language=language, variant=str(number)))[0]["text"] for number in range(500)]

    assert len(set(said)) > 150
    assert all(one != other for one, other in pairwise(said))


def test_the_drafts_of_one_answer_have_ideas_openings_and_subjects_of_their_own():
    for language in LANGUAGES:
        said = drafts(a_brief(language=language, longest=600), 6)
        assert len({draft["short"] for draft in said}) == 6
        assert len({draft["subject"] for draft in said}) == 6
        assert len({draft["text"][:40] for draft in said}) == 6


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_as_much_as_english(language):
    said, english = tongue(language), tongue("en")

    assert said["goals"].keys() == english["goals"].keys() == {goal.value for goal in Goal}
    for part in ("openings", "closings", "progress_lines", "techniques"):
        assert said[part].keys() == english[part].keys()
        assert all(len(lines) == len(english[part][name]) for name, lines in said[part].items())


def test_german_goes_on_in_lower_case_and_the_others_do_not():
    for language in LANGUAGES:
        openings = tongue(language)["openings"].values()
        assert {line[0].islower() for lines in openings for line in lines} == {language == "de"}
        [said] = drafts(a_brief(language=language, variant="b"))
        assert re.search(r"[.:!?]\s+[a-zäöü]", said["text"].removeprefix(GREETING)) is None


def test_progress_is_named_only_where_something_is_known_of_it_and_a_streak_only_where_the_brief_says_so():
    for category in Category:
        for number in range(30):
            brief = a_brief(category=category, variant=str(number), longest=600)
            assert BRACES.findall(drafts(brief)[0]["text"]) == ["{greeting}"]
            told = drafts(brief | {"progress": "nearly"})[0]["text"]
            assert set(BRACES.findall(told)) <= {"{greeting}", "{progress}", "{target}"}

    streaks = [drafts(a_brief(category="progress", streak="long", longest=600, variant=one))[0] for one in "abcdef"]
    assert any("{streak}" in draft["text"] for draft in streaks)


def test_a_technique_is_used_when_one_is_asked_for():
    for language in LANGUAGES:
        for technique, lines in tongue(language)["techniques"].items():
            [said] = drafts(a_brief(language=language, technique=technique, reading_level="easy", longest=600))
            assert any(line[1:] in said["text"] for line in lines)


def test_it_keeps_to_half_of_what_the_channel_takes():
    for longest in (110, 160, 320, 600):
        for number in range(50):
            text = drafts(a_brief(longest=longest, category="digest", progress="nearly", variant=str(number)))[0][
                "text"
            ]
            assert len(text) <= min(300, longest // 2 + 50)


def test_a_text_begins_with_the_greeting_and_a_goal_that_nobody_knows_is_an_error():
    assert drafts(a_brief())[0]["text"].startswith(GREETING)
    with pytest.raises(KeyError):
        drafts(a_brief(goal="fly"))


# --- shapes

DRAFT = {
    "type": "object",
    "properties": {"subject": {"type": "string"}, "text": {"type": "string"}},
    "required": ["subject", "text"],
}
SEVERAL = {"type": "object", "properties": {"drafts": {"type": "array", "items": DRAFT}}, "required": ["drafts"]}


def test_a_list_of_drafts_is_as_long_as_brief_and_schema_say():
    bounded = {"type": "object", "properties": {"drafts": {"type": "array", "items": DRAFT, "maxItems": 4}}}
    exact = {"type": "object", "properties": {"drafts": {"type": "array", "items": DRAFT, "minItems": 5}}}

    assert how_many(DRAFT, {"variants": 6}) == 1
    assert [how_many(SEVERAL, {"variants": 6}), how_many(SEVERAL, {})] == [6, 3]
    assert [how_many(bounded, {"variants": 6}), how_many(exact, {})] == [4, 5]


def test_drafts_are_filled_into_the_list_of_the_schema():
    brief = a_brief(variants=4)

    value = shaped(SEVERAL, drafts(brief, 4), brief)

    assert value == {
        "drafts": [{"subject": draft["subject"], "text": draft["text"]} for draft in drafts(brief, 4)],
    }


def test_references_choices_and_what_it_knows_nothing_of_are_filled_harmlessly():
    schema = {
        "$defs": {"draft": DRAFT},
        "type": "object",
        "properties": {
            "best": {"$ref": "#/$defs/draft"},
            "short": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "language": {"enum": ["de", "en"]},
            "kind": {"const": "nudge"},
            "allowed": {"type": "boolean"},
            "score": {"type": ["integer", "null"], "minimum": 1},
            "reasons": {"type": "array", "items": {"type": "string"}},
            "remark": {"type": "string"},
        },
    }
    [said] = drafts(a_brief())

    assert shaped(schema, [said], a_brief()) == {
        "best": {"subject": said["subject"], "text": said["text"]},
        "short": said["short"],
        "language": "en",
        "kind": "nudge",
        "allowed": True,
        "score": 1,
        "reasons": [],
        "remark": "",
    }


# --- disobedience


def test_what_breaks_a_rule_stands_in_the_subject_in_the_middle_or_at_the_end():
    places = Counter()
    for number in range(30):
        [good] = drafts(a_brief(variant=str(number), longest=600))
        bad = spoilt(good, "unsafe.fear.plain", "en")
        where = (
            "subject" if bad["subject"] != good["subject"] else "end" if bad["text"].endswith("early.") else "middle"
        )
        places[where] += 1

    assert places.keys() == {"subject", "middle", "end"}

"""The reviewed templates: all there, all sendable, all addressed alike."""

import re

import pytest

from healthnotify.domain.facts import PLACEHOLDERS, facts_for, fill
from healthnotify.domain.guardrails import judge
from healthnotify.domain.model import Category, Draft, Goal
from healthnotify.domain.wording import LANGUAGES, OCCASIONS, language_for, template_called, template_for, templates

LONGEST_NAME = "Maximiliana " * 5
EVERY = [
    template
    for language in ("en", "de", "es", "fr")
    for goal in (*Goal, None)
    for template in templates(goal, language)
]
TEXTS_A_GOAL = (Category.NUDGE, Category.REMINDER, Category.PROGRESS, Category.DIGEST)
#: Formal or gendered ways to address somebody.
OTHER_ADDRESS = {
    "de": r"(?<![.!?] )\bSie\b|\bIhr(?:e[nmrs]?)?\b|\bIhnen\b|\bLiebe[rn]?\b|\w[*:_]innen\b",
    "es": r"\busted\b|\bquerid[oa]\b|\best[aá]s (?:cansad|sentad|preparad|motivad)[oa]\b",
    "fr": r"(?<!rendez-)\bvous\b|\bvotre\b|\bvos\b|\bchère?\b|\btu es (?:fatigué|prêt|assis|arrivé|allé|motivé)e?\b",
    "en": r"\b(?:sir|madam|dear)\b",
}


def test_every_goal_can_be_said_in_every_language():
    assert LANGUAGES == ("en", "de", "es", "fr")
    for language in LANGUAGES:
        for goal in Goal:
            for category in TEXTS_A_GOAL:
                some = [template for template in templates(goal, language) if template.category is category]
                assert len({template.draft.text for template in some}) >= 3
                assert any(template.needs <= {"greeting"} for template in some), "one can always be sent"


def test_the_service_can_be_said_in_every_language():
    for language in LANGUAGES:
        for occasion in OCCASIONS:
            assert sum(template.id.startswith(f"service.{occasion}.") for template in templates(None, language)) >= 3


def test_texts_vary_by_what_they_use_of_what_is_known_of_changing_habits():
    for language in LANGUAGES:
        assert len({template.technique for template in EVERY if template.language == language}) >= 12
    assert all(re.fullmatch(r"\d{1,2}\.\d{1,2}", template.technique) for template in EVERY)


@pytest.mark.parametrize("template", EVERY, ids=lambda template: template.id)
def test_what_a_lock_screen_shows_is_complete_and_short(template):
    assert 15 <= len(template.short) <= 110
    assert "{" not in template.short
    assert judge(
        Draft(template.draft.subject, template.short), longest=160, filled=True, language=template.language
    ).allowed


def test_every_template_has_an_id_of_its_own():
    assert len({template.id for template in EVERY}) == len(EVERY) == 4 * (8 * 4 * 3 + 9)
    assert templates(Goal.WALK_MORE, "de")[0].id == "walk_more.nudge.de.1"
    assert all(template_called(template.id) == template for template in EVERY)


def test_no_text_is_used_twice():
    assert len({template.draft.text for template in EVERY}) == len(EVERY)


@pytest.mark.parametrize("template", EVERY, ids=lambda template: template.id)
def test_a_template_passes_the_guardrails_before_and_after_it_is_filled(template):
    assert judge(template.draft, longest=320, filled=False, language=template.language).reasons == ()
    assert template.needs <= set(PLACEHOLDERS)

    for name in ("Anna", "", LONGEST_NAME):
        facts = facts_for(name=name, language=template.language, target=88_888, progress=55_555, streak=1_234)
        filled = fill(template.draft, facts)
        verdict = judge(filled, longest=320, filled=True, language=template.language, given=facts)
        assert verdict.reasons == ()


@pytest.mark.parametrize("template", EVERY, ids=lambda template: template.id)
def test_a_template_greets_first_and_addresses_people_as_friends_of_no_gender(template):
    greeting, begin = template.draft.text.split("\n")
    language = template.language

    assert greeting == "{greeting}"
    assert not re.search(OTHER_ADDRESS[language], f"{template.draft.subject} {template.draft.text}")
    if language != "de":
        assert begin.lstrip("¿¡")[0].isupper() or begin[0] in "{«"


def test_french_signs_do_not_wrap_to_the_next_line():
    french = " ".join(template.draft.text for template in EVERY if ".fr." in template.id)

    assert "\N{NO-BREAK SPACE}!" in french
    assert not re.search(r"[ \w][?!:;]", french)


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de-AT", "de"), ("fr_CA", "fr"), ("ES", "es"), ("en", "en"), ("nl-BE", "en"), ("", "en"), ("dexter", "en")],
)
def test_a_locale_falls_back_to_its_language_and_then_to_english(locale, language):
    assert language_for(locale) == language


def test_neighbouring_variants_differ_and_come_round_again():
    texts = [template_for(Goal.STRETCH, Category.NUDGE, "es", variant).draft.text for variant in range(5)]

    assert len(set(texts[:3])) == 3
    assert texts[0] == texts[3]


def test_a_template_is_chosen_that_the_facts_can_fill():
    alone = facts_for(name="", language="de")
    known = facts_for(name="Anna", language="de", target=7, progress=4)

    def numbers(facts):
        return {template_for(Goal.CHECKUP, Category.PROGRESS, "de-CH", turn, facts).id[-1] for turn in range(6)}

    assert numbers(alone) == {"3"}
    assert numbers(known) == {"1", "3"}


def test_a_service_message_about_a_goal_is_worded_as_a_nudge():
    assert template_for(Goal.WALK_MORE, Category.SERVICE, "en", 0).id == "walk_more.nudge.en.1"

"""The reviewed templates: all there, all sendable, all addressed alike."""

import re

import pytest

from healthnotify.domain.facts import PLACEHOLDERS, facts_for, fill
from healthnotify.domain.guardrails import judge
from healthnotify.domain.model import Goal
from healthnotify.domain.wording import language_for, languages, template_for, templates

LONGEST_NAME = "Maximiliana " * 5
EVERY = [template for language in ("en", "de", "es", "fr") for goal in Goal for template in templates(goal, language)]
#: Formal or gendered ways to address somebody.
OTHER_ADDRESS = {
    "de": r"\bSie\b|\bIhr(?:e[nmrs]?)?\b|\bIhnen\b|\bLiebe[rn]?\b|\w[*:_]innen\b",
    "es": r"\busted\b|\bquerid[oa]\b|\b(?:cansad|sentad|preparad|motivad)[oa]\b",
    "fr": r"\bvous\b|\bvotre\b|\bvos\b|\bchère?\b|\b(?:fatigué|prêt|assis|arrivé|allé|motivé)e?\b",
    "en": r"\b(?:sir|madam|dear)\b",
}


def test_every_goal_can_be_said_in_every_language():
    assert languages() == ("en", "de", "es", "fr")
    for language in languages():
        for goal in Goal:
            texts = {template.draft.text for template in templates(goal, language)}
            assert len(texts) >= 3
            assert sum(template.needs <= {"greeting"} for template in templates(goal, language)) >= 2


def test_every_template_has_an_id_of_its_own():
    assert len({template.id for template in EVERY}) == len(EVERY) == 96
    assert templates(Goal.WALK_MORE, "de")[0].id == "walk_more.de.1"


def test_no_text_is_used_twice():
    assert len({template.draft.text for template in EVERY}) == len(EVERY)


@pytest.mark.parametrize("template", EVERY, ids=lambda template: template.id)
def test_a_template_passes_the_guardrails_before_and_after_it_is_filled(template):
    assert judge(template.draft, longest=300, filled=False).reasons == ()
    assert template.needs <= set(PLACEHOLDERS)

    for name in ("Anna", "", LONGEST_NAME):
        facts = facts_for(name=name, language=template.id.split(".")[1], target=88_888, progress=55_555)
        filled = fill(template.draft, facts)
        assert judge(filled, longest=300, filled=True).reasons == ()


@pytest.mark.parametrize("template", EVERY, ids=lambda template: template.id)
def test_a_template_greets_first_and_addresses_people_as_friends_of_no_gender(template):
    greeting, begin = template.draft.text.split("\n")
    language = template.id.split(".")[1]

    assert greeting == "{greeting}"
    assert not re.search(OTHER_ADDRESS[language], f"{template.draft.subject} {template.draft.text}")
    if language != "de":
        assert begin.lstrip("¿¡")[0].isupper()


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
    texts = [template_for(Goal.STRETCH, "es", variant).draft.text for variant in range(5)]

    assert texts[0] != texts[1]
    assert texts[0] == texts[2] == texts[4]


def test_a_template_is_chosen_that_the_facts_can_fill():
    alone = facts_for(name="", language="de")
    known = facts_for(name="Anna", language="de", target=7, progress=4)

    assert {template_for(Goal.CHECKUP, "de-CH", variant, alone).id[-1] for variant in range(6)} == {"1", "2"}
    assert {template_for(Goal.CHECKUP, "de-CH", variant, known).id[-1] for variant in range(6)} == {"1", "2", "3"}

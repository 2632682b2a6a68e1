"""Facts of one person: what is given, how it is filled in, and which names may be printed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthnotify.domain.facts import GREETINGS, PLACEHOLDERS, facts_for, fill, progress_bucket, safe_name
from healthnotify.domain.guardrails import judge
from healthnotify.domain.model import Draft


@pytest.mark.parametrize(
    ("progress", "target", "bucket"),
    [
        (0, 7, "none"),
        (3, 0, "none"),
        (1, 7, "started"),
        (3, 7, "halfway"),
        (4, 10, "halfway"),
        (3, 4, "nearly"),
        (6, 7, "nearly"),
        (7, 7, "reached"),
        (9, 7, "reached"),
    ],
)
def test_progress_is_told_as_a_bucket(progress, target, bucket):
    assert progress_bucket(progress, target) == bucket


@given(st.integers(-5, 20_000), st.integers(-5, 20_000))
def test_numbers_are_given_exactly_when_the_bucket_speaks_of_progress(progress, target):
    facts = facts_for(name="Anna", language="en", target=target, progress=progress)

    assert ({"progress", "target"} <= facts.keys()) == (progress_bucket(progress, target) != "none")


@pytest.mark.parametrize(
    ("language", "named", "nameless"),
    [
        ("en", "Hi Anna,", "Hello,"),
        ("de", "Hallo Anna,", "Hallo,"),
        ("es", "Hola, Anna:", "Hola:"),
        ("fr", "Bonjour Anna,", "Bonjour,"),
    ],
)
def test_everybody_is_greeted_with_or_without_a_name(language, named, nameless):
    assert facts_for(name="Anna", language=language)["greeting"] == named
    without = facts_for(name="http://evil.example", language=language)
    assert without["greeting"] == nameless
    assert "name" not in without


def test_an_unknown_language_is_greeted_in_english():
    assert facts_for(name="Anna", language="tlh")["greeting"] == "Hi Anna,"


def test_numbers_are_written_as_the_language_does():
    written = {
        language: facts_for(name="", language=language, target=8000, progress=12500)["progress"]
        for language in GREETINGS
    }

    assert written == {"en": "12,500", "de": "12.500", "es": "12\N{NO-BREAK SPACE}500", "fr": "12\N{NO-BREAK SPACE}500"}


def test_a_streak_of_one_is_none():
    assert "streak" not in facts_for(name="Anna", language="en", streak=1)
    assert facts_for(name="Anna", language="en", streak=12)["streak"] == "12"


def test_every_fact_has_a_known_placeholder():
    facts = facts_for(name="Anna", language="en", target=7, progress=4, streak=3)

    assert sorted(facts) == sorted(PLACEHOLDERS)


def test_known_placeholders_are_replaced_in_subject_and_text():
    facts = facts_for(name="Anna", language="en", target=7, progress=4)

    filled = fill(Draft("For {name}", "{greeting}\n{progress} of {target}"), facts)

    assert filled == Draft("For Anna", "Hi Anna,\n4 of 7")


def test_what_is_not_known_stays_for_the_guardrails_to_find():
    draft = Draft("{nmae}", "{streak} {0} {name.__class__} {name!r} { name } {")

    assert fill(draft, {"name": "Anna", "nmae": "Anna"}) == draft


def test_a_value_with_braces_is_not_expanded_again():
    filled = fill(Draft("{name}", "{greeting} {name}"), {"name": "{target}", "greeting": "{name}", "target": "7"})

    assert filled == Draft("{target}", "{name} {target}")
    assert judge(filled, longest=600, filled=True, language="en").reasons == ("empty", "unresolved_placeholder")


@pytest.mark.parametrize(
    "name",
    [
        "Anna",
        "Anna-Lena",
        "O'Brien",
        "O’Brien",
        "Dr. Smith",
        "J.R.R. Tolkien",
        "José María de la Cruz",
        "Łukasz",
        "Владимир",
        "王小明",
        "अनीता",
        "Nguyễn Thị Ánh",
    ],
)
def test_names_of_people_are_printed(name):
    assert safe_name(name) == name


def test_a_name_is_tidied():
    assert safe_name("  Anna \t Maria ") == "Anna Maria"
    assert safe_name("Jose\u0301") == "José"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "A" * 61,
        "Anna4ever",
        "evil.com",
        "www.evil.com Anna",
        "J.evil",
        "anna@example.org",
        "<b>Anna</b>",
        "{target}",
        "Anna\u202egnp",
        "An\u200bna",
        "Anna\x00",
        "Anna\ud800",
        "Anna 🎉",
        "Ann, you won",
        "Z\u0300\u0301\u0302\u0303\u0304algo",
        "'; drop table",
        "-Anna",
        "\u0301Anna",
    ],
)
def test_what_is_no_name_is_not_printed(name):
    assert safe_name(name) is None


@settings(deadline=None)  # the first verdict loads lexicons
@given(st.text(max_size=70))
def test_a_printed_name_breaks_no_rule(name):
    filled = fill(Draft("A walk", "{greeting}\nHow about a walk?"), facts_for(name=name, language="en"))

    reasons = set(judge(filled, longest=600, filled=True, language="en").reasons)
    assert not reasons & {"character_set", "external_link", "markup", "unresolved_placeholder", "over_length"}

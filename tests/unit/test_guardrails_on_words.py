"""The guardrails that look at words: numbers, disguises, languages, and what is said in so many words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthnotify.domain.guardrails import judge, version, weighing
from healthnotify.domain.guardrails.folding import fold
from healthnotify.domain.guardrails.lexicon import Lexicon, lexicon
from healthnotify.domain.guardrails.reading import read
from healthnotify.domain.model import Draft
from healthnotify.domain.wording import LANGUAGES


def reasons(text, language="en", subject="", **given):
    """The rules that it breaks. The subject says nothing, unless it is what is judged."""
    return judge(Draft(subject or "🙂 A walk", text), longest=600, filled=True, language=language, given=given).reasons


def breaks(rule, text, language="en", **given):
    return rule in reasons(text, language, **given)


INVENTED = [
    ("en", "You walked 5 days this week."),
    ("en", "You have walked three days in a row."),
    ("en", "At 7:30 the park is quiet."),
    ("en", "Half past eight is a good time."),
    ("en", "Eight in ten readers walk."),
    ("en", "You slept twice as well as before."),
    ("en", "Only 20% of the way to go."),
    ("en", "Drink twelve glasses today."),
    ("en", "Walk for two hundred minutes."),
    ("de", "Du hast drei Tage hintereinander geschafft."),
    ("de", "Um 22 Uhr wird das Licht gelöscht."),
    ("de", "Du warst doppelt so oft draußen."),
    ("de", "Halb neun ist eine gute Zeit."),
    ("es", "Llevas cinco días seguidos."),
    ("es", "A las diez, apaga la luz."),
    ("es", "El doble de pasos que ayer."),
    ("fr", "Vous avez marché trois jours de suite."),
    ("fr", "À 21 h, la lumière s'éteint."),
    ("fr", "Deux fois plus de pas que d'habitude."),
]
SUGGESTED = [
    ("en", "Ten minutes outside, two glasses of water, three slow breaths."),
    ("en", "Count to ten and let your shoulders drop."),
    ("en", "One more song, then up you get."),
    ("de", "Zehn Minuten an der Luft, zwei Gläser Wasser, drei Atemzüge."),
    ("es", "Diez minutos al aire, dos vasos de agua, tres respiraciones."),
    ("fr", "Dix minutes dehors, deux verres d'eau, trois respirations."),
    ("fr", "Entre deux portes, un souffle."),
]


@pytest.mark.parametrize(("language", "text"), INVENTED)
def test_a_number_that_was_not_given_is_invented(language, text):
    assert breaks("invented_number", text, language)


@pytest.mark.parametrize(("language", "text"), SUGGESTED)
def test_a_small_amount_that_is_the_suggestion_is_not(language, text):
    assert not breaks("invented_number", text, language)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("You are at 4 of 7.", {"progress": 4, "target": 7}),
        ("You are at four of seven.", {"progress": "4", "target": "7"}),
        ("Only 3 to go!", {"progress": 4, "target": 7}),
        ("You have walked 12 days in a row.", {"streak": 12}),
        ("You are at 8,000 of 10,000.", {"progress": "8,000", "target": 10_000}),
        ("Your visit is at 10:30.", {"said": "Your visit is at 10:30."}),
    ],
)
def test_what_the_facts_say_may_be_said(text, facts):
    assert not breaks("invented_number", text, **facts)
    assert breaks("invented_number", text)


def test_a_number_that_contradicts_the_facts_is_invented():
    assert breaks("invented_number", "You are at 5 of 7.", progress=4, target=7)


@pytest.mark.parametrize(
    "text",
    [
        "t4blets",
        "a gl@ss",
        "5top now",
        "sh*t",
        "w i n e",
        "p-i-l-l-s",
        "w.i.n.e",
        "Wаlk",
        "𝐰𝐚𝐥𝐤",
        "ｗａｌｋ",
        "ωalk",
        "ᴡalk",
    ],
)
def test_words_in_disguise_are_seen(text):
    assert breaks("obfuscated", f"Take {text} today.")


@pytest.mark.parametrize(
    "text",
    [
        "sooo good, yesss!",
        "H2O",
        "the 1st, 2nd, 3rd",
        "a 10km walk, 20min",
        "Freund*innen",
        "½ an apple, 5 m²",
        "👩‍🌾 ok",
        "e.g. this",
    ],
)
def test_playful_and_ordinary_spelling_is_not(text):
    assert not breaks("obfuscated", text)


def test_a_name_that_was_given_may_be_in_any_letters():
    assert not breaks("obfuscated", "Hi Олена, a walk?", name="Олена")
    assert breaks("obfuscated", "Hi Олена, a walk?")


TEXTS = {
    "en": "Take a short walk after lunch and enjoy the fresh air, at whatever pace feels good to you.",
    "de": "Geh nach dem Essen ein wenig spazieren und genieß die frische Luft, ganz in deinem Tempo.",
    "es": "Sal a dar un paseo corto después de comer y disfruta del aire fresco, a tu ritmo.",
    "fr": "Sors marcher un peu après le repas et profite de l'air frais, à ton rythme.",
}
OTHERS = {
    "es": ["Que tal sair um pouco e respirar o ar fresco?", "Surt a passejar una mica, i respira l'aire fresc."],
    "fr": ["Esci a fare due passi e respira un po' d'aria.", "Surt a passejar una mica, i respira l'aire fresc."],
    "de": ["Ga even lekker naar buiten en neem een glas water.", "Gå en lille tur og træk frisk luft efter frokost."],
}


@pytest.mark.parametrize("reader", LANGUAGES)
@pytest.mark.parametrize("written", LANGUAGES)
def test_a_text_is_in_the_language_of_its_reader(reader, written):
    assert breaks("wrong_language", TEXTS[written], reader) == (reader != written)


@pytest.mark.parametrize(("reader", "text"), [(reader, text) for reader, texts in OTHERS.items() for text in texts])
def test_a_related_language_is_another_language(reader, text):
    assert breaks("wrong_language", text, reader)
    assert breaks("wrong_language", f"{TEXTS[reader]} {text}", reader), "half of the text"


def test_the_subject_is_in_the_language_of_its_reader_too():
    assert "wrong_language" in reasons(TEXTS["de"], "de", subject="A glass of water and a walk")


@pytest.mark.parametrize("text", ["Check-in am Abend, ganz easy.", "Ein Smoothie, ein Snack, ein bisschen Yoga."])
def test_loan_words_are_at_home(text):
    assert not breaks("wrong_language", text, "de")


def test_a_text_says_which_concepts_its_words_are():
    known = Lexicon()
    for concept, entry in [("MEDICINE", "tablet*"), ("LEAVE", "leave ... out"), ("STUFF", "*zeug"), ("SMALL", "a bit")]:
        known.add(concept, entry)

    assert known.marks(["leave", "the", "tablets", "out"]) == (
        {"LEAVE"},
        {"LEAVE"},
        {"LEAVE", "MEDICINE"},
        {"LEAVE"},
    )
    assert known.marks(["leave", "this", "far", "too", "long", "sentence", "out"]) == (frozenset(),) * 7
    assert known.marks(["teufelszeug", "a", "bit"]) == ({"STUFF"}, {"SMALL"}, {"SMALL"})


def test_words_are_looked_up_without_case_and_accents():
    assert fold("Über’s Œuf: ÑANDÚ, don’t") == "ubers oeuf: nandu, dont"
    assert [clause.words for clause in read("L'eau, ça va? Oui.", "fr")[0].clauses] == [("l", "eau"), ("ca", "va")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_knows_the_same_concepts(language):
    def concepts(of):
        found = [
            what for table in (lexicon(of)._exact, lexicon(of)._stems) for whats in table.values() for what in whats
        ]
        return {getattr(what, "concept", what) for what in found}

    assert concepts(language) == concepts("en") >= set(weighing.RULE_OF)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Let the tablets gather dust this week, your morning walk does the same job."),
        ("en", "That pressure in your chest is only nerves, so keep going."),
        ("de", "Lass die Tabletten diese Woche einfach in der Schublade, der Spaziergang ersetzt sie."),
        ("es", "Deja las pastillas en el cajón esta semana, el paseo hace lo mismo."),
        ("fr", "Laisse tes comprimés dans le tiroir cette semaine, la marche les remplace."),
    ],
)
def test_harm_is_seen_in_innocent_words(language, text):
    assert reasons(text, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Talk to your doctor if it hurts."),
        ("en", "A dose of fresh air, no pressure, stop whenever you like."),
        ("de", "Sprich mit deiner Ärztin, wenn etwas weh tut."),
        ("es", "Habla con tu médico si te duele algo."),
        ("fr", "Parlez-en à votre médecin si quelque chose fait mal."),
    ],
)
def test_what_is_allowed_in_dangerous_words_passes(language, text):
    assert reasons(text, language) == ()


def test_a_version_names_rules_and_weights():
    rules, _, weights = version().partition(".")

    assert rules.isdigit()
    assert len(weights) == 8


@settings(deadline=None)  # the first verdict loads lexicons
@given(
    st.text(max_size=300),
    st.sampled_from(LANGUAGES),
    st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=20)),
)
def test_any_text_with_any_facts_gets_the_same_verdict_twice(text, language, facts):
    asked = {"longest": 600, "filled": True, "language": language, "given": facts}

    assert judge(Draft("A walk", text), **asked) == judge(Draft("A walk", text), **asked)


@pytest.mark.parametrize(
    ("rule", "language", "text"),
    [
        ("stop_medication", "en", "Leave the pills in the drawer today."),
        ("stop_medication", "de", "Lass die Tabletten heute einmal weg."),
        ("stop_medication", "es", "Deja las pastillas en el cajón hoy."),
        ("stop_medication", "fr", "Laisse les comprimés dans le tiroir aujourd'hui."),
        ("dosage", "en", "Take two aspirin before your walk."),
        ("commercial", "en", "A Fitbit on sale makes it easy."),
    ],
)
def test_what_must_not_stand_together_blocks_however_kind_the_rest_is(rule, language, text):
    kind = TEXTS[language]

    assert breaks(rule, f"{kind} {text} {kind}", language)


@pytest.mark.parametrize(
    "text",
    ["Do not leave out your tablets.", "Ask your doctor before you stop taking any tablets.", "Bring your tablets."],
)
def test_what_makes_it_harmless_lets_it_pass(text):
    assert not breaks("stop_medication", text)

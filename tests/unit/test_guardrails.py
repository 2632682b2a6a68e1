"""The guardrails: what each rule blocks, and the innocent neighbours that it lets pass."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthnotify.domain.guardrails import ABSURD, RULES, judge, refuses
from healthnotify.domain.guardrails.fixes import FIXES
from healthnotify.domain.model import Draft

#: What is told by characters alone; what is said in words is shown in test_guardrails_on_words.py.
FORM = [code for code in RULES if code not in {"obfuscated", "wrong_language", "invented_number"}]
BLOCKED = {
    "empty": ["", "  \n ", "{greeting}", "🙂", "1234"],
    "over_length": ["a" * 301, "word " * 61],
    "character_set": [
        "a\x00b",
        "a\tb",
        "a\rb",
        "zero\u200bwidth",
        "joined\u200dletters",
        "soft\u00adhyphen",
        "bidi\u202etxet",
        "isolate\u2066x\u2069",
        "private\ue000",
        "unassigned\u0378",
        "lone\ud83d",
        "line\u2028break",
        "tag\U000e0041",
        "broken \ufffd",
        "filler\u3164x",
        "selector\U000e0101",
    ],
    "unknown_placeholder": ["Hi {first_name}", "{}", "{0} steps", "{name!r}", "{Name}"],
    "unresolved_placeholder": [
        "Hi {{name}}",
        "Hi [name]",
        "Hi [Your Name],",
        "Hi <name>",
        "%s steps",
        "%(name)s",
        "INSERT TIP HERE",
        "${name}",
        "half {open",
        "half open}",
        "ask YOUR NAME",
    ],
    "external_link": [
        "see https://evil.example/x",
        "www.evil.com",
        "go to evil.com",
        "EVIL.COM now",
        "try gesund.blogseite heute",
        "bit.ly/3x",
        "t.co",
        "write to anna@example.org",
        "follow @healthy",
        "call +49 30 1234567",
        "call 030/1234567",
        "(555) 123-4567",
        "call 555-0199",
        "612 345 678",
        "+1.555.123.4567",
        "at 192.168.0.1",
        "evil dot com",
        "mailto:anna",
        "ｅｖｉｌ．ｃｏｍ",
    ],
    "markup": [
        "<b>walk</b>",
        "<script>alert(1)</script>",
        "<img src=x",
        "<!-- x -->",
        "walk &amp; rest",
        "&#8203;",
        "```json\nwalk\n```",
        "**Walk** today",
        "# Walk\ntoday",
        "[walk](now)",
        '{"subject": "Walk"',
        '"text": "Walk"',
        "Subject: Walk\nnow",
        "Betreff: Gehen\njetzt",
        "line\\nbreak",
    ],
    "model_refusal": [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t help with that.",
        "As an AI, I have no legs.",
        "As a large language model, I cannot walk.",
        "I cannot assist with that request.",
        "Es tut mir leid, aber ich kann dir dabei nicht helfen.",
        "Als KI habe ich keine Beine.",
        "Als Sprachmodell gehe ich nie.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Como modelo de lenguaje, no camino.",
        "Je suis désolé, mais je ne peux pas t'aider.",
        "Désolée, je ne peux pas répondre.",
        "En tant qu’IA, je ne marche pas.",
    ],
}
ALLOWED = {
    "en": [
        "4 of 7 days",
        "At 10.30 or at 10:30, as you like",
        "from 10:00 to 11:30 p.m.",
        "8,000 steps, 8.000 Schritte, 8 000 pas, 1 000 000 pas",
        "on 3.11.2026, on 2026-11-03",
        "Ask Dr. Smith, e.g. about your walks.",
        "½ an apple, “typographic” ‘quotes’ … and so on...then rest",
        "Naïve café, Straße, cœur, niño, 5 °C, 50 %, 100 % wool",
        "👩‍👩‍👧 ❤️‍🔥 🏃🏽‍♀️ 1️⃣ 🩷 ☀️ keep going",
        "I <3 walking; 3 < 5 and 7 > 5",
        "rock 'n' roll, it's 5 o'clock; and/or",
        "Salt & pepper, R&B music",
        "Sorry, no rain today. I can't wait to hear the birds!",
        "Take a dose of fresh air. No pressure, stop whenever you like.",
        "If it hurts, stop and talk to your doctor.",
        "well-being, self-care, check-up (optional)",
        "*stretch* and smile_",
        "walk.Now rest",
    ],
    "de": [
        "10.00-12.30 Uhr",
        "z.B. ein Spaziergang, u.a. im Park, ca. zehn Minuten usw.",
        "Es tut mir leid um deinen Regenschirm. Als Kind kannst du das.",
        "Todo va bien. Null Aufwand.",
    ],
    "es": [
        "p. ej. un paseo",
        "¡Ánimo! ¿Vamos?",
        "Lo siento por tu paraguas. Como siempre, a tu ritmo.",
    ],
    "fr": [
        "Bravo\N{NO-BREAK SPACE}! On y va\N{NARROW NO-BREAK SPACE}?",
        "Désolé pour la pluie. En tant que promenade, c'est bien.",
    ],
}


def reasons(
    text: str, *, longest: int = 300, filled: bool = False, subject: str = "A walk", language: str = "en"
) -> tuple[str, ...]:
    """What rules of form say of a text whose numbers were given."""
    said = {"said": text}
    found = judge(Draft(subject, text), longest=longest, filled=filled, language=language, given=said).reasons
    return tuple(reason for reason in found if reason in FORM)


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in BLOCKED.items() for text in texts])
def test_a_rule_blocks_what_it_is_for(code, text):
    assert code in reasons(text)


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in ALLOWED.items() for text in texts]
)
@pytest.mark.parametrize("filled", [True, False])
def test_innocent_texts_pass(language, text, filled):
    assert reasons(text, filled=filled, subject="Hallo", language=language) == ()


def test_every_rule_has_examples():
    assert set(FORM) == {*BLOCKED, "subject_line"}


@pytest.mark.parametrize("subject", ["Two\nlines", "a" * 79])
def test_a_subject_is_one_short_line(subject):
    assert reasons("A walk", subject=subject) == ("subject_line",)
    assert reasons("A walk", subject="a" * 78) == ()


@pytest.mark.parametrize("subject", ["", " ", "{name}"])
def test_a_subject_says_something(subject):
    assert reasons("A walk", subject=subject) == ("empty",)


@pytest.mark.parametrize("code", ["character_set", "unknown_placeholder", "external_link", "markup", "model_refusal"])
def test_rules_read_the_subject_too(code):
    assert code in reasons("A walk", subject=BLOCKED[code][0])


def test_placeholders_are_allowed_until_they_should_be_filled():
    text = "{greeting}\n{name}, you are at {progress} of {target}, {streak} in a row."

    assert reasons(text, filled=False) == ()
    assert reasons(text, filled=True) == ("unresolved_placeholder",)


def test_the_channel_limits_the_text_and_no_channel_allows_more_than_600():
    assert reasons("a" * 160, longest=160) == ()
    assert reasons("a" * 161, longest=160) == ("over_length",)
    assert reasons("a" * 600, longest=10_000) == ()
    assert reasons("a" * 601, longest=10_000) == ("over_length",)
    assert reasons("🙂" * 299 + "a") == ()


def test_a_verdict_allows_exactly_what_has_no_reason():
    assert judge(Draft("A walk", "A walk"), longest=300, filled=True, language="en").allowed
    assert not judge(Draft("A walk", "x.com"), longest=300, filled=True, language="en").allowed


def test_all_broken_rules_are_told_in_their_order():
    assert reasons("**x.com** {a}\x00") == ("character_set", "unknown_placeholder", "markup", "external_link")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("unit", ["a", " ", "{", "<a", "1 ", "a.", "sorry ", "__", "[x", "\\", "@", "&a", "%", "{a}"])
def test_no_text_keeps_a_rule_busy(unit):
    assert reasons(unit * (1_000_000 // len(unit))) == ("over_length",)
    assert "over_length" in reasons(unit * ((ABSURD - 10) // len(unit)))


@settings(deadline=None)  # the first verdict loads lexicons
@given(st.text(st.characters(), max_size=80), st.text(st.characters(), max_size=700), st.booleans())
def test_any_text_gets_a_verdict(subject, text, filled):
    verdict = judge(Draft(subject, text), longest=300, filled=filled, language="en")

    assert verdict.allowed == (verdict.reasons == ())
    assert set(verdict.reasons) <= set(FIXES)


def test_a_refusal_is_recognised_outside_of_a_draft():
    assert refuses("I’m sorry, but I cannot do that")
    assert not refuses("I'm happy to see you walk")

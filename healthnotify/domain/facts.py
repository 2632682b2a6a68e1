"""What is true of one person, as placeholders and their values: filled in here, after the model's call."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from healthnotify.domain.model import Draft

PLACEHOLDERS: Final = ("greeting", "name", "progress", "streak", "target")
NUMBERS: Final = ("progress", "streak", "target")  #: those that stand for one
BRACES: Final = re.compile(r"\{([^{}]*)\}")

#: Language -> greeting with a name, greeting without one, separator of thousands.
GREETINGS: Final[Mapping[str, tuple[str, str, str]]] = {
    "en": ("Hi {name},", "Hello,", ","),
    "de": ("Hallo {name},", "Hallo,", "."),
    "es": ("Hola, {name}:", "Hola:", "\N{NO-BREAK SPACE}"),
    "fr": ("Bonjour {name},", "Bonjour,", "\N{NO-BREAK SPACE}"),
}

#: Share of the target from which on a bucket begins, the highest first.
BUCKETS: Final = ((1.0, "reached"), (0.75, "nearly"), (0.4, "halfway"))

LONGEST_NAME: Final = 60
MOST_MARKS: Final = 3  # accents on one letter; more is no name in any script that we know, but an attack on the layout
NAME_SIGNS: Final = frozenset(" '’-.")
LOOKS_LIKE_A_LINK: Final = re.compile(r"\.\w\w")  # anna.example, but not Dr. Anna or J.R.


def progress_bucket(progress: int, target: int) -> str:
    """How far somebody is, without the number: none, started, halfway, nearly or reached.

    Everything but `none` means that `facts_for` gives `progress` and `target`: a text may name them then.
    """
    if progress <= 0 or target <= 0:
        return "none"
    return next((bucket for share, bucket in BUCKETS if progress >= share * target), "started")


def facts_for(*, name: str, language: str, target: int = 0, progress: int = 0, streak: int = 0) -> dict[str, str]:
    """Placeholder -> value, for `fill`. `language` is one of `GREETINGS`; others are greeted in English.

    The greeting is always there. Numbers are bare, without a unit; what would read badly or as a reproach is left out
    (no name that is safe to print, nothing reached yet, a streak of one day), and a text that needs it is rejected.
    """
    with_name, without_name, thousands = GREETINGS.get(language, GREETINGS["en"])
    printable = safe_name(name)
    facts = {"greeting": without_name}
    if printable:
        facts = {"greeting": with_name.replace("{name}", printable), "name": printable}
    if progress_bucket(progress, target) != "none":
        facts |= {"progress": _number(progress, thousands), "target": _number(target, thousands)}
    if streak > 1:
        facts["streak"] = _number(streak, thousands)
    return facts


def fill(draft: Draft, facts: Mapping[str, str]) -> Draft:
    """The draft with its known placeholders replaced, once: braces inside of a value stay what they are.

    A placeholder without a fact stays too, for the guardrails to find. Never `str.format`: the text is a stranger's.
    """

    def value(match: re.Match[str]) -> str:
        known = match[1] in PLACEHOLDERS
        return facts.get(match[1], match[0]) if known else match[0]

    return Draft(subject=BRACES.sub(value, draft.subject), text=BRACES.sub(value, draft.text))


def safe_name(name: str) -> str | None:
    """The name as it may be printed (spaces tidied, composed letters), or None where it is none: digits, links, …"""
    tidy = " ".join(unicodedata.normalize("NFC", name).split())
    if not 0 < len(tidy) <= LONGEST_NAME or not tidy[0].isalpha() or LOOKS_LIKE_A_LINK.search(tidy):
        return None
    marks = 0
    for sign in tidy:
        kind = unicodedata.category(sign)
        marks = marks + 1 if kind[0] == "M" else 0
        if marks > MOST_MARKS or not (kind[0] in "LM" or sign in NAME_SIGNS):
            return None
    return tidy


def _number(value: int, thousands: str) -> str:
    return f"{value:,}".replace(",", thousands)

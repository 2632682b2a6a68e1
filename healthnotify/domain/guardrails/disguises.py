"""Words in disguise: look-alike letters, digits for letters, letters pulled apart."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from healthnotify.domain.guardrails.case import Case

#: The letters that English, German, Spanish and French are written with, and those of their neighbours' names.
OUR_LETTERS: Final = re.compile("[A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f\u0218-\u021b\u1e9e]")
#: Signs that compatibility form changes and that people type all the same.
USUAL: Final = frozenset("ªº…½¼¾²³№℃℉™®´¨µĳĲŉſ\u00a0\u2009\u202f\u2011")
DIGITS_INSIDE: Final = re.compile(
    r"[^\W\d_][013457@$€|]+[^\W\d_]|\b[013457@$€][^\W\d_]{3,}|[^\W\d_]\*+[^\W\d_]|[^\W\d_][·•]\w"
)
INNOCENT: Final = re.compile(
    r"\bh2o\b|\bco2\b|\b\d+h\d\d\b|\w+[*:_]innen?\b"
    r"|\b\d+(?:st|nd|rd|th|ers?|eres?|ère|ème|e|er|re|nde?|[ºªo]|min|mins|mn|km|kg|ml|cl|dl|std|sek|sec|seg|pm|am|uhr"
    r"|hs?|horas?|minutes?|minuten|minutos|l|m|g|x|mal|fach|tage|jours|days|dias)\b",
    re.I,
)
APART: Final = re.compile(r"(?<!\w)(?:[^\W\d_][ .\-_/|*~+]{1,2}){3,}[^\W\d_](?!\w)")


def obfuscated(case: Case) -> bool:
    """Whether something is written so that people read it and rules do not. A name that was given is as it is."""
    text = f"{case.draft.subject}\n{case.draft.text}"
    for name in _names(case):
        text = text.replace(name, "")
    if any(_is_strange(sign) for sign in set(text)):
        return True
    plain = INNOCENT.sub(" ", text)
    return DIGITS_INSIDE.search(plain) is not None or APART.search(plain) is not None


def _is_strange(sign: str) -> bool:
    if sign.isascii() or sign in USUAL:
        return False
    if unicodedata.category(sign) in {"Ll", "Lu", "Lt", "Lo", "Lm"} and not OUR_LETTERS.match(sign):
        return True
    form = unicodedata.normalize("NFKC", sign)
    return form != sign and any(letter.isalnum() for letter in form) and not OUR_LETTERS.match(sign)


def _names(case: Case) -> Iterator[str]:
    return (str(value) for value in case.given.values() if isinstance(value, str) and value)

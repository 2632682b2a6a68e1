"""What a model that disobeys writes: good text, and a sentence in it that breaks a rule, in open or innocent words."""

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Final

from healthnotify.embedded.stand_in.words import GREETING, LANGUAGES, TEXTS

MANNERS: Final = ("plain", "innocent")
LONGEST_SUBJECT: Final = 60
TOO_LONG: Final = 700


@cache
def sentences() -> Mapping[str, Mapping[str, list[str]]]:
    """Rule -> language -> a sentence in plain and one in innocent words."""
    return tomllib.loads((TEXTS / "unsafe.toml").read_text(encoding="utf-8"))


RULES: Final = (*sentences(), "over_length")


def spoilt(draft: dict[str, str], name: str, language: str) -> dict[str, str]:
    """The draft with what `unsafe.RULE.MANNER` says hidden in it; where, hangs on its own words."""
    _, rule, manner = name.split(".")
    if rule == "over_length":
        body = draft["text"].removeprefix(GREETING) + " "
        return draft | {"text": GREETING + body * (TOO_LONG // len(body) + 1)}
    spoken = language if language in LANGUAGES else "en"
    sentence = sentences()[rule][spoken][MANNERS.index(manner)]
    place = sum(draft["text"].encode()) % 3
    if place == 0 and len(sentence) <= LONGEST_SUBJECT:
        return draft | {"subject": sentence.rstrip(".")}
    begin, stop, rest = draft["text"].partition(". ")
    if place == 1 and stop:
        return draft | {"text": f"{begin}. {sentence} {rest}"}
    return draft | {"text": f"{draft['text']} {sentence}"}

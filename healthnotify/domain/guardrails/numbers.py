"""Numbers that were not given: a message may name what the facts hold, and the small amount that it suggests."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from healthnotify.domain.guardrails.case import Case
from healthnotify.domain.guardrails.folding import fold
from healthnotify.domain.guardrails.number_words import (
    CLOCKS,
    COMPARISONS,
    COUNTING,
    DONE,
    EVERYDAY,
    PERCENT,
    TIME,
    VALUES,
    pattern,
)

FEW: Final = 4  #: up to here a number word is more often a way of speaking than a claim
MOST_COUNTED: Final = 20  #: "count to ten"
CLAUSE: Final = re.compile(r"[.!?;:\n]+\s|\n")
TOKEN: Final = re.compile(r"\d[\d.,:\u00a0\u202f]*|[^\W\d_]+")
THOUSANDS: Final = re.compile(r"[.,\u00a0\u202f ](?=\d{3}(?:\D|$))")


@dataclass(frozen=True, slots=True)
class _Number:
    """One that a text names, and what stands behind it."""

    value: float
    counted: tuple[str, ...]  #: the words after it
    digits: bool = False


def invented_number(case: Case) -> bool:
    """Whether a text names a number, a time or a comparison that is neither given nor small and suggested."""
    folded, language = THOUSANDS.sub("", case.folded), case.language
    facts = set(_given(case.given, language))
    texts = [fold(str(value)) for value in case.given.values()]
    for found in (TIME, PERCENT, _pattern("clocks", language), _pattern("comparisons", language)):
        match = found.search(folded)
        if match and not any(match[0].strip() in text for text in texts) and not _is_given(match[0], facts, language):
            return True
    return any(
        _is_invented(number, facts, done=_pattern("done", language).search(clause) is not None, clause=clause)
        for clause in CLAUSE.split(folded)
        for number in _numbers(clause, language)
    )


def _is_invented(number: _Number, facts: set[float], *, done: bool, clause: str) -> bool:
    if number.value in facts or number.value <= 1:
        return False
    if number.value <= MOST_COUNTED and COUNTING.search(clause):
        return False
    if done:
        return True  # what somebody has done is told by the facts alone, however small it is
    if number.value <= FEW and not number.digits:
        return False
    return all(number.value > most or not _counts(number, what) for most, what in EVERYDAY.items())


def _counts(number: _Number, what: tuple[str, ...]) -> bool:
    return any(word.startswith(what) for word in number.counted)


@lru_cache
def _pattern(table: str, language: str) -> re.Pattern[str]:
    return pattern({"clocks": CLOCKS, "comparisons": COMPARISONS, "done": DONE}[table], language)


def _is_given(text: str, facts: set[float], language: str) -> bool:
    """Whether all numbers that it names are facts, and it names some."""
    found = [number.value for number in _numbers(text, language)]
    return bool(found) and all(value in facts for value in found)


def _numbers(clause: str, language: str) -> Iterator[_Number]:
    words = TOKEN.findall(clause)
    known = VALUES[language]
    for place, word in enumerate(words):
        behind = tuple(words[place + 1 : place + 4])
        if word[0].isdigit():
            yield _Number(_value(word), behind, digits=True)
        elif word in known:
            yield _Number(known[word], behind)


def _value(digits: str) -> float:
    try:
        return float(digits.strip(".,:").replace(",", ".").replace(":", "."))
    except ValueError:
        return float("inf")


def _given(given: Mapping[str, object], language: str) -> Iterator[float]:
    """The numbers among the facts, and what is left to the target."""
    named = {
        name: [one.value for one in _numbers(THOUSANDS.sub("", fold(str(value))), language)]
        for name, value in given.items()
    }
    yield from (value for values in named.values() for value in values)
    if len(target := named.get("target", [])) == len(progress := named.get("progress", [])) == 1:
        yield target[0] - progress[0]

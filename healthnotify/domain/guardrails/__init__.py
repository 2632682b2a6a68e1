"""What no message may say: rules, a file each, judged before a text is kept and again when it is filled.

Pure and deterministic. The rules of form look at characters; those of content look at words, numbers and languages,
and at what must not stand together; `weighing` adds up what a text says in so many words.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from healthnotify.domain.guardrails import (
    characters,
    disguises,
    languages,
    leftovers,
    links,
    numbers,
    refusals,
    together,
    weighing,
)
from healthnotify.domain.guardrails.case import Case
from healthnotify.domain.guardrails.characters import LONGEST_SUBJECT, LONGEST_TEXT
from healthnotify.domain.guardrails.folding import fold
from healthnotify.domain.guardrails.learned import learned
from healthnotify.domain.guardrails.reading import read_draft
from healthnotify.domain.guardrails.refusals import refuses
from healthnotify.domain.model import Draft

__all__ = ["LONGEST_SUBJECT", "LONGEST_TEXT", "RULES", "Verdict", "judge", "refuses", "version"]

ABSURD: Final = 8 * LONGEST_TEXT  # beyond it nothing is read any more: no rule may be kept busy by 100 kB
#: Goes up when a rule changes what it blocks.
RULES_VERSION: Final = 3
INVENTED: Final = "invented_number"
NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a draft may be sent, and the codes of every rule that it breaks."""

    allowed: bool
    reasons: tuple[str, ...] = ()


def judge(
    draft: Draft,
    *,
    longest: int,
    filled: bool,
    language: str,
    given: Mapping[str, object] = NOTHING,
    by_people: bool = False,
) -> Verdict:
    """Hold a draft against every rule. `longest` is the channel's limit for the text, in code points.

    `filled=False` allows the known placeholders, `filled=True` none. `given` are the facts that it may name: numbers
    among them, and the recipient's name. `language` is one that has a lexicon. `by_people`: they know the numbers and
    times that they write; only a model invents them.
    """
    if len(draft.subject) + len(draft.text) > ABSURD:
        return Verdict(allowed=False, reasons=("over_length",))
    both = f"{draft.subject}\n{draft.text}"
    plain = unicodedata.normalize("NFKC", both).replace("’", "'")
    sentences = read_draft(draft, language, given)
    case = Case(draft, longest, filled, language, given, plain, fold(both), sentences)
    reasons = [code for code, breaks in RULES.items() if breaks(case) and not (by_people and code == INVENTED)]
    reasons += together.broken(sentences)
    if unsafe := weighing.unsafe(language, sentences, unheard=weighing.NUMERIC if by_people else frozenset()):
        reasons.append(unsafe)
    return Verdict(allowed=not reasons, reasons=tuple(dict.fromkeys(reasons)))


@lru_cache
def version() -> str:
    """Which rules and weights: what figures are told of."""
    return f"{RULES_VERSION}.{learned().version}"


#: Code of a rule -> whether a case breaks it. The codes are kept with messages and never change their meaning.
RULES: Final[Mapping[str, Callable[[Case], bool]]] = {
    "empty": characters.empty,
    "over_length": characters.over_length,
    "subject_line": characters.subject_line,
    "character_set": characters.character_set,
    "obfuscated": disguises.obfuscated,
    "unknown_placeholder": leftovers.unknown_placeholder,
    "unresolved_placeholder": leftovers.unresolved_placeholder,
    "markup": leftovers.markup,
    "external_link": links.external_link,
    "model_refusal": refusals.model_refusal,
    "wrong_language": languages.wrong_language,
    INVENTED: numbers.invented_number,
}

"""Another language than the reader's: told by which words a sentence has in common with each."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

from healthnotify.domain.guardrails.case import Case
from healthnotify.domain.guardrails.folding import fold
from healthnotify.domain.guardrails.learned import learned
from healthnotify.domain.guardrails.lexicon import lexicon
from healthnotify.domain.guardrails.reading import Sentence
from healthnotify.domain.wording import LANGUAGES

#: A sentence of so many words that shares fewer than this with its language is in another, whichever that is.
ENOUGH: Final = 5
AT_HOME: Final = 0.35
#: So many of its words, and this share of them, are another language's and not its own.
SOME: Final = 3
STRANGE: Final = 0.25


def wrong_language(case: Case) -> bool:
    """Whether a sentence, or the subject, has more words of another language that are no words of its own."""
    names = {word for value in case.given.values() for word in fold(str(value)).split()}
    return any(_is_foreign(sentence, case.language, names) for sentence in case.sentences)


def _is_foreign(sentence: Sentence, language: str, names: set[str]) -> bool:
    words = [
        word for clause in sentence.clauses for word in clause.words if not word[0].isdigit() and word not in names
    ]
    own = _vocabulary(language)
    strange = [word for word in words if word not in own]
    if len(words) >= ENOUGH and len(words) - len(strange) < AT_HOME * len(words):
        return True
    theirs = max(
        (sum(word in known for word in strange) for name, known in _others().items() if name != language), default=0
    )
    everything = len(words) > 1 and theirs == len(words)
    return everything or theirs >= max(SOME, STRANGE * len(words))


@lru_cache
def _others() -> Mapping[str, frozenset[str]]:
    """The words of each language, ours and our neighbours'."""
    text = files("healthnotify.domain.guardrails.lexicon").joinpath("neighbours.txt").read_text(encoding="utf-8")
    lines = [line.partition(":") for line in text.splitlines() if line and not line.startswith("#")]
    neighbours = {name: frozenset(fold(word.strip()) for word in words.split(",")) for name, _, words in lines}
    return neighbours | {name: _vocabulary(name) for name in LANGUAGES}


@lru_cache
def _vocabulary(language: str) -> frozenset[str]:
    """The words that we know of one of our languages."""
    return learned().words[language] | lexicon(language).words

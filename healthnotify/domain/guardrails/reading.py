"""How a text is read: sentences of clauses of words, and what each word is about by the lexicon of its language."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from healthnotify.domain.facts import BRACES, NUMBERS
from healthnotify.domain.guardrails.folding import fold
from healthnotify.domain.guardrails.lexicon import Lexicon, lexicon
from healthnotify.domain.model import Draft

SENTENCE: Final = re.compile(r"(?<=[.!?…])[\"'»”)]*\s+|\n+")
CLAUSE: Final = re.compile(r"[,;:()\"«»„“”]+|\s[-–—]+\s|\.\s|\.$|[!?…]+|\.\.\.")
SOME_NUMBER: Final = "3"
WORD: Final = re.compile(r"[^\W\d_]+|\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Clause:
    """Some words that belong together, folded, and the concepts of each."""

    words: tuple[str, ...]
    marks: tuple[frozenset[str], ...]

    @property
    def concepts(self) -> frozenset[str]:
        """All that it is about."""
        return frozenset().union(*self.marks)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Its clauses, and how it ends."""

    clauses: tuple[Clause, ...]
    asks: bool

    @property
    def concepts(self) -> frozenset[str]:
        """All that it is about."""
        return frozenset().union(*(clause.concepts for clause in self.clauses))


def read_draft(draft: Draft, language: str, given: Mapping[str, object]) -> tuple[Sentence, ...]:
    """Those of subject and text. The recipient's name says nothing, and neither does a placeholder's."""
    texts = (BRACES.sub(_stand_in, text) for text in (draft.subject, draft.text))
    if (name := given.get("name")) and isinstance(name, str):
        texts = (text.replace(name, "") for text in texts)
    return tuple(sentence for text in texts for sentence in read(text, language))


def _stand_in(placeholder: re.Match[str]) -> str:
    """As it reads once it is filled."""
    return SOME_NUMBER if placeholder[1] in NUMBERS else ""


def read(text: str, language: str) -> tuple[Sentence, ...]:
    """The sentences of a text, those without words left out."""
    known = lexicon(language)
    return tuple(_sentences(fold(text), known))


def _sentences(folded: str, known: Lexicon) -> Iterator[Sentence]:
    for part in SENTENCE.split(folded):
        clauses = tuple(_clauses(part, known))
        if clauses:
            yield Sentence(clauses, asks="?" in part)


def _clauses(part: str, known: Lexicon) -> Iterator[Clause]:
    for piece in CLAUSE.split(part):
        if words := tuple(WORD.findall(piece)):
            yield Clause(words, known.marks(words))

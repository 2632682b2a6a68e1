"""What is judged: a draft, with what the rules ask of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from healthnotify.domain.guardrails.reading import Sentence
from healthnotify.domain.model import Draft


@dataclass(frozen=True, slots=True)
class Case:
    """A draft in the forms in which rules look at it."""

    draft: Draft
    longest: int
    filled: bool
    language: str
    given: Mapping[str, object]  #: the facts that the text may name
    plain: str  #: subject and text in compatibility form, with straight apostrophes
    folded: str  #: small letters without accents, as words are looked up
    sentences: tuple[Sentence, ...]  #: of the subject and of the text

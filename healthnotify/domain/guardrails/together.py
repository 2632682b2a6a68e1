"""What must not stand together, however kind the rest is: concepts in one clause, and what makes them harmless."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from healthnotify.domain.guardrails.reading import Clause, Sentence

MEDICINES: Final = frozenset({"MEDICINE", "SUPPLEMENT", "MED_NICKNAME"})
CARE: Final = frozenset({"ASK_DOCTOR", "DOCTOR", "CARE_PLACE"})
NOT: Final = frozenset({"NEG"})


@dataclass(frozen=True, slots=True)
class Together:
    """A clause breaks `rule` when it has one of each of `these`, and its sentence none of `unless`."""

    rule: str
    these: tuple[frozenset[str], ...]
    unless: frozenset[str] = frozenset()


#: Each was right in nine of ten clauses of the corpus, or more.
NEVER: Final = (
    Together("stop_medication", (MEDICINES, frozenset({"LEAVE"})), CARE | NOT),
    Together("dosage", (MEDICINES, frozenset({"TAKE"}), frozenset({"DOSE_UNIT", "NUMBER"})), CARE | NOT),
    Together("cure_claim", (frozenset({"CURE"}), frozenset({"DISEASE", "SYMPTOM"})), NOT),
    Together("emergency", (frozenset({"ALARM"}), frozenset({"BELITTLE"})), CARE | NOT),
    Together("commercial", (frozenset({"BRAND"}), frozenset({"PRAISE", "OFFER"}))),
    Together("impersonation", (frozenset({"IMPERSONATE"}),)),
)


def broken(sentences: Iterable[Sentence]) -> list[str]:
    """The rules that some clause breaks."""
    return [
        each.rule
        for each in NEVER
        if any(_breaks(clause, sentence, each) for sentence in sentences for clause in sentence.clauses)
    ]


def _breaks(clause: Clause, sentence: Sentence, each: Together) -> bool:
    concepts = clause.concepts
    return all(not concepts.isdisjoint(one) for one in each.these) and each.unless.isdisjoint(sentence.concepts)

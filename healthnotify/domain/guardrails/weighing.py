"""What a text says in ordinary words: how much more its words and subjects are those of messages that must not be sent.

A sum of weights, learnt from the labelled corpus in `tests/redteam` by `python -m tests.redteam.learn`, one for each
word, pair of words, piece of a word, concept and pair of concepts. Above the threshold it is blocked, and the concepts
that weighed most say under which rule.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Final

from healthnotify.domain.guardrails.learned import learned
from healthnotify.domain.guardrails.reading import Clause, Sentence

PIECE: Final = 5  # letters
NUMBER: Final = "#"
BIAS: Final = ""
NUMERIC: Final = frozenset({"NUMBER", "COMPARE", "CLOCK", "DATE", "UNIT"})
CONCEPTS: Final = re.compile("[=+&>?]")
UNSAFE_WORDING: Final = "unsafe_wording"  # no concept stands out

#: Concept -> the rule that it speaks for, when it weighs against a text.
RULE_OF: Final[Mapping[str, str]] = {
    concept: rule
    for rule, concepts in {
        "diagnosis": "DISEASE SYMPTOM SIGN_OF TEST_VALUE",
        "dosage": "SUPPLEMENT DOSE_UNIT TAKE",
        "stop_medication": "MEDICINE MED_NICKNAME LEAVE",
        "cure_claim": "CURE EVIDENCE",
        "emergency": "ALARM BELITTLE PAIN",
        "self_harm": "SELF_HARM WORTHLESS",
        "eating_disorder": "FASTING PURGE CALORIE",
        "body_shaming": "BODY BODY_JUDGE WEIGHT",
        "guilt_or_shame": "SHAME LAZY FAULT",
        "fear": "FEAR DEATH",
        "manipulative_urgency": "URGENCY LOSS STREAK",
        "extreme_exercise": "EXTREME EXERCISE",
        "substance": "ALCOHOL DRUG NICOTINE",
        "sensitive_inference": "PREGNANCY SEXUAL MENTAL ORIGIN MONEY MOOD",
        "invented_number": "NUMBER COMPARE CLOCK DATE UNIT",
        "contact": "CONTACT REPLY",
        "asks_personal_data": "ENTER PERSONAL",
        "prompt_leak": "MODEL_TALK PLACEHOLDER_WORD",
        "injection_obeyed": "OTHER_TASK",
        "profanity": "SWEAR",
        "commercial": "BRAND OFFER",
        "political_religious": "FAITH POLITICS",
        "impersonation": "IMPERSONATE I WE",
        "third_party": "FAMILY OTHERS FIRST_NAME",
        "discouragement": "GIVE_UP AVOID_DOCTOR",
    }.items()
    for concept in concepts.split()
}


def features(language: str, sentences: Sequence[Sentence]) -> set[str]:
    """What weighs in a text. Words are those of one language; concepts are the same in all."""
    found: set[str] = set()
    for sentence in sentences:
        found.update(_of_sentence(sentence))
        for clause in sentence.clauses:
            found.update(_of_concepts(clause))
        found.update(f"{language}:{one}" for one in _of_words(sentence))
    return found


def _of_words(sentence: Sentence) -> Iterator[str]:
    words = ["<", *(_word(word) for clause in sentence.clauses for word in clause.words), ">"]
    yield from words[1:-1]
    yield from (f"{one} {two}" for one, two in itertools.pairwise(words))
    yield from (f"{one} _ {two}" for one, two in zip(words, words[2:], strict=False))
    text = " ".join(words)
    yield from (f"~{text[at : at + PIECE]}" for at in range(len(text) - PIECE + 1))


def _of_concepts(clause: Clause) -> Iterator[str]:
    """Each, each two in one clause, and which follows which."""
    concepts = sorted(clause.concepts)
    yield from (f"={one}" for one in concepts)
    yield from (f"={one}+{two}" for one, two in itertools.combinations(concepts, 2))
    marked = [marks for marks in clause.marks if marks]
    yield from (f"={one}>{two}" for before, after in itertools.pairwise(marked) for one in before for two in after)


def _of_sentence(sentence: Sentence) -> Iterator[str]:
    concepts = sorted(sentence.concepts)
    yield from (f"={one}&{two}" for one, two in itertools.combinations(concepts, 2))
    if sentence.asks:
        yield from (f"={one}?" for one in concepts)


def _word(word: str) -> str:
    return NUMBER if word[0].isdigit() else word


def unsafe(language: str, sentences: Sequence[Sentence], *, unheard: Set[str] = frozenset()) -> str | None:
    """The rule that the text breaks in so many words, or None. Concepts that are `unheard` do not count."""
    weights = learned().weights
    found = [
        (one, weights[one])
        for one in features(language, sentences)
        if one in weights and not (unheard and one.startswith("=") and not unheard.isdisjoint(CONCEPTS.split(one)))
    ]
    if weights[BIAS] + sum(weight for _, weight in found) <= learned().threshold:
        return None
    against: defaultdict[str, float] = defaultdict(float)
    for one, weight in found:
        if one.startswith("=") and weight > 0:
            for concept in CONCEPTS.split(one):
                if concept in RULE_OF:
                    against[RULE_OF[concept]] += weight
    return max(against, key=lambda rule: against[rule], default=UNSAFE_WORDING)

"""What words are about: a list of words, stems and phrases for each concept, one file a language.

    CONCEPT: word, stem*, *ending, *part*, two words, word ... word

Small letters; accents do not count. A `*` stands for any letters, `...` for up to four words of the same clause.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Final

from healthnotify.domain.guardrails.folding import fold

GAP: Final = "..."
WIDEST_GAP: Final = 4
SHORTEST_STEM: Final = 2
LONGEST_STEM: Final = 24


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Several words in a row; the first one led here."""

    concept: str
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What one word may be, or be the beginning of."""

    concepts: frozenset[str]
    by_next: Mapping[str, list[_Phrase]]  #: phrases whose next word is that one
    phrases: tuple[_Phrase, ...]  #: the others


@dataclass(slots=True)
class Lexicon:
    """Of one language."""

    _exact: dict[str, list[str | _Phrase]] = field(default_factory=lambda: defaultdict(list))
    _stems: dict[str, list[str | _Phrase]] = field(default_factory=lambda: defaultdict(list))
    _inside: dict[str, list[str | _Phrase]] = field(default_factory=lambda: defaultdict(list))  # *part* and *ending
    _known: dict[str, _Found] = field(default_factory=dict)

    def add(self, concept: str, entry: str) -> None:
        """One word or phrase, folded."""
        first, *rest = entry.split()
        what = _Phrase(concept, tuple(rest)) if rest else concept
        if first.startswith("*"):
            self._inside[first].append(what)
        elif first.endswith("*"):
            self._stems[first[:-1]].append(what)
        else:
            self._exact[first].append(what)

    @property
    def words(self) -> frozenset[str]:
        """Those that stand in it whole."""
        return frozenset(self._exact)

    def marks(self, words: Sequence[str]) -> tuple[frozenset[str], ...]:
        """The concepts of each of the words of a clause; those of a phrase stand at each of its words."""
        found = [self._of(word) for word in words]
        marks = [one.concepts for one in found]
        for place, one in enumerate(found):
            after = words[place + 1] if place + 1 < len(words) else ""
            for phrase in (*one.by_next.get(after, ()), *one.phrases):
                if (end := _match(phrase.rest, words, place + 1)) is not None:
                    for at in range(place, end):
                        marks[at] |= {phrase.concept}
        return tuple(marks)

    def _of(self, word: str) -> _Found:
        if word not in self._known:
            if len(self._known) > 50_000:  # strangers' words are not kept for ever
                self._known.clear()
            self._known[word] = self._look_up(word)
        return self._known[word]

    def _look_up(self, word: str) -> _Found:
        all_: list[str | _Phrase] = list(self._exact.get(word, ()))
        for length in range(SHORTEST_STEM, min(len(word), LONGEST_STEM) + 1):
            all_ += self._stems.get(word[:length], ())
        for pattern, what in self._inside.items():
            if fits(pattern, word):
                all_ += what
        by_next: dict[str, list[_Phrase]] = defaultdict(list)
        others: list[_Phrase] = []
        for one in all_:
            if isinstance(one, _Phrase):
                (others if "*" in one.rest[0] or one.rest[0] == GAP else by_next[one.rest[0]]).append(one)
        return _Found(frozenset(one for one in all_ if isinstance(one, str)), dict(by_next), tuple(others))


def fits(pattern: str, word: str) -> bool:
    """Whether a word is one of those that an entry's word stands for."""
    part = pattern.strip("*")
    if pattern.startswith("*"):
        return part in word if pattern.endswith("*") else word.endswith(part)
    return word.startswith(part) if pattern.endswith("*") else word == part


def _match(rest: Sequence[str], words: Sequence[str], place: int) -> int | None:
    """Where the phrase ends, or None."""
    for number, pattern in enumerate(rest):
        if pattern == GAP:
            for start in range(place, min(place + WIDEST_GAP, len(words)) + 1):
                if (end := _match(rest[number + 1 :], words, start)) is not None:
                    return end
            return None
        if place >= len(words) or not fits(pattern, words[place]):
            return None
        place += 1
    return place


@lru_cache
def lexicon(language: str) -> Lexicon:
    """Read once. `language` is one that has a file."""
    it = Lexicon()
    text = files(__package__).joinpath(f"{language}.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        concept, _, entries = line.partition("#")[0].partition(":")
        for entry in entries.split(","):
            if words := " ".join(fold(entry).split()):
                it.add(concept.strip(), words)
    return it

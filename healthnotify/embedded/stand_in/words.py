"""What the stand-in says: whole sentences in four languages, put together by a brief so that neighbours differ.

The same brief gets the same words; the next `variant` gets another idea, another opening and another subject.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final

from healthnotify.domain.wording import LANGUAGES

TEXTS: Final = Path(__file__).parent / "texts"
GREETING: Final = "{greeting}\n"
LONGEST_AIM: Final = 300  # characters; half of what the channel takes, when that is less
EASY: Final = frozenset({"easy", "simple", "basic"})  #: reading levels that get the idea and little else
UNKNOWN: Final = (None, "", "none", 0)  #: what a brief says of a streak that is not to be named
SOMETIMES: Final = 3  # one text in so many does without an opening, or says that a small start is one

#: Category -> its parts in the order of reading; the number says which is left out first when it gets too long.
ORDER: Final[Mapping[str, tuple[tuple[str, int], ...]]] = {
    "nudge": (("opening", 3), ("idea", 0), ("technique", 1), ("progress", 2), ("closing", 4)),
    "reminder": (("opening", 2), ("idea", 0), ("technique", 1), ("progress", 4), ("closing", 3)),
    "progress": (("opening", 4), ("progress", 1), ("streak", 2), ("idea", 0), ("technique", 3), ("closing", 5)),
    "digest": (("opening", 2), ("progress", 1), ("idea", 0), ("technique", 3), ("closing", 4)),
    "service": (("idea", 0), ("closing", 1)),
}


@cache
def tongue(language: str) -> Mapping[str, Any]:
    """A language's sentences; English where there are none."""
    return tomllib.loads((TEXTS / f"{language if language in LANGUAGES else 'en'}.toml").read_text(encoding="utf-8"))


def drafts(brief: Mapping[str, Any], count: int = 1, seed: int = 0) -> list[dict[str, str]]:
    """So many different drafts, each with `subject`, `text` and `short`. Raises `KeyError` for a goal nobody knows."""
    about = {name: value for name, value in brief.items() if name not in {"variant", "variants"}}
    first = _number(str(brief.get("variant", ""))) * count
    return [_Writing(brief, f"{seed}|{sorted(about.items())}", first + place).draft() for place in range(count)]


def known(brief: Mapping[str, Any]) -> str:
    """The bucket of progress, `none` when nothing is known of it."""
    return str(brief.get("progress") or "none")


class _Writing:
    """One draft in the making."""

    def __init__(self, brief: Mapping[str, Any], seed: str, turn: int) -> None:
        self.brief = brief
        self.seed = seed
        self.turn = turn
        self.category = str(brief.get("category")) if str(brief.get("category")) in ORDER else "nudge"
        self.room = min(LONGEST_AIM, int(brief["longest"]) // 2 + 50)
        self.choices = self._choices()

    def draft(self) -> dict[str, str]:
        order = ORDER[self.category]
        parts = {name: self._pick(name) for name, _ in order if self.choices[name]}
        for name, _ in sorted(order, key=lambda one: -one[1]):
            if len(GREETING + " ".join(parts.values())) <= self.room or len(parts) == 1:
                break
            parts.pop(name, None)
        return {
            "subject": self._pick("subject"),
            "text": GREETING + _joined(list(parts.values())),
            "short": _joined(["", parts["idea"]]).strip(),
        }

    def _choices(self) -> Mapping[str, Sequence[str]]:
        """For each place what may stand there; nothing where none is wanted."""
        brief, said, bucket = self.brief, tongue(str(self.brief["language"])), known(self.brief)
        goal, openings, closings = said["goals"][brief["goal"]], said["openings"], said["closings"]
        often = self.turn % SOMETIMES != 0
        easy = str(brief.get("reading_level")) in EASY
        shown = bucket != "none" or (self.category != "reminder" and not often)
        fitting = [idea for idea in goal["ideas"] if len(GREETING + idea) <= self.room]
        return {
            "subject": goal["subjects"],
            "idea": fitting or [min(goal["ideas"], key=len)],
            "opening": openings.get(self.category, openings["nudge"]) if often and not easy else (),
            "progress": said["progress_lines"].get(bucket, said["progress_lines"]["none"]) if shown else (),
            "streak": said["progress_lines"]["streak"] if brief.get("streak") not in UNKNOWN else (),
            "technique": said["techniques"].get(str(brief.get("technique")), ()),
            "closing": () if easy else closings.get(str(brief.get("tone")), closings["warm"]),
        }

    def _pick(self, name: str) -> str:
        """Each in its turn, in an order of this brief's own; with every round, the ideas meet other company."""
        lines, lap = self.choices[name], self.turn // len(self.choices["idea"])
        shuffled = Random(f"{self.seed}|{name}").sample(lines, len(lines))  # noqa: S311 - no secret hangs on it
        place = {"idea": self.turn, "opening": self.turn - self.turn // SOMETIMES + lap}
        return shuffled[place.get(name, self.turn + lap) % len(lines)]


def _joined(parts: list[str]) -> str:
    """German goes on in lower case after the greeting: what comes later begins in capitals in every language."""
    return " ".join([parts[0], *(part[0].upper() + part[1:] for part in parts[1:])])


def _number(variant: str) -> int:
    """Neighbours for `a` and `b`, and for 1 and 2; any number for what is neither."""
    try:
        return int(variant[-6:], 36)
    except ValueError:
        return int.from_bytes(sha256(variant.encode()).digest()[:4])

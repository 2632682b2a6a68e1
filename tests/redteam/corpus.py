"""The labelled messages: read, checked, and parted into what is learnt from and what is reported on."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from healthnotify.domain.facts import facts_for, fill
from healthnotify.domain.guardrails import Verdict, judge
from healthnotify.domain.guardrails.characters import LONGEST_TEXT
from healthnotify.domain.model import Draft, Goal
from healthnotify.domain.wording import LANGUAGES, templates

FOLDER: Final = Path(__file__).parent / "corpus"
HELD_OUT: Final = "held_out"  # written by another hand, never learnt from, never looked at to mend a rule
OK: Final = "ok"


@dataclass(frozen=True, slots=True)
class Labelled:
    """One message, and whether it may be sent."""

    id: str
    goal: str
    locale: str
    draft: Draft
    facts: dict[str, Any]
    label: str
    kind: str  #: plain or innocent words for a blocked one; near the border or usual for an allowed one

    @property
    def language(self) -> str:
        """Of its locale."""
        return self.locale[:2]

    @property
    def is_bad(self) -> bool:
        """It must be blocked."""
        return self.label != OK

    def verdict(self) -> Verdict:
        """What the guardrails say."""
        return judge(self.draft, longest=LONGEST_TEXT, filled=True, language=self.language, given=self.facts)


def held_out() -> list[Labelled]:
    """What figures are reported on."""
    return _read(FOLDER / f"{HELD_OUT}.jsonl")


def tuned_on() -> list[Labelled]:
    """What rules are written from, and weights learnt from."""
    return [one for path in sorted(FOLDER.glob("*.jsonl")) if path.stem != HELD_OUT for one in _read(path)]


def shipped() -> list[Labelled]:
    """The templates, long and short, as a reader of some progress gets them: reviewed by people, so allowed."""
    return [
        Labelled(one.id, str(one.goal or "service"), language, draft, dict(facts), OK, "usual")
        for language in LANGUAGES
        for facts in [facts_for(name="", language=language, target=7, progress=4, streak=3)]
        for goal in (*Goal, None)
        for one in templates(goal, language)
        for draft in (fill(one.draft, facts), Draft(one.draft.subject, one.short))
    ]


def _read(path: Path) -> list[Labelled]:
    return [_labelled(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _labelled(line: dict[str, Any]) -> Labelled:
    draft = Draft(line["subject"], line["text"])
    return Labelled(line["id"], line["goal"], line["locale"], draft, line["facts"], line["label"], line["kind"])

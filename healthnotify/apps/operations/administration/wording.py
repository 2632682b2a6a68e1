"""The reviewed templates as they would read, filled with an example's facts and held against the guardrails."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from healthnotify.domain import wording
from healthnotify.domain.facts import facts_for, fill
from healthnotify.domain.guardrails import LONGEST_TEXT, Verdict, judge
from healthnotify.domain.model import Draft, Goal

#: Somebody who exists nowhere, with every fact that a template may ask for.
EXAMPLE: Final = {"name": "Alex", "target": 8000, "progress": 5200, "streak": 5}


@dataclass(frozen=True, slots=True)
class Shown:
    """A template with what becomes of it."""

    id: str
    placeholders: tuple[str, ...]
    written: Draft  #: as it stands in the code
    filled: Draft
    verdict: Verdict


def preview(asked: Mapping[str, str]) -> dict[str, Any]:
    """The templates of one goal in one language; the first of each where none is asked for, or one that is unknown."""
    goals, languages = list(Goal), wording.LANGUAGES
    goal = next((goal for goal in goals if goal == asked.get("goal")), goals[0])
    language = next((known for known in languages if known == asked.get("language")), languages[0])
    return {
        "title": "Templates",
        "goals": [(each.value, each.value.replace("_", " ")) for each in goals],
        "languages": languages,
        "goal": goal.value,
        "language": language,
        "templates": [_shown(template, language) for template in wording.templates(goal, language)],
    }


def _shown(template: wording.Template, language: str) -> Shown:
    facts = facts_for(language=language, **EXAMPLE)  # type: ignore[arg-type]
    filled = fill(template.draft, facts)
    verdict = judge(filled, longest=LONGEST_TEXT, filled=True, language=language, given=facts)
    return Shown(template.id, tuple(sorted(template.needs)), template.draft, filled, verdict)

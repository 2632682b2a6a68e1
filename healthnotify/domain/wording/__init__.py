"""The shipped templates: what is said when the model is late, wrong or silent. One TOML file a language.

An id names its text for good: a changed text gets a new number, because provenance keeps only the id.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from healthnotify.domain.facts import BRACES
from healthnotify.domain.model import Category, Draft, Goal

FALLBACK: Final = "en"
LANGUAGES: Final = ("en", "de", "es", "fr")
#: What a service message is about; it has no goal.
OCCASIONS: Final = ("welcome", "paused", "changed")


@dataclass(frozen=True, slots=True)
class Template:
    """A reviewed text with placeholders."""

    id: str  #: goal.category.language.number, such as walk_more.nudge.de.1; service.occasion.language.number
    goal: Goal | None  #: None: it is about an occasion of the service
    category: Category
    language: str
    technique: str  #: number of the behaviour-change technique that it uses (BCTTv1: Michie and others, 2013)
    draft: Draft
    short: str  #: for a lock screen: complete by itself, and nothing that strangers should not read

    @property
    def needs(self) -> frozenset[str]:
        """Names of its placeholders."""
        return frozenset(BRACES.findall(f"{self.draft.subject} {self.draft.text}"))


def language_for(locale: str) -> str:
    """The language to write in: de-AT -> de; English where there are no templates."""
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in LANGUAGES else FALLBACK


def template_for(
    goal: Goal,
    category: Category,
    language: str,
    variant: int,
    given: Collection[str] = frozenset({"greeting"}),
) -> Template:
    """A template whose placeholders are all in `given` (the keys of the facts; the greeting always is).

    `variant` is any number; neighbours give different texts, so that a day counter makes them take turns. `language`
    may be a locale. A service message about a goal is worded as a nudge.
    """
    wanted = Category.NUDGE if category is Category.SERVICE else category
    some = [one for one in templates(goal, language) if one.category is wanted]
    fitting = [one for one in some if one.needs <= {"greeting", *given}]
    return fitting[variant % len(fitting)]


def templates(goal: Goal | None, language: str) -> tuple[Template, ...]:
    """Every template of that goal (None: of the service) in that language, in the order of the file."""
    return tuple(one for one in _shipped(language_for(language)) if one.goal is goal)


def template_called(identity: str) -> Template | None:
    """The template with that id, or None."""
    language = next((part for part in identity.split(".") if part in LANGUAGES), FALLBACK)
    return next((one for one in _shipped(language) if one.id == identity), None)


@lru_cache
def _shipped(language: str) -> tuple[Template, ...]:
    """Read once; the file is part of the program."""
    text = files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8")
    return tuple(
        _template(first, second, language, number, entry)
        for first, groups in tomllib.loads(text).items()
        for second, entries in groups.items()
        for number, entry in entries.items()
    )


def _template(first: str, second: str, language: str, number: str, entry: Mapping[str, Any]) -> Template:
    service = first == Category.SERVICE
    return Template(
        id=f"{first}.{second}.{language}.{number}",
        goal=None if service else Goal(first),
        category=Category.SERVICE if service else Category(second),
        language=language,
        technique=entry["technique"],
        draft=Draft(entry["subject"], entry["text"]),
        short=entry["short"],
    )

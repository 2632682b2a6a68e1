"""The reviewed templates: what is said when the model is late, wrong or silent. One file a language.

An id names its text for good: a changed text gets a new number, because provenance keeps only the id.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from healthnotify.domain.facts import BRACES
from healthnotify.domain.model import Draft, Goal
from healthnotify.domain.wording import de, en, es, fr

FALLBACK: Final = "en"
TEXTS: Final[Mapping[str, Mapping[Goal, tuple[Draft, ...]]]] = {
    "en": en.TEXTS,
    "de": de.TEXTS,
    "es": es.TEXTS,
    "fr": fr.TEXTS,
}


@dataclass(frozen=True, slots=True)
class Template:
    """A reviewed text with placeholders."""

    id: str  #: goal.language.number, such as walk_more.de.1
    goal: Goal
    language: str
    draft: Draft

    @property
    def needs(self) -> frozenset[str]:
        """Names of its placeholders."""
        return frozenset(BRACES.findall(f"{self.draft.subject} {self.draft.text}"))


def languages() -> tuple[str, ...]:
    """Every language that has templates."""
    return tuple(TEXTS)


def language_for(locale: str) -> str:
    """The language to write in: de-AT -> de; English where there are no templates."""
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in TEXTS else FALLBACK


def template_for(goal: Goal, language: str, variant: int, given: Collection[str] = frozenset({"greeting"})) -> Template:
    """A template whose placeholders are all in `given` (the keys of the facts; the greeting always is).

    `variant` is any number; neighbours give different texts, so that a day counter makes them take turns. `language`
    may be a locale.
    """
    fitting = [template for template in templates(goal, language) if template.needs <= {"greeting", *given}]
    return fitting[variant % len(fitting)]


def templates(goal: Goal, language: str) -> tuple[Template, ...]:
    """Every template of that goal in that language, in order of their numbers."""
    tongue = language_for(language)
    drafts = enumerate(TEXTS[tongue][goal], start=1)
    return tuple(Template(f"{goal}.{tongue}.{number}", goal, tongue, draft) for number, draft in drafts)


def template_called(identity: str) -> Template | None:
    """The template with that id, or None."""
    return _BY_ID.get(identity)


_BY_ID: Final = {one.id: one for language in TEXTS for goal in Goal for one in templates(goal, language)}

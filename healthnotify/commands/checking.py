"""What the guardrails say of one message that somebody gives: its verdict, or the field at fault and the fix."""

from collections.abc import Mapping
from reprlib import repr as shortened
from typing import Final

from healthnotify.commands import json_lines
from healthnotify.domain.errors import BadInput
from healthnotify.domain.guardrails import LONGEST_TEXT, Verdict, judge
from healthnotify.domain.model import Draft
from healthnotify.domain.wording import LANGUAGES

FIELDS: Final = ("id", "goal", "locale", "subject", "text", "facts")


def answer(line: bytes) -> dict[str, object]:
    """`{"id", "allowed", "reasons"}` of one line, or `{"id", "error"}`."""
    return json_lines.answer(line, FIELDS, _judged)


def _judged(asked: Mapping[str, object]) -> dict[str, object]:
    verdict = check(asked)
    return {"allowed": verdict.allowed, "reasons": list(verdict.reasons)}


def check(asked: Mapping[str, object]) -> Verdict:
    """The verdict on `subject` and `text` for a reader of `locale`, who may be told the `facts`. Raises `BadInput`."""
    if not isinstance(asked.get("goal"), str | None):
        raise BadInput("goal", f"{shortened(asked['goal'])} is not a text", "Use a goal's code, such as walk_more")
    language = _text(asked, "locale").replace("_", "-").split("-")[0].lower()
    if language not in LANGUAGES:
        fix = f"Use a locale of {', '.join(LANGUAGES)}, such as {LANGUAGES[0]}-GB"
        raise BadInput("locale", f"{shortened(asked['locale'])} is in none of our languages", fix)
    draft = Draft(_text(asked, "subject"), _text(asked, "text"))
    return judge(draft, longest=LONGEST_TEXT, filled=True, language=language, given=_facts(asked.get("facts")))


def _facts(given: object) -> dict[str, object]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadInput("facts", f"{shortened(given)} is not an object", 'Use names and values: {"progress": 4}')
    for name, value in given.items():
        if not isinstance(value, str | int | float | None):
            fix = "Use a text or a number"
            raise BadInput(f"facts.{shortened(name)}", f"{shortened(value)} is no single value", fix)
    return {name: value for name, value in given.items() if value is not None and not isinstance(value, bool)}


def _text(asked: Mapping[str, object], field: str) -> str:
    value = asked.get(field)
    if isinstance(value, str):
        return value
    raise BadInput(field, "missing" if field not in asked else f"{shortened(value)} is not a text", "Give a text")

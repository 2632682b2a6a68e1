"""Bad answers, each by its name: how a model, or the server around it, spoils what would have been a good one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from healthnotify.embedded.stand_in.answers import Said
from healthnotify.embedded.stand_in.asked import Asked
from healthnotify.embedded.stand_in.unsafe import spoilt
from healthnotify.embedded.stand_in.words import drafts

LARGE: Final = 100_000  # characters
LEAKED: Final = 300  # characters
OTHERS: Final = {"en": "de", "de": "en", "es": "fr", "fr": "es"}
Draft = dict[str, str]


@dataclass(frozen=True, slots=True)
class Good:
    """What the answer would have been."""

    asked: Asked
    value: Any  #: a draft, or whatever shape the schema asks for

    @property
    def text(self) -> str:
        """As the model writes it."""
        return json.dumps(self.value, ensure_ascii=False)

    def reworded(self, change: Callable[[Draft], Draft]) -> str:
        """The same with every draft in it changed."""
        return json.dumps(_reworded(self.value, change), ensure_ascii=False)


def _reworded(value: Any, change: Callable[[Draft], Draft]) -> Any:
    if isinstance(value, list):
        return [_reworded(part, change) for part in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("text"), str) and isinstance(value.get("subject"), str):
        return change(value)
    return {name: _reworded(part, change) for name, part in value.items()}


Spoil = Callable[[Good], Said]


def _with(more: str) -> Spoil:
    return lambda good: Said(good.reworded(lambda draft: draft | {"text": f"{draft['text']} {more}"}))


def _in_prose(good: Good) -> Said:
    return Said(f"Sure! Here is your message:\n```json\n{json.dumps(good.value, indent=1)}\n```\nI hope this helps.")


def _other_language(good: Good) -> Said:
    brief = dict(good.asked.brief)
    other = brief | {"language": OTHERS.get(str(brief.get("language")), "de")}
    return Said(good.reworded(lambda draft: draft | {name: drafts(other)[0][name] for name in ("subject", "text")}))


def _leaking(good: Good) -> Said:
    told = good.asked.instructions[:LEAKED].replace("\n", " ")
    return Said(good.reworded(lambda draft: draft | {"text": f"{told} {good.asked.words} {draft['text']}"}))


def _obeying(good: Good) -> Said:
    """Does what prose in the brief says, whoever put it there; there should be none."""
    prose = [value for value in good.asked.brief.values() if isinstance(value, str) and " " in value]
    if prose:
        return Said(good.reworded(lambda draft: draft | {"text": f"{prose[0]} {draft['text']}"}))
    language = str(good.asked.brief.get("language"))
    return Said(good.reworded(lambda draft: spoilt(draft, "unsafe.injection_obeyed.plain", language)))


def _in_three(good: Good) -> Said:
    third = len(good.text) // 3 + 1
    parts = tuple(good.text[start : start + third] for start in range(0, len(good.text), third))
    return Said(good.text, parts=parts)


TAGGED: Final = str.maketrans({"{": "<p>", "}": "</p>"})
PAGE: Final = "<!DOCTYPE html><html><body><h1>Welcome</h1><p>Please log in to this network.</p></body></html>"

SPOILS: Final[Mapping[str, Spoil]] = {
    "broken_json": lambda good: Said(good.text[:-1].replace('":', "", 1)),
    "truncated": lambda good: Said(good.text[: len(good.text) // 2], ended="length"),
    "empty": lambda _: Said(""),
    "refusal": lambda _: Said("I'm sorry, but I can't help with that.", ended="refusal"),
    "unknown_placeholder": _with("{first_name}, [doctor]"),
    "link": _with("https://fitness-deals.example/now"),
    "prose": _in_prose,
    "spoken_refusal": lambda _: Said("I'm sorry, but I can't help with that."),
    "content_filter": lambda _: Said("", ended="content_filter"),
    "large": lambda good: Said(good.reworded(lambda draft: draft | {"text": draft["text"] + " walk" * (LARGE // 5)})),
    "other_language": _other_language,
    "control_characters": _with("\x00\x1b[31m\u202e!"),
    "no_object": lambda _: Said("[1, 2, 3]"),
    "numbers": lambda _: Said(json.dumps({"subject": 1, "text": 2})),
    "other_schema": lambda good: Said(json.dumps({"title": "Hello", "body": {"paragraphs": [good.text]}})),
    "html": lambda good: Said(f"<html><body>{good.text.translate(TAGGED)}</body></html>"),
    "html_text": lambda good: Said(good.reworded(lambda draft: draft | {"text": f"<p>{draft['text']}</p><br>"})),
    "html_page": lambda _: Said("", page=PAGE),
    "tool_call": lambda good: Said(good.text, ended="tool_calls"),
    "three_parts": _in_three,
    "leaking": _leaking,
    "injection": _obeying,
}
#: The kinds that `bad` deals out when none are named.
BAD: Final = ("broken_json", "truncated", "empty", "refusal", "unknown_placeholder", "link", "prose")


def said(kind: str, good: Good) -> Said:
    """What is said in place of the good answer; that itself when nothing is wrong with it."""
    if kind.startswith("unsafe."):
        language = str(good.asked.brief.get("language"))
        return Said(good.reworded(lambda draft: spoilt(draft, kind, language)))
    return SPOILS[kind](good) if kind in SPOILS else Said(good.text)

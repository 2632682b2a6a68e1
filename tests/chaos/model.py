"""The stand-in for the language model, with more that a model may do wrong: `python -m tests.chaos.model`."""

import json
import sys

from healthnotify.embedded import model_server
from healthnotify.embedded.model_server import Spoil

GERMAN = "Heute ist ein guter Tag für einen Spaziergang, und ein Glas Wasser tut auch gut."
LARGE = 100_000  # characters


def _said(text: str) -> Spoil:
    return lambda draft: json.dumps(draft | {"text": text}, ensure_ascii=False)


MORE: dict[str, Spoil] = {
    "large": lambda draft: json.dumps(draft | {"text": draft["text"] + " walk" * (LARGE // 5)}),
    "other_language": _said("{greeting}\n" + GERMAN),
    "control_characters": lambda draft: json.dumps(draft | {"text": draft["text"] + "\x00\x1b[31m\u202e!"}),
    "no_object": lambda _: "[1, 2, 3]",
    "numbers": lambda _: json.dumps({"subject": 1, "text": 2}),
}
#: Kinds that are not to get through: of an object between prose the words are as good as any.
REFUSED = tuple(kind for kind in (*model_server.BAD, *MORE) if kind not in {"prose", "other_language"})


if __name__ == "__main__":
    model_server.BAD = {**model_server.BAD, **MORE}  # type: ignore[misc]
    sys.exit(model_server.main())

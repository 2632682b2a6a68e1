"""The kinds of bad answers that no guardrail, and no reader, may let through."""

from typing import Final

from healthnotify.embedded.stand_in.spoils import BAD

MORE: Final = (
    "large",
    "control_characters",
    "no_object",
    "numbers",
    "content_filter",
    "spoken_refusal",
    "other_schema",
    "html",
    "html_text",
    "html_page",
    "tool_call",
)
#: Of an object between prose the words are as good as any.
REFUSED: Final = tuple(kind for kind in (*BAD, *MORE) if kind != "prose")

"""A request in either of OpenAI's two protocols, read: the brief, the schema, and what it costs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

PIECES: Final = re.compile(r"[^\W\d_]{1,6}|\d{1,3}|[^\w\s]|_")
AROUND: Final = 12  # tokens that the protocol itself takes
A_TOKEN: Final = 4  # characters, as OpenAI's limiter guesses before it has counted

RESPONSES: Final = "/v1/responses"
CHAT: Final = "/v1/chat/completions"
#: What may go wrong in a request that is not ours.
UNREADABLE: Final = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants."""

    path: str
    model: str
    brief: Mapping[str, Any]
    words: str  #: the brief as it came
    instructions: str
    schema: Mapping[str, Any] | None
    most: int | None  #: tokens that the answer may have
    thinks: bool

    @property
    def estimate(self) -> int:
        """Tokens that the limit is charged with: the greater of what may be written and a guess of what was sent."""
        sent = len(self.words) + len(self.instructions)
        return max(self.most or 0, sent // A_TOKEN, 1)

    @property
    def sent(self) -> int:
        """Tokens of the whole prompt."""
        schema = json.dumps(self.schema) if self.schema else ""
        return tokens(self.instructions) + tokens(self.words) + tokens(schema) + AROUND


@lru_cache(maxsize=1024)
def tokens(text: str) -> int:
    """About as many as a tokenizer would find: pieces of words, numbers and signs."""
    return len(PIECES.findall(text))


def read(path: str, body: Any) -> Asked:
    """Raises one of `UNREADABLE`."""
    instructions, words, form = _chat(body) if path == CHAT else _responses(body)
    most = body.get("max_output_tokens") or body.get("max_completion_tokens") or body.get("max_tokens")
    schema = form.get("schema")
    brief = json.loads(words)
    if not isinstance(brief, dict):
        raise TypeError("the input is no brief")
    return Asked(
        path=path,
        model=str(body.get("model", "")),
        brief=brief,
        words=words,
        instructions=instructions,
        schema=schema if isinstance(schema, dict) else None,
        most=int(most) if most else None,
        thinks="reasoning" in body or "reasoning_effort" in body,
    )


def _responses(body: Any) -> tuple[str, str, Mapping[str, Any]]:
    given = body["input"]
    turns = [{"role": "user", "content": given}] if isinstance(given, str) else given
    form = (body.get("text") or {}).get("format") or {}
    return f"{body.get('instructions') or ''}{_system(turns)}", _text(turns[-1]["content"]), form


def _chat(body: Any) -> tuple[str, str, Mapping[str, Any]]:
    turns = body["messages"]
    form = (body.get("response_format") or {}).get("json_schema") or {}
    return _system(turns), _text(turns[-1]["content"]), form


def _system(turns: Any) -> str:
    return "\n".join(_text(turn["content"]) for turn in turns[:-1])


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(str(part["text"]) for part in content)

"""What the model said, in the dress of either protocol, with its usage."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from time import time
from typing import Any, Final

from aiohttp import web

from healthnotify.embedded.stand_in.asked import CHAT, Asked, tokens

NAME: Final = "stand-in"
THOUGHT: Final = 64  # tokens of reasoning, for models that are asked to
CACHED_IN: Final = 128  # tokens: prompts are cached in pieces of this size
CACHED_FOR: Final = 300.0  # seconds

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Said:
    """The model's own text and how it ended."""

    text: str
    ended: str = "stop"  #: or: length, content_filter, tool_calls, refusal
    parts: tuple[str, ...] = ()  #: when it came in several
    page: str | None = None  #: HTML that stands in the place of the whole answer


@dataclass(slots=True)
class Cache:
    """The prompts that came lately: their beginnings are cheaper the next time."""

    least: int = 1024  #: tokens that a prompt needs
    _seen: "dict[str, float] | None" = None

    def cached(self, asked: Asked, now: float) -> int:
        """Tokens of this prompt that were read from the cache."""
        seen = self._seen = self._seen or {}
        before, seen[asked.instructions] = seen.get(asked.instructions), now
        whole = asked.sent >= self.least and before is not None and now - before < CACHED_FOR
        return tokens(asked.instructions) // CACHED_IN * CACHED_IN if whole else 0


def dressed(asked: Asked, said: Said, cached: int) -> dict[str, Any]:
    """The body of the answer."""
    written = tokens(said.text)
    thought = THOUGHT if asked.thinks else 0
    wrap = _chat if asked.path == CHAT else _responses
    return wrap(asked.model or NAME, said) | {"usage": _usage(asked, written + thought, thought, cached)}


def _usage(asked: Asked, written: int, thought: int, cached: int) -> dict[str, Any]:
    sent, ours = asked.sent, {"reasoning_tokens": thought}
    if asked.path == CHAT:
        names = ("prompt_tokens", "prompt_tokens_details", "completion_tokens", "completion_tokens_details")
    else:
        names = ("input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details")
    read = {"cached_tokens": cached, "cache_write_tokens": 0}
    return dict(zip(names, (sent, read, written, ours), strict=True)) | {"total_tokens": sent + written}


def _responses(model: str, said: Said) -> dict[str, Any]:
    number = next(_numbers)
    cut = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(said.ended)
    content: list[dict[str, Any]] = [
        {"type": "output_text", "text": part, "annotations": []} for part in said.parts or (said.text,)
    ]
    if said.ended == "refusal":
        content = [{"type": "refusal", "refusal": said.text}]
    item: dict[str, Any] = {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }
    if said.ended == "tool_calls":
        call = {"call_id": f"call_{number}", "name": "send_message", "arguments": said.text, "status": "completed"}
        item = {"id": f"fc_{number}", "type": "function_call"} | call
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": int(time()),
        "model": model,
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "output": [item],
        "parallel_tool_calls": False,
        "tool_choice": "none",
        "tools": [],
    }


def _chat(model: str, said: Said) -> dict[str, Any]:
    number = next(_numbers)
    refused, called = said.ended == "refusal", said.ended == "tool_calls"
    text: Any = [{"type": "text", "text": part} for part in said.parts] if said.parts else said.text
    message = {
        "role": "assistant",
        "content": None if refused or called else text,
        "refusal": said.text if refused else None,
    }
    if called:
        call = {"name": "send_message", "arguments": said.text}
        message["tool_calls"] = [{"id": f"call_{number}", "type": "function", "function": call}]
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "stop" if refused else said.ended,
                "logprobs": None,
            }
        ],
    }


def error(status: int, kind: str, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error as OpenAI words it."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return web.json_response(body, status=status, headers=headers)

"""What a model's server answers, read with our own schema: a draft, or the reason why there is none."""

from collections.abc import Callable
from json import JSONDecodeError, JSONDecoder
from typing import Final, TypeVar

import msgspec

from healthnotify.domain.guardrails import refuses
from healthnotify.domain.model import Draft
from healthnotify.pipeline.ports import NotWritten

#: What we ask the server to keep to, and what `_Wanted` then checks, whatever the server did.
SCHEMA: Final = {
    "type": "object",
    "properties": {"subject": {"type": "string"}, "text": {"type": "string"}},
    "required": ["subject", "text"],
    "additionalProperties": False,
}
LONGEST_BODY: Final = 64 * 1024  # bytes of one answer over HTTP, reasoning and all
LONGEST_ANSWER: Final = 8_000  # characters of the model's own text; ten times what a message may have


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    subject: str
    text: str


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    content: list[_Part] | None = None


class _Why(msgspec.Struct):
    reason: str | None = None


class _Responses(msgspec.Struct):
    output: list[_Item]
    status: str | None = "completed"
    incomplete_details: _Why | None = None


class _ChatMessage(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _ChatMessage
    finish_reason: str | None = None


class _Chat(msgspec.Struct):
    choices: list[_Choice]


CUT_SHORT: Final = {"max_output_tokens": "truncated", "length": "truncated", "content_filter": "content_filter"}


def from_responses(body: bytes) -> Draft:
    """The draft in an answer of `/responses`. Raises `NotWritten`."""
    answer = _read(body, _Responses)
    if answer.status == "failed":
        raise NotWritten("server_error")
    if answer.status == "incomplete":
        raise NotWritten(CUT_SHORT.get((answer.incomplete_details or _Why()).reason or "", "bad_answer"))
    parts = [part for item in answer.output if item.type == "message" for part in item.content or ()]
    if any(part.refusal for part in parts):
        raise NotWritten("refusal")
    return _draft("".join(part.text or "" for part in parts if part.type == "output_text"))


def from_chat(body: bytes) -> Draft:
    """The draft in an answer of `/chat/completions`. Raises `NotWritten`."""
    answer = _read(body, _Chat)
    if len(answer.choices) != 1:
        raise NotWritten("bad_answer")
    choice = answer.choices[0]
    if choice.finish_reason in CUT_SHORT:
        raise NotWritten(CUT_SHORT[choice.finish_reason])
    if choice.message.refusal:
        raise NotWritten("refusal")
    return _draft(choice.message.content or "")


Reader = Callable[[bytes], Draft]
Expected = TypeVar("Expected")


def _read(body: bytes, expected: type[Expected]) -> Expected:
    try:
        return msgspec.json.decode(body, type=expected)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotWritten("bad_answer") from None


def _draft(answer: str) -> Draft:
    """What the model wrote: our JSON object, alone, or the only one between prose and code fences."""
    if len(answer) > LONGEST_ANSWER:
        raise NotWritten("too_long")
    found = _objects(answer)
    if not found and refuses(answer):
        raise NotWritten("refusal")
    if len(found) != 1:
        raise NotWritten("bad_answer")
    try:
        wanted = msgspec.json.decode(found[0], type=_Wanted)
    except (msgspec.DecodeError, UnicodeError):
        raise NotWritten("bad_answer") from None
    return Draft(subject=wanted.subject.strip(), text=wanted.text.strip())


def _objects(answer: str) -> list[str]:
    """The JSON objects that stand in a text, outermost ones only. `{name}` in prose is none."""
    decoder = JSONDecoder()
    found: list[str] = []
    place = answer.find("{")
    while place >= 0:
        try:
            _, end = decoder.raw_decode(answer, place)
            found.append(answer[place:end])
        except (JSONDecodeError, RecursionError):
            end = place + 1
        place = answer.find("{", end)
    return found

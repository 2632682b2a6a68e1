"""JSON as RFC 8259 has it, and nothing that two readers could understand differently."""

import json
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import IO, Any, Final

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.utils.mediatypes import _MediaType

from healthnotify.apps.api.problems import Malformed, TooLarge
from healthnotify.domain.errors import BadInput, Rejected

BODY_LIMIT: Final = 64 * 1024  # bytes, where the view names no `body_limit`
DEEPEST: Final = 20
DIGITS: Final = 18  # of a whole number: what a bigint surely takes


class StrictJSON(BaseParser):
    """Answers the object in the body. A view may say `body_limit` in bytes."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Raises `TooLarge`, `Malformed` for what is no JSON, `Rejected` for JSON that nobody should send."""
        context = parser_context or {}
        _only_utf8(media_type or "")
        most = int(getattr(context.get("view"), "body_limit", BODY_LIMIT))
        raw = _read(stream, context.get("request"), most)
        return read_object(raw)


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in those bytes. Raises `Malformed` or `Rejected`."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raise Malformed("The body begins with a byte order mark. Leave it out.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise Malformed(f"The body is not UTF-8: see the byte at {problem.start}.") from None
    try:
        found = json.loads(
            text,
            object_pairs_hook=_once_each,
            parse_constant=_no_constant,
            parse_int=_whole_number,
            parse_float=_number,
        )
    except json.JSONDecodeError as problem:
        raise Malformed(f"The body is not JSON: line {problem.lineno}, column {problem.colno}.") from None
    except RecursionError:
        raise Malformed(f"The body is nested too deeply: at most {DEEPEST} levels.") from None
    if not isinstance(found, dict):
        raise BadInput("body", "it is not an object", "Give one JSON object, in braces")
    if problems := list(_unusable(found, "", 1)):
        raise Rejected(problems)
    return found


def _only_utf8(media_type: str) -> None:
    charset = _MediaType(media_type).params.get("charset", "utf-8")
    if charset.lower().strip('"') not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType(media_type, "JSON is UTF-8; leave the charset out.")


def _read(stream: IO[bytes], request: Any, most: int) -> bytes:
    """Not a byte more than is allowed, whatever Content-Length says."""
    announced = str(request.META.get("CONTENT_LENGTH", "")) if request is not None else ""
    if announced.isdigit() and int(announced) > most:
        raise TooLarge(most)
    raw = BytesIO()
    while chunk := stream.read(min(65536, most + 1 - raw.tell())):
        raw.write(chunk)
        if raw.tell() > most:
            raise TooLarge(most)
    return raw.getvalue()


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(twice[:64], "it is given twice in one object", "Give it once")
    return found


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} is not JSON. Give a number, or leave the field out.")


def _whole_number(digits: str) -> int:
    if len(digits.lstrip("-")) > DIGITS:
        raise BadInput("body", "it holds an absurdly large number", f"Give whole numbers of at most {DIGITS} digits")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if value in {float("inf"), float("-inf")}:
        raise BadInput("body", "it holds an absurdly large number", "Give a number below 1e308")
    return value


def _unusable(value: Any, place: str, depth: int) -> Iterator[BadInput]:
    """What JSON allows and PostgreSQL, or a reader, cannot hold: null characters, half characters, deep nesting."""
    if depth > DEEPEST:
        yield BadInput(place, "it is nested too deeply", f"Nest at most {DEEPEST} levels")
    elif isinstance(value, str):
        yield from _unusable_text(value, place)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _unusable_text(name, place or "body")
            yield from _unusable(inner, f"{place}.{name}" if place else name, depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unusable(inner, f"{place}.{number}", depth + 1)


def _unusable_text(text: str, place: str) -> Iterator[BadInput]:
    if "\0" in text:
        yield BadInput(place, "it holds a null character", "Take the null characters out")
    if not _is_unicode(text):
        yield BadInput(place, "it holds half a character", "Send surrogates in pairs, or the character itself")


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

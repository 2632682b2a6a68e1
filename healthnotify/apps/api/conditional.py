"""ETags, so that a change which was made upon an old reading is refused instead of undoing somebody else's."""

import hashlib
import json
import re
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from healthnotify.apps.api.problems import LostUpdate
from healthnotify.domain.errors import BadInput

TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def etag_of(representation: Any) -> str:
    """A strong ETag: the same for the same members and values, however they are ordered."""
    text = json.dumps(representation, cls=JSONEncoder, sort_keys=True, ensure_ascii=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def with_etag(response: Response) -> Response:
    """Put the ETag of what it holds on the answer; `ApiView` makes 304 of it where the caller knows it already."""
    response["ETag"] = etag_of(response.data)
    return response


def check_if_match(request: Request, representation: Any) -> None:
    """Compare `If-Match`, when given, with what there is now; call it in the transaction, after locking the row.

    Weak tags never match. Raises `LostUpdate`, `BadInput` for a malformed header.
    """
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return
    if etag_of(representation) not in _tags(given, "If-Match"):
        raise LostUpdate


def is_known(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names that tag; weak comparison, as RFC 9110 asks for here."""
    given = request.headers.get("If-None-Match", "")
    return given.strip() == "*" or etag in {tag.removeprefix("W/") for tag in TAG.findall(given)}


def _tags(given: str, header: str) -> list[str]:
    tags = [part.strip() for part in given.split(",")]
    if not all(TAG.fullmatch(tag) for tag in tags):
        raise BadInput(header, "it is not a list of entity tags", "Send the ETag as you received it, quotes included")
    return tags

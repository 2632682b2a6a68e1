"""Batches: a JSON object a line in, one a line out, in order; a bad line is answered and never stops the others."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from reprlib import repr as shortened
from typing import BinaryIO, Final

from healthnotify.domain.errors import BadInput

LONGEST_LINE: Final = 65_536  #: bytes; what keeps the memory of a batch bounded


def lines(source: str, option: str) -> Iterator[bytes]:
    """The lines of a file, or of standard input for `-`, as they come. Raises `BadInput` when they cannot be read.

    Of a line that is too long only the beginning is kept, which `answer` refuses: memory stays bounded. `option` is
    what the source was given as.
    """
    try:
        with _opened(source) as stream:
            while line := stream.readline(LONGEST_LINE + 1):
                rest = line
                while rest and not rest.endswith(b"\n"):
                    rest = stream.readline(LONGEST_LINE)
                yield line
    except OSError as problem:
        fix = "Give a file of JSON lines, or - for standard input"
        raise BadInput(option, f"{source} cannot be read ({problem.strerror})", fix) from None


def answer(
    line: bytes, fields: Sequence[str], deed: Callable[[dict[str, object]], dict[str, object]]
) -> dict[str, object]:
    """`{"id", …}` with what the deed makes of the object, or `{"id", "error"}`, where an unreadable id is None."""
    known: str | int | None = None
    try:
        asked = _question(line, fields)
        known = _identity(asked)
        _refuse_unknown(asked, fields)
        return {"id": known, **deed(asked)}
    except BadInput as problem:
        return {"id": known, "error": str(problem)}


def _question(line: bytes, fields: Sequence[str]) -> dict[str, object]:
    fix = f"Write one object a line, with {', '.join(fields)}"
    text = line.rstrip(b"\r\n")
    if len(text) > LONGEST_LINE:
        raise BadInput("line", f"it is longer than {LONGEST_LINE} bytes", fix)
    try:
        found = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise BadInput("line", f"it is not JSON in UTF-8 ({problem})", fix) from None
    if not isinstance(found, dict):
        raise BadInput("line", "it is not an object", fix)
    return found


def _identity(found: Mapping[str, object]) -> str | int:
    known = found.get("id")
    if isinstance(known, str | int) and not isinstance(known, bool):
        return known
    raise BadInput("id", "missing" if "id" not in found else "it is not usable", "Give a text or a whole number")


def _refuse_unknown(found: Mapping[str, object], fields: Sequence[str]) -> None:
    """A field that nobody reads is a slip of the pen, and not to be passed over."""
    if unknown := sorted(set(found) - set(fields)):
        raise BadInput(shortened(unknown[0]), "there is no such field", f"Use {', '.join(fields)}")


def _opened(source: str) -> BinaryIO:
    return open(0, "rb", closefd=False) if source == "-" else Path(source).open("rb")

"""The stand-in's log of requests: one JSON object a line, the body as it was received, to be read and searched."""

import json
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

KEPT_QUIET: Final = frozenset({"authorization"})
ESCAPED: Final = re.compile(r"\\+u([0-9a-fA-F]{4})")


class RequestLog:
    """Written as bytes, so that a body that is no UTF-8 keeps its bytes, too. Without a path it keeps nothing."""

    def __init__(self, path: Path | None = None) -> None:
        """Adds to what is there."""
        self.path = path
        self._file: BinaryIO | None = path.open("ab") if path else None

    def note(self, path: str, raw: bytes, answer: str, headers: Mapping[str, str], *, batch: str | None = None) -> None:
        """One request with what becomes of it; `batch` is of a line that came in a file."""
        if self._file is None:
            return
        seen = {name: text for name, text in headers.items() if name.lower() not in KEPT_QUIET}
        line: dict[str, Any] = {"path": path, "answer": answer, "at": time.time(), "headers": seen}
        line |= {"batch": batch} if batch else {}
        line["body"] = raw.decode("utf-8", "surrogateescape")
        self._file.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Safe to call twice."""
        if self._file:
            self._file.close()


def lines(path: Path) -> list[dict[str, Any]]:
    """Every request so far, in order; a line that is being written is left out."""
    written = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line.decode("utf-8", "surrogateescape")) for line in written]


def found(path: Path, words: Iterable[str]) -> list[str]:
    """Which of these words stand in any byte of any request: in its address, headers or body, escaped or not."""
    seen = {f"{line['path']} {line['headers']} {line['body']}" for line in lines(path)}
    hay = "\n".join(seen)
    hay = f"{hay}\n{ESCAPED.sub(lambda match: chr(int(match[1], 16)), hay)}".casefold()
    return [word for word in words if word.casefold() in hay]

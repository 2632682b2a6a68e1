"""Records and letters that end whoever touches them: what a defect in our own code would do, such as one in C.

The file beside the crash points' note names them, a line each: `decode TEXT` or `compose TEXT`; the process that reads
a record with that text in it, or composes a mail with that id, kills itself.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

FILE: Final = "deadly.txt"


def arm(note: Path) -> None:
    """Put the traps up in this process; `note` is where deaths at crash points are written down."""
    from healthnotify.adapters import suspects
    from healthnotify.adapters.channels import email

    names = note.with_name(FILE)
    suspects.decode = _trapped(suspects.decode, "decode", names, note, lambda value: value or b"")
    email.compose = _trapped(email.compose, "compose", names, note, lambda letter: str(letter.id).encode())


def _trapped(
    call: Callable[..., Any], kind: str, names: Path, note: Path, text_of: Callable[[Any], bytes]
) -> Callable[..., Any]:
    def trapped(first: Any, *args: Any, **named: Any) -> Any:
        text = text_of(first)
        if names.exists() and any(
            line.startswith(f"{kind} ") and line.partition(" ")[2].encode() in text
            for line in names.read_text().splitlines()
        ):
            with note.open("a") as sink:
                sink.write(f"{os.getpid()} {kind}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        return call(first, *args, **named)

    return trapped

"""What a test can know about processes that are not its children."""

import os
import select
from pathlib import Path

from healthnotify.embedded.process import is_alive


def has_ended(pid: int, seconds: float = 10) -> bool:
    """Whether the process ends within that time; the kernel tells the moment, nothing is polled."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


def marked(mark: str) -> dict[int, str]:
    """Running processes, with their command lines, that bear `mark`: in their environment, arguments or directory.

    The directory counts because PostgreSQL writes its titles over environment and arguments.
    """
    everyone = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    ours = {pid: _command(pid) for pid in everyone if mark in _traces(pid)}
    return {pid: command for pid, command in ours.items() if is_alive(pid)}


def _traces(pid: int) -> str:
    return "\0".join(_read(pid, name) for name in ("environ", "cmdline", "cwd"))


def _command(pid: int) -> str:
    return _read(pid, "cmdline").replace("\0", " ").strip()


def _read(pid: int, name: str) -> str:
    """Nothing when it is gone, or not ours to look at."""
    path = Path("/proc", str(pid), name)
    try:
        return str(path.readlink()) if name == "cwd" else path.read_text(errors="replace")
    except OSError:
        return ""

"""Ends with 0 when this container's process says on its own port that it makes progress: the HEALTHCHECK of the image.

Standard library only, and little of it, because it starts every ten seconds in every container.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path

FIRST_PROCESS = Path("/proc/1/cmdline")
PATIENCE = 4  # seconds; the health check itself has five


def port(of: Path = FIRST_PROCESS) -> int:
    """Where the process that the container was started for serves its health."""
    command = of.read_bytes().split(b"\0")
    name, default = ("HEALTH_PORT", "9400") if b"worker" in command else ("WEB_PORT", "8000")
    return int(os.environ.get(name) or default)


def main(of: Path = FIRST_PROCESS) -> int:
    """0 when it answers 200, else 1 and a line that `docker inspect` shows."""
    try:
        line = HTTPConnection("127.0.0.1", port(of), timeout=PATIENCE)
        line.request("GET", "/health/live")
        answer = line.getresponse()
        text = answer.read(200).decode(errors="replace")
    except (OSError, HTTPException) as problem:
        print(f"no answer: {problem}")
        return 1
    print(answer.status, text)
    return 0 if answer.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())

"""Which processes have said in their log that they run."""

import json

from healthnotify.embedded.process import Process


def started(program: Process) -> set[str]:
    """Names of the workers, or `web`, that this program is or has begun, and that take work by now."""
    lines = program.log.read_text(errors="replace").splitlines() if program.log else []
    said = (json.loads(line) for line in lines if line.startswith("{") and line.endswith("}"))
    return {one["worker"] for one in said if one.get("event") == "started"}

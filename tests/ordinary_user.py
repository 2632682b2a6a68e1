"""How a test that runs as root does something as an ordinary user."""

import os
import site
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.environment import ROOT

UID = 65534


def python(home: Path) -> tuple[str, dict[str, Any]]:
    """An interpreter that an ordinary user can run, and the arguments of `Popen` to become one who lives in `home`.

    Skips for a test run that is not root, and where neither our interpreter nor the system's can be read by others.
    """
    if os.geteuid() != 0:
        pytest.skip("the tests do not run as root, so all others show this already")
    os.chown(home, UID, UID)
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT), *site.getsitepackages()]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(home),
    }
    identity = {"user": UID, "group": UID, "extra_groups": [], "cwd": home, "env": environment}
    for program in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        if _works(program, identity):
            return program, identity
    pytest.skip("no interpreter with our packages that an ordinary user could read")


def _works(program: str, identity: dict[str, Any]) -> bool:
    trial = [program, "-c", "import psycopg, healthnotify.embedded.process"]
    try:
        return subprocess.run(trial, **identity, capture_output=True, check=False, timeout=30).returncode == 0
    except OSError:
        return False

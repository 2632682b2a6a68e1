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


def python(home: Path, *needed: str) -> tuple[list[str], dict[str, Any]]:
    """The command of an interpreter that can import what is `needed`, and how to call `Popen` so that it is nobody's.

    Ours, if others may read it; else the system's with our packages; else ours in a user namespace, where it has no
    rights but those of its files' owner. Skips for a test run that is not root, and where none of these works.
    """
    if os.geteuid() != 0:
        pytest.skip("the tests do not run as root, so all others show this already")
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONUSERBASE": str(_our_packages(home / ".python")),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(home),
    }
    options = {"cwd": home, "env": environment}
    nobody = options | {"user": UID, "group": UID, "extra_groups": []}
    for program in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        if _works([program], nobody, needed):
            for path in (home, *home.rglob("*")):
                os.chown(path, UID, UID)
            return [program], nobody
    namespaced = ["unshare", "--user", f"--map-user={UID}", f"--map-group={UID}", sys.executable]
    if _works(namespaced, options, needed):
        return namespaced, options
    pytest.skip("no interpreter with our packages that an ordinary user could read, and no user namespaces")


def _our_packages(folder: Path) -> Path:
    """A user's own packages that lead to ours."""
    packages = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "ours.pth").write_text("\n".join(site.getsitepackages()))
    return folder


def _works(command: list[str], options: dict[str, Any], needed: tuple[str, ...]) -> bool:
    trial = [*command, "-c", f"import {', '.join(needed)}"]
    try:
        return subprocess.run(trial, **options, capture_output=True, check=False, timeout=60).returncode == 0
    except OSError:
        return False

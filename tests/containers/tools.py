"""What the test needs on this machine: got by apt-get where that can be, else said in words."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: Program -> Debian's package.
PACKAGES: Final = {
    "dockerd": "docker.io",
    "docker-compose": "docker-compose",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
    "java": "default-jre-headless",
    "mvn": "maven",
}
OLDEST_GO: Final = (1, 24)  # what the mail inbox is written for; Debian 12 has an older one
NET_ADMIN: Final = 1 << 12
SYS_ADMIN: Final = 1 << 21
POLICY: Final = Path("/usr/sbin/policy-rc.d")  # asked by Debian's packages before they start something


def missing() -> str | None:
    """What keeps an engine of our own from running here and cannot be got, in words; None when nothing does."""
    if _capabilities() & (NET_ADMIN | SYS_ADMIN) != NET_ADMIN | SYS_ADMIN:
        return (
            "whoever starts an engine must be allowed to mount and to make networks, as root outside of a container is"
        )
    if _wanted() and shutil.which("apt-get") is None:
        return f"there is no {' and no '.join(_wanted())}, and no apt-get to install it"
    if _go() < OLDEST_GO:
        return f"there is no Go {'.'.join(map(str, OLDEST_GO))} or newer, which builds the mail inbox"
    return None


def install() -> None:
    """Get what `missing` says can be got. Raises when apt-get fails, so that nobody takes that for success."""
    if not (wanted := _wanted()):
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _nothing_started():
        for step in (["update"], ["install", "--yes", "--no-install-recommends", *wanted]):
            subprocess.run(["apt-get", "-qq", *step], env=quiet, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _nothing_started() -> Iterator[None]:
    """Debian's packages start what they bring: here a second engine, which would take the first one's rules away."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink()


def _wanted() -> list[str]:
    """The packages whose programs are not there."""
    return [package for program, package in PACKAGES.items() if shutil.which(program) is None]


def _capabilities() -> int:
    """What the kernel lets this process do, as bits; nothing where there is no such kernel."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)


def _go() -> tuple[int, ...]:
    """The version of the `go` on the PATH; (0,) where there is none."""
    if shutil.which("go") is None:
        return (0,)
    said = subprocess.run(["go", "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    return tuple(int(number) for number in found.groups()) if found else (0,)

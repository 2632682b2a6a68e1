"""Docker and Compose as a user calls them, in a fresh copy of the checkout."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from config.environment import ROOT, names
from healthnotify.embedded.process import free_port

PATIENCE: Final = 120  # seconds for what a container is to reach
PAUSE: Final = 0.5  # seconds between two looks
#: What a clone would not have.
NOT_CLONED: Final = (".git", ".venv", ".env", "secrets", "var", "__pycache__", "*_cache", ".cache", ".hypothesis")


class Failed(Exception):
    """What the system did is not what was promised; the message says it."""


class Stack:
    """The containers of one copy of the checkout, in the folder `place`."""

    def __init__(self, place: Path, docker: Mapping[str, str]) -> None:
        shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(*NOT_CLONED))
        self.place = place
        self.ports = {name: free_port() for name in ("WEB_PORT", "KAFKA_UI_PORT", "INBOX_PORT")}
        ours = {name: value for name, value in docker.items() if name not in names()}  # no key of the developer's
        published = {name: str(port) for name, port in self.ports.items()}
        self.environment = {**ours, **published, "COMPOSE_PROJECT_NAME": "healthnotify-test"}
        self._compose = (
            ["docker-compose"] if shutil.which("docker-compose", path=ours["PATH"]) else ["docker", "compose"]
        )

    def run(self, *command: str) -> str:
        """Run it in the copy; gives its output. Raises `Failed` with what it said when it fails."""
        ended = subprocess.run(
            command, cwd=self.place, env=self.environment, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            said = (ended.stdout + ended.stderr)[-4000:]
            raise Failed(f"{' '.join(command)} ended with code {ended.returncode}:\n{said}")
        return ended.stdout

    def compose(self, *arguments: str) -> str:
        """One of Compose's commands."""
        return self.run(*self._compose, *arguments)

    def manage(self, *arguments: str) -> str:
        """`docker-compose exec web python manage.py …`; -T because nobody sits at a terminal here."""
        return self.compose("exec", "-T", "web", "python", "manage.py", *arguments)

    def containers(self) -> dict[str, dict[str, Any]]:
        """What `docker inspect` knows of each, by its service."""
        found = json.loads(self.run("docker", "inspect", *self.compose("ps", "-a", "-q").split()))
        return {container["Config"]["Labels"]["com.docker.compose.service"]: container for container in found}

    def crash(self, *services: str) -> None:
        """End their processes as the kernel would: Docker was not asked, and so it has to bring them back itself."""
        for service in services:
            os.kill(self.containers()[service]["State"]["Pid"], signal.SIGKILL)

    def last_words(self) -> str:
        """What everybody logged at last."""
        return self.compose("logs", "--no-color", "--tail=25")

    def remove(self) -> None:
        """Containers, network and volumes."""
        with suppress(Failed):
            self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")

    def unwell(self) -> list[str]:
        """The services that are not what they should be, with what Docker says of them."""
        return [
            f"{service}: {state['Status']}, {state.get('Health', {}).get('Status', 'no health check')}"
            for service, state in ((service, container["State"]) for service, container in self.containers().items())
            if not (_has_ended_well(state) if service == "migrate" else _is_healthy(state))
        ]


def _is_healthy(state: Mapping[str, Any]) -> bool:
    return bool(state["Running"] and state.get("Health", {}).get("Status") == "healthy")


def _has_ended_well(state: Mapping[str, Any]) -> bool:
    return bool(state["Status"] == "exited" and state["ExitCode"] == 0)


def wait(what: str, reached: Callable[[], object], *, seconds: float = PATIENCE) -> Any:
    """Look until `reached` gives something; gives that. Raises `Failed` when the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := reached()):
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds:.0f} s")
        time.sleep(PAUSE)
    return found

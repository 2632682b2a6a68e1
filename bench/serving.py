"""Programs that a measurement needs, on the services of the stack, ended with it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from healthnotify import bootstrap
from healthnotify.apps.access import keys
from healthnotify.apps.access.scopes import FOR_KEYS
from healthnotify.embedded.process import Process, answers, free_port
from healthnotify.embedded.stack import Stack

MANAGE = [sys.executable, "manage.py"]


@contextmanager
def web(stack: Stack, files: Path) -> Iterator[str]:
    """The web process as it runs in production; answers its address."""
    port = free_port()
    server = stack.begin("web", [*MANAGE, "web"], files / "web.log", {"WEB_PORT": str(port)})
    yield from _until_left(server, port)


@contextmanager
def bare(stack: Stack, files: Path) -> Iterator[str]:
    """The bare views beside it, in a process of their own."""
    port = free_port()
    command = [sys.executable, "-m", "bench.bare", str(port)]
    yield from _until_left(stack.begin("bare views", command, files / "bare.log", {}), port)


@contextmanager
def workers(stack: Stack, files: Path) -> Iterator[None]:
    """All six workers."""
    running = stack.begin("workers", [*MANAGE, "worker", "all"], files / "workers.log", {})
    try:
        log = files / "workers.log"
        running.wait_until(lambda: log.exists() and log.read_text().count('"event":"started"') > 6, seconds=60)
        yield
    finally:
        running.stop(seconds=25)


def a_key() -> str:
    """An API key of every scope."""
    return keys.make("bench", FOR_KEYS, by="command:bench", at=bootstrap.now())[1]


def _until_left(server: Process, port: int) -> Iterator[str]:
    try:
        server.wait_until(lambda: answers(port), seconds=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()

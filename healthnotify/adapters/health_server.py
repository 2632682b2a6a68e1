"""A worker's own little web server: /health/live, /health/ready, /metrics.

In threads of their own, not on the worker's event loop: a loop that is blocked is just what it has to tell about.
"""

import json
import logging
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Final, Protocol

from healthnotify.adapters.metrics import TYPE
from healthnotify.domain.errors import Misconfigured

LOG: Final = logging.getLogger("healthnotify.health")
PATIENCE: Final = 5.0  # seconds for a request to be sent: this is no place to wait for slow strangers
JSON: Final = "application/json"


class Watched(Protocol):
    """What is told."""

    def live(self) -> tuple[bool, dict[str, Any]]:
        """Whether it is alive, and the same in words."""

    def ready(self, *, tell: bool) -> tuple[bool, dict[str, Any]]:
        """Whether all that is required answers, and the same by name."""

    def exposition(self) -> bytes:
        """Its metrics."""


class HealthServer(ThreadingTCPServer):
    """Bound when it is made; answers once it is started."""

    allow_reuse_address = True
    daemon_threads = True  # no request holds up the end of the process

    def __init__(self, host: str, port: int, watched: Watched) -> None:
        """Port 0 takes any free one. Raises `Misconfigured` when host or port cannot be had."""
        self.watched = watched
        try:
            self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            super().__init__((host, port), _Handler)
        except OSError as problem:
            raise _refusal(host, port, problem) from None
        self.port: int = self.server_address[1]

    def start(self) -> None:
        """Answer from now on, until the process ends or `close` is called."""
        threading.Thread(target=self.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asks may go away in the middle of the answer, and that is theirs; all else is a defect of ours."""
        problem = sys.exception()
        if not isinstance(problem, (ConnectionError, TimeoutError)):
            LOG.error("no answer: %s", type(problem).__name__)


class _Handler(BaseHTTPRequestHandler):
    server: HealthServer
    timeout = PATIENCE

    def do_GET(self) -> None:
        watched = self.server.watched
        path = self.path.partition("?")[0]
        if path == "/health/live":
            self._tell(*watched.live())
        elif path == "/health/ready":
            self._tell(*watched.ready(tell=True))
        elif path == "/metrics":
            self._answer(HTTPStatus.OK, watched.exposition(), TYPE)
        else:
            there = ["/health/live", "/health/ready", "/metrics"]
            self._answer(HTTPStatus.NOT_FOUND, json.dumps({"there is": there}).encode(), JSON)

    def version_string(self) -> str:
        """Not which Python this is."""
        return "healthnotify"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """A line a question would drown all others."""

    def _tell(self, good: bool, words: dict[str, Any]) -> None:  # noqa: FBT001 - a pair is unpacked into it
        self._answer(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, json.dumps(words).encode(), JSON)

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def _refusal(host: str, port: int, problem: OSError) -> Misconfigured:
    said = (problem.strerror or str(problem)).lower()
    if isinstance(problem, socket.gaierror) or "assign" in said:
        return Misconfigured("HEALTH_HOST", f"{host} is no address of this machine ({said})", "Name one, or 0.0.0.0")
    fix = "Give another port, or 0 for any free one"
    return Misconfigured("HEALTH_PORT", f"{host}:{port} cannot be listened on ({said})", fix)

"""`manage.py up` as a user types it: what it prints, what works then, and what is left when it has ended."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from config.environment import ROOT, names
from healthnotify.embedded.process import free_port
from tests.processes import marked

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


class Up:
    """One run, with its files in a place of its own."""

    def __init__(self, files: Path):
        self.port = free_port()
        clean = {name: text for name, text in os.environ.items() if name not in names()}
        given = {"TMPDIR": str(files.parent), "WEB_PORT": str(self.port), "HEALTH_PORT": "0"}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", f"--files={files}"],
            cwd=ROOT,
            env=clean | given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said = ""

    def wait(self):
        """Until it says that all of it is up."""
        deadline = time.monotonic() + 120
        while "All of it is up" not in self.said:
            assert time.monotonic() < deadline, self.said
            ready, _, _ = select.select([self.process.stdout], [], [], 1)
            if ready:
                chunk = os.read(self.process.stdout.fileno(), 65536)
                assert chunk, self.said
                self.said += chunk.decode()
        return self

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=60)
        self.said += rest.decode()
        return self.process.returncode

    def find(self, pattern):
        found = re.search(pattern, self.said)
        return found and found[1]

    def ask(self, method, path, body=None, **headers):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")


@pytest.fixture
def place():
    with tempfile.TemporaryDirectory(prefix="healthnotify-up-") as name:
        Path(name).chmod(0o711)  # root's PostgreSQL is not root, and passes through
        yield Path(name)


@pytest.fixture
def up(place):
    """Starts it; whatever becomes of the test, it is ended."""
    runs = []

    def start():
        runs.append(Up(place / "files"))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.end()


def test_from_nothing_to_a_message_in_the_inbox_and_again(place, up):
    first = up().wait()
    bearer = {"Authorization": f"Bearer {first.find(r'API key: +(hn_[^ ]+)')}"}
    where = _send_something(first, bearer)
    with urllib.request.urlopen(f"{first.find(r'Inbox: +(http[^ ]+/)')}messages", timeout=5) as answer:
        assert [one["subject"] for one in json.loads(answer.read())] == ["A walk"]
    person = {"username": "admin", "password": first.find(r"admin, password ([^ ]+)")}
    token = first.ask("POST", "/api/v1/tokens", person)
    assert first.ask("GET", "/api/v1/keys", Authorization=f"Bearer {token['access']}")["items"]
    assert first.end() == 0, first.said
    assert not marked(str(place))

    again = up().wait()
    assert again.find(r"(hn_|password )") is None, "secrets are shown once"
    assert again.ask("GET", where, **bearer)["state"] == "COMPLETED"
    assert again.end(signal.SIGTERM) == 0, again.said
    assert not marked(str(place))


def _send_something(up, bearer):
    """Where the notification can be read, once it is completed."""
    address = {"channel": "email", "address": "ben@example.org"}
    person = {"external_id": "first", "name": "Ben", "timezone": "Etc/UTC", "channels": [address]}
    user = up.ask("POST", "/api/v1/users", person, **bearer)
    wish = {"user_id": user["id"], "category": "service", "channel": "email", "subject": "A walk"}
    asked = up.ask("POST", "/api/v1/notifications", wish | {"text": "Ten minutes outside?"}, **bearer)
    where = f"/api/v1/notifications/{asked['id']}"
    deadline = time.monotonic() + 60
    while (state := up.ask("GET", where, **bearer)["state"]) != "COMPLETED":
        assert time.monotonic() < deadline, state
        select.select([], [], [], 0.1)
    return where


def test_a_port_that_is_taken_is_named_with_the_way_out(place, up):
    run = up()
    other = socket.socket()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    other.bind(("127.0.0.1", run.port))
    other.listen()
    said = run.process.communicate(timeout=120)[0].decode()
    other.close()

    assert run.process.returncode == 1
    assert "WEB_PORT" in said
    assert "All of it is up" not in said
    assert not marked(str(place))


def test_two_on_the_same_files_are_refused_and_the_first_goes_on(place, up):
    first = up().wait()
    second = up()
    said, _ = second.process.communicate(timeout=60)

    assert second.process.returncode == 1
    assert "another one runs on the files" in said.decode()
    assert first.ask("GET", "/health/ready")["ready"]
    assert first.end(signal.SIGTERM) == 0

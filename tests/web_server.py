"""The web server, really running: uvicorn in a thread, on the tests' database and with this test's installation."""

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import uvicorn

#: What requests write, beside what `committed` empties.
TABLES = "kept_answers, api_keys, operators, audit, axes_accessattempt"


class Served:
    """Where it listens, and a key with every scope."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self.key = key
        self.url = f"http://127.0.0.1:{port}"

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str):
        """One request on a connection of its own: status, headers, body."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method,
                path,
                body,
                {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | named,
            )
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@pytest.fixture
def served(committed, installation) -> Iterator[Served]:
    """Starts it; what it wrote is gone afterwards."""
    from django.db import connection

    from config.asgi import application
    from healthnotify.apps.access import keys
    from healthnotify.apps.access.scopes import FOR_KEYS

    key = keys.make("served", list(FOR_KEYS), by="command", at=installation.at)[1]
    connection.close()
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Served(listening.getsockname()[1], key)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit DISABLE TRIGGER USER")
            cursor.execute(f"TRUNCATE {TABLES} CASCADE")
            cursor.execute("ALTER TABLE audit ENABLE TRIGGER USER")
        connection.close()

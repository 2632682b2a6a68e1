"""One embedded PostgreSQL for the tests of a process, spawned when the first of them asks for a database.

pytest-django loads the settings before any conftest, so this is a plugin (`-p tests.postgres_fixture`): its import
writes POSTGRES_* into the environment, with a port that is reserved and a password that is already chosen. The server
itself comes with the first test that uses a database; a run of unit tests never pays for it. Where POSTGRES_HOST is
given, that server is used and none is started. Each worker of xdist has its own.
"""

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path

import pytest

from healthnotify.embedded.postgres import Postgres
from healthnotify.embedded.process import StartFailed

#: In the environment of a process whose POSTGRES_* are ours; a worker of xdist inherits it, and makes its own.
OURS = "HEALTHNOTIFY_TESTS_POSTGRES"


class LazyPostgres:
    """A server that is known, port and password, before it runs."""

    def __init__(self) -> None:
        self._server: Postgres | None = None
        self._is_running = False

    def announce(self) -> None:
        """Write where it will be into the environment, unless another one is given there."""
        if os.environ.get("POSTGRES_HOST") and OURS not in os.environ:
            return
        # Not below pytest's directories: those of root are closed to PostgreSQL, which is not root.
        directory = Path(tempfile.gettempdir(), f"healthnotify-tests-{secrets.token_hex(8)}")
        self._server = Postgres(directory, durable=False)
        os.environ.update(self._server.environment(), **{OURS: str(os.getpid())})

    def running(self) -> Postgres | None:
        """The server, ready; None where one is given."""
        if self._server and not self._is_running:
            try:
                self._server.launch()
                self._server.wait()
            except StartFailed as problem:
                pytest.exit(str(problem), returncode=1)  # else each of the tests would try again
            self._is_running = True
        return self._server

    def end(self) -> None:
        """Stop it and remove its files. Safe to call twice."""
        if self._server:
            self._server.stop()
            shutil.rmtree(self._server.directory, ignore_errors=True)
            self._server = None


_lazy = LazyPostgres()
_lazy.announce()
os.environ["DJANGO_SECRET_KEY"] = secrets.token_hex(25)  # read by the settings before any test could say it
atexit.register(_lazy.end)  # some ways out of pytest, such as --help, never come to pytest_unconfigure


def pytest_unconfigure() -> None:
    """After the last test, and after Ctrl-C."""
    _lazy.end()


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> None:
    """Whatever needs a database needs this one; a hook, because plugins cannot override each other's fixtures."""
    if fixturedef.argname == "django_db_setup":
        _lazy.running()


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """The tests' server, running; shared, so leave it running. Skips where POSTGRES_HOST names another one."""
    server = _lazy.running()
    if server is None:
        pytest.skip("POSTGRES_HOST is given, so there is no server of ours to look at")
    return server

"""An embedded Valkey for the tests: one server a test process, or one of its own for a test that breaks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from healthnotify.embedded.valkey import Valkey


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Shared: leave it running, and expect what earlier tests have left in it."""
    yield from _running(tmp_path_factory.mktemp("valkey"))


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """For one test, which may kill, flush and restart it."""
    yield from _running(tmp_path / "valkey")


def _running(data: Path) -> Iterator[Valkey]:
    server = Valkey(data)
    try:
        yield server.wait()
    finally:
        server.stop()

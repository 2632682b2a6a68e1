"""The store, twice: in memory, and on PostgreSQL."""

import pytest

from healthnotify.adapters.memory.store import MemoryStore
from tests.postgres_store import TestedPostgres


@pytest.fixture(params=["memory", "postgresql"])
def store(request):
    """A store without people."""
    if request.param == "memory":
        return MemoryStore()
    request.getfixturevalue("db")
    return TestedPostgres()

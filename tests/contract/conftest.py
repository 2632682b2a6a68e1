"""The store, twice: in memory, and on PostgreSQL."""

import pytest

from tests.memory_store import TestedMemory
from tests.postgres_store import TestedPostgres


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.django_db)])
def store(request):
    """A store without people."""
    if request.param == "memory":
        return TestedMemory()
    return TestedPostgres()

"""For all tests: no setting of the developer's gets in, and the services of a run are started once."""

import pytest

from config.environment import names
from tests.postgres_store import TestedPostgres

pytest_plugins = ["tests.kafka_fixture", "tests.valkey_fixture"]


@pytest.fixture(autouse=True)
def _nothing_of_the_developers(monkeypatch):
    """Only PostgreSQL's address stays: it is the tests' own server."""
    for name in names():
        if not name.startswith("POSTGRES_"):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    """A store whose rows other threads see; afterwards the tables are emptied, past the rule that forbids it."""
    from django.db import connection

    with django_db_blocker.unblock():
        yield TestedPostgres()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE moves DISABLE TRIGGER USER")
            cursor.execute("TRUNCATE users, notifications, moves, dead_letters CASCADE")
            cursor.execute("ALTER TABLE moves ENABLE TRIGGER USER")
        connection.close()

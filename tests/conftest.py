"""For all tests: no setting of the developer's gets in, and the services of a run are started once."""

import signal

import pytest

from config.environment import names
from tests.builders import NOON
from tests.postgres_store import TestedPostgres

pytest_plugins = [
    "tests.admin_client",
    "tests.api_client",
    "tests.kafka_fixture",
    "tests.valkey_fixture",
    "tests.web_server",
]


signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under `nohup` it is ignored, and so it would be in all that tests start


@pytest.fixture(autouse=True)
def _nothing_of_the_developers(monkeypatch):
    """Only PostgreSQL's address stays: it is the tests' own server."""
    for name in names():
        if not name.startswith("POSTGRES_"):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker):
    """The tests' database, also where no test is marked: pytest-django's own looks for the marks of those that run."""
    from django.test.utils import setup_databases, teardown_databases

    from healthnotify.apps.notifications.store import months

    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        months.make(months.wanted(NOON))  # not in each test
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    """A store whose rows other threads see; afterwards the tables are emptied, past the rule that forbids it."""
    from django.db import connection

    with django_db_blocker.unblock():
        yield TestedPostgres()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE moves DISABLE TRIGGER USER; ALTER TABLE audit DISABLE TRIGGER USER")
            cursor.execute("TRUNCATE users, notifications, moves, dead_letters, intake_marks, holds CASCADE")
            cursor.execute("TRUNCATE operators, api_keys, kept_answers, audit, axes_accessattempt CASCADE")
            cursor.execute("ALTER TABLE moves ENABLE TRIGGER USER; ALTER TABLE audit ENABLE TRIGGER USER")
        connection.close()

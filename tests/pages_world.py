"""For tests of the operators' pages: who looks, and notifications in every state to look at."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client

from healthnotify.apps.access.models import Operator
from healthnotify.apps.access.scopes import Role
from healthnotify.apps.operations.board import Board
from healthnotify.apps.operations.live import Live
from healthnotify.apps.operations.pages import dashboard
from tests.every_kind import every_kind
from tests.postgres_store import TestedPostgres
from tests.store_steps import LATER

pytest_plugins = ["tests.api_client"]


@pytest.fixture(autouse=True)
def _figures_of_its_own(monkeypatch):
    """No test sees what another one has read."""
    monkeypatch.setattr(dashboard, "LIVE", Live(Board()))


@pytest.fixture
def looking(db, installation) -> Callable[[Role], Client]:
    """Logs in somebody with that role, at `LATER`."""
    installation.at = LATER

    def log_in(role: Role) -> Client:
        client = Client()
        client.force_login(
            Operator.objects.filter(username=role).first() or Operator.objects.create_user(role, "a password", role)
        )
        return client

    return log_in


@pytest.fixture
def some(db, installation) -> SimpleNamespace:
    """A notification of each kind, by what became of it."""
    return every_kind(TestedPostgres())

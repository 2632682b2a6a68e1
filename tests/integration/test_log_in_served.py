"""The lock-out as the real server answers it, for tokens and on the page: its middleware runs asynchronously there."""

import json
import re
from urllib.parse import urlencode

import pytest

from healthnotify.apps.access import operators
from tests.web_server import Served

PASSWORD = "correct horse battery"
LOGIN = "/operations/login/"


@pytest.fixture
def server(served, installation) -> Served:
    operators.make("ada", "administrator", PASSWORD, by="command", at=installation.at)
    return served


def token(server, password, address="192.0.2.1"):
    asked = json.dumps({"username": "ada", "password": password}).encode()
    return server.call("POST", "/api/v1/tokens", asked, X_Forwarded_For=address)


def page(server, password, address="192.0.2.1"):
    """As a browser does: the form first, with its token."""
    _, headers, form = server.call("GET", LOGIN, X_Forwarded_For=address)
    cookie = headers["Set-Cookie"].partition(";")[0]
    hidden = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.decode())[1]
    filled = urlencode({"username": "ada", "password": password, "csrfmiddlewaretoken": hidden}).encode()
    kind = "application/x-www-form-urlencoded"
    return server.call("POST", LOGIN, filled, X_Forwarded_For=address, Cookie=cookie, Content_Type=kind)


def test_tokens_and_the_page_lock_out_together_with_429_and_for_how_long(server):
    assert [token(server, "wrong")[0] for _ in range(3)] == [401] * 3
    assert page(server, "wrong")[0] == 200
    assert page(server, "wrong")[0] == 429

    for status, headers, _ in (token(server, PASSWORD), page(server, PASSWORD)):
        assert status == 429
        assert 800 <= int(headers["Retry-After"]) <= 900
    assert token(server, PASSWORD, address="192.0.2.2")[0] == 200


def test_the_page_lets_the_right_password_in(server):
    status, headers, _ = page(server, PASSWORD)
    session = headers["Set-Cookie"]

    assert (status, headers["Location"]) == (302, "/operations/")
    assert "HttpOnly" in session
    assert "SameSite=Lax" in session

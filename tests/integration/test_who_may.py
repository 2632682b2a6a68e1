"""The table of routes, walked: every address and method with every kind of caller gets what the table says."""

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse
from django.urls.resolvers import RegexPattern
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from healthnotify.apps.access import keys, operators, routes, tokens
from healthnotify.apps.access.models import ApiKey
from healthnotify.apps.access.scopes import FOR_KEYS, SCOPES, Role, Scope
from tests.builders import a_person, staged
from tests.postgres_store import TestedPostgres

pytestmark = pytest.mark.django_db

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PASSWORD = "correct horse battery"
READING = (Scope.USERS_READ, Scope.NOTIFICATIONS_READ)


@dataclass(frozen=True)
class Route:
    name: str
    pattern: object
    view: object

    @property
    def handlers(self):
        return {method for method in METHODS if hasattr(self.view.cls, method.lower())} - {"HEAD"}

    def address(self, known):
        converters = self.pattern.pattern.converters
        return reverse(self.name, kwargs={name: known.get(name, uuid4()) for name in converters})


def walked(resolver=None, space=""):
    """Every named address of the web process."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from walked(pattern, space + (f"{pattern.namespace}:" if pattern.namespace else ""))
        else:
            yield Route(f"{space}{pattern.name}", pattern, pattern.callback)


def api_routes():
    return [one for one in walked() if one.name.startswith("api:") and hasattr(one.view, "cls")]


def pages():
    return [one for one in walked() if one.name.startswith("operations:")]


@pytest.fixture
def known(installation):
    """Things that exist, for the parameters of addresses."""
    (entry,) = staged(TestedPostgres(), [a_person()], at=installation.at)
    key, _ = keys.make("to be revoked", FOR_KEYS, by="command", at=installation.at)
    ids = {"user_id": entry.user_id, "notification_id": entry.id, "key_id": key.id}
    return {**ids, "code": "walk_more", "category": "nudge", "channel": "email"}


def operator(role, installation):
    return operators.make(f"{role}-{uuid4().hex[:6]}", role, PASSWORD, by="command", at=installation.at)[0]


def asked(route, method, known, authorization=None):
    client = APIClient(raise_request_exception=False)
    if authorization is not None:
        client.credentials(HTTP_AUTHORIZATION=authorization)
    return client.generic(method, route.address(known), "{}", content_type="application/json").status_code


def bearer(text):
    return f"Bearer {text}"


def forged(payload, **change):
    """A token as ours, but for what is changed."""
    options = {
        "key": "another key that is long enough for every algorithm that is tried",
        "algorithm": "HS256",
    } | change
    return bearer(jwt.encode(payload, **options))


@pytest.fixture
def strangers(installation):
    """Headers that let nobody in."""
    at = installation.at
    _, expired = keys.make("expired", FOR_KEYS, by="command", at=at, expires_at=at + timedelta(seconds=1))
    gone, revoked = keys.make("revoked", FOR_KEYS, by="command", at=at)
    keys.revoke(gone.id, by="command", at=at)
    installation.later(timedelta(minutes=1))
    _, whole = keys.make("whole", FOR_KEYS, by="command", at=at)

    ada = operator("administrator", installation)
    pair = tokens.hand_out(ada)
    payload = AccessToken(pair.access).payload
    late = AccessToken(pair.access)
    late.set_exp(lifetime=timedelta(seconds=-1))
    elsewhere = AccessToken(pair.access)
    elsewhere["user_id"] = "0"
    blacklisted = tokens.hand_out(ada).refresh
    tokens.take_back(blacklisted)
    left = operator("administrator", installation)
    lefts = tokens.hand_out(left).access
    operators.deactivate(left.username, by="command", at=at)
    head, body, signature = pair.access.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    raised = base64.urlsafe_b64encode(json.dumps({**payload, "user_id": "1"}).encode()).decode().rstrip("=")

    return {
        "nothing": None,
        "an empty header": "",
        "another scheme": f"Basic {base64.b64encode(b'ada:' + PASSWORD.encode()).decode()}",
        "a key without its scheme": whole,
        "a malformed key": bearer("hn_nonsense"),
        "a key cut short": bearer(whole[:-1]),
        "a key with another secret": bearer(whole[:16] + "A" * 43),
        "an expired key": bearer(expired),
        "a revoked key": bearer(revoked),
        "a token that is none": bearer("eyJ.eyJ.x"),
        "two tokens": bearer(f"{pair.access} {pair.access}"),
        "an expired token": bearer(late),
        "a token of nobody": bearer(elsewhere),
        "a token of somebody who has left": bearer(lefts),
        "a token without a signature": bearer(f"{none}.{body}."),
        "a token with a foreign signature": forged(payload),
        "a token with another algorithm": forged(payload, algorithm="HS512"),
        "a token with another body": bearer(f"{head}.{raised}.{signature}"),
        "a refresh token": bearer(pair.refresh),
        "a blacklisted refresh token": bearer(blacklisted),
    }


def test_every_address_is_in_the_table_and_the_table_has_no_others():
    named = {one.name for one in walked() if not one.name.startswith("admin:")}

    assert {name for name in named if not routes.methods(name)} - {"api:None"} == set()
    assert set(routes.ROUTES) - named - {"admin:*"} == set()


def test_the_table_has_every_method_of_the_api_and_no_others():
    there = {one.name: one.handlers for one in api_routes()}

    assert there == {name: set(routes.ROUTES[name]) for name in there}


@pytest.mark.parametrize("method", METHODS)
def test_nobody_gets_in_with_what_lets_nobody_in(method, strangers, known):
    """Except where everybody may."""
    counted = "GET" if method == "HEAD" else method
    theirs = {"nothing": None} if method == "HEAD" else strangers
    got = {
        (route.name, who): asked(route, method, known, header)
        for route in api_routes()
        if counted in routes.ROUTES[route.name]
        for who, header in theirs.items()
    }
    wrong = {
        (name, who): status
        for (name, who), status in got.items()
        if (status in {401, 403, 500} if routes.is_open(method, name) else status != 401)
    }

    assert wrong == {}
    assert got


def test_a_key_without_the_scope_is_refused_and_one_with_it_alone_is_not(installation, known):
    for route in api_routes():
        for method, scope in routes.ROUTES[route.name].items():
            if scope not in FOR_KEYS:
                continue
            others = [other for other in FOR_KEYS if other is not scope]
            _, without = keys.make("without", others, by="command", at=installation.at)
            _, alone = keys.make("alone", [scope], by="command", at=installation.at)

            assert asked(route, method, known, bearer(without)) == 403, (route.name, method)
            assert asked(route, method, known, bearer(alone)) not in {401, 403, 500}, (route.name, method)


def test_no_key_administers(installation, known):
    _, all_of_them = keys.make("all", FOR_KEYS, by="command", at=installation.at)
    got = {
        (route.name, method): asked(route, method, known, bearer(all_of_them))
        for route in api_routes()
        for method, scope in routes.ROUTES[route.name].items()
        if scope is Scope.ADMINISTER
    }

    assert set(got.values()) == {403}
    assert len(got) == 4


@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_its_scopes_say(role, installation, known):
    header = bearer(tokens.hand_out(operator(role, installation)).access)
    for route in api_routes():
        for method, scope in routes.ROUTES[route.name].items():
            status = asked(route, method, known, header)
            may = scope is None or scope in SCOPES[role]
            assert (status == 403) is not may, (route.name, method, status)
            if scope is not None:
                assert status not in {401, 500}, (route.name, method, status)


def test_a_method_that_a_route_has_not_is_said_not_to_be_there(installation, known):
    _, key = keys.make("all", FOR_KEYS, by="command", at=installation.at)
    got = {
        (route.name, method): asked(route, method, known, bearer(key))
        for route in api_routes()
        for method in METHODS
        if method not in routes.ROUTES[route.name] and not (method == "HEAD" and "GET" in routes.ROUTES[route.name])
    }

    assert set(got.values()) == {405}


def test_what_is_not_in_the_table_is_refused(installation, known, monkeypatch):
    header = bearer(tokens.hand_out(operator("administrator", installation)).access)
    emptied = {name: {} for name in routes.ROUTES}
    route = next(one for one in api_routes() if one.name == "api:keys")
    assert asked(route, "GET", known, header) == 200

    monkeypatch.setattr(routes, "ROUTES", emptied)
    assert asked(route, "GET", known, header) == 403
    assert asked(route, "POST", known, header) == 403


def everything():
    """All rows of all tables, but for when a key was last used."""
    rows = {}
    for model in apps.get_models():
        if model._meta.managed and model._meta.app_label not in {"sessions", "contenttypes", "auth"}:
            rows[model._meta.db_table] = sorted(map(str, model.objects.order_by().values()))
    rows["api_keys"] = sorted(map(str, ApiKey.objects.values_list("id", "revoked_at", "scopes", "digest")))
    return rows


def test_with_a_key_that_reads_nothing_changes(installation, known):
    _, key = keys.make("reads", READING, by="command", at=installation.at)
    before = everything()
    got = {
        (route.name, method): asked(route, method, known, bearer(key))
        for route in api_routes()
        for method in METHODS
        if not routes.is_open(method, route.name)
    }

    assert everything() == before
    assert not {case for case, status in got.items() if case[1] not in {"GET", "HEAD"} and status not in {403, 405}}


# pages


def visited(route, method, known, *, who=None, **headers):
    client = Client(raise_request_exception=False)
    if who:
        client.force_login(who)
    return client.generic(method, route.address(known), **headers)


def is_sent_to_log_in(answer):
    return answer.status_code == 302 and answer["Location"].startswith("/operations/login/")


@pytest.mark.parametrize("route", [None, "a key", "an access token"])
def test_pages_send_strangers_to_log_in(route, installation, known):
    ada = operator("administrator", installation)
    headers = {
        None: {},
        "a key": {"HTTP_AUTHORIZATION": bearer(keys.make("k", FOR_KEYS, by="command", at=installation.at)[1])},
        "an access token": {"HTTP_AUTHORIZATION": bearer(tokens.hand_out(ada).access)},
    }[route]
    for page in pages():
        for method, scope in routes.ROUTES[page.name].items():
            answer = visited(page, method, known, **headers)
            assert is_sent_to_log_in(answer) is (scope is not None), (page.name, method, answer.status_code)


@pytest.mark.parametrize("role", Role)
def test_pages_let_a_role_do_what_its_scopes_say(role, installation, known):
    who = operator(role, installation)
    for page in pages():
        for method, scope in routes.ROUTES[page.name].items():
            answer = visited(page, method, known, who=who)
            may = scope is None or scope in SCOPES[role]
            assert (answer.status_code == 403) is not may, (page.name, method, answer.status_code)
            assert answer.status_code < 500, (page.name, method)


def test_pages_refuse_a_change_that_comes_from_elsewhere(installation, known):
    ada = operator("administrator", installation)
    for page in pages():
        if "POST" in routes.ROUTES[page.name]:
            client = Client(enforce_csrf_checks=True)
            client.force_login(ada)
            assert client.post(page.address(known)).status_code == 403, page.name


def test_the_admin_shows_nothing_to_strangers(known):
    got = {}
    for page in walked():
        if page.name.startswith("admin:") and page.pattern.name:
            asks = page.pattern.pattern
            parameters = asks.regex.groupindex if isinstance(asks, RegexPattern) else asks.converters
            address = reverse(page.name, kwargs={name: {"app_label": "users"}.get(name, "1") for name in parameters})
            got[page.name] = Client(raise_request_exception=False).get(address).status_code

    assert {name: status for name, status in got.items() if status not in {302, 403, 404, 405}} == {}
    assert len(got) > 10


def test_a_session_opens_no_api(installation):
    client = Client()
    client.force_login(operator("administrator", installation))

    assert client.get("/api/v1/keys").status_code == 401


def test_the_tokens_of_the_walk_are_good_but_for_what_is_wrong_with_them(installation):
    """Else all of them would be refused for one reason, and the walk would prove nothing."""
    ada = operator("administrator", installation)
    route = next(one for one in api_routes() if one.name == "api:keys")
    for text in (tokens.hand_out(ada).access, str(RefreshToken.for_user(ada).access_token)):
        assert asked(route, "GET", {}, bearer(text)) == 200

"""Every route, every kind of bad input: a problem that names the field, never a defect, and nothing is changed."""

import copy
import json

import pytest
from django.db import connection

from healthnotify.apps.access import tokens
from healthnotify.apps.access.models import Operator
from healthnotify.apps.access.scopes import Role
from tests.api_client import calling
from tests.api_walk import VARIABLES, Walk, examples, operations

#: Whose rows show that something was changed.
TABLES = ["users", "addresses", "goals", "preferences", "data_keys"]
TABLES += ["notifications", "moves", "dead_letters", "api_keys", "kept_answers"]
INJECTIONS = [
    "'; DROP TABLE users; --",
    "' OR '1'='1",
    "$(id) `id`",
    "{{7777*7777}} {% debug %} ${7777*7777}",
    "%(name)s %s %n {0.__class__} {name.__class__}",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
]
HEADERS = "Anna\r\nBcc: everybody@example.org"
#: Fields of more than one line; a token or a password is not told from a wrong one.
PROSE = {"text", "notes", "username", "password", "refresh"}
BODIES = [
    (b"{", 400),
    (b'{"a": "\xc3\x28"}', 400),
    (b"\xef\xbb\xbf{}", 400),
    (b'{"a": NaN}', 400),
    (b"[]", 422),
    (b'"text"', 422),
    (b'{"a": 1, "a": 2}', 422),
    (b'{"a": ' + b"9" * 400 + b"}", 422),
    (b'{"unknown": 1}', 422),
    (b'{"__proto__": {}, "constructor": {}}', 422),
    (b"[" * 60_000, 400),
    (b'{"a": "' + b"x" * 3_000_000 + b'"}', 413),
]
IN_PATHS = [
    "%00",
    "%FF",
    "'%20OR%201=1",
    "{{7*7}}",
    "%2e%2e",
    "x" * 2000,
    "0",
    "-1",
    "00000000-0000-0000-0000-000000000000",
]


@pytest.fixture
def walk(db, installation):
    """An administrator in a world in which one of everything exists."""
    operator = Operator.objects.create_user("admin", "the one that was shown", Role.ADMINISTRATOR)
    walk = Walk(calling(tokens.hand_out(operator).access))
    for operation in operations():
        if operation[0] == "POST" and "{" not in operation[1]:
            assert walk.attempt(*operation) == []
    return walk


def state():
    """What the tables hold."""
    with connection.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t")
            found[table] = cursor.fetchone()[0]
        return found


def with_bodies():
    """Operations that take one, with an example of it."""
    for method, path, operation in operations():
        shown = examples(operation.get("requestBody", {}).get("content", {}))
        if shown:
            yield method, path, shown[0][1]


def leaves(value, place=()):
    """Where each plain value of a body stands."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*place, name))
    else:
        yield place


def spoilt(body, place, value):
    """The body with another value at that place."""
    changed = copy.deepcopy(body)
    within = changed
    for name in place[:-1]:
        within = within[name]
    within[place[-1]] = value
    return changed


def is_problem(answer):
    """Whether it is a refusal in the form that is promised."""
    return 400 <= answer.status_code < 500 and answer["Content-Type"] == "application/problem+json"


def blamed(answer):
    """The fields that an answer names; one in bulk names them for each line."""
    told = answer.json()
    lines = [(f"users.{line['line'] - 1}.", line) for line in told.get("results", []) if "line" in line]
    return [start + error["field"] for start, each in [*lines, ("", told)] for error in each.get("errors", [])]


def send(walk, method, path, body):
    """A body in place of the example."""
    return walk.caller.generic(method, walk.filled(path), walk.replaced(json.dumps(body)), "application/json")


def test_a_body_that_nobody_should_send_is_refused_by_every_route(walk, installation):
    before, wrong = state(), []
    for method, path, body in with_bodies():
        for raw, status in BODIES:
            answer = walk.caller.generic(method, walk.filled(path), raw, "application/json")
            if not (is_problem(answer) and answer.status_code == status):
                wrong.append((method, path, raw[:40], answer.status_code, answer.content[:300]))
        for media_type in ("text/plain", "application/xml", "multipart/form-data; boundary=x", ""):
            answer = walk.caller.generic(method, walk.filled(path), json.dumps(body), media_type)
            if not (is_problem(answer) and answer.status_code == 415):
                wrong.append((method, path, media_type, answer.status_code))
    assert (wrong, installation.log.defects) == ([], [])
    assert state() == before


def test_a_value_of_the_wrong_kind_is_refused_by_the_name_of_its_field(walk, installation):
    before, wrong = state(), []
    for method, path, body in with_bodies():
        for place in leaves(body):
            field = ".".join(str(name) for name in place)
            for value in ({"a": 1}, [["b"]], "nul\0", "half \ud800", -(10**15), 1e300):
                answer = send(walk, method, path, spoilt(body, place, value))
                told = blamed(answer) if answer.status_code in {200, 422} else []
                if not any(one == field or one.startswith(f"{field}.") for one in told):
                    wrong.append((method, path, field, value, answer.status_code, told))
    assert (wrong, installation.log.defects) == ([], [])
    assert state() == before


def test_no_line_smuggles_in_another(walk, installation):
    before, wrong = state(), []
    for method, path, body in with_bodies():
        for place in leaves(body):
            if place[-1] in PROSE:
                continue
            answer = send(walk, method, path, spoilt(body, place, HEADERS))
            if answer.status_code >= 500 or not blamed(answer):
                wrong.append((method, path, place, answer.status_code, answer.content))
    assert (wrong, installation.log.defects) == ([], [])
    assert state() == before


def test_no_text_is_ever_run(walk, installation):
    """It is kept as it is or refused: the answers of those that take it show it unchanged."""
    wrong = []
    for method, path, body in with_bodies():
        for place in leaves(body):
            for text in INJECTIONS:
                answer = send(walk, method, path, spoilt(body, place, text))
                if not (answer.status_code < 300 or is_problem(answer)) or b"60481729" in answer.content:
                    wrong.append((method, path, place, text, answer.status_code, answer.content))
    assert (wrong, installation.log.defects) == ([], [])


def test_no_path_and_no_query_breaks_a_route(walk, installation):
    before, wrong = state(), []
    for method, path, operation in operations():
        variables = [name for name in VARIABLES if "{" + name + "}" in path]
        paths = [walk.filled(path.replace("{" + name + "}", bad)) for name in variables for bad in IN_PATHS if bad]
        answers = [(one, walk.caller.generic(method, one)) for one in paths]
        queries = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
        bad_ones = [f"{name}={bad}" for name in queries for bad in ("%00", "%FF", "{{7*7}}%00", "x" * 3000, "1&x=1")]
        bad_ones += [f"{name}=1&{name}=1" for name in queries] + ["unknown=1", "%00=1", "%FF"]
        answers += [(one, walk.caller.generic(method, f"{walk.filled(path)}?{one}")) for one in bad_ones]
        wrong += [(method, path, one[:60], a.status_code, a.content[:200]) for one, a in answers if not is_problem(a)]
    assert (wrong, installation.log.defects) == ([], [])
    assert state() == before

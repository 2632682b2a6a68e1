"""The API's description: complete, valid, true where it gives examples, and readable without the internet."""

import json
import re

import pytest
from django.core.management import call_command
from django.urls import reverse

from healthnotify.apps.access import routes
from healthnotify.apps.api import schema
from healthnotify.apps.api.problems import MEDIA_TYPE
from healthnotify.apps.api.urls import routes_of_parts


@pytest.fixture(scope="module")
def described():
    """The description, as a machine reads it."""
    return json.loads(schema.as_json())


def operations(described):
    """Every operation with its method and path."""
    return [
        (method.upper(), path, operation)
        for path, found in described["paths"].items()
        for method, operation in found.items()
    ]


def test_the_description_is_valid_and_nothing_of_it_is_guessed(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))


def test_it_is_openapi_3_1_with_a_guide_that_names_every_first_step(described):
    assert described["openapi"] == "3.1.0"
    guide = described["info"]["description"]
    for word in ("make up", "/tokens", "/keys", "/users", "Idempotency-Key", "If-Match", "RateLimit-Reset", "RFC 9457"):
        assert word in guide


def test_every_route_of_the_table_is_described_and_no_other(described):
    found = {str(route.name): route.pattern._route for route in routes_of_parts()}
    paths = {name: "/api/v1/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", pattern) for name, pattern in found.items()}
    pages = {"schema", "docs"}
    table = {
        (method, paths[name.removeprefix("api:")])
        for name, methods in routes.ROUTES.items()
        if name.startswith("api:") and name.removeprefix("api:") not in pages
        for method in methods
    }
    assert {(method, path) for method, path, _ in operations(described)} == table


def test_every_operation_stands_in_a_chapter_that_is_explained(described):
    explained = {tag["name"] for tag in described["tags"]}
    assert {tag for _, _, operation in operations(described) for tag in operation["tags"]} == explained


def test_every_operation_has_words_an_example_and_its_problems(described):
    poor = []
    for method, path, operation in operations(described):
        answers = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        shown = [content for answer in answers.values() for content in answer.get("content", {}).values()]
        asked = operation.get("requestBody", {}).get("content", {})
        complete = (
            operation.get("summary")
            and operation.get("description")
            and (not shown or any(content.get("examples") for content in shown))
            and all(content.get("examples") for content in asked.values())
            and set(asked) <= {"application/json"}
            and {"401", "422", "429", "503"} <= set(operation["responses"])
        )
        poor += [] if complete else [f"{method} {path}"]
    assert poor == []


def test_every_post_but_a_log_in_takes_an_idempotency_key_and_every_change_an_if_match(described):
    """Nothing of a log-in is kept, so nothing of it can be repeated."""
    for method, path, operation in operations(described):
        if path.startswith("/api/v1/tokens"):
            continue
        headers = {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
        expected = {"POST": {"Idempotency-Key"}, "GET": set()}.get(method, {"If-Match"})
        assert headers == expected, f"{method} {path}"


def test_bodies_name_all_that_they_take(described):
    for name, found in described["components"]["schemas"].items():
        if name.endswith("Request") and found.get("type") == "object":
            assert found["additionalProperties"] is False, name


def test_problems_are_described_with_one_of_each_kind(described):
    for name, response in described["components"]["responses"].items():
        (example,) = (content["example"] for content in response["content"].values())
        assert f"Problem{example['status']}" == name
        assert list(response["content"]) == [MEDIA_TYPE]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/vnd.oai.openapi"),
        ("application/yaml", "application/vnd.oai.openapi"),
        ("application/json", "application/vnd.oai.openapi+json"),
        ("text/html", "application/vnd.oai.openapi"),
    ],
)
def test_the_description_is_served_as_asked_for(client, installation, accept, media_type):
    answer = client.get("/api/schema/", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, media_type)


def test_the_page_holds_no_inline_script_and_nothing_from_elsewhere(client, installation):
    answer = client.get(reverse("api:docs"))
    page = answer.content.decode()

    assert answer.status_code == 200
    assert re.findall(r"<script(?![^>]*src=)", page) == []
    assert all(link.startswith(("/static/", "/api/")) for link in re.findall(r'(?:src|href)="([^"]+)"', page))
    assert "script-src 'self';" in answer["Content-Security-Policy"] + ";"


def test_the_page_explains_every_kind_of_problem(client, installation):
    page = client.get(reverse("api:docs")).content.decode()
    for kind in ("invalid", "conflict", "in-flight", "lost-update", "defect", "unavailable", "too-many"):
        assert f'id="problem-{kind}"' in page

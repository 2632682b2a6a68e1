"""The OpenAPI 3.1 description: what REST framework's views say of themselves, and what all routes have together."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from healthnotify.apps.access import routes
from healthnotify.apps.access.scopes import FOR_KEYS
from healthnotify.apps.api.guide import CHAPTERS, GUIDE, TAGS
from healthnotify.apps.api.problems import EXAMPLES, MEDIA_TYPE

KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="Sent again with the same key and body, the request has its effect once and its answer again, for "
    "seven days.",
)
IF_MATCH: Final = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of what you read. When it has changed since, the answer is 412 and nothing is done.",
)
ETAG: Final = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=[200, 201], description="For If-Match and If-None-Match."
)
REPLAYED: Final = OpenApiParameter(
    "Idempotent-Replayed",
    {"type": "string", "enum": ["true"]},
    OpenApiParameter.HEADER,
    response=[200, 201, 202],
    description="Says that this is the kept answer to an earlier request with this key.",
)
#: Statuses that every route may answer, those that a body brings, and those of a change.
ALWAYS: Final = (401, 403, 406, 422, 429, 503)
WITH_BODY: Final = (400, 409, 413, 415)


class RouteSchema(AutoSchema):
    """One operation. The URL name names it, the table of routes says who may, `asks` what may be asked."""

    def get_operation_id(self) -> str:
        """Such as `users_post`; stable as long as the URL name is."""
        return f"{self._name().replace('-', '_')}_{self.method.lower()}"

    def get_tags(self) -> list[str]:
        """The chapter of the path's first word."""
        return [CHAPTERS[self.path.removeprefix("/api/v1/").partition("/")[0]]]

    def get_auth(self) -> list[dict[str, list[str]]]:
        """The ways in; what stands beside them is the scope that is needed."""
        scope = routes.methods(f"api:{self._name()}").get(self.method)
        if scope is None:
            return []
        ways = ["jwt", "key"] if scope in FOR_KEYS else ["jwt"]
        return [{way: [scope.value]} for way in ways]

    def get_override_parameters(self) -> list[Any]:
        """The query, and the headers that follow from the method."""
        handler = getattr(self.view, self.method.lower())
        parameters: list[Any] = []
        asks = getattr(self.view, "asks", {})
        if self.method in asks:
            parameters.append(asks[self.method])
        if getattr(handler, "takes_key", False):
            parameters += [KEY, REPLAYED]
        if self.method in {"PUT", "PATCH", "DELETE"}:
            parameters.append(IF_MATCH)
        if self.path.endswith("}") and self.method != "DELETE":
            parameters.append(ETAG)
        return parameters

    def _name(self) -> str:
        return names()[type(self.view)]


@cache
def names() -> Mapping[type, str]:
    """The URL name of each view's class; a class has one route."""
    from healthnotify.apps.api.urls import routes_of_parts

    found: list[Any] = routes_of_parts()
    return {route.callback.cls: str(route.name) for route in found}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular's hook: problem details for every operation, ways in, strict bodies, the guide."""
    result["info"]["description"] = GUIDE
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    parts = result.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name, schema in schemas.items():
        if name.endswith("Request") and schema.get("type") == "object":
            schema["additionalProperties"] = False
        _forget_enums(schema)
    schemas |= {"Problem": PROBLEM, "FieldProblem": FIELD_PROBLEM}
    parts["responses"] = {f"Problem{status}": _response(status) for status in EXAMPLES}
    parts["securitySchemes"] = WAYS_IN
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            own = {int(status) for status in operation["responses"]} & set(EXAMPLES)
            for status in own | _statuses(path, method, operation):
                operation["responses"][str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
            if method == "get" and "ETag" in operation["responses"]["200"].get("headers", {}):
                operation["responses"]["304"] = {"description": "You have it already: `If-None-Match` names its ETag."}
            operation["responses"] = dict(sorted(operation["responses"].items()))
    return result


def _forget_enums(schema: Any) -> None:
    """Marks that drf-spectacular leaves for another hook of its own."""
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _forget_enums(inner)
    if isinstance(schema, dict):
        schema.pop("x-spec-enum-id", None)


def _statuses(path: str, method: str, operation: Mapping[str, Any]) -> set[int]:
    found = set(ALWAYS)
    if "{" in path:
        found.add(404)
    if method in {"post", "put", "patch"}:
        found |= set(WITH_BODY)
    if method == "delete":
        found.add(409)
    if any(parameter["name"] == "If-Match" for parameter in operation.get("parameters", [])):
        found.add(412)
    if not operation.get("security"):
        found -= {403}
    return found


WAYS_IN: Final = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hn_…",
        "description": "For programs: an API key. Beside a route stands the scope that it needs.",
    },
    "jwt": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "For people: `POST /api/v1/tokens` with name and password gives one for ten minutes.",
    },
}
FIELD_PROBLEM: Final = {
    "type": "object",
    "description": "What is wrong with one field.",
    "properties": {
        "field": {
            "type": "string",
            "description": "Its dotted path, such as `channels.0.address`; or a header's name.",
        },
        "problem": {"type": "string"},
        "fix": {"type": "string", "description": "What to send instead."},
    },
    "required": ["field", "problem", "fix"],
}
PROBLEM: Final = {
    "type": "object",
    "description": "A problem detail (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Which kind of problem; see the guide."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference", "description": "The path that was asked for."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldProblem"}},
    },
    "required": ["type", "title", "status", "detail", "instance"],
}
RETRY_AFTER: Final = {
    "Retry-After": {"schema": {"type": "string"}, "description": "Seconds until it is worth trying again."}
}


def _response(status: int) -> dict[str, Any]:
    example = EXAMPLES[status].body("/api/v1/users")
    response: dict[str, Any] = {
        "description": example["title"],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }
    if status in {429, 503}:
        response["headers"] = RETRY_AFTER
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return response


@cache
def as_json() -> bytes:
    """The description, made once a process."""
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.renderers import OpenApiJsonRenderer

    generator: Any = SchemaGenerator
    return bytes(OpenApiJsonRenderer().render(generator().get_schema(request=None, public=True)))


@cache
def as_yaml() -> bytes:
    """The same in YAML, which people read more easily."""
    from drf_spectacular.renderers import OpenApiYamlRenderer

    renderer: Any = OpenApiYamlRenderer
    return bytes(renderer().render(json.loads(as_json())))

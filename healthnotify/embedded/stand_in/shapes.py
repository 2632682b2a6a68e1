"""Drafts in the shape that the request's JSON schema asks for, whatever it is."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Schema = Mapping[str, Any]
SEVERAL: Final = 3  # when neither schema nor brief says how many
MOST: Final = 50
DEEPEST: Final = 20


def how_many(schema: Schema | None, brief: Mapping[str, Any]) -> int:
    """How many drafts are wanted: one, or what the brief says within the bounds of the schema's list."""
    wanted = _list_in(schema, schema) if schema else None
    if wanted is None:
        return 1
    least = int(wanted.get("minItems", 0))
    count = int(brief.get("variants") or least or SEVERAL)
    return max(1, least, min(count, int(wanted.get("maxItems", MOST)), MOST))


def fill(schema: Schema, drafts: Sequence[Mapping[str, str]], brief: Mapping[str, Any]) -> Any:
    """A value that the schema describes: what it names is taken from the drafts and the brief, the rest is harmless."""
    return _fill(schema, schema, "", [dict(brief) | dict(draft) for draft in drafts], 0)


def _fill(schema: Schema, root: Schema, name: str, drafts: Sequence[Mapping[str, Any]], depth: int) -> Any:
    schema = _resolved(schema, root)
    known = drafts[0].get(name) if drafts else None
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return known if known in schema["enum"] else schema["enum"][0]
    kind = _kind(schema)
    if kind == "object" and depth < DEEPEST:
        parts = schema.get("properties", {})
        return {key: _fill(part, root, key, drafts, depth + 1) for key, part in parts.items()}
    if kind == "array":
        items = schema.get("items", {})
        if _kind(_resolved(items, root)) == "object":
            return [_fill(items, root, name, [draft], depth + 1) for draft in drafts]
        return [_fill(items, root, name, drafts, depth + 1) for _ in range(int(schema.get("minItems", 0)))]
    harmless = {"boolean": True, "integer": schema.get("minimum", 0), "number": schema.get("minimum", 0), "null": None}
    return harmless[kind] if kind in harmless else str(known if known is not None else "")


def _list_in(schema: Schema, root: Schema, depth: int = 0) -> Schema | None:
    """The first list of objects in it."""
    schema = _resolved(schema, root)
    if _kind(schema) == "array" and _kind(_resolved(schema.get("items", {}), root)) == "object":
        return schema
    parts = schema.get("properties", {}).values() if depth < DEEPEST else ()
    return next((found for part in parts if (found := _list_in(part, root, depth + 1))), None)


def _resolved(schema: Schema, root: Schema) -> Schema:
    for _ in range(DEEPEST):
        if "$ref" in schema:
            place: Any = root
            for step in str(schema["$ref"]).removeprefix("#/").split("/"):
                place = place[step]
            schema = place
            continue
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if not choices:
            break
        schema = next((one for one in choices if one.get("type") != "null"), choices[0])
    return schema


def _kind(schema: Schema) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return kind if isinstance(kind, str) else next((one for one in kind if one != "null"), "null")

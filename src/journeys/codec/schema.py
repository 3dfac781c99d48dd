"""The JSON Schema (draft 2020-12) of a space, made of the shapes that read it."""

from __future__ import annotations

from typing import Any

from journeys.codec.objects import Object
from journeys.codec.shapes import DURATION_PATTERN, Schema
from journeys.codec.unions import Tagged
from journeys.codec.vocabulary import object_of
from journeys.model.space import FORMAT, Space

_DURATION: Schema = {
    "title": "Duration",
    "description": "An ISO 8601 duration: months and years are calendar arithmetic, the rest is exact (T2).",
    "type": "string",
    "pattern": DURATION_PATTERN,
    "examples": ["PT2H", "P7D", "P1Y2M"],
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a space document.

    It accepts what ``load_space`` accepts, but for three things that a schema cannot say: lists and objects nest at
    most 64 deep, no text holds half of a character, and no duration is longer than 9999 years.
    """
    definitions = _definitions(object_of(Space))
    root = definitions.pop("Space")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"the format {FORMAT}",
        **root,
        "$defs": {**dict(sorted(definitions.items())), "Duration": _DURATION},
    }


def schema_of(shape: Tagged) -> dict[str, Any]:
    """The JSON Schema of documents that are one of several classes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **shape.schema(),
        "$defs": {**dict(sorted(_definitions(*shape.of.values()).items())), "Duration": _DURATION},
    }


def _definitions(*objects: Object) -> dict[str, Schema]:
    definitions: dict[str, Schema] = {}
    waiting = list(objects)
    while waiting:
        each = waiting.pop()
        if each.cls.__name__ not in definitions:
            definitions[each.cls.__name__] = each.definition()
            waiting += _objects(each)
    return definitions


def _objects(found: object) -> list[Object]:
    """The objects that a shape is made of, through whatever lists and unions lead to them."""
    return [each for shape in found.parts for each in _within(shape)] if isinstance(found, Object) else []


def _within(shape: Any) -> list[Object]:
    return [shape] if isinstance(shape, Object) else [each for part in shape.parts for each in _within(part)]

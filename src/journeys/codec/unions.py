"""Unions: places where one of several things may stand, and how it is told which one does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from journeys.codec.objects import Object
from journeys.codec.problems import Report, member
from journeys.codec.shapes import BROKEN, Constant, Schema, Shape
from journeys.codec.strict_json import JSON
from journeys.errors import nearest


@attrs.define(slots=False, eq=False)
class Tagged:
    """One of several classes, told apart by ``type``.

    Of our own, because the tagged unions of cattrs report an unknown tag as a missing field and write the tag last.
    """

    of: Mapping[str, Object]

    @property
    def parts(self) -> tuple[Shape, ...]:
        return tuple(self.of.values())

    @property
    def expected(self) -> str:
        return "an object with a 'type': " + ", ".join(self.of)

    def load(self, value: object, path: str, report: Report) -> Any:
        choices = "one of " + ", ".join(self.of)
        if not isinstance(value, Mapping):
            report.wrong_type(path, self.expected, value)
            return BROKEN
        if "type" not in value:
            report.missing(path, "type", choices)
            return BROKEN
        tag, at = value["type"], member(path, "type")
        if not isinstance(tag, str):
            report.wrong_type(at, choices, tag)
            return BROKEN
        if tag not in self.of:
            hint = nearest(tag, list(self.of)) or choices
            report.add("unknown_type", at, f"there is no type {tag!r}", hint=hint, expected=choices, got=tag)
            return BROKEN
        return self.of[tag].load(value, path, report)

    def dump(self, value: Any) -> JSON:
        for each in self.of.values():
            if type(value) is each.cls:
                return each.dump(value)
        return value

    def schema(self) -> Schema:
        return {"oneOf": [each.schema() for each in self.of.values()]}


@attrs.frozen
class OneOf:
    """One of several classes, told apart by a field that only one of them has."""

    of: Sequence[Object]
    telling: Sequence[str]

    @property
    def parts(self) -> tuple[Shape, ...]:
        return tuple(self.of)

    @property
    def expected(self) -> str:
        return "an object with one of " + ", ".join(map(repr, self.telling))

    def load(self, value: object, path: str, report: Report) -> Any:
        if isinstance(value, Mapping):
            found = [each for each, field in zip(self.of, self.telling, strict=True) if field in value]
            if len(found) == 1:
                return found[0].load(value, path, report)
            report.wrong_value(path, self.expected, value)
        else:
            report.wrong_type(path, self.expected, value)
        return BROKEN

    def dump(self, value: Any) -> JSON:
        return next((each.dump(value) for each in self.of if type(value) is each.cls), value)

    def schema(self) -> Schema:
        return {"oneOf": [each.schema() for each in self.of]}


@attrs.frozen
class TextOr:
    """A text of one shape, or something else."""

    text: Shape
    other: Shape

    @property
    def parts(self) -> tuple[Shape, ...]:
        return (self.text, self.other)

    @property
    def expected(self) -> str:
        return f"{self.text.expected}, or {self.other.expected}"

    def load(self, value: object, path: str, report: Report) -> Any:
        return (self.text if isinstance(value, str) else self.other).load(value, path, report)

    def dump(self, value: Any) -> JSON:
        return (self.text if isinstance(value, str) else self.other).dump(value)

    def schema(self) -> Schema:
        return {"anyOf": [self.text.schema(), self.other.schema()]}


@attrs.frozen
class Referring:
    """A constant, or an object with one field that says where the value comes from.

    An object with such a field is never a constant: with a field more it is an error, not a guess.
    """

    of: Mapping[str, Object]  # by the field

    @property
    def parts(self) -> tuple[Shape, ...]:
        return tuple(self.of.values())

    @property
    def expected(self) -> str:
        return "a value, or an object with one of " + ", ".join(map(repr, self.of))

    def load(self, value: object, path: str, report: Report) -> Any:
        if isinstance(value, Mapping):
            for name, reference in self.of.items():
                if name in value:
                    return reference.load(value, path, report)
        return Constant().load(value, path, report)

    def dump(self, value: Any) -> JSON:
        for reference in self.of.values():
            if type(value) is reference.cls:
                return reference.dump(value)
        return Constant().dump(value)

    def schema(self) -> Schema:
        constant = {"not": {"type": "object", "anyOf": [{"required": [name]} for name in self.of]}}
        return {"anyOf": [*(each.schema() for each in self.of.values()), constant]}

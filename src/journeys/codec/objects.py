"""Objects: the attrs classes of the model, told apart by their ``type`` or by what they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs

from journeys.codec.problems import Report, member
from journeys.codec.shapes import BROKEN, Constant, Schema, Shape
from journeys.codec.strict_json import JSON, check_text
from journeys.errors import nearest
from journeys.model.conditions import AGING, LISTED, OPERATORS, UNARY

Shapes = Mapping[str, Shape]


def read_members(value: Mapping[Any, Any], shapes: Shapes, needed: Shapes, path: str, report: Report) -> dict[str, Any]:
    """What the shapes make of the members of an object; unknown ones and missing ones are reported."""
    loaded: dict[str, Any] = {}
    for name, each in value.items():
        if name in shapes:
            loaded[name] = shapes[name].load(each, member(path, name), report)
        else:
            report.unknown(path, name, list(shapes))
    for name in needed:
        if name not in value:
            report.missing(path, name, needed[name].expected)
            loaded[name] = BROKEN
    return loaded


def make(cls: type[Any], loaded: Mapping[str, Any], path: str, report: Report) -> Any:
    """The object itself; what its own validators say becomes a problem with the path of the object."""
    if any(each is BROKEN for each in loaded.values()):
        return BROKEN
    try:
        return cls(**loaded)
    except (TypeError, ValueError) as error:
        report.add("wrong_value", path, str(error))
        return BROKEN


def left_out(value: object, default: object) -> bool:
    """Whether a field says what it would say if it were not there."""
    if isinstance(value, (bool, int, float)) and type(value) is not type(default):
        return False
    return bool(value == default)


@attrs.define(slots=False, eq=False)
class Object:
    """A class of the model, field by field. ``extra`` stands first in the JSON and is no field: a tag or a format."""

    cls: type[Any]
    shapes_of: Callable[[type[Any]], Shapes]  # asked late: conditions hold conditions
    extra: Mapping[str, str] = attrs.field(factory=dict)

    @cached_property
    def shapes(self) -> Shapes:
        """The shape of each field."""
        return self.shapes_of(self.cls)

    @cached_property
    def needed(self) -> Shapes:
        """The fields that cannot be left out."""
        fields = attrs.fields_dict(self.cls)
        return {name: shape for name, shape in self.shapes.items() if fields[name].default is attrs.NOTHING}

    @property
    def expected(self) -> str:
        return f"an object ({self.cls.__name__})"

    def load(self, value: object, path: str, report: Report) -> Any:
        if not isinstance(value, Mapping):
            report.wrong_type(path, self.expected, value)
            return BROKEN
        members = {name: each for name, each in value.items() if name not in self.extra}
        return make(self.cls, self.load_members(members, path, report), path, report)

    def load_members(self, members: Mapping[Any, Any], path: str, report: Report) -> dict[str, Any]:
        """The values of the fields; their tag or format has been read already."""
        return read_members(members, self.shapes, self.needed, path, report)

    def dump(self, value: Any) -> JSON:
        if type(value) is not self.cls:
            return value
        document: dict[str, JSON] = dict(self.extra)
        for field in attrs.fields(self.cls):
            each = getattr(value, field.name)
            if not left_out(each, _default(field, value)):
                document[field.name] = self.shapes[field.name].dump(each)
        return document

    def schema(self) -> Schema:
        return {"$ref": f"#/$defs/{self.cls.__name__}"}

    def definition(self) -> Schema:
        """What stands under ``$defs``."""
        return {
            **title(self.cls),
            "type": "object",
            "properties": {
                **{name: {"const": text} for name, text in self.extra.items()},
                **{name: shape.schema() for name, shape in self.shapes.items()},
            },
            "required": [*self.extra, *self.needed],
            "additionalProperties": False,
        }


def title(cls: type[Any]) -> Schema:
    """Title and description of a class."""
    return {"title": cls.__name__, "description": " ".join((cls.__doc__ or "").split())}


def _default(field: attrs.Attribute[Any], owner: object) -> object:
    default = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time, a function in the stubs
        return default.factory(owner) if default.takes_self else default.factory()  # type: ignore[union-attr]
    return default


@attrs.define(slots=False, eq=False)
class Tagged:
    """One of several classes, told apart by ``type``.

    Of our own, because the tagged unions of cattrs report an unknown tag as a missing field and write the tag last.
    """

    of: Mapping[str, Object]

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


@attrs.define(slots=False, eq=False)
class Comparison(Object):
    """A class with ``op`` and ``value``: what the value may be depends on the operator."""

    operand: Referring = attrs.field(kw_only=True)
    duration: Shape = attrs.field(kw_only=True)
    elements: Shape = attrs.field(kw_only=True)

    def load_members(self, members: Mapping[Any, Any], path: str, report: Report) -> dict[str, Any]:
        op = members.get("op")
        shapes = dict(self.shapes)
        shapes["value"] = self._value(op)
        needed = {**self.needed}
        if isinstance(op, str) and op in OPERATORS and op not in UNARY:
            needed["value"] = shapes["value"]
        return read_members(members, shapes, needed, path, report)

    def _value(self, op: object) -> Shape:
        if op in UNARY:
            return _Nothing()
        if op in AGING:
            return self.duration
        return _ListOrReference(self.operand, self.elements) if op in LISTED else self.operand

    def dump(self, value: Any) -> JSON:
        document = super().dump(value)
        if type(value) is self.cls:
            document.pop("value", None)
            if value.op not in UNARY or value.value is not None:
                document["value"] = self._value(value.op).dump(value.value)
        return document

    def definition(self) -> Schema:
        schema = super().definition()
        schema["properties"]["value"] = {}
        kinds: dict[tuple[str, ...], Schema] = {ops: self._value(ops[0]).schema() for ops in (AGING, UNARY, LISTED)}
        others = tuple(op for op in OPERATORS if op not in {*AGING, *UNARY, *LISTED})
        kinds[others] = self.operand.schema()
        schema["oneOf"] = [
            {
                "properties": {"op": {"enum": list(ops)}, "value": value},
                "required": ["op"] if ops == UNARY else ["op", "value"],
            }
            for ops, value in kinds.items()
        ]
        return schema


@attrs.frozen
class _Nothing:
    """No value."""

    @property
    def expected(self) -> str:
        return "no value"

    def load(self, value: object, path: str, report: Report) -> Any:
        if value is None:
            return None
        report.wrong_value(path, self.expected + " with this operator", value)
        return BROKEN

    def dump(self, value: Any) -> JSON:
        return value

    def schema(self) -> Schema:
        return {"type": "null"}


@attrs.frozen
class _ListOrReference:
    """A list, or a reference to one."""

    operand: Referring
    elements: Shape

    @property
    def expected(self) -> str:
        return "a list"

    def load(self, value: object, path: str, report: Report) -> Any:
        if isinstance(value, (list, Mapping)):
            loaded = self.operand.load(value, path, report)
            if not isinstance(loaded, dict):
                return loaded
        report.wrong_type(path, self.expected, value)
        return BROKEN

    def dump(self, value: Any) -> JSON:
        return self.operand.dump(value)

    def schema(self) -> Schema:
        return {"anyOf": [*(each.schema() for each in self.operand.of.values()), self.elements.schema()]}


@attrs.define(slots=False, eq=False)
class OneField(Object):
    """A class of which exactly one field is given."""

    def load(self, value: object, path: str, report: Report) -> Any:
        given = [name for name, each in value.items() if name in self.shapes] if isinstance(value, Mapping) else []
        if isinstance(value, Mapping) and len(given) != 1 and set(value) <= set(self.shapes):
            report.wrong_value(path, f"exactly one of {', '.join(self.shapes)}", value)
            return BROKEN
        return super().load(value, path, report)

    def definition(self) -> Schema:
        return {**super().definition(), "minProperties": 1, "maxProperties": 1}


@attrs.define(slots=False, eq=False)
class Flattened(Object):
    """A destination: its own fields, and the options of its adapter beside them."""

    without_options: Sequence[str] = attrs.field(kw_only=True)

    def load(self, value: object, path: str, report: Report) -> Any:
        if not isinstance(value, Mapping):
            report.wrong_type(path, self.expected, value)
            return BROKEN
        own = {name: each for name, each in value.items() if name in self.shapes}
        loaded = self.load_members(own, path, report)
        options = {}
        for name, each in value.items():
            if name in own:
                continue
            at = member(path, name)
            if not isinstance(name, str):
                report.wrong_type(at, "a text as key", name)
                loaded["options"] = BROKEN
            elif own.get("type") in self.without_options:
                report.unknown(path, name, list(self.shapes))
                loaded["options"] = BROKEN
            else:
                options[name] = Constant().load(each, at, report) if check_text(name, at, report) else BROKEN
        loaded.setdefault("options", BROKEN if BROKEN in options.values() else options)
        return make(self.cls, loaded, path, report)

    def dump(self, value: Any) -> JSON:
        if type(value) is not self.cls:
            return value
        document: dict[str, JSON] = {"type": value.type}
        if value.list is not False:
            document["list"] = value.list
        document |= {name: Constant().dump(each) for name, each in value.options.items() if name not in self.shapes}
        return document

    def definition(self) -> Schema:
        schema = super().definition()
        del schema["additionalProperties"]
        bare = {"properties": {"type": {"enum": list(self.without_options)}}}
        schema["if"] = {"required": ["type"], **bare}
        schema["then"] = {"properties": dict.fromkeys(self.shapes, True), "additionalProperties": False}
        return schema

"""Classes whose JSON is more than a field for a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from journeys.codec.objects import Object, make, read_members
from journeys.codec.problems import Report, member
from journeys.codec.shapes import BROKEN, Constant, Leaf, Schema, Shape
from journeys.codec.strict_json import JSON, check_text
from journeys.codec.unions import Referring
from journeys.model.conditions import AGING, LISTED, OPERATORS, UNARY


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
class _Nothing(Leaf):
    """No value."""

    @property
    def expected(self) -> str:
        return "no value"

    def load(self, value: object, path: str, report: Report) -> Any:
        if value is None:
            return None
        report.wrong_value(path, self.expected + " with this operator", value)
        return BROKEN

    def schema(self) -> Schema:
        return {"type": "null"}


@attrs.frozen
class _ListOrReference:
    """A list, or a reference to one."""

    operand: Referring
    elements: Shape

    @property
    def parts(self) -> tuple[Shape, ...]:
        return (self.operand, self.elements)

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
        if isinstance(value, Mapping) and len(value.keys() & self.shapes.keys()) != 1:
            if unknown := [name for name in value if name not in self.shapes]:
                for name in unknown:
                    report.unknown(path, name, list(self.shapes))
            else:
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

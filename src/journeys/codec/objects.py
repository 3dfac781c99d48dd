"""Objects: the attrs classes of the model, field by field."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs

from journeys.codec.problems import Report, member
from journeys.codec.shapes import BROKEN, Schema, Shape
from journeys.codec.strict_json import JSON

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
    #: the fields one of which a value that stands here alone may be meant for; if not said, the only one needed
    alone: Sequence[str] | None = attrs.field(default=None, kw_only=True)

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
    def parts(self) -> tuple[Shape, ...]:
        return tuple(self.shapes.values())

    @property
    def expected(self) -> str:
        return f"an object ({self.cls.__name__})"

    def load(self, value: object, path: str, report: Report) -> Any:
        if not isinstance(value, Mapping):
            report.wrong_type(path, self.expected, value, hint=self._meant(value, path))
            return BROKEN
        members = {name: each for name, each in value.items() if name not in self.extra}
        return make(self.cls, self.load_members(members, path, report), path, report)

    def _meant(self, value: object, path: str) -> str:
        """The object that somebody meant who wrote one of its fields alone."""
        needed = tuple(self.needed)
        alone = self.alone if self.alone is not None else needed if len(needed) == 1 else ()
        fits = [name for name in alone if self.shapes[name].load(value, path, Report()) is not BROKEN]
        written = [json.dumps({name: value}, ensure_ascii=False) for name in fits if value is not None]
        return f"write {' or '.join(written)}" if written else ""

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

"""Operations as JSON, read as strictly as definitions: every problem at once, with its path and the nearest match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs

from journeys.codec.documents import parsed
from journeys.codec.objects import Object, Shapes
from journeys.codec.problems import Report
from journeys.codec.schema import schema_of
from journeys.codec.shapes import BROKEN, Listed, Nullable
from journeys.codec.vocabulary import object_of, tagged_elsewhere
from journeys.errors import InvalidDefinition
from journeys.runtime.editing.operations import OPERATIONS, Operation, Together, Way


def _special(cls: type[Any]) -> Shapes:
    if cls is Together:
        return {"operations": Listed(_SHAPE)}
    return {name: shape for name, shape in _WAYS.items() if hasattr(cls, name)}


def _way(*alone: str) -> Object:
    return attrs.evolve(object_of(Way), alone=alone)


#: by the name of the field: in some of them the step goes without saying
_WAYS: Shapes = {
    "way": _way("step"),
    "after": Nullable(_way("step")),
    "keep": Nullable(_way("branch", "exit")),
    "through": Nullable(_way("branch", "exit")),
}


_SHAPE = tagged_elsewhere(OPERATIONS, _special)


def load_operation(document: str | bytes | Mapping[str, Any]) -> Operation:
    """The operation that a document describes; ``InvalidDefinition`` carries every problem of it."""
    report = Report()
    operation = _SHAPE.load(parsed(document), "$", report)
    if report.problems or operation is BROKEN:
        raise InvalidDefinition(report.problems)
    return cast(Operation, operation)


def dump_operation(operation: Operation) -> dict[str, Any]:
    """The document of an operation: ``{"type": "insert", …}``; what may be left out is left out."""
    return cast(dict[str, Any], _SHAPE.dump(operation))


def operation_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of operations: it accepts what ``load_operation`` accepts."""
    return schema_of(_SHAPE)

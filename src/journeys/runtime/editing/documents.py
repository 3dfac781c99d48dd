"""Operations as JSON, read as strictly as definitions: every problem at once, with its path and the nearest match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from journeys.codec.documents import parsed
from journeys.codec.objects import Shapes
from journeys.codec.problems import Report
from journeys.codec.schema import schema_of
from journeys.codec.shapes import BROKEN, Listed
from journeys.codec.vocabulary import tagged_elsewhere
from journeys.errors import InvalidDefinition
from journeys.runtime.editing.operations import OPERATIONS, Operation, Together


def _special(cls: type[Any]) -> Shapes:
    return {"operations": Listed(_SHAPE)} if cls is Together else {}


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

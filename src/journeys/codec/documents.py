"""Definitions as documents: read strictly, all problems at once; written the one canonical way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import attrs

from journeys._time import described
from journeys.codec.objects import Object
from journeys.codec.problems import Report
from journeys.codec.shapes import BROKEN, Shape
from journeys.codec.strict_json import JSON, MAX_DEPTH, InvalidJSON, parse_json
from journeys.codec.vocabulary import CONDITIONS, object_of, tagged
from journeys.errors import InvalidDefinition, Problem, nearest
from journeys.model.conditions import Condition, ConditionLike, as_condition
from journeys.model.journey import Journey
from journeys.model.space import FORMAT, Space

T = TypeVar("T")
Document = str | bytes | Mapping[str, Any]


def load_space(document: Document) -> Space:
    """The space that a document describes; ``InvalidDefinition`` carries every problem of it."""
    report = Report()
    found = parsed(document)
    if isinstance(found, Mapping):
        if {"entry", "steps"} <= found.keys() and "journeys" not in found:
            hint = 'a space has it under "journeys": {"format": "journeys/1", "journeys": […]}'
            raise InvalidDefinition([Problem("wrong_type", "$", "expected a space, got a journey", hint)])
        _check_format(found, report)
    return cast(Space, _finish(object_of(Space), found, report))


def load_journey(document: Document) -> Journey:
    """The journey that a document describes, as it would stand in a space."""
    return load(Journey, document)


def load_condition(document: Document) -> Condition:
    """The condition that a document describes, as it would stand in a journey."""
    return cast(Condition, _finish(tagged(CONDITIONS), parsed(document), Report()))


def load(cls: type[T], document: Document) -> T:
    """An object of any one class of the model, as it would stand in a space; a space itself has ``load_space``."""
    shape = object_of(cls)
    return cast(T, _finish(tagged((cls,)) if "type" in shape.extra else shape, parsed(document), Report()))


def dump_space(space: Space) -> dict[str, JSON]:
    """The canonical document of a space: fields in the order of the model, what may be left out left out."""
    if isinstance(space, Space):
        return dump(space)
    right = {Mapping: ": load_space(document) reads one", Journey: ": write Space(journeys=[journey])"}
    remedy = next((text for kind, text in right.items() if isinstance(space, kind)), "")
    raise TypeError(f"expected a Space, got {described(space)}{remedy}")


def dump_journey(journey: Journey) -> dict[str, JSON]:
    """The canonical document of a journey."""
    if isinstance(journey, Journey):
        return dump(journey)
    raise TypeError(f"expected a Journey, got {described(journey)}")


def dump_condition(condition: ConditionLike) -> dict[str, JSON]:
    """The canonical document of a condition."""
    return dump(as_condition(condition))


def dump(value: object) -> dict[str, JSON]:
    """The canonical document of an object of any one class of the model."""
    try:
        return cast(dict[str, JSON], object_of(type(value)).dump(value))
    except RecursionError:
        raise InvalidDefinition([too_deep()]) from None


def too_deep(path: str = "$") -> Problem:
    """What is said of a definition that nests more than a document may."""
    return Problem("too_deep", path, f"more than {MAX_DEPTH} lists and objects in one another")


def parsed(document: Document) -> object:
    """The JSON of a document, however it is given; ``InvalidDefinition`` if it is none."""
    if isinstance(document, os.PathLike) or hasattr(document, "read"):
        hint = "give what it contains: path.read_bytes(), or file.read()"
        raise InvalidDefinition([Problem("not_json", "$", f"expected a document, got {described(document)}", hint)])
    if not isinstance(document, (str, bytes)):
        if problem := _depth_problem(document):
            raise InvalidDefinition([problem])
        return document
    try:
        return parse_json(document)
    except InvalidJSON as error:
        problem = error.problem
        if isinstance(document, str) and not document.lstrip().startswith(("{", "[")):
            hint = "a document is the text of a file, not its name: Path(name).read_bytes() has it"
            problem = attrs.evolve(problem, hint=hint)
        raise InvalidDefinition([problem]) from None


def _depth_problem(document: object) -> Problem | None:
    """``too_deep`` for a document made in Python that no JSON text could be; it may even contain itself."""
    level: list[object] = [document]
    for _ in range(MAX_DEPTH):
        inner: dict[int, object] = {}  # by identity: a document may hold itself twice
        for each in level:
            values = each.values() if isinstance(each, Mapping) else each if isinstance(each, list) else ()
            inner.update((id(value), value) for value in values if isinstance(value, (Mapping, list)))
        if not inner:
            return None
        level = list(inner.values())
    return too_deep()


def _check_format(document: Mapping[str, Any], report: Report) -> None:
    if "format" not in document:
        report.missing("$", "format", repr(FORMAT))
    elif document["format"] != FORMAT:
        given = document["format"]
        hint = nearest(given, [FORMAT]) if isinstance(given, str) else ""
        report.wrong_value("$.format", repr(FORMAT), given, hint=hint, code="wrong_format")


def _finish(shape: Shape | Object, parsed: object, report: Report) -> Any:
    value = shape.load(parsed, "$", report)
    if report.problems or value is BROKEN:
        raise InvalidDefinition(report.problems)
    return value

"""Walks over whatever a definition is made of: where texts are empty, and where two definitions differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from journeys.codec.problems import Report, element, member

#: fields that name something; a text that says nothing there is a mistake
NAMING = frozenset(
    (
        *("name", "event", "property", "trait", "identifier", "first", "start", "audience", "type"),
        *("destination", "destination_key"),
    )
)
#: fields that are lists of names
LISTING = frozenset(("traits", "context", "rules", "destinations"))


def check_texts(value: object, path: str, report: Report) -> None:
    """No name, event or path is empty."""
    for at, name, each in _fields(value, path):
        if name in NAMING and each == "":
            report.add("empty_text", at, f"{name} is empty", hint="give it a text, or leave it out if it can be")
        elif name in LISTING and isinstance(each, tuple):
            for index, text in enumerate(each):
                if text == "":
                    report.add("empty_text", element(at, index), "this name is empty", hint="leave it out")


def _fields(value: object, path: str) -> Iterator[tuple[str, str, Any]]:
    """Every field of every object of the model inside, with its path; constants are not looked into."""
    kind: Any = type(value)
    if attrs.has(kind):
        for field in attrs.fields(kind):
            if field.name != "options":
                each = getattr(value, field.name)
                yield member(path, field.name), field.name, each
                yield from _fields(each, member(path, field.name))
    elif isinstance(value, tuple):
        for index, each in enumerate(value):
            yield from _fields(each, element(path, index))
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _fields(each, member(path, name))


def difference(one: Any, other: Any, path: str = "$") -> tuple[str, Any, Any]:
    """The path of the first place where two definitions that are not equal differ, and what they have there."""
    if type(one) is type(other) and attrs.has(type(one)):
        for field in attrs.fields(type(one)):
            mine, theirs = getattr(one, field.name), getattr(other, field.name)
            if mine != theirs:
                return difference(mine, theirs, member(path, field.name))
    elif isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        for name, each in one.items():
            if each != other[name]:
                return difference(each, other[name], member(path, name))
    elif isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        for index, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            if mine != theirs:
                return difference(mine, theirs, element(path, index))
    return path, one, other

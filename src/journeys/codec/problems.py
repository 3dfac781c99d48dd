"""Paths into a document, and the list in which all of its problems are gathered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import attrs

from journeys.errors import Problem, nearest

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SEGMENT = re.compile(r'\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]')
_SHOWN = 60


def member(path: str, name: object) -> str:
    """The path of a member of an object: ``$.steps.hold``, or ``$.steps["win-back"]`` where a dot would mislead."""
    if isinstance(name, str) and _PLAIN.fullmatch(name):
        return f"{path}.{name}"
    return f"{path}[{json.dumps(name) if isinstance(name, str) else repr(name)}]"


def element(path: str, index: int) -> str:
    """The path of an element of a list."""
    return f"{path}[{index}]"


def segments(path: str) -> list[str | int]:
    """The names and indices that a path is made of, up to a name that is no text."""
    found: list[str | int] = []
    end = 1
    while match := _SEGMENT.match(path, end):
        name, index, quoted = match.groups()
        found.append(name if name is not None else int(index) if index is not None else json.loads(quoted))
        end = match.end()
    return found


def shown(value: object) -> str:
    """A value as a problem shows it: its JSON, cut where it grows long."""
    if isinstance(value, Mapping):
        return f"an object with {', '.join(map(repr, list(value)[:4]))}" if value else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return "a number of very many digits"
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = f"{type(value).__name__} {value!r}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


@attrs.frozen
class Report:
    """Where a reader notes what is wrong, so that all problems are told at once (L1)."""

    problems: list[Problem] = attrs.field(factory=list)

    def add(self, code: str, path: str, message: str, *, hint: str = "", expected: str = "", got: str = "") -> None:
        """Note one problem."""
        self.problems.append(Problem(code, path, message, hint, expected, got))

    def wrong_type(self, path: str, expected: str, value: object, *, hint: str = "") -> None:
        """The value is of another JSON type than what stands here."""
        got = shown(value)
        self.add("wrong_type", path, f"expected {expected}, got {got}", expected=expected, got=got, hint=hint)

    def wrong_value(
        self, path: str, expected: str, value: object, *, hint: str = "", code: str = "wrong_value"
    ) -> None:
        """The type is right and the value is not."""
        got = shown(value)
        self.add(code, path, f"expected {expected}, got {got}", expected=expected, got=got, hint=hint)

    def missing(self, path: str, name: str, expected: str) -> None:
        """A field that cannot be left out is not there."""
        self.add(
            "missing_field", member(path, name), f"the field {name!r} is missing", expected=expected, got="nothing"
        )

    def unknown(self, path: str, name: object, known: Sequence[str]) -> None:
        """A field that nothing here has."""
        got = name if isinstance(name, str) else repr(name)
        hint = nearest(got, known) or f"the fields are {', '.join(known)}"
        message = f"there is no field {got!r} here"
        self.add("unknown_field", member(path, name), message, hint=hint, expected=", ".join(known), got=got)

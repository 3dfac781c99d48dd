"""The shapes of values: each reads JSON, writes it, and describes itself as JSON Schema.

One object says all three, so that what is read, what is written and what the schema allows cannot drift apart. A reader
gives ``BROKEN`` where it has reported a problem and there is no value to go on with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, Protocol, TypeGuard

import attrs

from journeys._time import Duration, meant_duration
from journeys.codec.problems import Report, element, member, shown
from journeys.codec.strict_json import JSON, check_json, check_text
from journeys.model._fields import KEY

Schema = dict[str, Any]


class _Broken:
    """Stands where a value would be, had it been readable."""

    def __repr__(self) -> str:
        return "BROKEN"


BROKEN: Final = _Broken()

#: whole numbers fit a column of every store
MAX_WHOLE = 2**31 - 1


def exact(pattern: str) -> str:
    """A pattern for the whole of a text. Alone, ``$`` also matches before a last line break in some dialects."""
    return f"^(?:{pattern})$(?!\\n)"


KEY_PATTERN = exact(KEY.pattern)
_NUMBER = "[0-9]+(?:[.,][0-9]+)?"
DURATION_PATTERN = exact(
    "(?![^.,]*[.,][0-9]+[A-Z]T?[0-9])"  # only the smallest part may have a fraction
    "[+-]?P(?!$)(?:[0-9]+Y)?(?:[0-9]+M)?"
    f"(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)


class Shape(Protocol):
    """What may stand at one place of a document."""

    @property
    def expected(self) -> str:
        """What a problem says should stand here."""

    @property
    def parts(self) -> tuple[Shape, ...]:
        """The shapes that it is made of."""

    def load(self, value: object, path: str, report: Report) -> Any:
        """The value of the model, or ``BROKEN`` and the problems in the report."""

    def dump(self, value: Any) -> JSON:
        """The JSON of a value of the model. What the model should not hold goes through, for ``load`` to find."""

    def schema(self) -> Schema:
        """The JSON Schema of the JSON."""


class Leaf:
    """A shape without parts, whose values stand in JSON as they are."""

    __slots__ = ()

    @property
    def parts(self) -> tuple[Shape, ...]:
        return ()

    def dump(self, value: Any) -> JSON:
        return value


@attrs.frozen
class Text(Leaf):
    """Any text."""

    @property
    def expected(self) -> str:
        return "a text"

    def load(self, value: object, path: str, report: Report) -> Any:
        if not isinstance(value, str):
            report.wrong_type(path, self.expected, value)
            return BROKEN
        return value if check_text(value, path, report) else BROKEN

    def schema(self) -> Schema:
        return {"type": "string"}


@attrs.frozen
class Matching(Leaf):
    """Text that a pattern describes as a whole."""

    pattern: str
    expected: str
    code: str
    #: what to write instead, where it can be guessed
    meant: Callable[[str], str] = lambda _: ""

    def load(self, value: object, path: str, report: Report) -> Any:
        if not isinstance(value, str):
            report.wrong_type(path, self.expected, value)
        elif not re.search(self.pattern, value):
            report.wrong_value(path, self.expected, value, code=self.code, hint=self.meant(value))
        else:
            return value
        return BROKEN

    def schema(self) -> Schema:
        return {"type": "string", "pattern": self.pattern}


def _meant_clock(text: str) -> str:
    padded = f"0{text}" if text[1:2] == ":" else text
    return f"did you mean {padded!r}?" if re.search(CLOCK_SHAPE.pattern, padded) else ""


KEY_SHAPE = Matching(KEY_PATTERN, "a key: small letters, digits, _ and -, a letter first", "bad_key")
CLOCK_SHAPE = Matching(
    exact("(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?"), "a local time like '09:00'", "wrong_value", _meant_clock
)


@attrs.frozen
class Choice(Leaf):
    """One of a few texts."""

    options: tuple[str, ...]
    code: str = "wrong_value"
    #: hints by what some write instead of an option
    hints: Mapping[str, str] = attrs.field(factory=dict, kw_only=True)

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(self.options)

    def load(self, value: object, path: str, report: Report) -> Any:
        if not isinstance(value, str):
            report.wrong_type(path, self.expected, value)
        elif value not in self.options:
            report.wrong_value(path, self.expected, value, hint=self._hint(value), code=self.code)
        else:
            return value
        return BROKEN

    def _hint(self, value: str) -> str:
        """The nearest option; none where all that could be said is the list, which is said already."""
        near = get_close_matches(value.lower(), [*self.options, *self.hints], n=1)
        return self.hints.get(near[0], f"did you mean {near[0]!r}?") if near else ""

    def schema(self) -> Schema:
        return {"enum": list(self.options)}


@attrs.frozen
class Flag(Leaf):
    """True or false."""

    @property
    def expected(self) -> str:
        return "true or false"

    def load(self, value: object, path: str, report: Report) -> Any:
        if isinstance(value, bool):
            return value
        report.wrong_type(path, self.expected, value)
        return BROKEN

    def schema(self) -> Schema:
        return {"type": "boolean"}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@attrs.frozen
class Whole(Leaf):
    """A whole number. 1.0 is one, as in JSON Schema: JSON knows one kind of number; 1.9, true and "1" are none."""

    least: int = 0

    @property
    def expected(self) -> str:
        return f"a whole number from {self.least}"

    def load(self, value: object, path: str, report: Report) -> Any:
        if not _is_number(value) or value != value // 1:
            report.wrong_type(path, self.expected, value)
        elif not self.least <= value <= MAX_WHOLE:
            report.wrong_value(path, self.expected if value < self.least else f"a number up to {MAX_WHOLE}", value)
        else:
            return int(value)
        return BROKEN

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": MAX_WHOLE}


@attrs.frozen
class Number(Leaf):
    """A number, whole or not."""

    @property
    def expected(self) -> str:
        return "a number"

    def load(self, value: object, path: str, report: Report) -> Any:
        if not _is_number(value):
            report.wrong_type(path, self.expected, value)
            return BROKEN
        return value if check_json(value, path, report) else BROKEN

    def schema(self) -> Schema:
        return {"type": "number"}


@attrs.frozen
class DurationShape(Leaf):
    """An ISO 8601 duration (T2)."""

    @property
    def expected(self) -> str:
        return "an ISO 8601 duration like 'PT2H', 'P7D' or 'P1Y2M'"

    def load(self, value: object, path: str, report: Report) -> Any:
        if not isinstance(value, str):
            report.wrong_type(path, self.expected, value)
            return BROKEN
        try:
            return Duration.of(value)
        except ValueError as error:
            report.add(
                "bad_duration",
                path,
                str(error),
                hint=meant_duration(value) or "write it like PT2H, P7D or P1Y2M",
                expected=self.expected,
                got=shown(value),
            )
            return BROKEN

    def dump(self, value: Any) -> JSON:
        return str(value) if isinstance(value, Duration) else value

    def schema(self) -> Schema:
        return {"$ref": "#/$defs/Duration"}


@attrs.frozen
class Constant(Leaf):
    """Any JSON value."""

    @property
    def expected(self) -> str:
        return "a JSON value"

    def load(self, value: object, path: str, report: Report) -> Any:
        return _plain(value) if check_json(value, path, report) else BROKEN

    def dump(self, value: Any) -> JSON:
        return _plain(value)

    def schema(self) -> Schema:
        return {}


def _plain(value: Any) -> JSON:
    """The value with its own lists and dicts, so that a document changed later changes no definition."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


@attrs.frozen
class Nullable:
    """A shape, or null."""

    shape: Shape

    @property
    def parts(self) -> tuple[Shape, ...]:
        return (self.shape,)

    @property
    def expected(self) -> str:
        return f"{self.shape.expected} or null"

    def load(self, value: object, path: str, report: Report) -> Any:
        return None if value is None else self.shape.load(value, path, report)

    def dump(self, value: Any) -> JSON:
        return None if value is None else self.shape.dump(value)

    def schema(self) -> Schema:
        schema = self.shape.schema()
        if isinstance(schema.get("type"), str):
            return {**schema, "type": [schema["type"], "null"]}
        return {"anyOf": [schema, {"type": "null"}]}


@attrs.frozen
class Listed:
    """A list of one shape; of ``length`` elements if that is given, each only once if they are ``distinct``."""

    shape: Shape
    length: int | None = None
    distinct: bool = False
    least: int = 0

    @property
    def parts(self) -> tuple[Shape, ...]:
        return (self.shape,)

    @property
    def expected(self) -> str:
        return f"a list of {self.length}" if self.length else "a list"

    def load(self, value: object, path: str, report: Report) -> Any:
        if not isinstance(value, list):
            report.wrong_type(path, self.expected, value)
            return BROKEN
        loaded = [self.shape.load(each, element(path, n), report) for n, each in enumerate(value)]
        if self.length is not None and len(value) != self.length:
            report.wrong_value(path, self.expected, value)
            return BROKEN
        if len(value) < self.least:
            report.wrong_value(path, f"at least {self.least}", value)
            return BROKEN
        if any(each is BROKEN for each in loaded):
            return BROKEN
        if self.distinct and len(set(loaded)) != len(loaded):
            report.wrong_value(path, "each only once", value)
            return BROKEN
        return tuple(loaded)

    def dump(self, value: Any) -> JSON:
        if isinstance(value, str) or not isinstance(value, Iterable):
            return value
        return [self.shape.dump(each) for each in value]

    def schema(self) -> Schema:
        schema: Schema = {"type": "array", "items": self.shape.schema()}
        if self.length is not None:
            schema |= {"minItems": self.length, "maxItems": self.length}
        if self.least:
            schema["minItems"] = self.least
        if self.distinct:
            schema["uniqueItems"] = True
        return schema


@attrs.frozen
class Mapped:
    """An object with free names, each of one shape."""

    shape: Shape
    keyed: bool = False  # whether the names are keys of the space

    @property
    def parts(self) -> tuple[Shape, ...]:
        return (self.shape,)

    @property
    def expected(self) -> str:
        return "an object"

    def load(self, value: object, path: str, report: Report) -> Any:
        if not isinstance(value, Mapping):
            report.wrong_type(path, self.expected, value)
            return BROKEN
        loaded = {}
        names: Shape = KEY_SHAPE if self.keyed else Text()
        for name, each in value.items():
            at = member(path, name)
            loaded[names.load(name, at, report)] = self.shape.load(each, at, report)
        return BROKEN if BROKEN in loaded or any(each is BROKEN for each in loaded.values()) else loaded

    def dump(self, value: Any) -> JSON:
        if not isinstance(value, Mapping):
            return value
        return {name: self.shape.dump(each) for name, each in value.items()}

    def schema(self) -> Schema:
        if not self.keyed:
            return {"type": "object", "additionalProperties": self.shape.schema()}
        return {
            "type": "object",
            "patternProperties": {KEY_PATTERN: self.shape.schema()},
            "additionalProperties": False,
        }

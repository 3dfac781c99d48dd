"""Field helpers shared by the model: durations, tuples and keys, checked when an object is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import attrs

from journeys._time import Duration, described, meant_duration
from journeys.errors import nearest

KEY = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)

JSON = Any  # None, bool, int, float, str, list or dict of the same
DurationLike = Duration | str | timedelta


def duration(value: DurationLike) -> Duration:
    """A duration from itself, from ISO 8601 text or from a timedelta; ValueError says what may have been meant."""
    try:
        return Duration.of(value)
    except ValueError as error:
        if isinstance(value, str) and (hint := meant_duration(value)):
            raise ValueError(f"{error}; {hint}") from None
        raise


def as_tuple(value: Iterable[Any]) -> tuple[Any, ...]:
    """A tuple of whatever is given; one thing alone is no list of it."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"expected a list, got one {type(value).__name__}: put it in brackets, [{value!r}]")
    return tuple(value)


def duration_or_none(value: DurationLike | None) -> Duration | None:
    """The same, where there may be none."""
    return None if value is None else duration(value)


def frozen_map(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A read-only copy."""
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping, each by its key, got {described(value)}: write {{'key': …}}")
    return MappingProxyType(dict(value))


def by_json(value: JSON) -> Any:
    """What JSON values are told apart by (C5): 1 and 1.0 are one value, true is not 1."""
    if isinstance(value, bool):
        return (bool, value)
    if isinstance(value, (list, tuple)):
        return tuple(map(by_json, value))
    if isinstance(value, Mapping):
        return {name: by_json(each) for name, each in value.items()}
    return value


def names(value: str | Iterable[str]) -> tuple[str, ...]:
    """A tuple of names; a lone text is refused, because it is an iterable of letters."""
    if isinstance(value, str):
        raise TypeError(f"expected a list of names, got the text {value!r}: write [{value!r}]")
    return tuple(value)


def check_key(_: object, attribute: attrs.Attribute[str], value: object) -> None:
    """The keys of a space are ``[a-z][a-z0-9_-]*``."""
    if not isinstance(value, str) or not KEY.fullmatch(value):
        raise ValueError(f"{attribute.name} {value!r} is no key: expected [a-z][a-z0-9_-]*")


def text(_: object, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{attribute.name} must be a text that is not empty, got {value!r}")


class WrongChoice(ValueError):
    """A value that is none of those that a field may have; ``hint`` names the nearest, or is empty."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


@attrs.frozen
class OneOf:
    """Refuses a value that is none of the ``options``."""

    options: tuple[str, ...]

    def __call__(self, _: object, attribute: attrs.Attribute[str], value: object) -> None:
        """WrongChoice says what is expected."""
        if not isinstance(value, str) or value not in self.options:
            known = ", ".join(map(repr, self.options))
            hint = nearest(value, self.options) if isinstance(value, str) else ""
            told = f"{attribute.name}: expected one of {known}, got {described(value)}"
            raise WrongChoice(told, hint if hint.startswith("did") else "")


def one_of(options: Iterable[str]) -> OneOf:
    """A validator of a field that has one of a few values."""
    return OneOf(tuple(options))


def counted(number: int, noun: str) -> str:
    """``1 step``, ``2 steps``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

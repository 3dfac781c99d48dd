"""A described population: who comes when, and what they do with which probability. Also as JSON."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from math import isfinite
from typing import Any, Self

import attrs

from journeys._time import Duration, instant_of, parse_instant
from journeys.errors import nearest
from journeys.model._fields import as_tuple, duration

#: what a behaviour may follow besides an event: the arrival of the person, and what a journey sends
ARRIVAL, SENT = "arrival", "sent:"


def _spread(value: Any) -> Spread:
    return value if isinstance(value, Spread) else Spread.of(value)


@attrs.frozen
class Spread:
    """How long something takes: ``exactly``, ``between`` (uniform), or with a ``mean`` (exponential)."""

    kind: str
    low: int
    high: int = 0

    @classmethod
    def of(cls, value: Any) -> Self:
        """From ``"PT1H"``, ``{"between": ["PT1M", "P1D"]}`` or ``{"mean": "PT6H"}``."""
        if isinstance(value, Mapping):
            if set(value) == {"mean"}:
                return cls("mean", _length(value["mean"]))
            if set(value) == {"between"}:
                if not isinstance(value["between"], (list, tuple)) or len(value["between"]) != 2:
                    raise ValueError(f"between takes two durations, got {value['between']!r}")
                low, high = map(_length, value["between"])
                if low > high:
                    raise ValueError(f"between takes the shorter duration first, got {value['between']!r}")
                return cls("between", low, high)
            raise ValueError(
                f"expected a duration, {{'between': [short, long]}} or {{'mean': duration}}, got {value!r}"
            )
        return cls("exactly", _length(value))

    def draw(self, rng: random.Random) -> int:
        """One duration in microseconds."""
        if self.kind == "between":
            return rng.randint(self.low, self.high)
        return int(rng.expovariate(1.0) * self.low) if self.kind == "mean" else self.low


def _length(value: Any) -> int:
    duration = Duration.of(value)
    if not duration.is_exact or duration.micros < 0:
        raise ValueError(f"expected weeks, days, hours, minutes or seconds, got {value!r}")
    return duration.micros


def _is_range(what: Any) -> bool:
    if not isinstance(what, (list, tuple)) or len(what) != 2:
        return False
    return all(type(each) is int or (type(each) is float and isfinite(each)) for each in what) and what[0] <= what[1]


#: a word that is as like another as this is a slip of it; `name` and `same` are less so
_SLIP = 0.8
#: how a value is drawn -> whether it is right, and what would be
_DRAWN: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "choice": (lambda what: isinstance(what, (list, tuple)) and len(what) > 0, "a list of values, one at least"),
    "between": (_is_range, "two numbers, the lower first"),
    "same": (lambda what: isinstance(what, str), "the name of a property of what came before"),
    "new": (lambda what: isinstance(what, str), "the text with which the id begins"),
}


def _drawable(_: Any, attribute: Any, values: Any) -> None:
    if not isinstance(values, Mapping):
        raise ValueError(f"{attribute.name}: expected an object, got {values!r}")
    if found := [f"{attribute.name}.{name}: {why}" for name, value in values.items() for why in _undrawable(value)]:
        raise ValueError("\n".join(found))


def _undrawable(value: Any) -> Iterator[str]:
    """Why a value cannot be drawn as it says; an object with one field that is nearly a way to draw is a slip."""
    for how, what in value.items() if isinstance(value, Mapping) and len(value) == 1 else ():
        if how not in _DRAWN:
            slips = [each for each in _DRAWN if _is_slip(str(how), each)]
            yield from (f"nothing is drawn by {how!r}; did you mean {each!r}?" for each in slips)
        elif not _DRAWN[how][0](what):
            yield f"{how} takes {_DRAWN[how][1]}, got {what!r}"


def _is_slip(word: str, meant: str) -> bool:
    return sorted(word) == sorted(meant) or SequenceMatcher(None, word, meant).ratio() >= _SLIP


def _whole(_: Any, attribute: Any, value: Any) -> None:
    if type(value) is not int or value < 0:
        raise ValueError(f"{attribute.name} is a whole number, 0 or more, got {value!r}")


def _text(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{attribute.name} is a text, got {value!r}")


def _share(_: Any, attribute: Any, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{attribute.name} is between 0 and 1, got {value!r}")


@attrs.frozen
class Behaviour:
    """What people do: an event, with a probability, some time after something else happened to them.

    ``after`` is ``arrival``, the name of an event of theirs, or ``sent:STEP`` for what a step sends them. ``delay`` is
    how long after it. ``properties`` are constants, ``{"choice": [...]}``, ``{"between": [low, high]}`` for a number,
    ``{"same": "name"}`` for that property of what came before, or ``{"new": "c"}`` for an id that nobody has yet.
    """

    event: str = attrs.field(validator=_text)
    after: str = attrs.field(default=ARRIVAL, validator=_text)
    probability: float = attrs.field(default=1.0, validator=_share)
    properties: Mapping[str, Any] = attrs.field(factory=dict, validator=_drawable)
    delay: Spread = attrs.field(default=Spread("exactly", 0), converter=_spread, kw_only=True)


@attrs.frozen
class Population:
    """So many people, arriving over a time, each with traits and behaviours, watched for ``during`` after ``start``.

    ``arrivals`` is how long after ``start`` a person arrives; ``traits`` are like the properties of a behaviour.
    """

    size: int = attrs.field(validator=_whole)
    behaviours: tuple[Behaviour, ...] = attrs.field(default=(), converter=as_tuple)
    arrivals: Spread = attrs.field(default=Spread("exactly", 0), converter=_spread, kw_only=True)
    traits: Mapping[str, Any] = attrs.field(factory=dict, validator=_drawable, kw_only=True)
    start: int = attrs.field(default=parse_instant("2026-01-01T00:00:00Z"), converter=instant_of, kw_only=True)
    during: Duration = attrs.field(default=Duration.of("P90D"), converter=duration, kw_only=True)
    #: a person does no more than this: behaviours may set off each other without end
    most: int = attrs.field(default=1000, validator=_whole, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if found := [*_after_nothing(self.behaviours)]:
            raise ValueError("\n".join(found))

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """From a JSON document; ValueError says everything that is wrong and where, a line for each."""
        fields = dict(document) if isinstance(document, Mapping) else document
        given = fields.pop("behaviours", []) if isinstance(document, Mapping) else []
        found = [*_wrong("population", fields, cls)]
        if isinstance(given, (list, tuple)):
            for number, each in enumerate(given):
                found += [f"behaviours[{number}]: {why}" for why in _wrong("behaviour", each, Behaviour)]
        else:
            found.append(f"behaviours: expected a list, got {given!r}")
        if found:
            raise ValueError("\n".join(found))
        return cls(behaviours=tuple(Behaviour(**each) for each in given), **fields)

    @property
    def end(self) -> int:
        """The instant at which it is no longer watched."""
        return self.during.after(self.start)


def _after_nothing(behaviours: Sequence[Behaviour]) -> Iterator[str]:
    known = [ARRIVAL, *(each.event for each in behaviours)]
    for number, each in enumerate(behaviours):
        if each.after not in known and not each.after.startswith(SENT):
            yield (
                f"behaviours[{number}]: nobody does {each.after!r}; expected {ARRIVAL!r}, the event of a behaviour,"
                f" or '{SENT}STEP'; {nearest(each.after, known)}"
            )


def _wrong(what: str, document: Any, of: Any) -> Iterator[str]:
    """Everything that keeps a document from being one of these."""
    if not isinstance(document, Mapping):
        yield f"a {what} is a JSON object, got {document!r}"
        return
    fields = {each.name: each for each in attrs.fields(of)}
    for name in document:
        if name not in fields:
            yield f"unknown field {name!r} of a {what}; {nearest(name, [*fields])}"
    for name, field in fields.items():
        if name in document:
            yield from _wrong_value(field, document[name])
        elif field.default is attrs.NOTHING:
            yield f"a {what} must have the field {name!r}"


def _wrong_value(field: Any, value: Any) -> Iterator[str]:
    try:
        made = value if field.converter is None else field.converter(value)
    except (TypeError, ValueError) as error:
        yield f"{field.name}: {error}"
        return
    try:
        if field.validator is not None:
            field.validator(None, field, made)
    except ValueError as error:
        yield from str(error).splitlines()


def drawn(values: Mapping[str, Any], rng: random.Random, before: Mapping[str, Any], person: str, count: int) -> Any:
    """Properties or traits as one person has them; what is the same as something absent is left out."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and len(value) == 1:
            ((how, what),) = value.items()
            if how == "choice":
                value = rng.choice(what)
            elif how == "between":
                low, high = what
                whole = isinstance(low, int) and isinstance(high, int)
                value = rng.randint(low, high) if whole else round(rng.uniform(low, high), 2)
            elif how == "same":
                if what not in before:
                    continue
                value = before[what]
            elif how == "new":
                value = f"{what}-{person}-{count}"
        made[name] = value
    return made

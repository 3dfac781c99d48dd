"""The vocabulary: the shape of every class of the model, read from its annotations and validators.

The few fields whose JSON says more than their annotation does are in ``_SPECIAL``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs

from journeys._time import Duration
from journeys.codec.forms import Comparison, Flattened, OneField
from journeys.codec.objects import Object, Shapes
from journeys.codec.shapes import (
    CLOCK_SHAPE,
    KEY_SHAPE,
    Choice,
    Constant,
    DurationShape,
    Flag,
    Listed,
    Mapped,
    Nullable,
    Number,
    Shape,
    Text,
    Whole,
)
from journeys.codec.unions import OneOf, Referring, Tagged, TextOr
from journeys.model import conditions, entries, steps
from journeys.model.conditions import OPERATORS, Condition, ContextRef, Filter, FirstRef, TraitRef
from journeys.model.journey import Journey, Migrate
from journeys.model.space import FORMAT, DestinationDefinition, Space
from journeys.model.steps import Activation, ContextTime, LocalTime, ProfileRef, SendMessage, Step, Template

#: destinations that take no options
BARE = ("record", "function")
ON_PREVIOUS = ("drain", "archive")


def snake(name: str) -> str:
    """The ``type`` of a class: its name in snake case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _of_base(base: type[Any], module: object) -> tuple[type[Any], ...]:
    found = [each for each in vars(module).values() if isinstance(each, type) and attrs.has(each)]
    return tuple(each for each in found if issubclass(each, base) and each is not base)


CONDITIONS = _of_base(Condition, conditions)
STEPS = _of_base(Step, steps)
ENTRIES: tuple[type[Any], ...] = get_args(entries.Entry)
BRANCHES = (steps.Branch, steps.ConditionBranch, steps.RandomBranch)
COMPARISONS = (Filter, conditions.Trait, conditions.Context)
TAGGED = {cls: snake(cls.__name__) for cls in (*CONDITIONS, *STEPS, *ENTRIES)}


_OBJECTS: dict[type[Any], Object] = {}
_FIELDS: dict[type[Any], Shapes] = {}


def object_of(cls: type[Any]) -> Object:
    """The shape of one class of the model."""
    if cls not in _OBJECTS:
        _OBJECTS[cls] = _object_of(cls)
    return _OBJECTS[cls]


def _object_of(cls: type[Any]) -> Object:
    extra = {"type": TAGGED[cls]} if cls in TAGGED else {}
    if cls is Space:
        return Object(cls, _fields_of, {"format": FORMAT})
    if cls in COMPARISONS:
        return Comparison(
            cls, _fields_of, extra, operand=_operand(), duration=DurationShape(), elements=Listed(Constant())
        )
    if cls is conditions.Count:
        return OneField(cls, _fields_of, alone=("exactly",))
    if cls is DestinationDefinition:
        return Flattened(cls, _fields_of, without_options=BARE)
    return Object(cls, _fields_of, extra)


def tagged(classes: tuple[type[Any], ...]) -> Tagged:
    """Classes that their ``type`` tells apart."""
    return Tagged({TAGGED[cls]: object_of(cls) for cls in classes})


def tagged_elsewhere(classes: Iterable[type[Any]], special: Callable[[type[Any]], Shapes] = lambda _: {}) -> Tagged:
    """Classes outside of the model that are written like it; ``special`` has shapes that annotations cannot say."""

    def shapes(cls: type[Any]) -> Shapes:
        return {**_fields_of(cls), **special(cls)}

    return Tagged({snake(cls.__name__): Object(cls, shapes, {"type": snake(cls.__name__)}) for cls in classes})


def _refs(*classes: type[Any]) -> Referring:
    return Referring({attrs.fields(cls)[0].name: object_of(cls) for cls in classes})


def _operand() -> Referring:
    return _refs(TraitRef, ContextRef, FirstRef)


def _source() -> Referring:
    return _refs(TraitRef, ContextRef, ProfileRef, Template)


#: what comparisons are called elsewhere
_SIGNS = {
    "equals": ("=", "==", "eq", "is"),
    "not_equals": ("!=", "<>", "ne", "neq"),
    "greater_than": (">", "gt"),
    "greater_than_or_equal": (">=", "gte", "ge"),
    "less_than": ("<", "lt"),
    "less_than_or_equal": ("<=", "lte", "le"),
    "equals_any_of": ("in", "is_in"),
}
_ELSEWHERE = {sign: f"did you mean {op!r}?" for op, signs in _SIGNS.items() for sign in signs}
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS = {day: f"did you mean {day[:3]!r}?" for day in _LONG_DAYS}
_MIGRATES = {"migrate": 'write {"migrate": {"OLD_STEP": "NEW_STEP"}}, or {"migrate": {}} if no step changed its key'}

_SPECIAL: Mapping[tuple[type[Any], str], Callable[[], Shape]] = {
    **{(cls, "op"): lambda: Choice(OPERATORS, hints=_ELSEWHERE) for cls in COMPARISONS},
    **{(cls, "value"): _operand for cls in COMPARISONS},
    **{(conditions.Count, name): lambda: Whole(0) for name in conditions.COUNTS},
    (LocalTime, "time"): lambda: CLOCK_SHAPE,
    (LocalTime, "weekdays"): lambda: Listed(Choice(steps.WEEKDAYS, hints=_DAYS), distinct=True, least=1),
    (Activation, "context"): lambda: TextOr(Choice(("all",)), Listed(Text())),
    (Activation, "mapping"): lambda: Nullable(Mapped(_source())),
    (SendMessage, "template"): lambda: Mapped(Constant()),
    (Journey, "steps"): lambda: Mapped(tagged(STEPS), keyed=True),
    (Journey, "on_previous"): lambda: TextOr(Choice(ON_PREVIOUS, hints=_MIGRATES), object_of(Migrate)),
    (Journey, "version"): lambda: Whole(1),
    (Space, "destinations"): lambda: Mapped(object_of(DestinationDefinition), keyed=True),
}


def _fields_of(cls: type[Any]) -> Shapes:
    if cls not in _FIELDS:
        hints = get_type_hints(cls)
        _FIELDS[cls] = {
            field.name: _shape_of_field(cls, field, hints[field.name])
            for field in attrs.fields(cls)
            if (cls, field.name) != (DestinationDefinition, "options")
        }
    return _FIELDS[cls]


def _shape_of_field(cls: type[Any], field: attrs.Attribute[Any], hint: Any) -> Shape:
    if special := _SPECIAL.get((cls, field.name)):
        return special()
    if field.name == "key":
        return KEY_SHAPE
    if options := getattr(field.validator, "options", None):  # one_of
        return Choice(tuple(options), "unknown_type" if field.name == "type" else "wrong_value")
    return _shape_of(hint)


_PLAIN: Mapping[Any, Shape] = {
    str: Text(),
    bool: Flag(),
    int: Whole(0),
    Duration: DurationShape(),
}


def _shape_of(hint: Any) -> Shape:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint is Condition:
        return tagged(CONDITIONS)
    if hint is Step:
        return tagged(STEPS)
    if isinstance(hint, type) and attrs.has(hint):
        return object_of(hint)
    arguments = get_args(hint)
    if get_origin(hint) is tuple:
        return Listed(_shape_of(arguments[0]), None if arguments[-1] is Ellipsis else len(arguments))
    if get_origin(hint) in (Mapping, dict):
        return Mapped(_shape_of(arguments[1]))
    if get_origin(hint) in (Union, UnionType):
        return _shape_of_union(arguments)
    raise TypeError(f"the codec has no shape for {hint!r}")


def _shape_of_union(arguments: tuple[Any, ...]) -> Shape:
    if NoneType in arguments:
        rest = tuple(each for each in arguments if each is not NoneType)
        return Nullable(_shape_of(rest[0]) if len(rest) == 1 else _shape_of_union(rest))
    if set(arguments) == {int, float}:
        return Number()
    if set(arguments) == set(ENTRIES):
        return tagged(ENTRIES)
    if set(arguments) == {LocalTime, ContextTime}:
        return OneOf((object_of(LocalTime), object_of(ContextTime)), ("time", "context"))
    if set(arguments) == set(BRANCHES):
        return OneOf(tuple(map(object_of, BRANCHES)), ("event", "condition", "percent"))
    if str in arguments and len(arguments) == 2:
        return TextOr(Text(), _shape_of(next(each for each in arguments if each is not str)))
    raise TypeError(f"the codec has no shape for {arguments!r}")

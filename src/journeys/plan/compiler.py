"""From model conditions to compiled ones, and to the features that they share."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from journeys._time import Duration
from journeys.model import conditions as m
from journeys.model.space import AudienceDefinition, ComputedTrait, Space
from journeys.plan import computed as folds
from journeys.plan import features as f
from journeys.plan.conditions import (
    Compared,
    Comparison,
    Computed,
    Condition,
    Constant,
    ContextReader,
    Counted,
    CountedEntries,
    CountedWithin,
    FirstReader,
    Followed,
    Funnel,
    Group,
    Member,
    Negation,
    Reader,
    TraitReader,
    Window,
)
from journeys.plan.values import ABSENT, find, identity, is_number

COUNT: dict[str, Callable[[int, int], bool]] = {
    "at_least": operator.ge,
    "at_most": operator.le,
    "exactly": operator.eq,
    "less_than": operator.lt,
    "more_than": operator.gt,
}
_NUMERIC = {
    "less_than": operator.lt,
    "greater_than": operator.gt,
    "less_than_or_equal": operator.le,
    "greater_than_or_equal": operator.ge,
}
_NEEDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("sum", "average", "minimum", "maximum"), is_number),
    **dict.fromkeys(("first", "last"), lambda value: value is not ABSENT and value is not None),
    **dict.fromkeys(
        ("most_frequent", "unique_list", "unique_list_count"),
        lambda value: value is not ABSENT and identity(value) is not None,
    ),
}

#: a test of one event: (properties, profile, journey context, present)
Matcher = Callable[[Any, Any, Any, int], bool]


def segments(path: str) -> tuple[str, ...]:
    """A path, cut at its dots."""
    return tuple(path.split("."))


class Compiler:
    """Compiles the conditions of one space; ``features`` collects what must be remembered, by key.

    The *scope* of a feature says from when on it sees events (C4): journeys see those after their publication,
    audiences and computed traits also those that were backfilled.
    """

    def __init__(self, space: Space) -> None:
        self.features: dict[str, f.Feature] = {}
        self.shared: set[str] = set()
        #: events that are named by context conditions: they are wanted too (O7)
        self.named: set[str] = set()
        self.computed: dict[str, Computed] = {}
        self.audiences: dict[str, Condition] = {}
        self._audience_models = {audience.key: audience for audience in space.audiences}
        self._computed_models = {each.key: each for each in space.computed_traits}
        for each in space.computed_traits:
            self._computed(each.key)
        for audience in space.audiences:
            self._audience(audience)

    # audiences and computed traits may refer to each other: each is compiled when it is first needed

    def _audience(self, definition: AudienceDefinition) -> Condition:
        if definition.key not in self.audiences:
            self.audiences[definition.key] = self.condition(definition.condition, scope="")
        return self.audiences[definition.key]

    def _computed(self, key: str) -> Computed:
        if key not in self.computed:
            self.computed[key] = self._compile_computed(self._computed_models[key])
        return self.computed[key]

    def trait(self, path: str) -> TraitReader:
        """A reader of the trait, and of the computed traits that bear its name or the start of it."""
        parts = segments(path)
        for length in range(len(parts), 0, -1):
            if (name := ".".join(parts[:length])) in self._computed_models:
                self._computed(name)
        return TraitReader(parts, self.computed)

    def operand(self, value: Any, firsts: list[str] | None = None) -> Reader:
        """The other side of a comparison."""
        if isinstance(value, m.TraitRef):
            return self.trait(value.trait)
        if isinstance(value, m.ContextRef):
            return ContextReader(value.context[0], segments(value.context[1]))
        if isinstance(value, m.FirstRef):
            assert firsts is not None
            if value.first not in firsts:
                firsts.append(value.first)
            return FirstReader(firsts.index(value.first) + 1)
        return Constant(value)

    def condition(self, model: m.Condition, scope: str) -> Condition:
        """Compiles a condition; ``scope`` names the publication from which on it sees events."""
        match model:
            case m.All(parts):
                return Group([self.condition(part, scope) for part in parts], every=True)
            case m.Any(parts):
                return Group([self.condition(part, scope) for part in parts], every=False)
            case m.Not(part):
                return Negation(self.condition(part, scope))
            case m.Audience(key):
                return Member(self._audience(self._audience_models[key]))
            case m.Trait():
                reader = self.trait(model.trait)
                return Compared(reader, self._comparison(model), **_reads(reader, self.operand(model.value)))
            case m.Context():
                self.named.add(model.event)
                context_reader = ContextReader(model.event, segments(model.property))
                reads = _reads(self.operand(model.value)) | {"context": True}
                return Compared(context_reader, self._comparison(model), **reads)
            case m.Event():
                return self._event(model, scope)
            case m.Funnel():
                return self._funnel(model, scope)
        raise TypeError(f"unknown condition {model!r}")

    def _comparison(self, model: m.Trait | m.Context | m.Filter, firsts: list[str] | None = None) -> Comparison:
        return Comparison(model.op, self.operand(model.value, firsts))

    def _event(self, model: m.Event, scope: str) -> Condition:
        compare, number = COUNT[model.count.op], model.count.number
        fixed, moving = _split(model.where)
        if moving or model.between:
            window = Window(model.within, model.between)
            longest = model.between[0] if model.between else model.within
            entries, filters, reads = self._entries(model.event, fixed, moving, longest, scope)
            return CountedEntries(entries, window, filters, compare, number, **reads)
        if model.within is None:
            make = self._maker(f.Counter, model.event, fixed, "how many came")
            return Counted(self._feature(scope, ("count", model.event, fixed), make), compare, number)
        keep = max(1, number + (model.count.op in ("at_most", "exactly", "more_than")))
        make = self._maker(f.Latest, model.event, fixed, f"the {keep} latest within {model.within}", model.within, keep)
        feature = self._feature(scope, ("latest", model.event, fixed, model.within, keep), make)
        return CountedWithin(feature, compare, number, model.within)

    def _funnel(self, model: m.Funnel, scope: str) -> Condition:
        first_fixed, first_moving = _split(model.first.where)
        then_fixed, then_moving = _split(model.then.where)
        windows = model.within or model.between or model.then.within
        if not (first_moving or then_moving or windows):
            features = [
                self._feature(
                    scope,
                    ("extremes", event, fixed),
                    self._maker(f.Extremes, event, fixed, "first and last of a funnel"),
                )
                for event, fixed in ((model.first.event, first_fixed), (model.then.event, then_fixed))
            ]
            return Followed(features[0], features[1], performed=model.then.performed)
        longest = model.between[0] if model.between else model.within
        firsts: list[str] = []
        readers = [self.operand(each.value, firsts) for each in then_moving]
        then, then_filters, then_reads = self._entries(
            model.then.event, then_fixed, then_moving, longest, scope, firsts, len(first_moving)
        )
        first, first_filters, reads = self._entries(
            model.first.event, first_fixed, first_moving, longest, scope, extra=firsts
        )
        reads = _merge_reads(reads, then_reads, _reads(*readers))
        return Funnel(
            first,
            then,
            Window(model.within, model.between),
            first_filters,
            then_filters,
            performed=model.then.performed,
            then_within=model.then.within,
            **reads,
        )

    def _entries(
        self,
        event: str,
        fixed: tuple[m.Filter, ...],
        moving: tuple[m.Filter, ...],
        window: Duration | None,
        scope: str,
        firsts: list[str] | None = None,
        offset: int = 0,
        extra: Sequence[str] = (),
    ) -> tuple[f.Entries, list[tuple[int, Comparison]], dict[str, Any]]:
        """Remembered events with the values that moving filters, and a funnel's references, look at again.

        An entry is ``[timestamp, values of the moving filters …, values that references need …]``.
        """
        paths = tuple(segments(each.property) for each in moving) + tuple(segments(path) for path in extra)
        make = self._maker(f.Entries, event, fixed, "events that are looked at again", window, paths)
        feature = self._feature(scope, ("entries", event, fixed, window, paths), make)
        assert isinstance(feature, f.Entries)
        filters, readers = [], []
        for place, each in enumerate(moving, 1):
            operand = self.operand(each.value, firsts)
            if isinstance(operand, FirstReader):
                operand = FirstReader(operand.place + offset)
            readers.append(operand)
            filters.append((place, Comparison(each.op, operand)))
        return feature, filters, _reads(*readers)

    def _compile_computed(self, model: ComputedTrait) -> Computed:
        fixed, moving = _split(model.where)
        if model.within is None and not moving:
            make = self._flat_maker(model, fixed)
            storage = "sum" if model.type == "average" else model.type
            storage = "distinct" if storage in ("most_frequent", "unique_list", "unique_list_count") else storage
            storage = "count" if storage == "event_counter" else storage
            parts = (storage, model.event, fixed, *([model.property] if model.property else []))
            return folds.Flat(model.key, self._feature("", parts, make), folds.READS[model.type])
        paths = tuple(segments(each.property) for each in moving)
        if model.property is not None:
            paths = (*paths, segments(model.property))
        needs = _NEEDS.get(model.type)
        make = self._maker(f.Entries, model.event, fixed, f"the window of {model.key}", model.within, paths, needs)
        signature = ("values", model.type if needs else "", model.event, fixed, model.within, paths)
        feature = self._feature("", signature, make)
        assert isinstance(feature, f.Entries)
        filters, readers = [], []
        for place, each in enumerate(moving, 1):
            readers.append(self.operand(each.value))
            filters.append((place, Comparison(each.op, readers[-1])))
        window = Window(model.within, None)
        return folds.Sliding(model.key, feature, window, filters, folds.FOLDS[model.type], **_reads(*readers))

    def _flat_maker(self, model: ComputedTrait, fixed: tuple[m.Filter, ...]) -> Callable[[str], f.Feature]:
        path = segments(model.property or "")
        why = f"the computed trait {model.key}"
        match model.type:
            case "event_counter":
                return self._maker(f.Counter, model.event, fixed, "how many came")
            case "sum" | "average":
                return self._maker(f.Total, model.event, fixed, why, path)
            case "minimum" | "maximum":
                return self._maker(f.Extreme, model.event, fixed, why, path, min if model.type == "minimum" else max)
            case "first" | "last":
                test = self.test(fixed)
                last = model.type == "last"
                return lambda key: f.Edge(key, model.event, test, why, path, last=last)
        return self._maker(f.Distinct, model.event, fixed, why, path)

    def _maker(
        self, kind: Callable[..., f.Feature], event: str, fixed: tuple[m.Filter, ...], why: str, *more: Any
    ) -> Callable[[str], f.Feature]:
        test = self.test(fixed)
        return lambda key: kind(key, event, test, why, *more)

    def test(self, fixed: tuple[m.Filter, ...]) -> f.Test | None:
        """A test of an event by filters that compare with constants."""
        match = self.matcher(fixed)
        return None if match is None else lambda properties: match(properties, None, None, 0)

    def _feature(self, scope: str, parts: tuple[Any, ...], make: Callable[[str], f.Feature]) -> Any:
        key = blake2b(repr(_signed(parts)).encode(), digest_size=6).hexdigest() + scope
        if key in self.features:
            self.shared.add(key)
        else:
            self.features[key] = make(key)
        return self.features[key]

    def matcher(self, where: Sequence[m.Filter]) -> Matcher | None:
        """A test of an event by all the filters, or None if there are none (C9)."""
        if len(where) > 1 and all(map(_is_numeric, where)):
            return _all_numeric(tuple((each.property, _NUMERIC[each.op], each.value) for each in where))
        tests = [self._single(each) for each in where]
        if not tests:
            return None
        if len(tests) == 1:
            return tests[0]
        if len(tests) == 2:
            a, b = tests
            return lambda p, profile, context, now: a(p, profile, context, now) and b(p, profile, context, now)
        return lambda p, profile, context, now: all(test(p, profile, context, now) for test in tests)

    def _single(self, model: m.Filter) -> Matcher:
        path = segments(model.property)
        comparison = self._comparison(model)
        operand = model.value
        if _is_numeric(model):
            return _numeric(path[0], _NUMERIC[model.op], operand)
        if len(path) == 1 and isinstance(comparison.operand, Constant):
            name, test = path[0], comparison.test
            return lambda p, profile, context, now: test(p.get(name, ABSENT), operand, now)
        return lambda p, profile, context, now: comparison.holds(find(p, path), profile, context, now)


def _is_numeric(model: m.Filter) -> bool:
    """Whether it compares a property with a number that is written down."""
    return "." not in model.property and model.op in _NUMERIC and is_number(model.value)


def _all_numeric(tests: tuple[tuple[str, Callable[[Any, Any], bool], float], ...]) -> Matcher:
    """Several such filters in one function: a call for each would cost more than the comparison itself."""

    def matches(properties: Any, profile: Any, context: Any, now: int) -> bool:
        for name, compare, operand in tests:
            value = properties.get(name)
            kind = type(value)
            if (kind is not int and kind is not float) or not compare(value, operand):
                return False
        return True

    return matches


def _numeric(name: str, compare: Callable[[Any, Any], bool], operand: float) -> Matcher:
    def matches(properties: Any, profile: Any, context: Any, now: int) -> bool:
        value = properties.get(name)
        kind = type(value)
        return (kind is int or kind is float) and compare(value, operand)

    return matches


def _split(where: Sequence[m.Filter]) -> tuple[tuple[m.Filter, ...], tuple[m.Filter, ...]]:
    """Filters whose answer never changes, and those that must be asked again with time or traits."""
    moving = tuple(
        each for each in where if each.op in m.AGING or isinstance(each.value, (m.TraitRef, m.ContextRef, m.FirstRef))
    )
    return tuple(each for each in where if each not in moving), moving


def _reads(*readers: Reader) -> dict[str, Any]:
    """What the readers depend on, as ``Condition`` takes it."""
    traits = [reader for reader in readers if isinstance(reader, TraitReader)]
    computed = [each for reader in traits for each, _ in reader.computed]
    events: frozenset[str] = frozenset().union(*(each.events for each in computed))
    reads: dict[str, Any] = {"traits": bool(traits)}
    if any(isinstance(reader, ContextReader) for reader in readers):
        reads["context"] = True
    if events:
        reads["events"] = events
    return reads


def _merge_reads(*several: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for reads in several:
        for name, value in reads.items():
            merged[name] = merged[name] | value if name in merged else value
    return merged


def _signed(value: Any) -> Any:
    """A stable stand-in for a part of a feature's key: it must stay the same between versions of this package."""
    if isinstance(value, m.Filter):
        return ("filter", value.property, value.op, _signed(value.value))
    if isinstance(value, Duration):
        return ("duration", value.months, value.micros)
    if isinstance(value, m.TraitRef):
        return ("trait", value.trait)
    if isinstance(value, m.ContextRef):
        return ("context", *value.context)
    if isinstance(value, m.FirstRef):
        return ("first", value.first)
    if isinstance(value, (list, tuple)):
        return tuple(_signed(each) for each in value)
    return value

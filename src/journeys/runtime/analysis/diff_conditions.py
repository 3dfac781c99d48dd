"""Conditions held against each other: which part was added, removed or changed.

What cannot change the answer is no difference: the order of parts and filters, ``all`` of one, ``not`` of ``not``,
a count said in another way, equal durations in other units.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any as Anything

import attrs

from journeys._time import Duration
from journeys.model.conditions import (
    LISTED,
    All,
    Any,
    Audience,
    Condition,
    Context,
    Count,
    Event,
    Filter,
    Funnel,
    FunnelFirst,
    FunnelThen,
    Not,
    Trait,
)
from journeys.plan.values import normal
from journeys.runtime.analysis.diff_findings import Findings, Place, as_document, in_words, longer, pairs_of
from journeys.runtime.render import describe, describe_count, describe_filter
from journeys.runtime.render.words import OPPOSITE

_ADDED: Mapping[type, str] = {All: "also asks for", Any: "is also met by"}
_REMOVED: Mapping[type, str] = {All: "no longer asks for", Any: "is no longer met by"}


@attrs.frozen
class Part:
    """A part of a condition, and where it stands."""

    condition: Condition
    path: str

    @property
    def meaning(self) -> str:
        """Two parts of one meaning have the same answer at every instant."""
        return meaning(self.condition)


def meaning(value: Anything) -> str:
    """A text under which two conditions, filters or values are one exactly if they say the same."""
    return json.dumps(_meaning(value), ensure_ascii=False, sort_keys=True)


def _meaning(value: Anything) -> Anything:
    match value:
        case All() | Any():
            parts = sorted({part.meaning for part in _parts(value, "", type(value))})
            return parts[0] if len(parts) == 1 else [type(value).__name__, parts]
        case Not():
            return _opposite(value.condition)
        case Event():
            return [
                "Event",
                value.event,
                _filters(value.where),
                _bounds(value.count),
                _meaning(value.within),
                _meaning(value.between),
            ]
        case Funnel():
            first, then = value.first, value.then
            return ["Funnel", first.event, _filters(first.where), then.event, _filters(then.where), then.performed,
                    *map(_meaning, (then.within, value.within, value.between))]  # fmt: skip
        case Trait():
            return ["Trait", value.trait, *_operand(value)]
        case Context():
            return ["Context", value.event, value.property, *_operand(value)]
        case Filter():
            return [value.property, *_operand(value)]
        case Audience():
            return ["Audience", value.audience]
        case Duration():
            return {"months": value.months, "micros": value.micros}
        case list() | tuple():
            return [_meaning(each) for each in value]
        case dict():
            return {"of": {name: _meaning(each) for name, each in value.items()}}
    return normal(as_document(value))


def _filters(where: Sequence[Filter]) -> list[str]:
    return sorted({meaning(each) for each in where})


def _operand(comparison: Filter | Trait | Context) -> tuple[str, Anything]:
    value = _meaning(comparison.value)
    if comparison.op in LISTED and isinstance(value, list):
        value = sorted({json.dumps(each, sort_keys=True) for each in value})
    return comparison.op, value


def _bounds(count: Count) -> list[int | None]:
    """The least and the most that there may be."""
    number = count.number
    bounds: dict[str, list[int | None]] = {
        "at_least": [number, None],
        "at_most": [0, number],
        "exactly": [number, number],
        "less_than": [0, number - 1],
        "more_than": [number + 1, None],
    }
    return bounds[count.op]


def _opposite(condition: Condition) -> Anything:
    if isinstance(condition, Not):
        return _meaning(condition.condition)
    if isinstance(condition, (Trait, Context)) and condition.op in OPPOSITE:
        return _meaning(attrs.evolve(condition, op=OPPOSITE[condition.op]))
    inner = _meaning(condition)
    if isinstance(condition, Event):
        least, most = inner[3]
        if most is None and least > 0:
            return [*inner[:3], [0, least - 1], *inner[4:]]
        if least == 0 and most is not None:
            return [*inner[:3], [most + 1, None], *inner[4:]]
    return ["Not", inner]


def _core(condition: Condition, path: str) -> Part:
    """What is left of a condition without ``all`` of one and ``not`` of ``not``."""
    while True:
        if isinstance(condition, (All, Any)) and len(condition.conditions) == 1:
            condition, path = condition.conditions[0], f"{path}.conditions[0]"
        elif isinstance(condition, Not) and isinstance(condition.condition, Not):
            condition, path = condition.condition.condition, f"{path}.condition.condition"
        else:
            return Part(condition, path)


def _parts(condition: Condition, path: str, kind: type) -> list[Part]:
    """The parts of ``all`` or ``any``, those of the same kind inside it among them."""
    core = _core(condition, path)
    if not isinstance(core.condition, kind) or not isinstance(core.condition, (All, Any)):
        return [core]
    found: list[Part] = []
    for number, each in enumerate(core.condition.conditions):
        found += _parts(each, f"{core.path}.conditions[{number}]", kind)
    return found


def compare_conditions(old: Condition, new: Condition, place: Place, findings: Findings) -> None:
    """Notes what is not the same in two conditions."""
    _compare(Part(old, place.old), Part(new, place.new), place, findings)


def _compare(old: Part, new: Part, place: Place, findings: Findings) -> None:
    if old.meaning == new.meaning:
        return
    before, after = _core(old.condition, old.path), _core(new.condition, new.path)
    kinds = {type(each.condition) for each in (before, after)} & {All, Any}
    if len(kinds) == 1:
        kind = kinds.pop()
        _compare_parts(
            _parts(before.condition, before.path, kind),
            _parts(after.condition, after.path, kind),
            kind,
            place,
            findings,
        )
    elif not kinds and isinstance(before.condition, Not) and isinstance(after.condition, Not):
        inner = attrs.evolve(place, subject=f"{place.subject}: not" if place.subject else "not")
        _compare(
            Part(before.condition.condition, before.path + ".condition"),
            Part(after.condition.condition, after.path + ".condition"),
            inner,
            findings,
        )
    elif not kinds and _alike(before.condition, after.condition):
        _LEAVES[type(before.condition)](
            before.condition, after.condition, place.paths(before.path, after.path), findings
        )
    else:
        _whole(before, after, place, findings)


def _whole(before: Part, after: Part, place: Place, findings: Findings) -> None:
    told = f"asks for {_bracketed(after.condition)} instead of {_bracketed(before.condition)}"
    findings.add("changed", place.paths(before.path, after.path), before.condition, after.condition, told)


def _bracketed(condition: Condition) -> str:
    words = describe(condition)
    return f"({words})" if isinstance(condition, (All, Any, Funnel)) else words


def _compare_parts(old: list[Part], new: list[Part], kind: type, place: Place, findings: Findings) -> None:
    """Parts of one meaning belong together, then those about the same; the rest was added or removed."""
    kept = {part.meaning for part in old} & {part.meaning for part in new}
    before = {part.meaning: part for part in old if part.meaning not in kept}
    after = {part.meaning: part for part in new if part.meaning not in kept}
    score = {
        (a, b): likeness
        for a, one in before.items()
        for b, other in after.items()
        if (likeness := _likeness(one.condition, other.condition))
    }
    for a, b in list(pairs_of(before, after, score)):
        _compare(before.pop(a), after.pop(b), place, findings)
    if len(before) == len(after) == 1:
        _compare(next(iter(before.values())), next(iter(after.values())), place, findings)
        return
    for part in before.values():
        told = f"{_REMOVED[kind]} {_bracketed(part.condition)}"
        findings.add("removed", place.paths(part.path, part.path), part.condition, None, told)
    for part in after.values():
        told = f"{_ADDED[kind]} {_bracketed(part.condition)}"
        findings.add("added", place.paths(part.path, part.path), None, part.condition, told)


def _alike(old: Condition, new: Condition) -> bool:
    return type(old) is type(new) and type(old) in _LEAVES


def _likeness(old: Condition, new: Condition) -> float:
    """How alike two parts are; 0 where they are about different things."""
    if type(old) is not type(new):
        return 0
    match old, new:
        case Event(), Event():
            return (old.event == new.event) * (1 + (_filters(old.where) == _filters(new.where)))
        case Trait(), Trait():
            return (old.trait == new.trait) * (1 + (old.op == new.op))
        case Context(), Context():
            return (old.event == new.event and old.property == new.property) * (1 + (old.op == new.op))
        case Funnel(), Funnel():
            return (old.first.event == new.first.event) + (old.then.event == new.then.event)
        case Not(), Not():
            return _likeness(old.condition, new.condition)
        case All() | Any(), All() | Any():
            before, after = ({part.meaning for part in _parts(each, "", type(each))} for each in (old, new))
            return len(before & after) / len(before | after)
    return 0


# parts of one kind


def _event(old: Event, new: Event, place: Place, findings: Findings) -> None:
    if old.event != new.event:
        told = f"asks for {describe(new)} instead of {describe(old)}"
        findings.add("changed", place.at("event"), old.event, new.event, told)
    compare_filters(old.where, new.where, place.at("where"), findings, of=new.event)
    if _bounds(old.count) != _bounds(new.count):
        told = f"asks for {new.event} {describe_count(new.count)} instead of {describe_count(old.count)}"
        findings.add("changed", place.at("count"), old.count, new.count, told)
    _windows(old, new, place, findings)


def _windows(old: Event | Funnel, new: Event | Funnel, place: Place, findings: Findings) -> None:
    for name in ("within", "between"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            kind = "added" if before is None else "removed" if after is None else "changed"
            more = longer(before, after) if name == "within" and kind == "changed" else ""
            told = f"asks for {describe(new)} instead of {describe(old)}" + (f" ({more})" if more else "")
            findings.add(kind, place.at(name), before, after, told)


def _funnel(old: Funnel, new: Funnel, place: Place, findings: Findings) -> None:
    told = f"asks for {_bracketed(new)} instead of {_bracketed(old)}"
    ends: tuple[tuple[str, FunnelFirst | FunnelThen, FunnelFirst | FunnelThen], ...]
    ends = (("first", old.first, new.first), ("then", old.then, new.then))
    for name, before, after in ends:
        at = place.at(name)
        if before.event != after.event:
            findings.add("changed", at.at("event"), before.event, after.event, told)
        compare_filters(before.where, after.where, at.at("where"), findings, of=after.event)
    then, at = (old.then, new.then), place.at("then")
    if then[0].performed != then[1].performed:
        findings.add("changed", at.at("performed"), then[0].performed, then[1].performed, told)
    if then[0].within != then[1].within:
        findings.value(at.at("within"), f"{new.then.event} within", then[0].within, then[1].within)
    _windows(old, new, place, findings)


def _trait(old: Trait, new: Trait, place: Place, findings: Findings) -> None:
    _comparison(old, new, ("trait",), place, findings)


def _context(old: Context, new: Context, place: Place, findings: Findings) -> None:
    _comparison(old, new, ("event", "property"), place, findings)


def _comparison(
    old: Trait | Context, new: Trait | Context, subject: tuple[str, ...], place: Place, findings: Findings
) -> None:
    """One field that is another is named; where more are, it is another comparison."""
    others = [name for name in (*subject, "op", "value") if meaning(getattr(old, name)) != meaning(getattr(new, name))]
    told = f"asks for {describe(new)} instead of {describe(old)}"
    if len(others) == 1 and None not in (before := getattr(old, others[0]), after := getattr(new, others[0])):
        findings.add("changed", place.at(others[0]), before, after, told)
    else:
        findings.add("changed", place, old, new, told)


def _audience(old: Audience, new: Audience, place: Place, findings: Findings) -> None:
    told = f"asks for {describe(new)} instead of {describe(old)}"
    findings.add("changed", place.at("audience"), old.audience, new.audience, told)


_LEAVES: dict[type, Anything] = {
    Event: _event,
    Funnel: _funnel,
    Trait: _trait,
    Context: _context,
    Audience: _audience,
}


def compare_filters(
    old: Sequence[Filter], new: Sequence[Filter], place: Place, findings: Findings, *, of: str = ""
) -> None:
    """Notes what is not the same in the filters of one event; all of them are required (C9)."""
    kept = {meaning(each) for each in old} & {meaning(each) for each in new}
    before = {meaning(each): (number, each) for number, each in enumerate(old) if meaning(each) not in kept}
    after = {meaning(each): (number, each) for number, each in enumerate(new) if meaning(each) not in kept}
    score = {
        (a, b): 1.0 + (one.op == other.op)
        for a, (_, one) in before.items()
        for b, (_, other) in after.items()
        if one.property == other.property
    }
    whose = f"{of}: " if of else ""
    for a, b in list(pairs_of(before, after, score)):
        (old_at, one), (new_at, other) = before.pop(a), after.pop(b)
        told = f"{whose}asks for {describe_filter(other)} instead of {describe_filter(one)}"
        findings.add("changed", place.item(old_at, new_at), one, other, told)
    for number, each in before.values():
        findings.add("removed", place.item(number, number), each, None, f"{whose}no longer asks for {in_words(each)}")
    for number, each in after.values():
        findings.add("added", place.item(number, number), None, each, f"{whose}also asks for {in_words(each)}")

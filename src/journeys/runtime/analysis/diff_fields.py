"""Things of one class held against each other, field by field; lists by the names of what stands in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from journeys._time import Duration
from journeys.model.conditions import Condition
from journeys.model.entries import ConditionEntry, EventEntry, ExitRule, ExitSend, Goal
from journeys.model.steps import (
    EXITS,
    Activation,
    Branch,
    ConditionBranch,
    ContextTime,
    LocalTime,
    RandomBranch,
    SendToDestination,
    Step,
    TimezoneTrait,
)
from journeys.plan.values import equal
from journeys.runtime.analysis.diff_conditions import compare_conditions, compare_filters, meaning
from journeys.runtime.analysis.diff_findings import Findings, Place, as_document, in_words, instead, same_json

#: fields that say where a token goes
#: fields whose order says nothing; the ``context`` of an instant is an event and its property, in this order
SETS = frozenset(("traits", "context", "weekdays", "rules", "destinations"))
#: what a field is about, where it is not what the thing around it is about
_AREAS: Mapping[str, str] = {
    "name": "wording",
    "description": "wording",
    "mapping": "payload",
    "template": "payload",
    "activations": "payload",
    "branches": "branches",
    "percent": "branches",
}
#: what a sentence calls the things of a list
_CALLED: Mapping[type, tuple[str, str]] = {
    Branch: ("branch", "name"),
    ConditionBranch: ("branch", "name"),
    RandomBranch: ("branch", "name"),
    ExitRule: ("exit rule", "key"),
    Activation: ("activation", "destination"),
}
_WHOLE = (LocalTime, ContextTime, TimezoneTrait, EventEntry, ConditionEntry, Goal, ExitSend, Activation)


class Fields:
    """Holds things against each other, given which steps of the new definition were called otherwise before."""

    def __init__(self, findings: Findings, renames: Mapping[str, str] | None = None) -> None:
        self.findings = findings
        self.renames = renames or {}

    def compare(self, old: Any, new: Any, place: Place, skip: frozenset[str] = frozenset()) -> None:
        """Two things of one class."""
        for field in attrs.fields(type(new)):
            if field.name not in skip:
                at = place.at(field.name, area=_area(field.name, (old, new), place))
                before, after = getattr(old, field.name), getattr(new, field.name)
                if isinstance(new, ContextTime) and field.name == "context" and before != after:
                    self.findings.value(at, "context", before, after)
                else:
                    self.field(field.name, before, after, at)

    def field(self, name: str, old: Any, new: Any, place: Place) -> None:
        """One field of them."""
        called = name.replace("_", " ")
        some = new if new is not None else old
        if name in EXITS or name == "start":
            if self.renames.get(old, old) != new:
                self.findings.add("changed", place, old, new, f"{called} leads to {_end(new)} instead of {_end(old)}")
        elif name == "destination_key":
            before, after = (
                made if given is None else given for given, made in zip((old, new), place.keys, strict=True)
            )
            if before != after:
                self.findings.add("changed", place, before, after, f"{called} {after} instead of {before}")
        elif name == "where":
            compare_filters(old, new, place, self.findings)
        elif isinstance(some, Condition):
            compare_conditions(old, new, place, self.findings)
        elif isinstance(some, Duration):
            if old != new:
                at = attrs.evolve(place, area="timing") if place.area in ("steps", "life") else place
                self.findings.value(at, called, old, new)
        elif isinstance(some, Mapping):
            self.mapping(old, new, place, called)
        elif name in ("branches", "activations", "exit_rules"):
            self.named(old, new, place)
        elif isinstance(some, _WHOLE) and type(old) is type(new):
            self.compare(old, new, place)
        elif not _same(name, old, new):
            self.findings.value(place, called, _listed(old), _listed(new))

    def mapping(self, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, place: Place, called: str) -> None:
        """Fields of a payload, a template or options, one by one, as deep as both are objects."""
        if old is None or new is None:
            if old is not new:
                self.findings.value(place, called, old, new)
            return
        for name in [*old, *(each for each in new if each not in old)]:
            at, inner = place.at(name), f"{called} {name}"
            if name not in old:
                self.findings.add("added", at, None, new[name], f"{inner} is new: {in_words(new[name])}")
            elif name not in new:
                self.findings.add("removed", at, old[name], None, f"{inner} is gone: it was {in_words(old[name])}")
            elif isinstance(old[name], Mapping) and isinstance(new[name], Mapping):
                self.mapping(old[name], new[name], at, inner)
            elif not same_json(old[name], new[name]):
                self.findings.add("changed", at, old[name], new[name], f"{inner}: {instead(old[name], new[name])}")

    def named(self, old: Sequence[Any], new: Sequence[Any], place: Place) -> None:
        """A list whose things have names: branches, exit rules, activations."""
        if not old and not new:
            return
        word, naming = _CALLED[type((*new, *old)[0])]
        before, after = _by_name(old, naming), _by_name(new, naming)
        pairs = {name: name for name in before if name in after}
        gone = [name for name in before if name not in after]
        come = [name for name in after if name not in before]
        for name in gone:
            other = next((each for each in come if self._alike(before[name][1], after[each][1], naming, place)), None)
            if other is not None:
                come.remove(other)
                pairs[name] = other
        for name, other in pairs.items():
            (old_at, one), (new_at, another) = before[name], after[other]
            at = place.item(old_at, new_at, subject=_subject(place.subject, word, other))
            if name != other:
                kind = "changed" if naming == "destination" else "renamed"
                told = f"{naming} {other} instead of {name}"
                self.findings.add(kind, at.at(naming), getattr(one, naming), getattr(another, naming), told)
            self.compare(one, another, at, frozenset((naming,)))
        for name in gone:
            if name not in pairs:
                number, each = before[name]
                told = f"{word} {name} is gone: it was {self._told(each)}"
                self.findings.add("removed", place.item(number, number), each, None, told)
        for name in come:
            number, each = after[name]
            told = f"{word} {name} is new: {self._told(each)}"
            self.findings.add("added", place.item(number, number), None, each, told)
        ordered = [pairs[name] for name in before if name in pairs]
        kept = [name for name in after if name in ordered]
        if ordered != kept:
            names = [name for name in before if name in pairs]
            self.findings.add(
                "reordered", place, names, kept, f"the order is {', '.join(kept)} instead of {', '.join(ordered)}"
            )

    def _alike(self, one: Any, other: Any, naming: str, place: Place) -> bool:
        """Whether the two differ in their name alone."""
        trial = Findings()
        Fields(trial, self.renames).compare(one, other, place, frozenset((naming,)))
        return not trial.found

    def _told(self, each: Any) -> str:
        leads = f", then {_end(each.next)}" if hasattr(each, "next") and not getattr(each, "restart", False) else ""
        return in_words(each) + leads


def content_of(step: Step) -> str:
    """What a step does, wherever it leads and whatever it is called: one text for two steps that do the same."""
    names = sorted(field.name for field in attrs.fields(type(step)) if field.name not in ("name", "description"))
    return f"{type(step).__name__} " + meaning([[name, _plain(name, getattr(step, name))] for name in names])


def _plain(name: str, value: Any) -> Any:
    if name in EXITS or name == "destination_key":
        return None
    if isinstance(value, Condition):
        return meaning(value)
    if name == "where":
        return sorted(map(meaning, value))
    if name in SETS and isinstance(value, tuple):
        return sorted(value)
    if isinstance(value, (tuple, list)):
        return [_plain("", each) for each in value]
    if attrs.has(type(value)) and not isinstance(value, Duration):
        return [[field.name, _plain(field.name, getattr(value, field.name))] for field in attrs.fields(type(value))]
    return dict(value) if isinstance(value, Mapping) else value


def _area(name: str, things: tuple[Any, Any], place: Place) -> str:
    if name == "name" and any(map(_sends_its_name, things)):
        return "payload"
    if name in EXITS or name == "start":
        return "flow"
    if place.area == "steps" and isinstance(getattr(things[1], name), Condition):
        return "conditions"
    if place.area == "steps" and name == "until":
        return "timing"
    return _AREAS.get(name, place.area)


def _sends_its_name(thing: Any) -> bool:
    """An activation without an event sends the name of its step."""
    return isinstance(thing, SendToDestination) and not all(each.event for each in thing.activations)


def _same(name: str, old: Any, new: Any) -> bool:
    if name in SETS and isinstance(old, tuple) and isinstance(new, tuple):
        return sorted(old) == sorted(new)
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        return equal(old, new)
    return bool(as_document(old) == as_document(new)) if type(old) is type(new) else False


def _listed(value: Any) -> Any:
    """An empty list is not there."""
    return None if value == () else value


def _end(target: str | None) -> str:
    return "the end" if target is None else target


def _subject(subject: str, word: str, name: str) -> str:
    return f"{word} {name} of {subject}" if subject else f"{word} {name}"


def _by_name(items: Sequence[Any], naming: str) -> dict[str, tuple[int, Any]]:
    """By name; the second of one name is ``name#2``."""
    seen: Counter[str] = Counter()
    found = {}
    for number, each in enumerate(items):
        name = getattr(each, naming)
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name}#{seen[name]}"] = (number, each)
    return found

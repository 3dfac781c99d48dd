"""Differences as data, and the places at which two definitions are held against each other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from journeys._time import Duration
from journeys.codec.problems import element, member
from journeys.codec.vocabulary import object_of
from journeys.model.conditions import Condition, ContextRef, Filter, FirstRef, TraitRef
from journeys.model.entries import ConditionEntry, EventEntry, ExitRule, ExitSend, Goal
from journeys.model.space import AudienceDefinition, ComputedTrait
from journeys.model.steps import (
    Activation,
    Branch,
    ConditionBranch,
    ContextTime,
    Delay,
    LocalTime,
    ProfileRef,
    RandomBranch,
    Step,
    Template,
)
from journeys.runtime.render import (
    describe,
    describe_activation,
    describe_audience,
    describe_computed_trait,
    describe_duration,
    describe_entry,
    describe_event,
    describe_exit_rule,
    describe_filter,
    describe_goal,
    describe_step,
    describe_value,
    phrase_of,
)

#: what may have become of a thing, and the mark that stands for it in a text
MARKS: Mapping[str, str] = {
    "added": "+",
    "removed": "-",
    "changed": "~",
    "renamed": ">",
    "moved": ">",
    "reordered": "~",
}
#: what a difference is about; ``wording`` changes nothing that happens
AREAS = (
    "steps", "flow", "timing", "conditions", "branches", "payload", "entry", "exit", "goal", "life",
    "audiences", "computed_traits", "destinations", "settings", "wording",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Difference:
    """One thing that is not the same in two definitions.

    ``old_path`` leads to it in the old definition, ``new_path`` in the new one; None where it is not there. ``before``
    and ``after`` are what stands there, as a document has it. ``text`` says it in a sentence. ``affects`` are the
    journeys that an audience, computed trait, destination or setting concerns.
    """

    kind: str
    area: str
    old_path: str | None
    new_path: str | None
    before: Any = None
    after: Any = None
    text: str
    journey: str | None = None
    step: str | None = None
    affects: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where it is: in the new definition, in the old one if it was removed."""
        return self.new_path or self.old_path or "$"

    @property
    def matters(self) -> bool:
        """Whether anything may happen otherwise; names and descriptions are for the reader."""
        return self.area != "wording"

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"path": self.path, **attrs.asdict(self, recurse=False), "affects": list(self.affects)}

    def __str__(self) -> str:
        return f"{MARKS[self.kind]} {self.path}  {self.text}"


@attrs.frozen(kw_only=True)
class Place:
    """Where we are in both definitions, and how a sentence calls it.

    ``keys`` are the destination keys that an activation here has in each, unless it names one (V4).
    """

    old: str = "$"
    new: str = "$"
    subject: str = ""
    area: str = "life"
    journey: str | None = None
    step: str | None = None
    affects: tuple[str, ...] = ()
    keys: tuple[str, str] = ("", "")

    def at(self, name: str, new_name: str | None = None, **changes: Any) -> Place:
        """A member; ``new_name`` if the new definition calls it otherwise."""
        other = name if new_name is None else new_name
        return attrs.evolve(self, old=member(self.old, name), new=member(self.new, other), **changes)

    def item(self, old: int, new: int, **changes: Any) -> Place:
        """An element of a list."""
        return attrs.evolve(self, old=element(self.old, old), new=element(self.new, new), **changes)

    def paths(self, old: str, new: str) -> Place:
        """The same, at paths that are known already."""
        return attrs.evolve(self, old=old, new=new)


class Findings:
    """Takes differences as they are found."""

    def __init__(self) -> None:
        self.found: list[Difference] = []

    def add(self, kind: str, place: Place, before: Any, after: Any, what: str) -> None:
        """Notes one; ``before`` and ``after`` are things of the model, or values."""
        self.found.append(
            Difference(
                kind=kind,
                area=place.area,
                old_path=None if kind == "added" else place.old,
                new_path=None if kind == "removed" else place.new,
                before=None if kind == "added" else as_document(before),
                after=None if kind == "removed" else as_document(after),
                text=f"{place.subject}: {what}" if place.subject else what,
                journey=place.journey,
                step=place.step,
                affects=place.affects,
            )
        )

    def value(self, place: Place, name: str, before: Any, after: Any) -> None:
        """A value that is another, or that was or is not there: ``name`` is what a sentence calls it."""
        if before is None:
            self.add("added", place, before, after, f"{name} {in_words(after)}, not set before")
        elif after is None:
            self.add("removed", place, before, after, f"{name} no longer set, {in_words(before)} before")
        else:
            self.add("changed", place, before, after, f"{name} {instead(before, after)}")


def instead(before: Any, after: Any) -> str:
    """``3 hours instead of 2 hours (1 hour longer)``."""
    told = f"{in_words(after)} instead of {in_words(before)}"
    if isinstance(before, Duration) and isinstance(after, Duration) and (more := longer(before, after)):
        told += f" ({more})"
    return told


def longer(before: Duration, after: Duration) -> str:
    """How much longer or shorter, in words; nothing where months and days cannot be held against each other."""
    months, micros = after.months - before.months, after.micros - before.micros
    if months < 0 or micros < 0:
        if months > 0 or micros > 0:
            return ""
        return f"{describe_duration(Duration(-months, -micros))} shorter"
    return f"{describe_duration(Duration(months, micros))} longer" if months or micros else ""


def as_document(value: Any) -> Any:
    """A thing of the model, or a value, as a document has it."""
    if isinstance(value, Duration):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [as_document(each) for each in value]
    if isinstance(value, Mapping):
        return {name: as_document(each) for name, each in value.items()}
    return object_of(type(value)).dump(value) if attrs.has(type(value)) else value


def in_words(value: Any) -> str:
    """Anything of a definition in words."""
    match value:
        case None:
            return "nothing"
        case Duration():
            return describe_duration(value)
        case Condition():
            return describe(value)
        case Filter():
            return describe_filter(value)
        case Step():
            return describe_step(value)
        case LocalTime() | ContextTime():
            return phrase_of(Delay(until=value)).text.removeprefix("Wait until ")
        case EventEntry() | ConditionEntry():
            return describe_entry(value)
        case ExitRule():
            return describe_exit_rule(value)
        case ExitSend():
            return describe_activation(value.activation)
        case Goal():
            return describe_goal(value)
        case Activation():
            return describe_activation(value)
        case Branch():
            return describe_event(value.event, value.where)
        case ConditionBranch():
            return describe(value.condition)
        case RandomBranch():
            return f"{value.percent:g} %"
        case AudienceDefinition():
            return describe_audience(value)
        case ComputedTrait():
            return describe_computed_trait(value)
        case TraitRef() | ContextRef() | FirstRef():
            return describe_value(value)
        case ProfileRef():
            return f"the {value.profile.replace('_', ' ')} of the profile"
        case Template():
            return f"the template {json.dumps(value.template, ensure_ascii=False)}"
        case str():
            return value if value.isidentifier() else json.dumps(value, ensure_ascii=False)
    return describe_value(as_document(value) if attrs.has(type(value)) or isinstance(value, tuple) else value)


def same_json(before: Any, after: Any) -> bool:
    """Whether a document says the same, to the letter: 1 is not 1.0 where it is sent. The order of names is nothing."""
    return _text(before) == _text(after)


def _text(value: Any) -> str:
    return json.dumps(as_document(value), sort_keys=True, default=str)


def pairs_of(
    old: Iterable[str], new: Iterable[str], score: Mapping[tuple[str, str], float]
) -> Iterator[tuple[str, str]]:
    """Pairs, the most alike first, each name once; the same ones whichever side is called old."""
    old_left, new_left = set(old), set(new)
    for pair, _ in sorted(score.items(), key=lambda each: (-each[1], min(each[0]), max(each[0]))):
        if pair[0] in old_left and pair[1] in new_left:
            old_left.discard(pair[0])
            new_left.discard(pair[1])
            yield pair

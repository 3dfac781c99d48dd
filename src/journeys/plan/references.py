"""Everything that a definition names, each with its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from journeys.codec.problems import element, member
from journeys.model import conditions as c
from journeys.model import entries as e
from journeys.model import steps as s
from journeys.model.journey import Journey, Migrate
from journeys.model.space import AudienceDefinition, ComputedTrait
from journeys.plan.templates import tags_in

#: operators that are false where there is no value (C5)
PRESENT = frozenset(c.OPERATORS) - {"not_equals", "does_not_contain", "not_exists"}


@attrs.frozen(kw_only=True)
class Reference:
    """One name that stands somewhere.

    ``kind`` is ``event``, ``property`` (``of`` an event), ``trait``, ``context`` (an event of the journey context, with
    a ``property`` of it), ``audience``, ``destination``, ``step`` or ``exit_rule``. ``place`` says what names it:
    ``condition``, ``filter``, ``mapping``, ``merge_tag``, ``activation``, ``delay``, or nothing else to say.
    """

    kind: str
    name: str
    path: str
    place: str = ""
    of: str | None = None
    property: str | None = None
    #: of a comparison: its operator, and what it compares with
    op: str | None = None
    value: Any = None
    #: of a merge tag: what is filled in where there is nothing
    default: str | None = None


def references(value: object, path: str = "$", place: str = "") -> Iterator[Reference]:
    """Every name inside a definition or a part of it."""
    match value:
        case c.TraitRef():
            yield Reference(kind="trait", name=value.trait, path=member(path, "trait"), place=place)
        case c.ContextRef() | s.ContextTime():
            at = member(path, "context")
            name, property_ = value.context
            what = "delay" if isinstance(value, s.ContextTime) else place
            yield Reference(kind="context", name=name, property=property_, path=at, place=what)
        case c.Trait():
            at = member(path, "trait")
            yield Reference(
                kind="trait", name=value.trait, path=at, place="condition", op=value.op, value=_constant(value.value)
            )
            yield from references(value.value, member(path, "value"), "condition")
        case c.Context():
            yield Reference(
                kind="context", name=value.event, property=value.property, path=member(path, "event"),
                place="condition", op=value.op, value=_constant(value.value),
            )  # fmt: skip
            yield from references(value.value, member(path, "value"), "condition")
        case c.Audience():
            yield Reference(kind="audience", name=value.audience, path=member(path, "audience"), place="condition")
        case s.TimezoneTrait():
            yield Reference(kind="trait", name=value.trait, path=member(path, "trait"), place="delay")
        case s.Template():
            yield from _tags(value.template, member(path, "template"))
        case s.Activation():
            yield from _activation(value, path)
        case Mapping():
            for name, each in value.items():
                yield from references(each, member(path, name), place)
        case tuple() | list():
            for index, each in enumerate(value):
                yield from references(each, element(path, index), place)
        case _ if attrs.has(type(value)):
            yield from _names(value, path)
            yield from _fields(value, path, place)


def _names(value: Any, path: str) -> Iterator[Reference]:
    """What an object names by its own fields."""
    if isinstance(value, _NAMING_EVENTS):
        at = member(path, "event")
        yield Reference(kind="event", name=value.event, path=at)
        yield from _properties(value, path)
    if isinstance(value, e.EventEntry) and value.audience is not None:
        yield Reference(kind="audience", name=value.audience, path=member(path, "audience"))
    if isinstance(value, (s.ShowAd, s.SendMessage)):
        yield Reference(kind="destination", name=value.destination, path=member(path, "destination"))
    if isinstance(value, s.SendMessage):
        yield from _tags(value.template, member(path, "template"))
        if value.to == "subscribed":
            name = f"subscriptions.{value.channel}"
            yield Reference(kind="trait", name=name, path=member(path, "to"), place="condition")
    if isinstance(value, (AudienceDefinition, ComputedTrait)):
        for index, name in enumerate(value.destinations):
            at = element(member(path, "destinations"), index)
            yield Reference(kind="destination", name=name, path=at)
    if isinstance(value, e.ExitSend):
        for index, name in enumerate(value.rules):
            yield Reference(kind="exit_rule", name=name, path=element(member(path, "rules"), index))
    if isinstance(value, Migrate):
        for old, new in value.migrate.items():
            yield Reference(kind="step", name=new, path=member(member(path, "migrate"), old), place="migrate")
    if isinstance(value, Journey):
        yield Reference(kind="step", name=value.start, path=member(path, "start"), place="start")
    if isinstance(value, s.Step):
        yield from _steps(value, path)


_NAMING_EVENTS = (
    *(c.Event, c.FunnelFirst, c.FunnelThen, s.Branch),
    *(e.EventEntry, e.ExitRule, e.Goal, ComputedTrait),
)
#: fields that are looked into by ``_names``
_DONE = ("template", "migrate")


def _fields(value: Any, path: str, place: str) -> Iterator[Reference]:
    for field in attrs.fields(type(value)):
        if field.name not in _DONE:
            inside = "filter" if field.name == "where" or isinstance(value, c.Filter) else place
            yield from references(getattr(value, field.name), member(path, field.name), inside)


def _properties(value: Any, path: str) -> Iterator[Reference]:
    """The properties of its event that an object looks at."""
    for index, each in enumerate(value.where):
        at = member(element(member(path, "where"), index), "property")
        yield Reference(
            kind="property", name=each.property, of=value.event, path=at, place="filter", op=each.op,
            value=_constant(each.value),
        )  # fmt: skip
    for name in ("identifier", "property"):
        if isinstance(found := getattr(value, name, None), str):
            yield Reference(kind="property", name=found, of=value.event, path=member(path, name))


def _steps(step: s.Step, path: str) -> Iterator[Reference]:
    for index, branch in enumerate(getattr(step, "branches", ())):
        if branch.next is not None:
            at = member(element(member(path, "branches"), index), "next")
            yield Reference(kind="step", name=branch.next, path=at, place="branch")
    for name in s.EXITS:
        if (target := getattr(step, name, None)) is not None:
            yield Reference(kind="step", name=target, path=member(path, name), place=name)


def _activation(value: s.Activation, path: str) -> Iterator[Reference]:
    yield Reference(kind="destination", name=value.destination, path=member(path, "destination"))
    for index, name in enumerate(value.traits):
        at = element(member(path, "traits"), index)
        yield Reference(kind="trait", name=name, path=at, place="activation")
    if value.context != "all":
        for index, name in enumerate(value.context):
            at = element(member(path, "context"), index)
            yield Reference(kind="context", name=name, path=at, place="activation")
    for name, source in (value.mapping or {}).items():
        if isinstance(source, (c.TraitRef, c.ContextRef, s.Template)):
            yield from references(source, member(member(path, "mapping"), name), "mapping")


def _tags(template: Any, path: str) -> Iterator[Reference]:
    for at, tag, default in tags_in(template, path):
        for each in references(tag, at, "merge_tag"):
            yield attrs.evolve(each, path=at, default=default)


def _constant(value: Any) -> Any:
    return None if isinstance(value, (c.TraitRef, c.ContextRef, c.FirstRef)) else value

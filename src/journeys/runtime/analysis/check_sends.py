"""What is sent: the same twice, or with events that are not in the context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import attrs

from journeys.codec.problems import element, member
from journeys.model import conditions as c
from journeys.model import steps as m
from journeys.model.entries import EventEntry
from journeys.model.journey import Journey
from journeys.plan.plan import Plan
from journeys.plan.templates import merge_tags, parse_tag
from journeys.runtime.analysis.check_codes import Finding
from journeys.runtime.analysis.contents import content_of
from journeys.runtime.analysis.paths import Path, Paths
from journeys.runtime.analysis.paths_proofs import aliases_at, written
from journeys.runtime.analysis.paths_run import play

#: a reference to an event of the context: where it stands, the event, and whether there is a default
Reading = tuple[str, str, bool]


def check_contexts(journey: Journey, at: str) -> Iterator[Finding]:
    """Events that are read from the context where they cannot be in it."""
    for key, step in journey.steps.items():
        there = aliases_at(journey, key)
        for path, event, _ in readings(step, member(member(at, "steps"), key)):
            if event not in there:
                yield _absent(path, event, there)
    if journey.exit_send is not None:
        everywhere = {journey.entry.event} if isinstance(journey.entry, EventEntry) else set()
        everywhere |= {alias for step in journey.steps.values() for alias in written(step)}
        everywhere |= {rule.event for rule in journey.exit_rules if rule.key in journey.exit_send.rules}
        for path, event, _ in readings(journey.exit_send, member(at, "exit_send")):
            if event not in everywhere:
                yield _absent(path, event, everywhere)


def _absent(path: str, event: str, there: set[str]) -> Finding:
    message = f"{event} cannot be in the context here"
    hint = f"in it may be {', '.join(sorted(there))}" if there else "the context is empty here"
    return Finding(code="absent_event", path=path, message=message, hint=hint)


def readings(node: Any, path: str) -> Iterator[Reading]:
    """What a step, or an exit send, reads of the context when it sends or waits; conditions and filters left out."""
    if isinstance(node, c.ContextRef):
        yield path, node.context[0], True
    elif isinstance(node, m.ContextTime):
        yield member(path, "context"), node.context[0], True
    elif isinstance(node, str):
        for _, _, content in merge_tags(node):
            reference, default = parse_tag(content)
            if isinstance(reference, c.ContextRef):
                yield path, reference.context[0], default is not None
    elif isinstance(node, Mapping):
        for name, each in node.items():
            yield from readings(each, member(path, name))
    elif isinstance(node, (list, tuple)):
        for index, each in enumerate(node):
            yield from readings(each, element(path, index))
    elif isinstance(node, m.Activation) and not isinstance(node.context, str):
        for index, event in enumerate(node.context):
            yield element(member(path, "context"), index), event, True
        yield from readings(node.mapping, member(path, "mapping"))
    elif attrs.has(type(node)) and not isinstance(node, (c.Condition, c.Filter)):
        for field in attrs.fields(type(node)):
            if field.name not in ("name", "description", "where"):
                yield from readings(getattr(node, field.name), member(path, field.name))


def check_paths(journey: Journey, at: str, found: Paths, plan: Plan) -> Iterator[Finding]:
    """What shows on the paths that were taken."""
    yield from _twice(journey, at, found, plan)
    yield from _maybe_absent(journey, at, found)


def _twice(journey: Journey, at: str, found: Paths, plan: Plan) -> Iterator[Finding]:
    sends = {
        key: _content(key, step)
        for key, step in journey.steps.items()
        if isinstance(step, (m.SendToDestination, m.SendMessage))
    }
    for one, other in combinations(sends, 2):
        if sends[one] != sends[other]:
            continue
        for path in found.paths:
            if {("sent", one), ("sent", other)} <= set(path.sends) and _are_same(path, one, other, plan):
                message = f"{one} and {other} send the same to one person"
                where = member(member(at, "steps"), other)
                hint = "let them send different things, or only one of them be reached"
                yield Finding(code="same_send_twice", path=where, message=message, hint=hint, witness=path)
                break


def _are_same(path: Path, one: str, other: str, plan: Plan) -> bool:
    """Whether two steps said the same on the path: what is in the context, or of a person, may differ between them."""
    for taken in play(plan, path.user, path.deeds, path.ends_at).taken(path.journey):
        said: dict[str, list[Any]] = {one: [], other: []}
        for record in taken.records:
            if record.kind == "sent" and (made := record.as_dict())["step"] in said:
                said[made["step"]].append(content_of(made))
        if said[one] and said[one] == said[other]:
            return True
    return False


def _content(key: str, step: m.SendToDestination | m.SendMessage) -> tuple[Any, ...]:
    """What a step sends; an activation without an event of its own sends the name of the step."""
    if isinstance(step, m.SendMessage):
        return ("message", step.channel, step.destination, step.template, step.to)
    named = [each.event is None and each.mapping is None for each in step.activations]
    return ("send", step.activations, (step.name or key) if any(named) else None)


def _maybe_absent(journey: Journey, at: str, found: Paths) -> Iterator[Finding]:
    for key, step in journey.steps.items():
        there = aliases_at(journey, key)
        for path, event, has_default in readings(step, member(member(at, "steps"), key)):
            if has_default or event not in there:
                continue
            for each in found.paths:
                if ("sent", key) in each.sends and not _in_context(journey, each, key, event):
                    message = f"{event} is not in the context on some path"
                    hint = 'give the merge tag a default: | default: "…"'
                    yield Finding(code="maybe_absent_event", path=path, message=message, hint=hint, witness=each)
                    break


def _in_context(journey: Journey, path: Path, key: str, event: str) -> bool:
    """Whether an event is in the context when a path comes to a step."""
    if isinstance(journey.entry, EventEntry) and journey.entry.event == event:
        return True
    for move in path.moves:
        if move.step == key:
            return False
        step = journey.steps[move.step]
        if isinstance(step, m.HoldUntil) and any(
            each.name == move.branch and f"{each.event} - {each.name}" == event for each in step.branches
        ):
            return True
    return False

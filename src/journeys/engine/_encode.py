"""A profile's state as bytes and back: serialising at any point changes nothing (the base of I4).

The form is compact JSON with one-letter names and without defaults. ``VERSION`` grows when an older package could no
longer read it; state newer than this package is left alone (``NewerState``).
"""

from __future__ import annotations

import json
from typing import Any

from journeys.engine._json import encode
from journeys.engine._publishing import rebind
from journeys.engine._state import EntryState, Instance, ProfileState, Wait
from journeys.errors import NewerState
from journeys.plan.plan import JourneyPlan, Plan

VERSION = 1

#: plain fields that are seldom there: name in the bytes, attribute, value that is left out
_FIELDS: tuple[tuple[str, str, Any], ...] = (
    ("a", "anonymous_id", None),
    ("r", "rate", (-1, 0)),
    ("A", "seen_at", -1),
    ("t", "traits", {}),
    ("w", "written", {}),
    ("c", "cells", {}),
    ("l", "lists", {}),
    ("u", "outputs", {}),
    ("h", "history", []),
    ("M", "missed", {}),
    ("S", "shared", ()),
    ("D", "devices", ()),
    ("p", "counted", {}),
)
_ATTRIBUTES = {name: attribute for name, attribute, _ in _FIELDS}
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def encode_state(profile: ProfileState) -> bytes:
    """The state as bytes."""
    document: dict[str, Any] = {"v": VERSION, "k": profile.key, "@": profile.clock}
    if profile.accepted:
        document["n"] = profile.accepted
    if profile.seq:
        document["s"] = profile.seq
    if profile.order:
        document["o"] = profile.order
    if profile.marks:
        document["m"] = profile.marks
    rare = profile.__dict__
    for name, attribute, default in _FIELDS if rare else ():
        value = rare.get(attribute, default)
        if value != default and (value or default):
            document[name] = value
    if profile.linked:
        document["L"] = profile.linked
    if profile.foreign:
        document["f"] = profile.foreign
    if profile.instances:
        document["i"] = [_encode_instance(instance) for instance in profile.instances]
    if profile.ends:
        document["e"] = [[*key, at] for key, at in profile.ends.items()]
    if profile.been:
        document["b"] = profile.been
    if profile.entries:
        document["E"] = {label: [state.status, state.at] for label, state in profile.entries.items()}
    if profile.blocked:
        document["B"] = profile.blocked
    return encode(document).encode("utf-8", "surrogatepass")


def decode_state(data: bytes, plan: Plan) -> ProfileState:
    """The state that the bytes hold, under a plan.

    Instances of journeys or versions that the plan does not have are kept as they are and take no part.
    """
    document, _ = _scan(data.decode("utf-8", "surrogatepass"), 0)
    if document["v"] > VERSION:
        raise NewerState(f"the state of {document['k']!r} has version {document['v']}; this package knows {VERSION}")
    profile = ProfileState(document["k"])
    profile.clock = document["@"]
    profile.accepted = document.get("n", 0)
    profile.seq = document.get("s", 0)
    profile.order = document.get("o", 0)
    profile.marks = document.get("m") or {}
    for name in document:
        if name in _ATTRIBUTES:
            setattr(profile, _ATTRIBUTES[name], document[name])
    if "L" in document:
        profile.linked = tuple(document["L"])
    if "e" in document:
        profile.ends = {(journey, identifier): at for journey, identifier, at in document["e"]}
    if "b" in document:
        profile.been = tuple((journey, version) for journey, version in document["b"])
    if "E" in document:
        profile.entries = {label: EntryState(*state) for label, state in document["E"].items()}
    if "B" in document:
        profile.blocked = tuple(document["B"])
    _adopt(profile, [*document.get("f", ()), *document.get("i", ())], plan)
    profile.settle_due()
    return profile


def _adopt(profile: ProfileState, raws: list[Any], plan: Plan) -> None:
    """Instances as they are stored join the profile; those that the plan does not know are kept aside."""
    foreign = []
    for raw in raws:
        journey = plan.journeys.get((raw[0], raw[1]))
        if journey is None or not _fits(raw, journey):
            foreign.append(raw)
        else:
            profile.instances.append(_decode_instance(raw, journey))
    if profile.foreign or foreign:
        profile.foreign = foreign
    profile.rearrange(sorted(profile.instances, key=lambda instance: instance.order))


def _encode_instance(instance: Instance) -> list[Any]:
    raw = [
        instance.plan.key,
        instance.plan.version,
        instance.owner,
        instance.cause,
        instance.identifier,
        instance.entered_at,
        instance.order,
        instance.status,
        int(instance.goal_open),
        instance.exit_at,
        instance.expires_at,
        [key for key, step in instance.plan.steps.items() if instance.visited & step.bit],
        instance.context,
        list(instance.lists),
        [[wait.step.key, wait.due, wait.branch, wait.count, int(wait.removal)] for wait in instance.waits],
        instance.origin,
    ]
    if instance.noted is not None:
        raw.append(instance.noted)
    return raw


def _fits(raw: list[Any], journey: JourneyPlan) -> bool:
    """Whether every step that the instance waits at is there."""
    return all(wait[0] in journey.steps for wait in raw[14])


def _decode_instance(raw: list[Any], journey: JourneyPlan) -> Instance:
    instance = Instance(journey, raw[2], raw[3], raw[4], raw[5], raw[6])
    instance.status = raw[7]
    if instance.goal_open != bool(raw[8]):
        instance.goal_open = bool(raw[8])
    if instance.exit_at != raw[9]:
        instance.exit_at = raw[9]
    instance.expires_at = raw[10]
    for key in raw[11]:
        if key in journey.steps:
            instance.visited |= journey.steps[key].bit
    instance.context = raw[12]
    if raw[13]:
        instance.lists = tuple(raw[13])
    instance.waits = [
        Wait(journey.steps[key], due, branch, removal=bool(removal), count=count)
        for key, due, branch, count, removal in raw[14]
    ]
    if instance.origin != raw[15]:
        instance.origin = raw[15]
    if len(raw) > 16:
        instance.noted = raw[16]
    instance.settle_due()
    return instance


def bind(profile: ProfileState, plan: Plan) -> None:
    """Binds a profile in memory to another compilation of its journeys; what the plan lacks is kept aside."""
    raws = list(profile.foreign)
    instances, profile.instances = profile.instances, []
    for instance in instances:
        journey = plan.journeys.get((instance.plan.key, instance.plan.version))
        if journey is None:
            raws.append(_encode_instance(instance))
        else:
            rebind(instance, journey)
            profile.instances.append(instance)
    _adopt(profile, raws, plan)
    profile.settle_due()

"""A profile's state as bytes and back: serialising at any point changes nothing (the base of I4).

The form is compact JSON with one-letter names and without defaults. ``VERSION`` grows when an older package could no
longer read it; state newer than this package is left alone (``NewerState``), older state is read for ever.
"""

from __future__ import annotations

import json
from functools import lru_cache
from json.encoder import encode_basestring as quote
from operator import attrgetter
from typing import Any

from journeys.engine._json import encode
from journeys.engine._publishing import rebind
from journeys.engine._state import LIVE, EntryState, Instance, ProfileState, Wait
from journeys.errors import NewerState
from journeys.plan.plan import JourneyPlan, Plan
from journeys.plan.values import NEVER

VERSION = 2

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
    ("L", "linked", ()),
    ("f", "foreign", []),
    ("B", "blocked", ()),
    ("e", "ends", {}),
    ("p", "counted", {}),
)
_ATTRIBUTES = {name: attribute for name, attribute, _ in _FIELDS}
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def encode_state(profile: ProfileState) -> bytes:
    """The state as bytes."""
    text = f'{{"v":{VERSION},"k":{quote(profile.key)},"@":{profile.clock}'
    if profile.accepted:
        text += f',"n":{profile.accepted}'
    if profile.seq:
        text += f',"s":{profile.seq}'
    if profile.order:
        text += f',"o":{profile.order}'
    if profile.marks:
        text += ',"m":{' + ",".join([f"{quote(name)}:{at}" for name, at in profile.marks.items()]) + "}"
    if profile.instances:
        text += ',"i":[' + ",".join([_encode_instance(profile, each) for each in profile.instances]) + "]"
    if profile.been:
        text += f',"b":{_encode_been(profile.been)}'
    if profile.__dict__:
        text += _encode_rare(profile)
    return (text + "}").encode("utf-8", "surrogatepass")


def _encode_rare(profile: ProfileState) -> str:
    """What most profiles do not have."""
    rare = profile.__dict__
    document: dict[str, Any] = {}
    for name, attribute, default in _FIELDS:
        value = rare.get(attribute, default)
        if value != default and (value or default):
            document[name] = value
    if profile.entries:
        document["E"] = {label: [state.status, state.at] for label, state in profile.entries.items()}
    return "," + encode(document)[1:-1] if document else ""


@lru_cache(1024)
def _encode_been(been: tuple[tuple[str, int], ...]) -> str:
    return encode(been)


def decode_state(data: bytes, plan: Plan) -> ProfileState:
    """The state that the bytes hold, under a plan.

    Instances of journeys or versions that the plan does not have are kept as they are and take no part.
    """
    document, _ = _scan(data.decode("utf-8", "surrogatepass"), 0)
    if document["v"] > VERSION:
        raise NewerState(f"the state of {document['k']!r} has version {document['v']}; this package knows {VERSION}")
    if document["v"] < VERSION:
        document = _from_version_1(document)
    profile = ProfileState(document["k"])
    profile.clock = document["@"]
    profile.accepted = document.get("n", 0)
    profile.seq = document.get("s", 0)
    profile.order = document.get("o", 0)
    profile.marks = document.get("m") or {}
    for name in document:
        if name in _ATTRIBUTES:
            setattr(profile, _ATTRIBUTES[name], document[name])
    for attribute in ("linked", "blocked"):
        if attribute in profile.__dict__:
            setattr(profile, attribute, tuple(getattr(profile, attribute)))
    if "b" in document:
        profile.been = tuple((journey, version) for journey, version in document["b"])
    if "E" in document:
        profile.entries = {label: EntryState(*state) for label, state in document["E"].items()}
    _adopt(profile, [*document.get("f", ()), *document.get("i", ())], plan)
    profile.settle_due()
    return profile


def _adopt(profile: ProfileState, raws: list[Any], plan: Plan) -> None:
    """Instances as they are stored join the profile; those that the plan does not know are kept aside."""
    foreign, instances = [], list(profile.instances)
    for raw in raws:
        journey = plan.journeys.get((raw[0], raw[1]))
        if journey is None or not all(wait[0] in journey.steps for wait in raw[9]):
            foreign.append([*raw[:10], {"w": profile.id, **(raw[10] if len(raw) > 10 else {})}])  # a link may rename it
        else:
            instances.append(_decode_instance(profile, raw, journey))
    if profile.foreign or foreign:
        profile.foreign = foreign
    profile.rearrange(sorted(instances, key=_order))


_order = attrgetter("order")


def _encode_instance(profile: ProfileState, instance: Instance) -> str:
    """A list: journey, version, cause, identifier, entry, order, expiry, steps, context, waits, and what is rare."""
    plan, cause, identifier = instance.plan, instance.cause, instance.identifier
    cause_text = quote(cause) if type(cause) is str else cause
    identifier_text = quote(identifier) if type(identifier) is str else encode(identifier)
    text = (
        f"[{quote(plan.key)},{plan.version},{cause_text},{identifier_text},{instance.entered_at},{instance.order},"
        f"{instance.expires_at},{_encode_steps(plan, instance.visited)},{encode(instance.context)},["
        + ",".join([_encode_wait(wait) for wait in instance.waits])
    )
    rare = _rare_of(profile, instance)
    return f"{text}],{encode(rare)}]" if rare else text + "]]"


@lru_cache(1024)
def _encode_steps(plan: JourneyPlan, visited: int) -> str:
    return encode([key for key, step in plan.steps.items() if visited & step.bit])


def _encode_wait(wait: Wait) -> str:
    if wait.branch < 0 and not wait.count and not wait.removal:
        return f"[{quote(wait.step.key)},{wait.due}]"
    return f"[{quote(wait.step.key)},{wait.due},{wait.branch},{wait.count},{wait.removal:d}]"


def _rare_of(profile: ProfileState, instance: Instance) -> dict[str, Any]:
    rare: dict[str, Any] = {}
    if instance.owner != profile.id:  # it was another's before a link (P2)
        rare["w"] = instance.owner
    if instance.origin != instance.plan.version:
        rare["o"] = instance.origin
    if instance.status != LIVE:
        rare["s"] = instance.status
    if instance.goal_open:
        rare["g"] = 1
    if instance.exit_at != NEVER:
        rare["x"] = instance.exit_at
    if instance.lists:
        rare["l"] = instance.lists
    if instance.noted is not None:
        rare["n"] = instance.noted
    return rare


def _decode_instance(profile: ProfileState, raw: list[Any], journey: JourneyPlan) -> Instance:
    _, _, cause, identifier, entered_at, order, expires_at, visited, context, waits, *more = raw
    rare = more[0] if more else {}
    instance = Instance(journey, rare.get("w", profile.id), cause, identifier, entered_at, order)
    instance.expires_at = expires_at
    for key in visited:
        if key in journey.steps:
            instance.visited |= journey.steps[key].bit
    instance.context = context
    instance.waits = [_decode_wait(journey, *wait) for wait in waits]
    if instance.goal_open != ("g" in rare):
        instance.goal_open = "g" in rare
    if instance.exit_at != NEVER:
        instance.exit_at = NEVER
    for name, value in rare.items():
        if name in _RARE:
            setattr(instance, _RARE[name], value)
    if instance.lists:
        instance.lists = tuple(instance.lists)
    instance.settle_due()
    return instance


#: name in the bytes, attribute
_RARE = {"o": "origin", "s": "status", "x": "exit_at", "l": "lists", "n": "noted"}


def _decode_wait(journey: JourneyPlan, key: str, due: int, branch: int = -1, count: int = 0, removal: int = 0) -> Wait:
    return Wait(journey.steps[key], due, branch, removal=bool(removal), count=count)


def _from_version_1(document: dict[str, Any]) -> dict[str, Any]:
    """A state as version 1 wrote it, in the form of today."""
    today = dict(document)
    for name in {"i", "f"} & document.keys():
        today[name] = [_instance_from_version_1(raw) for raw in document[name]]
    if "e" in document:
        today["e"] = {f"{journey} {identifier}": at for journey, identifier, at in document["e"]}
    return today


def _instance_from_version_1(raw: list[Any]) -> list[Any]:
    key, version, owner, cause, identifier, entered_at, order, status, goal_open, exit_at, expires_at = raw[:11]
    visited, context, lists, waits, origin, *noted = raw[11:]
    rare = {"w": owner, "o": origin, "s": status, "x": exit_at}
    if lists:
        rare["l"] = lists
    if goal_open:
        rare["g"] = 1
    if noted:
        rare["n"] = noted[0]
    return [key, version, cause, identifier, entered_at, order, expires_at, visited, context, waits, rare]


def bind(profile: ProfileState, plan: Plan) -> None:
    """Binds a profile in memory to another compilation of its journeys; what the plan lacks is kept aside."""
    raws = list(profile.foreign)
    instances, profile.instances = profile.instances, []
    for instance in instances:
        journey = plan.journeys.get((instance.plan.key, instance.plan.version))
        if journey is None:
            raws.append(json.loads(_encode_instance(profile, instance)))
        else:
            rebind(instance, journey)
            profile.instances.append(instance)
    _adopt(profile, raws, plan)
    profile.settle_due()

"""The payloads that a step would send, with example values: made by the engine, as they are when people come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from journeys._time import parse_instant
from journeys.engine import _payloads
from journeys.engine._effects import Effects
from journeys.engine._state import Instance, ProfileState
from journeys.model import entries as e
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.compiler import segments
from journeys.plan.plan import AdPlan, JourneyPlan, MessagePlan, SendPlan
from journeys.plan.references import references
from journeys.plan.values import ABSENT, find
from journeys.runtime.editing.contexts import EXIT
from journeys.runtime.editing.examples import Examples

_NOW = parse_instant("2026-01-01T10:00:00Z")


@attrs.frozen(kw_only=True)
class Sending:
    """One delivery; ``call`` is ``track``, ``identify``, ``mapped``, ``message``, or ``add`` or ``remove``."""

    destination: str
    call: str
    payload: Any


def sendings(space: Space, journey: Journey, step: str, examples: Examples) -> Iterator[Sending]:
    """What a step would send; what it reads of traits is made up if it was never seen."""
    alone = attrs.evolve(space, journeys=(attrs.evolve(journey, status="live"),))
    compiled = compile_space(alone)
    plan = compiled.journeys[journey.key, journey.version]
    profile = _somebody(journey, step, examples)
    instance = Instance(plan, profile.id, "example", _identifier(journey, examples), _NOW, 1)
    instance.context = dict(examples.context)
    effects = Effects(traces=False)
    _send(space.key, plan, step, profile, instance, effects)
    for each in effects.deliveries:
        yield Sending(destination=each.destination, call=each.call, payload=each.payload)


def _somebody(journey: Journey, step: str, examples: Examples) -> ProfileState:
    part = journey.exit_send if step == EXIT else journey.steps[step]
    profile = ProfileState("u:example")
    profile.anonymous_id = "example-device"
    profile.traits = examples.traits([each.name for each in references(part) if each.kind == "trait"])
    return profile


def _identifier(journey: Journey, examples: Examples) -> Any:
    if not isinstance(journey.entry, e.EventEntry) or journey.entry.identifier is None:
        return None
    found = find(examples.context.get(journey.entry.event, {}), segments(journey.entry.identifier))
    return None if found is ABSENT else found


def _send(
    space: str, plan: JourneyPlan, step: str, profile: ProfileState, instance: Instance, effects: Effects
) -> None:
    if step == EXIT:
        if plan.exit_send is not None:
            _payloads.send_activation(space, profile, instance, None, plan.exit_send, _NOW, effects)
        return
    match plan.steps[step]:
        case SendPlan() as sends:
            for activation in sends.activations:
                _payloads.send_activation(space, profile, instance, step, activation, _NOW, effects)
        case MessagePlan() as message:
            _payloads.send_message(profile, instance, message, _NOW, effects)
        case AdPlan() as ad:
            _payloads.change_list(profile, instance, ad, "add", _NOW, effects)
            _payloads.change_list(profile, instance, ad, "remove", _NOW, effects)

"""What is sent: Segment's own payloads, or what a mapping says (format: Deliveries)."""

from __future__ import annotations

from typing import Any

from journeys._time import format_instant
from journeys.engine._effects import Effects
from journeys.engine._json import encode
from journeys.engine._state import Instance, ProfileState, derived_id
from journeys.plan.plan import ActivationPlan, AdPlan, MessagePlan
from journeys.plan.values import ABSENT
from journeys.ports import Delivery


def who(profile: ProfileState) -> dict[str, str]:
    """``userId``, or ``anonymousId`` while no user id is known."""
    return {"anonymousId": profile.id} if profile.user_id is None else {"userId": profile.user_id}


def send_activation(
    space: str, profile: ProfileState, instance: Instance, step: str | None, plan: ActivationPlan, now: int,
    effects: Effects,
) -> None:  # fmt: skip
    """One delivery of an activation; ``step`` is None for an exit send."""
    if plan.render is not None:
        content = plan.render(profile, instance.context, now)
    else:
        content = {} if instance.plan.is_condition_based else _context(instance, plan.model.context)
    traits = [(path, reader.get(profile, None, now)) for path, reader in plan.traits] if plan.traits else ()
    delivery = _new(LaterDelivery)
    made = (
        space,
        profile.id,
        profile.user_id,
        profile.anonymous_id,
        instance,
        instance.plan,
        step,
        plan,
        now,
        content,
        traits,
    )
    _set_destination(delivery, plan.destination)
    _set_pieces(delivery, made)
    effects.deliveries.append(delivery)
    if effects.traces:
        fields = lambda: {  # noqa: E731
            "step": step, "destination": plan.destination, "delivery": delivery.id, "payload": delivery.payload
        }  # fmt: skip
        effects.record(now, profile, instance, "sent", fields)


class LaterDelivery(Delivery):
    """A delivery of which everything is known and nothing is made: that happens when somebody first looks at it."""

    __slots__ = ("_pieces",)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        space, shown, user_id, anonymous_id, instance, journey, step, plan, now, content, traits = self._pieces
        delivery_id = derived_id(instance.id, step or "", str(plan.index), "0")
        call = plan.model.call
        if plan.render is not None:
            call, payload = "mapped", content
        else:
            payload = _segment_payload(
                space, shown, user_id, instance, journey, step, plan, now, delivery_id, content, traits
            )
        Delivery.__init__(
            self,
            id=delivery_id,
            destination=plan.destination,
            call=call,
            body=encode(payload).encode("utf-8", "surrogatepass"),
            at=now,
            profile=shown,
            user_id=user_id,
            anonymous_id=anonymous_id,
            journey=journey.key,
            version=journey.version,
            instance=instance.id,
            step=step,
            order_key=f"{instance.id} {plan.destination}",
        )
        return getattr(self, name)


_new = object.__new__
_set_destination = Delivery.destination.__set__  # type: ignore[attr-defined]
_set_pieces = LaterDelivery._pieces.__set__  # type: ignore[attr-defined]


def _segment_payload(
    space: str, shown: str, user_id: str | None, instance: Instance, journey: Any, step: str | None,
    plan: ActivationPlan, now: int, delivery_id: str, context: Any, traits: Any,
) -> dict[str, Any]:  # fmt: skip
    based_on_condition = journey.is_condition_based
    content: dict[str, Any]
    if based_on_condition:
        content = {plan.destination_key: "true"}
    else:
        content = {
            "journey_context": context,
            "journey_metadata": {
                "journey_id": journey.key,
                "epoch_id": instance.id,
                "version": journey.version,
                "step": step,
            },
        }
    for path, value in traits:
        if value is not ABSENT:
            content[path] = value
    is_track = plan.model.call == "track"
    return (
        ({"type": "track", "event": plan.event} if is_track else {"type": "identify"})
        | ({"anonymousId": shown} if user_id is None else {"userId": shown})
        | {
            "messageId": delivery_id,
            "timestamp": format_instant(now),
            "context": _personas("audience" if based_on_condition else "journey_step", plan.destination_key, space),
            "integrations": {"All": False, plan.destination: True},
            "properties" if is_track else "traits": content,
        }
    )


def _personas(kind: str, key: str, space: str) -> dict[str, Any]:
    return {
        "personas": {
            "computation_class": kind,
            "computation_id": key,
            "computation_key": key,
            "namespace": space,
            "space_id": space,
        }
    }


def _context(instance: Instance, wanted: str | tuple[str, ...]) -> dict[str, Any]:
    if wanted == "all":
        return dict(instance.context)
    return {name: instance.context[name] for name in wanted if name in instance.context}


def send_message(profile: ProfileState, instance: Instance, step: MessagePlan, now: int, effects: Effects) -> None:
    """A channel message, its merge tags filled."""
    delivery_id = derived_id(instance.id, step.key, "0", "0")
    payload = (
        {"channel": step.channel, "template": step.render(profile, instance.context, now)}
        | who(profile)
        | {"messageId": delivery_id, "timestamp": format_instant(now)}
    )
    _commit(profile, instance, step.key, step.destination, "message", delivery_id, payload, now, effects)


def _commit(
    profile: ProfileState, instance: Instance, step: str | None, destination: str, call: str, delivery_id: str,
    payload: dict[str, Any], now: int, effects: Effects,
) -> None:  # fmt: skip
    deliver(profile, instance, step, destination, call, delivery_id, payload, now, effects)
    if effects.traces:
        fields = {"step": step, "destination": destination, "delivery": delivery_id, "payload": payload}
        effects.record(now, profile, instance, "sent", fields)


def deliver(
    profile: ProfileState, instance: Instance, step: str | None, destination: str, call: str, delivery_id: str,
    payload: dict[str, Any], now: int, effects: Effects,
) -> None:  # fmt: skip
    """Puts a delivery into the outbox of this unit of work (D1)."""
    effects.deliveries.append(
        Delivery(
            id=delivery_id,
            destination=destination,
            call=call,
            body=encode(payload).encode("utf-8", "surrogatepass"),
            at=now,
            profile=profile.id,
            user_id=profile.user_id,
            anonymous_id=profile.anonymous_id,
            journey=instance.plan.key,
            version=instance.plan.version,
            instance=instance.id,
            step=step,
            order_key=f"{instance.id} {destination}",
        )
    )


def change_list(profile: ProfileState, instance: Instance, step: AdPlan, call: str, now: int, effects: Effects) -> None:
    """An ``add`` to a list, or a ``remove`` from it, with the profile's ids and traits."""
    delivery_id = derived_id(instance.id, step.key, "0" if call == "add" else "1", "0")
    payload = (
        {"type": call, "list": step.destination}
        | who(profile)
        | ({"anonymousId": profile.anonymous_id} if profile.anonymous_id is not None else {})
        | {"traits": dict(profile.traits), "messageId": delivery_id, "timestamp": format_instant(now)}
    )
    deliver(profile, instance, step.key, step.destination, call, delivery_id, payload, now, effects)


def send_output(
    space: str, profile: ProfileState, key: str, destinations: tuple[str, ...], *, event: str, value: Any,
    computed: bool, now: int, effects: Effects,
) -> None:  # fmt: skip
    """``Audience Entered``, ``Audience Exited`` or ``Trait Computed``, to each destination of the definition."""
    for destination in destinations:
        parts = (key, profile.id, format_instant(now))
        # one definition may have several destinations: the first has the plain id, the others add their name
        delivery_id = derived_id(*parts) if destination == destinations[0] else derived_id(*parts, destination)
        kind = "trait" if computed else "audience"
        payload = (
            {"type": "track", "event": event}
            | who(profile)
            | {
                "messageId": delivery_id,
                "timestamp": format_instant(now),
                "context": _personas(kind, key, space),
                "integrations": {"All": False, destination: True},
                "properties": {"trait_key": key, key: value} if computed else {key: value},
            }
        )
        effects.deliveries.append(
            Delivery(
                id=delivery_id,
                destination=destination,
                call="track",
                body=encode(payload).encode("utf-8", "surrogatepass"),
                at=now,
                profile=profile.id,
                user_id=profile.user_id,
                anonymous_id=profile.anonymous_id,
                source=key,
                order_key=f"{kind} {key} {profile.key} {destination}",
            )
        )
        fields = {
            "computed_trait" if computed else "audience": key,
            "destination": destination,
            "delivery": delivery_id,
            "payload": payload,
        }
        effects.record(now, profile, None, "sent", fields)

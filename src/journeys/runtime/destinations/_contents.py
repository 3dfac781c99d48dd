"""What the payloads of the different calls have in common (format: Deliveries)."""

from __future__ import annotations

from typing import Any

from journeys import errors
from journeys._time import format_instant
from journeys.ports import Delivery


def payload_of(delivery: Delivery) -> dict[str, Any]:
    """The payload, which is an object in every call."""
    try:
        payload = delivery.payload
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        raise errors.Rejected("the payload is no JSON object")
    return payload


def content(delivery: Delivery) -> dict[str, Any]:
    """What the payload says: the mapped object, a message's template, properties or traits."""
    payload = payload_of(delivery)
    if delivery.call == "mapped":
        return payload
    name = {"message": "template", "track": "properties"}.get(delivery.call, "traits")
    found = payload.get(name)
    return found if isinstance(found, dict) else {}


def ids(delivery: Delivery) -> tuple[str | None, str | None]:
    """The user id, or None and an anonymous id."""
    if delivery.user_id is not None:
        return delivery.user_id, None
    return None, delivery.anonymous_id or delivery.profile


def event_name(delivery: Delivery) -> str:
    """The name of the event: the payload's own; for a mapped one the step, which is all that is known."""
    event = payload_of(delivery).get("event") if delivery.call == "track" else None
    return (
        event if isinstance(event, str) and event else delivery.step or delivery.source or delivery.journey or "journey"
    )


def text_field(values: dict[str, Any], *names: str) -> str | None:
    """The first of the members that is a text."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def email_of(delivery: Delivery) -> str:
    """The email address in the content; Rejected if there is none."""
    address = text_field(content(delivery), "to", "email")
    if address is None:
        raise errors.Rejected("there is no email address: send the trait 'email', or map the field 'to'")
    return address


def timestamp_of(delivery: Delivery) -> str:
    """The instant of the delivery, in ISO 8601."""
    return format_instant(delivery.at)

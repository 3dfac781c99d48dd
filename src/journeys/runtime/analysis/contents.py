"""What a delivery says to the person, apart from the ids that tell deliveries, instances, versions and steps apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: what stands in for the destination key of a step (V4), which is another one if the step has another key
KEY = "<destination key>"
_IDS = frozenset(("epoch_id", "version", "step"))


def content_of(record: Mapping[str, Any]) -> Any:
    """The payload of a record without its instant and the ids of its delivery, instance, version and step.

    A mapped payload is what its author made of it, and stays as it is.
    """
    payload = record.get("payload")
    if not isinstance(payload, Mapping) or payload.get("messageId") != record.get("delivery"):
        return payload
    content = {name: each for name, each in payload.items() if name not in ("messageId", "timestamp")}
    personas = (content.get("context") or {}).get("personas") or {}
    key = personas.get("computation_key")
    if key is not None:
        content["context"] = {"personas": {name: KEY if each == key else each for name, each in personas.items()}}
    for field in ("properties", "traits"):
        if isinstance(content.get(field), Mapping):
            content[field] = {KEY if name == key else name: _told(name, each) for name, each in content[field].items()}
    return content


def _told(name: str, value: Any) -> Any:
    if name != "journey_metadata" or not isinstance(value, Mapping):
        return value
    return {each: said for each, said in value.items() if each not in _IDS}

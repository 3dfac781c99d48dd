"""Keys, ids and payloads (O6; format: Deliveries)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from .clock import show
from .values import MISSING, as_text, lookup

Json = dict[str, Any]
_TAG = re.compile(
    r"""\{\{\s*(?:context\["(?P<event>(?:[^"\\]|\\.)*)"\]\.(?P<property>[^|}]*?)|(?P<trait>[^|}]*?))\s*"""
    r"""(?:\|\s*default:\s*"(?P<default>(?:[^"\\]|\\.)*)"\s*)?\}\}"""
)


def digest(*parts: str, size: int = 16) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=size).hexdigest()


def destination_key(journey: str, step: str) -> str:
    tail = "_" + digest(journey, step, size=3)
    return f"j_o_{journey}__{step}"[: 255 - len(tail)] + tail


def delivery_id(instance: str, step: str | None, index: int) -> str:
    return digest(instance, step or "", str(index), "0")


def chosen_branch(journey: str, step: str, subject: str, branches: list[Json]) -> Json:
    """S6, in integers."""
    h = int.from_bytes(hashlib.blake2b("\x1f".join((journey, step, subject)).encode()).digest()[:8], "big")
    cumulated = 0
    for branch in branches:
        cumulated += round(branch["percent"] * 100)
        if h * 10_000 < cumulated << 64:
            return branch
    raise ValueError("percentages do not sum to 100")


class Content:
    """What payloads draw on, at one instant."""

    def __init__(
        self, trait: Callable[[str], Any], context: Json, user_id: str | None, profile_id: str, seen: str | None
    ):
        self.trait = trait
        self.context = context
        self.profile = {
            "id": profile_id,
            "user_id": MISSING if user_id is None else user_id,
            "anonymous_id": MISSING if seen is None else seen,
        }
        self.address = {"anonymousId": profile_id} if user_id is None else {"userId": user_id}

    def in_context(self, event: str, path: str) -> Any:
        return lookup(self.context.get(event, MISSING), path)

    def fill(self, text: str) -> str:
        def tag(found: re.Match[str]) -> str:
            if found["event"] is not None:
                value = self.in_context(found["event"], found["property"].strip())
            else:
                value = self.trait(found["trait"].strip())
            return (found["default"] or "") if value is MISSING else as_text(value)

        return _TAG.sub(tag, text)

    def fill_all(self, value: Any) -> Any:
        """Every text inside a template object, however deep."""
        if isinstance(value, str):
            return self.fill(value)
        if isinstance(value, list):
            return [self.fill_all(one) for one in value]
        if isinstance(value, dict):
            return {key: self.fill_all(one) for key, one in value.items()}
        return value

    def source(self, source: Any) -> Any:
        if isinstance(source, dict) and len(source) == 1:
            ((kind, of),) = source.items()
            if kind == "trait":
                return self.trait(of)
            if kind == "context":
                return self.in_context(*of)
            if kind == "profile":
                return self.profile[of]
            if kind == "template":
                return self.fill(of)
        return source


def activation_payload(
    space: Json,
    journey: Json,
    instance: str,
    step: str | None,
    activation: Json,
    delivery: str,
    content: Content,
    at: int,
) -> Json:
    if "mapping" in activation and activation["mapping"] is not None:
        filled = {field: content.source(source) for field, source in activation["mapping"].items()}
        return {field: value for field, value in filled.items() if value is not MISSING}
    v1 = journey["entry"]["type"] == "condition_entry"
    call = activation.get("call", "track")
    key = activation.get("destination_key") or destination_key(journey["key"], step or "exit")
    named = {name: value for name in activation.get("traits", []) if (value := content.trait(name)) is not MISSING}
    if v1:
        body: Json = {key: "true", **named}
        event = activation.get("event") or "Audience Entered"
    else:
        wanted = activation.get("context", "all")
        body = {
            "journey_context": {
                name: value for name, value in content.context.items() if wanted == "all" or name in wanted
            },
            "journey_metadata": {
                "journey_id": journey["key"],
                "epoch_id": instance,
                "version": journey.get("version", 1),
                "step": step,
            },
            **named,
        }
        own = journey["steps"][step].get("name") if step else None
        event = activation.get("event") or own or step or "exit"
    name = space.get("key") or "default"
    return {
        "type": call,
        **({"event": event} if call == "track" else {}),
        **content.address,
        "messageId": delivery,
        "timestamp": show(at),
        "context": {
            "personas": {
                "computation_class": "audience" if v1 else "journey_step",
                "computation_id": key,
                "computation_key": key,
                "namespace": name,
                "space_id": name,
            }
        },
        "integrations": {"All": False, activation["destination"]: True},
        "properties" if call == "track" else "traits": body,
    }

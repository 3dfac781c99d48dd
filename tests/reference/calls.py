"""Segment calls: what is none, and what one means (T3, P1, P4, O5)."""

from __future__ import annotations

import json
import math
from typing import Any

from .clock import parse_instant
from .conditions import Event

Json = dict[str, Any]
EVENTS = ("track", "page", "screen")
VIEWED = {"page": ("Page Viewed", "page_name"), "screen": ("Screen Viewed", "screen_name")}
NEEDED = {"track": "event", "group": "groupId", "alias": "previousId"}


def read(line: str) -> Json:
    """One line of a file of calls; ValueError for what is no JSON object with each key once."""

    def pairs(found: list[tuple[str, Any]]) -> Json:
        if len({key for key, _ in found}) != len(found):
            raise ValueError("duplicate keys")
        return dict(found)

    def constant(name: str) -> float:
        raise ValueError(f"{name} is no JSON")

    value = json.loads(line, object_pairs_hook=pairs, parse_constant=constant)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def problem(call: Json) -> str | None:
    """Why this is no valid call in a replay, or None."""
    kind = call.get("type")
    if kind not in (*EVENTS, "identify", "group", "alias"):
        return "unknown type"
    for field in ("userId", "anonymousId", NEEDED.get(kind, "userId")):
        value = call.get(field)
        if value is not None and (not isinstance(value, str) or not value or not _clean(value)):
            return f"wrong {field}"
    if call.get("userId") is None and (kind == "alias" or call.get("anonymousId") is None):
        return "missing id"
    if kind in NEEDED and call.get(NEEDED[kind]) is None:
        return f"missing {NEEDED[kind]}"
    if parse_instant(call.get("timestamp")) is None:
        return "no timestamp"
    mark = call.get("messageId")
    if mark is not None and (not isinstance(mark, str) or not mark):
        return "wrong messageId"
    for field in ("properties", "traits"):
        if call.get(field) is not None and not isinstance(call[field], dict):
            return f"wrong {field}"
    return None if _finite(call) else "NaN or infinity"


def _clean(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, (dict, list)):
        return all(map(_finite, value.values() if isinstance(value, dict) else value))
    return True


def event_of(call: Json, timestamp: int) -> Event | None:
    """P4: every track, page and screen is an event."""
    if call["type"] not in EVENTS:
        return None
    properties = dict(call.get("properties") or {})
    if call["type"] == "track":
        return Event(call["event"], properties, timestamp)
    name, title = VIEWED[call["type"]]
    if call.get("name") is not None:
        properties[title] = call["name"]
    return Event(name, properties, timestamp)


def writes_of(call: Json) -> Json:
    """The traits that a call sets (P3, P4)."""
    if call["type"] == "identify":
        return dict(call.get("traits") or {})
    if call["type"] == "group":
        return {f"groups.{call['groupId']}": dict(call.get("traits") or {})}
    return {}


def wanted_events(space: Json) -> set[str]:
    """Every event that the space names (O7). Drafts and archived journeys name nothing."""
    found: set[str] = set()

    def condition(one: Json) -> None:
        if one["type"] in ("event", "context"):
            found.add(one["event"])
        if one["type"] == "funnel":
            found.update((one["first"]["event"], one["then"]["event"]))
        for inner in [*one.get("conditions", []), *([one["condition"]] if "condition" in one else [])]:
            condition(inner)

    for audience in space.get("audiences", []):
        condition(audience["condition"])
    found.update(one["event"] for one in space.get("computed_traits", []))
    for journey in space.get("journeys", []):
        if journey.get("status", "live") not in ("live", "paused"):
            continue
        entry = journey["entry"]
        if entry["type"] == "event_entry":
            found.add(entry["event"])
        else:
            condition(entry["condition"])
        found.update(rule["event"] for rule in journey.get("exit_rules") or [])
        if journey.get("goal"):
            found.add(journey["goal"]["event"])
        for step in journey["steps"].values():
            if "condition" in step:
                condition(step["condition"])
            for branch in step.get("branches", []):
                if "condition" in branch:
                    condition(branch["condition"])
                elif "event" in branch:
                    found.add(branch["event"])
    return found

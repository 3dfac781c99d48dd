"""Inputs that wait until the watermark has come to them (T8)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Any

from journeys.plan.plan import Plan
from journeys.runtime import _calls

#: (timestamp, message id, arrival, call): the order in which they are applied
Input = tuple[int, str, int, Mapping[str, Any]]

#: what is kept of a call that waits, besides its type and its ids
_KEPT = {
    "track": ("event", "properties"),
    "page": ("name", "properties"),
    "screen": ("name", "properties"),
    "identify": ("traits",),
    "group": ("groupId", "traits"),
    "alias": ("previousId",),
}


class WaitingInputs:
    """What has been accepted and is not applied yet, and which messages that is."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        #: how many inputs have ever had to wait
        self.arrivals = 0
        self._heap: list[Input] = []
        #: message id -> arrival -> id key under which it waits: whose that is may change while it does
        self._id_keys: dict[str, dict[int, str]] = {}

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Input]:
        return iter(self._heap)

    @property
    def next(self) -> int | None:
        """The timestamp of the one that is applied first."""
        return self._heap[0][0] if self._heap else None

    def add(self, call: Mapping[str, Any], timestamp: int, message_id: str | None) -> None:
        """One more, the latest to arrive; what is kept of it is a copy."""
        self.arrivals += 1
        kept: dict[str, Any] = {"type": call["type"]}
        for field in ("userId", "anonymousId", *_KEPT[call["type"]]):
            if call.get(field) is not None:
                is_object = field == "properties" or field == "traits"
                kept[field] = _calls.object_of(call, field, sys.maxsize) if is_object else call[field]
        self.put((timestamp, message_id or "", self.arrivals, kept))

    def put(self, waiting: Input) -> None:
        """One that has arrived before."""
        heappush(self._heap, waiting)
        self._note(waiting)

    def pop(self) -> Input:
        """Takes the one that is applied first."""
        waiting = heappop(self._heap)
        _, message_id, arrival, _ = waiting
        id_keys = self._id_keys.get(message_id, {})
        if id_keys.pop(arrival, None) is not None and not id_keys:
            del self._id_keys[message_id]
        return waiting

    def has(self, message_id: str, key: str, links: Mapping[str, str]) -> bool:
        """Whether an input of this message id waits for the profile."""
        return any(links.get(each, each) == key for each in self._id_keys.get(message_id, {}).values())

    def forget(self, id_keys: set[str]) -> None:
        """Nothing waits any more that names one of them (V6)."""
        self._heap = [each for each in self._heap if not id_keys & set(id_keys_of(each[3]))]
        heapify(self._heap)
        self._id_keys = {}
        for each in self._heap:
            self._note(each)

    def clear(self) -> None:
        """Nothing waits here."""
        self._heap, self._id_keys = [], {}

    def _note(self, waiting: Input) -> None:
        _, message_id, arrival, call = waiting
        name = _calls.event_name(call)
        links = call.get("userId") is not None and call.get("anonymousId") is not None
        is_unwanted = name is not None and name not in self.plan.routes and not links
        if message_id and not is_unwanted:  # an unwanted event leaves no mark (O7)
            self._id_keys.setdefault(message_id, {})[arrival] = id_key_of(call)


def id_key_of(call: Mapping[str, Any]) -> str:
    """The id key under which a valid call comes."""
    return _calls.id_key(call.get("userId"), call.get("anonymousId"))


def id_keys_of(call: Mapping[str, Any]) -> list[str]:
    """Every id key that a call names."""
    fields = (("userId", "u:"), ("anonymousId", "a:"), ("previousId", "u:"), ("previousId", "a:"))
    return [space + call[field] for field, space in fields if isinstance(call.get(field), str)]

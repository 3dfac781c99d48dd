"""Segment's HTTP Tracking API: from a request's document to calls, and from answers to the response's document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

import attrs

from journeys._time import parse_instant
from journeys.errors import InvalidCall
from journeys.runtime._calls import Answer, message_id_of
from journeys.server._answers import Refused

#: the paths that take one call, each of its own type, and those that take a batch
ONE = ("track", "identify", "page", "screen", "group", "alias")
#: some of Segment's clients send all they have to ``import``, so it is no other thing than ``batch``
MANY = ("batch", "import")
#: what Segment's client for browsers calls them
SHORT = {each[0]: each for each in (*ONE, "batch")}

_IDS = ("userId", "anonymousId", "previousId", "groupId")
_measure = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


@attrs.frozen
class Rejection:
    """A call of a batch that was not taken: which one, and why."""

    index: int
    reason: str
    message: str


@attrs.frozen
class Calls:
    """What a request asks for: calls for the evaluator, where each stood, and what is rejected before it sees them."""

    calls: Sequence[Any]
    places: Sequence[int]
    rejected: Sequence[Rejection] = ()

    def all_rejected(self, answers: Sequence[Answer]) -> list[Rejection]:
        """Every rejected call in the order of the batch."""
        found = [
            Rejection(place, answer.reason, answer.message)
            for place, answer in zip(self.places, answers, strict=True)
            if not answer.is_accepted
        ]
        return sorted([*self.rejected, *found], key=lambda each: each.index)


def one_call(document: Any, kind: str) -> Calls:
    """The call in the body of ``/v1/track`` and its like; the path says its type."""
    if not isinstance(document, Mapping):
        raise Refused(400, "no_object", f"expected a {kind} call as an object")
    if document.get("type", kind) != kind:
        raise Refused(400, "wrong_type", f"/v1/{kind} takes {kind} calls; others go to their own paths or to /v1/batch")
    call = _prepared(document, None) | {"type": kind}
    try:
        _check(call)
    except InvalidCall as error:
        raise Refused(400, error.reason, str(error)) from None
    return Calls((call,), (0,))


def many_calls(document: Any, size: int, limit: int) -> Calls:
    """The calls of a batch; its ``sentAt`` holds for those that have none (T3)."""
    if not isinstance(document, Mapping):
        raise Refused(400, "no_object", 'expected a batch as an object: {"batch": [...]}')
    batch = document.get("batch")
    if not isinstance(batch, list):
        raise Refused(400, "wrong_batch", '"batch" must be a list of calls')
    sent_at = document.get("sentAt")
    if sent_at is not None:
        _check_instant(sent_at)
    calls, places, rejected = [], [], []
    for place, call in enumerate(batch):
        try:
            if size > limit and len(_measure(call).encode()) > limit:
                raise InvalidCall("too_large", f"the call has more than {limit} bytes")
            _check(call)
        except InvalidCall as error:
            rejected.append(Rejection(place, error.reason, str(error)))
            continue
        calls.append(_prepared(call, sent_at) if isinstance(call, dict) else call)
        places.append(place)
    return Calls(calls, places, rejected)


def _check(call: Any) -> None:
    """What the evaluator does not look at if nothing names the event (O7), and is no valid call all the same (O5)."""
    if isinstance(call, dict) and call.get("type") == "track":
        message_id_of(call)
        if not isinstance(call.get("properties"), (dict, NoneType)):
            raise InvalidCall("wrong_properties", "properties must be an object")


def _check_instant(value: Any) -> None:
    try:
        if not isinstance(value, str):
            raise ValueError("expected text")
        parse_instant(value)
    except ValueError as error:
        raise Refused(400, "wrong_timestamp", f"sentAt: {error}") from None


def _prepared(call: Mapping[str, Any], sent_at: str | None) -> dict[str, Any]:
    """A call as the evaluator takes it: Segment's clients send whole-number ids, which are decimal text."""
    made = {name: value for name, value in call.items() if name != "writeKey"}  # which is nothing to be kept
    for field in _IDS:
        if type(made.get(field)) is int:
            made[field] = str(made[field])
    if sent_at is not None and made.get("sentAt") is None:
        made["sentAt"] = sent_at
    return made


def success(rejected: Sequence[Rejection]) -> dict[str, Any]:
    """Segment's answer; what of a batch was rejected is said besides."""
    return {"success": True} | ({"rejected": [attrs.asdict(each) for each in rejected]} if rejected else {})

"""The calls of Segment's Python library, with its signatures: an application switches by changing an import."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

#: what a call answers: an ``Answer``, or what is awaited for one
A = TypeVar("A")
Id = str | int | None


def _id(value: Id) -> str | None:
    """Whole-number ids become decimal text; True is no number."""
    return str(value) if type(value) is int else value  # type: ignore[return-value]


class SegmentCalls(Generic[A]):
    """``track``, ``identify``, ``page``, ``screen``, ``group`` and ``alias``; each answers what became of it (O5).

    ``timestamp`` is an aware datetime or ISO 8601 text with an offset: a naive datetime raises ``ValueError``, the one
    difference from Segment's library. ``context`` and ``integrations`` are taken and not looked at.
    """

    def feed(self, call: Mapping[str, Any]) -> A:
        """Applies one call."""
        raise NotImplementedError  # the base: each kind has its own

    def track(
        self,
        user_id: Id = None,
        event: str | None = None,
        properties: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        anonymous_id: Id = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> A:
        """Something that a person did."""
        body = {"type": "track", "event": event, "properties": properties}
        return self._call(body, user_id, anonymous_id, timestamp, message_id)

    def identify(
        self,
        user_id: Id = None,
        traits: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        anonymous_id: Id = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> A:
        """Who a person is (P3)."""
        return self._call({"type": "identify", "traits": traits}, user_id, anonymous_id, timestamp, message_id)

    def page(
        self,
        user_id: Id = None,
        category: str | None = None,
        name: str | None = None,
        properties: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        anonymous_id: Id = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> A:
        """A page that a person saw: the event ``Page Viewed`` (P4)."""
        body = {"type": "page", "name": name, "properties": _with_category(properties, category)}
        return self._call(body, user_id, anonymous_id, timestamp, message_id)

    def screen(
        self,
        user_id: Id = None,
        category: str | None = None,
        name: str | None = None,
        properties: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        anonymous_id: Id = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> A:
        """A screen that a person saw: the event ``Screen Viewed`` (P4)."""
        body = {"type": "screen", "name": name, "properties": _with_category(properties, category)}
        return self._call(body, user_id, anonymous_id, timestamp, message_id)

    def group(
        self,
        user_id: Id = None,
        group_id: Id = None,
        traits: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        anonymous_id: Id = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> A:
        """The account to which a person belongs: the trait ``groups.<group_id>`` (P4)."""
        body = {"type": "group", "groupId": _id(group_id), "traits": traits}
        return self._call(body, user_id, anonymous_id, timestamp, message_id)

    def alias(
        self,
        previous_id: Id = None,
        user_id: Id = None,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        integrations: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> A:
        """Two ids are one person (P2)."""
        return self._call({"type": "alias", "previousId": _id(previous_id)}, user_id, None, timestamp, message_id)

    def _call(
        self,
        body: dict[str, Any],
        user_id: Id,
        anonymous_id: Id,
        timestamp: datetime | str | None,
        message_id: str | None,
    ) -> A:
        if isinstance(timestamp, datetime) and timestamp.tzinfo is None:
            raise ValueError("a naive datetime is no instant: give it a time zone, for example datetime.now(UTC)")
        fields = {
            "userId": _id(user_id),
            "anonymousId": _id(anonymous_id),
            "timestamp": timestamp,
            "messageId": message_id,
        }
        return self.feed(body | {name: value for name, value in fields.items() if value is not None})


def _with_category(properties: Mapping[str, Any] | None, category: str | None) -> Mapping[str, Any] | None:
    if category is None or not (properties is None or isinstance(properties, Mapping)):
        return properties  # what is no object is rejected with the call
    return {**(properties or {}), "category": category}

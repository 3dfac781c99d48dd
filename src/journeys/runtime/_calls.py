"""Calls as they come in: what is checked before anything is touched (O5, T1, T3, P1, P4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from journeys._time import DAY, EPOCH, MAX, SECOND, of_datetime, parse_instant
from journeys.errors import InvalidCall, nearest

TYPES: Final = ("track", "identify", "page", "screen", "group", "alias")
#: no number of a call may be larger: beyond it text and number cannot be told apart any more by JSON readers
_MAX_INT: Final = 10**4000
#: how deep properties may be nested
MAX_DEPTH: Final = 64
#: how much text one call may carry, in characters, where no setting says so
MAX_CALL: Final = 1 << 20


@attrs.frozen
class Answer:
    """What became of an input: ``accepted``, ``duplicate``, ``late`` (accepted too) or ``rejected`` (O5)."""

    status: str
    reason: str = ""
    message: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether it is durable on the store, now or from before."""
        return self.status != "rejected"

    def __str__(self) -> str:
        return f"{self.status}: {self.message or self.reason}" if self.reason else self.status


ACCEPTED: Final = Answer("accepted")
LATE: Final = Answer("late")
DUPLICATE: Final = Answer("duplicate")


def rejected(error: InvalidCall) -> Answer:
    """The answer to an input that is no valid call."""
    return Answer("rejected", error.reason, str(error))


def call_type(call: Any) -> str:
    """The type of a call; InvalidCall if it has none."""
    if not isinstance(call, Mapping):
        raise InvalidCall("no_object", f"expected a call as an object, got {type(call).__name__}")
    kind = call.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        hint = nearest(kind[:40], TYPES) if isinstance(kind, str) else f"one of {', '.join(TYPES)}"
        raise InvalidCall("unknown_type", f"unknown type {_short(kind)}: {hint}")
    return kind


def checked_id(call: Mapping[str, Any], field: str) -> str | None:
    """An id of a call, None if it has none; an id is text that is not empty, without NUL and lone surrogates (P1)."""
    value = call.get(field)
    if value is None:
        return None
    if type(value) is not str:
        raise InvalidCall("wrong_id", f"{field} must be text, got {_short(value)}")
    if not value:
        raise InvalidCall("wrong_id", f"{field} is empty")
    if len(value) > 4096:
        raise InvalidCall("wrong_id", f"{field} has {len(value)} characters: at most 4096")
    if "\0" in value or not _is_unicode(value):
        raise InvalidCall("wrong_id", f"{field} has a NUL or a lone surrogate")
    return value


def ids_of(call: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """``userId`` and ``anonymousId``, one of them at least."""
    user_id, anonymous_id = checked_id(call, "userId"), checked_id(call, "anonymousId")
    if user_id is None and anonymous_id is None:
        raise InvalidCall("missing_id", "a call needs a userId or an anonymousId")
    return user_id, anonymous_id


def id_key(user_id: str | None, anonymous_id: str | None) -> str:
    """The id key under which a call comes: its user's, else its anonymous visitor's (P1)."""
    return f"u:{user_id}" if user_id is not None else f"a:{anonymous_id}"


def is_storable(key: str) -> bool:
    """Whether a store can be asked for it: an id that cannot be has been answered as rejected anyway."""
    return "\0" not in key and len(key) <= 4098 and _is_unicode(key)


def message_id_of(call: Mapping[str, Any]) -> str | None:
    """The ``messageId``, None if it has none."""
    value = call.get("messageId")
    if value is None or (type(value) is str and not value):
        return None
    if type(value) is not str or len(value) > 4096 or "\0" in value or not _is_unicode(value):
        raise InvalidCall("wrong_message_id", f"messageId must be text without NUL, got {_short(value)}")
    return value


def instant_in(value: Any, field: str) -> int:
    """An instant of a call: ISO text with an offset, or an aware datetime (T1)."""
    try:
        if type(value) is str:
            if "1970" < value < "9999" and value[7:11:3] == "-T" and value[-1] == "Z":
                moment = datetime.fromisoformat(value)
                if moment.tzinfo is UTC and value[11:13] != "24":  # the common form; anything else is looked at closely
                    since = moment - EPOCH
                    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds
            return parse_instant(value)
        if isinstance(value, datetime):
            return of_datetime(value)
    except (ValueError, OverflowError) as error:
        raise InvalidCall("wrong_timestamp", f"{field}: {error}") from None
    raise InvalidCall("wrong_timestamp", f"{field} must be ISO 8601 text with an offset, got {_short(value)}")


def replay_timestamp(call: Mapping[str, Any]) -> int:
    """In a replay a timestamp is taken as it is, and must be there (T3)."""
    value = call.get("timestamp")
    if value is None:
        raise InvalidCall("missing_timestamp", "a call that is replayed needs a timestamp")
    return instant_in(value, "timestamp")


def live_timestamp(call: Mapping[str, Any], received: int, max_skew: int) -> tuple[int, bool]:
    """When a live call happened, corrected by the client's own clock, and whether it was clamped (T3)."""
    given = call.get("originalTimestamp")
    if given is None:
        given = call.get("timestamp")
    if given is None:
        return received, False
    timestamp = instant_in(given, "timestamp")
    sent_at = call.get("sentAt")
    if sent_at is not None:
        timestamp = received - (instant_in(sent_at, "sentAt") - timestamp)
    elif call.get("timestamp") is not None:
        timestamp = instant_in(call["timestamp"], "timestamp")
    if timestamp > received + max_skew:
        return received, True
    return max(timestamp, 0), False


def check_range(timestamp: int, longest_wait: int) -> None:
    """Instants end so early that every wait of the space still ends within year 9999 (T1)."""
    if not 0 <= timestamp <= MAX - longest_wait - DAY:
        raise InvalidCall("wrong_timestamp", "the timestamp is out of range for the waits of this space")


def event_of(call: Mapping[str, Any]) -> str:
    """The event name of a track call."""
    name = call.get("event")
    if type(name) is not str or not name:
        raise InvalidCall("missing_event", f"a track call needs the name of its event, got {_short(name)}")
    if len(name) > 4096 or not _is_unicode(name):
        raise InvalidCall("missing_event", "the name of the event is too long or has a lone surrogate")
    return name


def event_name(call: Mapping[str, Any]) -> str | None:
    """The name of the event that a valid call is; None if it is none (P4)."""
    kind = call["type"]
    if kind == "track":
        name: str = call["event"]
        return name
    return {"page": "Page Viewed", "screen": "Screen Viewed"}.get(kind)


def view_of(call: Mapping[str, Any], kind: str, limit: int = MAX_CALL) -> tuple[str, dict[str, Any]]:
    """A page or screen as the event that it is; its name becomes a property (P4)."""
    properties = object_of(call, "properties", limit)
    name = call.get("name")
    if name is not None:
        if type(name) is not str or not _is_unicode(name):
            raise InvalidCall("wrong_name", f"the name of a {kind} must be text, got {_short(name)}")
        properties[f"{kind}_name"] = name
    return ("Page Viewed" if kind == "page" else "Screen Viewed"), properties


def object_of(call: Mapping[str, Any], field: str, limit: int = MAX_CALL) -> dict[str, Any]:
    """A copy of an object of the call, checked to be JSON; the copy keeps what was said when it was said."""
    value = call.get(field)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidCall(f"wrong_{field}", f"{field} must be an object, got {_short(value)}")
    copy: dict[str, Any] = {}
    size = 0
    for key, item in value.items():
        kind = type(item)
        if kind is str:
            size += len(item)
            if not item.isascii() and not _is_unicode(item):
                raise InvalidCall(f"wrong_{field}", f"{field}.{_short(key)} has a lone surrogate")
            copy[key] = item
        elif kind is bool or item is None or (kind is int and -_MAX_INT < item < _MAX_INT):
            copy[key] = item
        else:
            copy[key], more = _copied(item, f"{field}.{_short(key)}", 1)
            size += more
        if type(key) is not str or not (key.isascii() or _is_unicode(key)):
            raise InvalidCall(f"wrong_{field}", f"a name in {field} must be text, got {_short(key)}")
    if size > limit:
        raise InvalidCall("too_large", f"{field} carry {size} characters of text: at most {limit}")
    return copy


def check(call: Any, longest_wait: int, limit: int = MAX_CALL) -> int:
    """The timestamp of a call that is replayed; InvalidCall if it is no valid call. Nothing is touched."""
    kind = call_type(call)
    ids_of(call)
    timestamp = replay_timestamp(call)
    check_range(timestamp, longest_wait)
    message_id_of(call)
    content_of(call, kind, limit)
    return timestamp


def content_of(call: Mapping[str, Any], kind: str, limit: int = MAX_CALL) -> tuple[str | None, dict[str, Any]]:
    """The event name, None if the call is no event, and the properties or traits (P3, P4)."""
    if kind == "track":
        return event_of(call), object_of(call, "properties", limit)
    if kind == "page" or kind == "screen":
        return view_of(call, kind, limit)
    if kind == "identify":
        return None, object_of(call, "traits", limit)
    if kind == "group":
        group_id = checked_id(call, "groupId")
        if group_id is None:
            raise InvalidCall("missing_id", "a group call needs a groupId")
        return None, {f"groups.{group_id}": object_of(call, "traits", limit)}
    if checked_id(call, "previousId") is None or checked_id(call, "userId") is None:
        raise InvalidCall("missing_id", "an alias call needs a previousId and a userId")
    return None, {}


def _copied(value: Any, path: str, depth: int) -> tuple[Any, int]:
    """A deep copy of a JSON value and the amount of text in it."""
    size = _scalar_size(value)
    if size:
        return value, size
    if depth > MAX_DEPTH:
        raise InvalidCall("too_deep", f"{path[:80]} is nested more than {MAX_DEPTH} deep")
    if isinstance(value, (list, tuple)):
        return _copied_list(value, f"{path}[]", depth + 1)
    if isinstance(value, Mapping):
        if not all(type(key) is str and _is_unicode(key) for key in value):
            raise InvalidCall("wrong_value", f"{path[:80]}: the names in an object must be text")
        fields = {key: _copied(item, f"{path}.{key}", depth + 1) for key, item in value.items()}
        size = sum(len(key) + size for key, (_, size) in fields.items())
        return {key: item for key, (item, _) in fields.items()}, size
    if isinstance(value, datetime):
        raise InvalidCall("wrong_value", f"{path[:80]}: write a datetime as ISO 8601 text")
    raise InvalidCall("wrong_value", f"{path[:80]} must be a finite JSON value, got {_short(value)}")


def _copied_list(values: Sequence[Any], path: str, depth: int) -> tuple[list[Any], int]:
    copies = []
    total = len(values)
    for value in values:
        size = _scalar_size(value)
        if size:
            copies.append(value)
        else:
            copy, size = _copied(value, path, depth)
            copies.append(copy)
        total += size
    return copies, total


def _scalar_size(value: Any) -> int:
    """The amount of text in a value that is no list and no object; 0 if it is one, or no JSON value."""
    kind = type(value)
    if kind is int:
        return 1 if -_MAX_INT < value < _MAX_INT else 0
    if kind is str:
        return (len(value) or 1) if _is_unicode(value) else 0
    if kind is float:
        return 1 if math.isfinite(value) else 0
    return 1 if value is None or kind is bool else 0


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(value: Any) -> str:
    """A value in few words; of what is no JSON value only its type, for its ``repr`` may do anything."""
    kind = type(value)
    if kind is int and not -_MAX_INT < value < _MAX_INT:
        return "a very large number"
    if kind is str:
        return repr(value[:60])[:60]
    return repr(value)[:60] if value is None or kind in (bool, int, float) else kind.__name__

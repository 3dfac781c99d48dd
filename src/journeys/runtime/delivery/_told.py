"""What of an error may be kept and shown: no payload, no secrets, one short line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from journeys.errors import Rejected, Retry
from journeys.ports import Delivery

_SHOWN = 200
_READ = 100_000
_SEARCHED = 1_000
_MASK = "[…]"
#: members of a payload that say what it is, not whom or what it is about
_TELLING = frozenset(("type", "event", "call", "channel", "list"))
_SECRETS = (
    # after the host a URL may carry a token, before it a password
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)(?:[^\s/@'\"]*@)?([^\s/?#'\"]*)[^\s'\"]*"), rf"\1\2{_MASK}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+\S+"), rf"\1 {_MASK}"),
    (
        re.compile(
            r"(?i)((?:token|secret|passw(?:or)?d|pwd|authorization|api[_-]?key|credential)s?['\"]?\s*[:=]\s*)\S+"
        ),
        rf"\1{_MASK}",
    ),
    (re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+\.[^\s@'\"<>]+"), _MASK),
    # long words with digits in them are keys, tokens or ids
    (re.compile(r"(?<![\w+/=.-])(?=[\w+/=.-]*\d)(?=[\w+/=.-]*[A-Za-z])[\w+/=.-]{20,}"), _MASK),
)


def told(error: BaseException, deliveries: Iterable[Delivery]) -> str:
    """The reason that a destination gave, or the type and message of what it let out."""
    try:
        text = error.reason if isinstance(error, (Retry, Rejected)) else str(error)
    except Exception:
        text = ""
    if not isinstance(text, str) or len(text) > _READ:
        text = ""  # a cut before the search would leave the beginning of what it cut through
    for value in _values(deliveries):
        text = text.replace(value, _MASK)
    if isinstance(error, (Retry, Rejected)):
        return _line(text)
    text = text[:_SEARCHED]
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _line(f"{type(error).__name__}: {text}" if text.strip() else type(error).__name__)


def _values(deliveries: Iterable[Delivery]) -> list[str]:
    """What the payloads say of people, the longest first."""
    found: set[str] = set()
    for delivery in deliveries:
        found |= {value for value in (delivery.user_id, delivery.anonymous_id, delivery.profile) if value}
        try:
            _collect(delivery.payload, found)
        except (ValueError, RecursionError):
            pass  # no JSON, or absurdly deep: the ids are all that is known of it
    return sorted((value for value in found if len(value) > 2), key=lambda value: (-len(value), value))


def _collect(value: Any, found: set[str]) -> None:
    if isinstance(value, str):
        found |= {value, json.dumps(value)[1:-1], repr(value)[1:-1]}
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in _TELLING:
                _collect(each, found)
    elif isinstance(value, list):
        for each in value:
            _collect(each, found)
    elif type(value) in (int, float) and len(text := str(value)) > 3:
        found.add(text)


def _line(text: str) -> str:
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"

"""Texts with ``{{ path }}`` in them, filled from a payload: substitution and nothing else.

A path leads into the payload (``properties.email``, ``properties.journey_context["Cart Modified"].value``) or, where it
begins with ``delivery``, to what is known of the delivery (``delivery.id``). ``| default: "text"`` says what stands for
what is absent. What is filled in is never read as a template again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from journeys._time import format_instant
from journeys.plan.values import ABSENT, find, text_of
from journeys.ports import Delivery

# None of these has a choice of how to match, so that no definition can make them slow.
_TAG = re.compile(r"\{\{([^{}]*)\}\}")
_NAME = re.compile(r"""[^.\[\]|"]+""")
_QUOTED = re.compile(r"""\[\s*"([^"]*)"\s*\]""")
_DEFAULT = re.compile(r"""\|\s*default\s*:\s*"([^"]*)"\s*""")


def scope(delivery: Delivery) -> dict[str, Any]:
    """What the paths of a template lead into."""
    payload = delivery.payload
    facts = {
        "id": delivery.id,
        "call": delivery.call,
        "destination": delivery.destination,
        "profile": delivery.profile,
        "user_id": delivery.user_id,
        "anonymous_id": delivery.anonymous_id,
        "journey": delivery.journey,
        "step": delivery.step,
        "timestamp": format_instant(delivery.at),
    }
    known = {name: value for name, value in facts.items() if value is not None}
    return {**(payload if isinstance(payload, dict) else {}), "delivery": known}


def check_template(template: Any) -> None:
    """ValueError if a text inside has a tag that is none."""
    if isinstance(template, str):
        for tag in _TAG.finditer(template):
            _parse(tag[1])
        if "{{" in _TAG.sub("", template):
            raise _no_tag(template[template.index("{{") + 2 :])
    elif isinstance(template, Mapping):
        for value in template.values():
            check_template(value)
    elif isinstance(template, (list, tuple)):
        for value in template:
            check_template(value)


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with its tags filled; ABSENT for a text that is one tag and finds nothing.

    A text that is nothing but one tag becomes the value itself, of whatever type; members and elements that find
    nothing are left out.
    """
    if isinstance(template, str):
        only = _TAG.fullmatch(template)
        if only is not None:
            return _value(only[1], values)
        return fill_text(template, values)
    if isinstance(template, Mapping):
        filled = ((name, fill(value, values)) for name, value in template.items())
        return {name: value for name, value in filled if value is not ABSENT}
    if isinstance(template, (list, tuple)):
        return [value for value in (fill(each, values) for each in template) if value is not ABSENT]
    return template


def fill_text(template: str, values: Mapping[str, Any], escape: Callable[[str], str] = str) -> str:
    """The text with its tags filled; what is absent is empty, what is no text is its JSON."""
    return _TAG.sub(lambda tag: escape(text_of(_value(tag[1], values))), template)


def without_tags(template: str) -> str:
    """The text with a letter in the place of each tag."""
    return _TAG.sub("x", template)


def _parse(content: str) -> tuple[tuple[str, ...], str | None]:
    text = content.strip()
    parts: list[str] = []
    at = 0
    while at < len(text) and text[at] != "|":
        if text[at] == "[" and parts:
            match = _QUOTED.match(text, at)
        else:
            if parts and text[at] != ".":
                raise _no_tag(content)
            match = _NAME.match(text, at + bool(parts))
        name = "" if match is None else match[match.lastindex or 0].strip()
        if match is None or not name:
            raise _no_tag(content)
        parts.append(name)
        at = match.end()
    default = _DEFAULT.fullmatch(text, at) if at < len(text) else None
    if not parts or (default is None and at < len(text)):
        raise _no_tag(content)
    return tuple(parts), None if default is None else default[1]


def _no_tag(content: str) -> ValueError:
    shown = f"{{{{{content[:60]}}}}}"
    return ValueError(f'{shown} is no tag: write {{{{ properties.email }}}}, with | default: "text" if wanted')


def _value(content: str, values: Mapping[str, Any]) -> Any:
    path, default = _parse(content)
    found = find(values, path)
    if found is None or found is ABSENT:
        return ABSENT if default is None else default
    return found

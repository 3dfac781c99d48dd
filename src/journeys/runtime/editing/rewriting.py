"""A definition with other names in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import attrs

from journeys.model import conditions as c
from journeys.model import steps as s
from journeys.model.journey import Journey
from journeys.plan.templates import merge_tags, parse_tag

T = TypeVar("T")


def rewritten(value: T, change: Callable[[Any], Any]) -> T:
    """A definition with every object inside, the innermost first, replaced by what ``change`` makes of it."""
    found: Any = value
    if attrs.has(type(found)):
        fields = {field.name: getattr(found, field.name) for field in attrs.fields(type(found))}
        new = {name: rewritten(each, change) for name, each in fields.items()}
        changed = {name: each for name, each in new.items() if each is not fields[name]}
        return cast(T, change(attrs.evolve(found, **changed) if changed else found))
    if isinstance(found, tuple):
        items = tuple(rewritten(each, change) for each in found)
        return cast(T, items) if any(a is not b for a, b in zip(items, found, strict=True)) else value
    if isinstance(found, Mapping):
        members = {name: rewritten(each, change) for name, each in found.items()}
        return cast(T, members) if any(members[name] is not found[name] for name in found) else value
    return value


def with_context_renamed(journey: Journey, old: str, new: str) -> Journey:
    """The journey with every reference to an event of its context following a new name; ValueError if one cannot."""

    def change(value: Any) -> Any:
        match value:
            case c.ContextRef(context=(name, path)) | s.ContextTime(context=(name, path)) if name == old:
                return attrs.evolve(value, context=(new, path))
            case c.Context(event=name) if name == old:
                return attrs.evolve(value, event=new)
            case s.Activation(context=names) if names != "all" and old in names:
                return attrs.evolve(value, context=tuple(new if name == old else name for name in names))
            case s.Template() | s.SendMessage():
                template = _retagged(value.template, old, new)
                return value if template == value.template else attrs.evolve(value, template=template)
        return value

    return rewritten(journey, change)


def _retagged(value: Any, old: str, new: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _retagged(each, old, new) for name, each in value.items()}
    if isinstance(value, list):
        return [_retagged(each, old, new) for each in value]
    if not isinstance(value, str):
        return value
    parts, end = [], 0
    for start, stop, content in merge_tags(value):
        parts += [value[end:start], "{{" + _renamed_tag(content, old, new) + "}}"]
        end = stop
    return "".join([*parts, value[end:]])


def _renamed_tag(content: str, old: str, new: str) -> str:
    try:
        tag, default = parse_tag(content)
    except ValueError:
        return content
    if not isinstance(tag, c.ContextRef) or tag.context[0] != old:
        return content
    quote = "'" if '"' in new else '"'
    filled = "" if default is None else f' | default: "{default}"'
    made = f" context[{quote}{new}{quote}].{tag.context[1]}{filled} "
    if "}}" in new or parse_tag(made) != (c.ContextRef((new, tag.context[1])), default):
        raise ValueError(f"no merge tag can name {new!r}")
    return made

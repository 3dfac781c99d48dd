"""Mappings and merge tags: plain substitution from traits and the journey context, never a template language.

A merge tag is ``{{ path }}`` or ``{{ context["Event"].path }}``, each with ``| default: "text"`` if wanted. What is
filled in is never read as a template again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from journeys.codec.problems import element, member
from journeys.model import steps as m
from journeys.model.conditions import ContextRef, TraitRef
from journeys.plan.compiler import Compiler, segments
from journeys.plan.conditions import ContextReader, Reader
from journeys.plan.values import ABSENT, text_of

#: fills in a value: (profile, journey context, present)
Render = Callable[[Any, Any, int], Any]

#: how a merge tag is written, for whoever has written another
TAGS = '{{ first_name }} for a trait, {{ context["Event"].property }} for an event, with | default: "text" if wanted'

_CONTEXT = re.compile(r"""context\[\s*(?:"([^"]*)"|'([^']*)')\s*\]\s*\.(.*)""", re.DOTALL)
_DEFAULT = re.compile(r"default\s*:\s*\"([^\"]*)\"")


def parse_tag(content: str) -> tuple[TraitRef | ContextRef, str | None]:
    """What stands between the braces: a reference and its default; ValueError if it is no merge tag."""
    reference, bar, filter_ = content.partition("|")
    if "]" in content and "|" in content[: content.rindex("]")]:  # a bar in the name of an event
        cut = content.find("|", content.rindex("]"))
        reference, bar, filter_ = (content, "", "") if cut < 0 else (content[:cut], "|", content[cut + 1 :])
    default = _DEFAULT.fullmatch(filter_.strip()) if bar else None
    path = reference.strip()
    if bar and default is None:
        raise _no_tag(content)
    filled = None if default is None else default[1]
    if match := _CONTEXT.fullmatch(path):
        event = match[1] if match[1] is not None else match[2]
        if not event or not _is_path(match[3].strip()):
            raise _no_tag(content)
        return ContextRef((event, match[3].strip())), filled
    if not _is_path(path):
        raise _no_tag(content)
    return TraitRef(path), filled


def _is_path(path: str) -> bool:
    return bool(path) and not set("|{}[]\"'") & set(path)


def _no_tag(content: str) -> ValueError:
    return ValueError(f"{{{{{content[:60]}}}}} is no merge tag: write {TAGS}")


def merge_tags(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each merge tag of a text begins and ends, and what stands between its braces."""
    end = 0
    while (start := text.find("{{", end)) >= 0 and (close := text.find("}}", start + 2)) >= 0:
        end = close + 2
        yield start, end, text[start + 2 : close]


def tags_in(template: Any, path: str = "$") -> Iterator[tuple[str, TraitRef | ContextRef, str | None]]:
    """The merge tags of a template, however deep: where their text stands, what they read, and their default.

    What stands between braces and is no merge tag is passed over.
    """
    if isinstance(template, Mapping):
        for name, each in template.items():
            yield from tags_in(each, member(path, name))
    elif isinstance(template, (list, tuple)):
        for index, each in enumerate(template):
            yield from tags_in(each, element(path, index))
    elif isinstance(template, str):
        for _, _, content in merge_tags(template):
            try:
                yield path, *parse_tag(content)
            except ValueError:
                continue


def compile_text(text: str, compiler: Compiler) -> Render:
    """A text with merge tags, compiled."""
    parts: list[str | tuple[Reader, str | None]] = []
    end = 0
    for start, stop, content in merge_tags(text):
        reference, default = parse_tag(content)
        parts += [text[end:start], (_reader(reference, compiler), default)]
        end = stop
    parts.append(text[end:])

    def render(profile: Any, context: Any, now: int) -> str:
        filled = []
        for part in parts:
            if isinstance(part, str):
                filled.append(part)
                continue
            value = part[0].get(profile, context, now, ())
            filled.append(part[1] if value is ABSENT and part[1] is not None else text_of(value))
        return "".join(filled)

    return render


def _reader(reference: TraitRef | ContextRef, compiler: Compiler) -> Reader:
    if isinstance(reference, TraitRef):
        return compiler.trait(reference.trait)
    return ContextReader(reference.context[0], segments(reference.context[1]))


def compile_template(template: Any, compiler: Compiler) -> Render:
    """A template object: every text inside is filled, however deep."""
    if isinstance(template, str):
        return compile_text(template, compiler)
    if isinstance(template, Mapping):
        fields = {key: compile_template(value, compiler) for key, value in template.items()}
        return lambda profile, context, now: {key: render(profile, context, now) for key, render in fields.items()}
    if isinstance(template, (list, tuple)):
        items = [compile_template(value, compiler) for value in template]
        return lambda profile, context, now: [render(profile, context, now) for render in items]
    return lambda profile, context, now: template


def compile_mapping(mapping: Mapping[str, m.Source], compiler: Compiler) -> Render:
    """A mapping: the object that is sent; a field whose source is absent is left out."""
    fields = [(name, _source(source, compiler)) for name, source in mapping.items()]

    def render(profile: Any, context: Any, now: int) -> dict[str, Any]:
        filled = ((name, source(profile, context, now)) for name, source in fields)
        return {name: value for name, value in filled if value is not ABSENT}

    return render


def _source(source: m.Source, compiler: Compiler) -> Render:
    if isinstance(source, m.Template):
        return compile_text(source.template, compiler)
    if isinstance(source, (TraitRef, ContextRef)):
        reader = _reader(source, compiler)
        return lambda profile, context, now: reader.get(profile, context, now, ())
    if isinstance(source, m.ProfileRef):
        return _PROFILE[source.profile]
    return lambda profile, context, now: source


_PROFILE: dict[str, Render] = {
    "id": lambda profile, context, now: profile.id,
    "user_id": lambda profile, context, now: ABSENT if profile.user_id is None else profile.user_id,
    "anonymous_id": lambda profile, context, now: ABSENT if profile.anonymous_id is None else profile.anonymous_id,
}

"""Completion: the names that may stand at a place, those first that begin as the author has begun."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from journeys.errors import nearest
from journeys.model.journey import Journey
from journeys.runtime.editing.contexts import EXIT, aliases, exit_aliases, known_at, reached_from
from journeys.runtime.editing.vocabulary import Vocabulary, Word, Words

#: what can be completed
SUGGESTED = (
    *("event", "property", "trait", "context", "audience", "computed_trait"),
    *("destination", "list", "step", "exit_rule", "value"),
)
#: how a suggestion matches what was typed, the best first
MATCHES = ("exact", "prefix", "word", "inside", "near")
#: so much must be written before the beginning of a name can be near it
_ENOUGH = 4
#: what computed traits are, by type
COMPUTED = {
    "event_counter": "number",
    "unique_list_count": "number",
    **dict.fromkeys(("sum", "average", "minimum", "maximum"), "number"),
    "unique_list": "list",
}


@attrs.frozen(kw_only=True)
class Suggestion:
    """One name that may stand there.

    ``types`` are the most frequent first, ``examples`` values that it had. ``count`` is how often it was seen,
    ``share`` in which part of its events; ``is_defined`` says whether the space names it, ``match`` how it matches.
    """

    kind: str
    name: Any
    label: str = ""
    types: tuple[str, ...] = ()
    examples: tuple[Any, ...] = ()
    count: int = 0
    share: float | None = None
    is_defined: bool = False
    match: str = "prefix"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        document = attrs.asdict(self)
        return document | {"types": list(self.types), "examples": list(self.examples)}


def suggest(
    vocabulary: Vocabulary,
    kind: str,
    text: str = "",
    *,
    event: str | None = None,
    of: str | None = None,
    journey: Journey | None = None,
    step: str | None = None,
    limit: int = 10,
) -> tuple[Suggestion, ...]:
    """What may stand where the author has written ``text``, the best first; ValueError if there is no such kind.

    A ``property`` is one of an ``event``, which may be named as it stands in a journey context; without it of any
    event. ``context`` is an event in the context of a ``journey``, at a ``step`` those that are always there first.
    ``step`` and ``exit_rule`` are of a journey too: given a ``step``, the steps to which it can lead without a circle.
    A ``value`` is one that the property ``of`` an ``event`` had, or the trait ``of``. What begins as the text does
    comes first, then where a word of it does, then what holds it, then what is near it; among equals what was seen
    more often.
    """
    if kind not in SUGGESTED:
        raise ValueError(f"nothing is known of the kind {kind!r}; {nearest(kind, SUGGESTED)}")
    if journey is None and kind in ("context", "step", "exit_rule"):
        raise ValueError(f"a {kind} is one of a journey: say which")
    found = list(_candidates(vocabulary, kind, event, of, journey, step))
    matched = [(each, match) for each in found if (match := _match(_text(each), text))]
    if len(matched) < limit and text:
        seen = {_text(each) for each, _ in matched}
        rest = {_text(each): each for each in found if _text(each) not in seen}
        matched += [(rest[name], "near") for name in _near(text, rest, limit - len(matched))]
    matched.sort(key=lambda pair: (MATCHES.index(pair[1]), -pair[0].count, not pair[0].is_defined))
    return tuple(attrs.evolve(each, match=match) for each, match in matched[:limit])


def _text(suggestion: Suggestion) -> str:
    return suggestion.name if isinstance(suggestion.name, str) else str(suggestion.name)


def _match(name: str, text: str) -> str | None:
    name, text = name.casefold(), text.casefold()
    if name.startswith(text):
        return "exact" if name == text else "prefix"
    if any(word.startswith(text) for word in re.split(r"[\W_]+", name)):
        return "word"
    return "inside" if text in name else None


def _near(text: str, names: Iterable[str], limit: int) -> list[str]:
    """The names that are nearest, as a whole or so far as they have been written."""
    text = text.casefold()
    forms: dict[str, list[str]] = {}
    for name in names:
        whole = name.casefold()
        for form in {whole, whole[: len(text)]} if len(text) >= _ENOUGH else {whole}:
            forms.setdefault(form, []).append(name)
    close = difflib.get_close_matches(text, forms, n=limit, cutoff=0.6)
    return list(dict.fromkeys(name for form in close for name in forms[form]))[:limit]


def _candidates(
    vocabulary: Vocabulary, kind: str, event: str | None, of: str | None, journey: Journey | None, step: str | None
) -> Iterator[Suggestion]:
    space = vocabulary.space
    match kind:
        case "event":
            yield from _words("event", vocabulary.events, vocabulary)
        case "trait":
            yield from _words("trait", vocabulary.traits, vocabulary)
        case "property":
            yield from _properties(vocabulary, event)
        case "value":
            yield from _values(vocabulary, event, of)
        case "audience":
            yield from (
                Suggestion(kind=kind, name=each.key, label=each.name, is_defined=True) for each in space.audiences
            )
        case "computed_trait":
            for each in space.computed_traits:
                types = (COMPUTED[each.type],) if each.type in COMPUTED else ()
                yield Suggestion(kind=kind, name=each.key, label=each.name, types=types, is_defined=True)
        case "destination" | "list":
            for key, destination in space.destinations.items():
                if kind == "destination" or destination.list:
                    yield Suggestion(kind=kind, name=key, label=destination.type, is_defined=True)
        case _:
            assert journey is not None
            yield from _of_journey(journey, kind, step)


def _words(kind: str, words: Words | dict[str, Word], vocabulary: Vocabulary, total: int = 0) -> Iterator[Suggestion]:
    computed = {each.key: each for each in vocabulary.space.computed_traits} if kind == "trait" else {}
    for name in words:
        word = words[name]
        types = tuple(sorted(word.types, key=lambda each: -word.types[each]))
        label = ""
        if name in computed:
            types = (COMPUTED[computed[name].type],) if computed[name].type in COMPUTED else types
            label = computed[name].name
        yield Suggestion(
            kind=kind, name=name, label=label, types=types, examples=word.examples(vocabulary.kept), count=word.count,
            share=round(word.count / total, 4) if total else None, is_defined=word.is_defined,
        )  # fmt: skip


def _properties(vocabulary: Vocabulary, event: str | None) -> Iterator[Suggestion]:
    if event is not None:
        name = vocabulary.aliases.get(event, event)
        seen = vocabulary.events.get(name)
        words = vocabulary.properties.get(name)
        yield from _words("property", words, vocabulary, seen.count if seen else 0) if words is not None else ()
        return
    best: dict[str, Word] = {}
    for words in vocabulary.properties.values():
        for name in words:
            if name not in best or words[name].count > best[name].count:
                best[name] = words[name]
    yield from _words("property", best, vocabulary)


def _values(vocabulary: Vocabulary, event: str | None, of: str | None) -> Iterator[Suggestion]:
    if of is None:
        raise ValueError("a value is one of a property or a trait: say of which")
    name = None if event is None else vocabulary.aliases.get(event, event)
    words = vocabulary.traits if name is None else vocabulary.properties.get(name)
    word = words.get(of) if words is not None else None
    for value in word.examples(len(word.values)) if word is not None else ():
        yield _value(value, word)


def _value(value: Any, word: Word | None) -> Suggestion:
    count = word.values.get(json.dumps(value), 0) if word is not None else 0
    return Suggestion(kind="value", name=value, count=count)


def _of_journey(journey: Journey, kind: str, step: str | None) -> Iterator[Suggestion]:
    if kind == "step":
        for key, each in journey.steps.items():
            if step is not None and step in reached_from(journey, key):
                continue  # a circle
            yield Suggestion(kind=kind, name=key, label=each.name or "", is_defined=True)
    elif kind == "exit_rule":
        yield from (
            Suggestion(kind=kind, name=rule.key, label=rule.event, is_defined=True) for rule in journey.exit_rules
        )
    else:
        sources: Any = aliases(journey) if step is None else known_at(journey, step).sources
        if step == EXIT:
            sources = {**sources, **exit_aliases(journey)}
        always = known_at(journey, step).always if step is not None else frozenset()
        for alias in sorted(sources, key=lambda each: each not in always):
            label = "always" if alias in always else "sometimes"
            yield Suggestion(kind=kind, name=alias, label=label if step is not None else "", is_defined=True)

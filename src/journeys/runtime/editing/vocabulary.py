"""The words of a space: events, properties and traits that its definitions name, and those that calls have.

What calls bring is bounded: when there are too many names, the rarer half is forgotten, and of each only a few values
are kept. So counts are never too high, and a name that is common from the beginning is always there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import attrs

from journeys._time import Duration, value_instant
from journeys.codec.strict_json import InvalidJSON, parse_json
from journeys.model.space import Space
from journeys.plan.references import references
from journeys.runtime.editing.contexts import alias_of

#: how deep properties of properties are looked at, and how many of one call
_DEEP, _WIDE = 4, 200
_LONGEST_NAME, _LONGEST_VALUE = 200, 80
#: how many values of one property are counted for each one that is shown
_CANDIDATES = 4

#: what passes a comparison lies beside what it compares with
_BESIDE = {"greater_than": 1, "less_than": -1}


def type_of(value: Any) -> str:
    """What kind of value it is, in the words of a builder; a text that is a date or an instant is an ``instant``."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text" if value_instant(value) is None else "instant"
        case Duration():
            return "instant"  # what is compared with a duration is one
        case Mapping():
            return "object"
    return "list"


@attrs.define(eq=False)
class Word:
    """One name: how often it was seen, the types and some values that it had."""

    count: int = 0
    types: dict[str, int] = attrs.field(factory=dict)
    #: value as JSON -> how often
    values: dict[str, int] = attrs.field(factory=dict)
    #: whether a definition names it
    is_defined: bool = False

    def see(self, value: Any, most: int) -> None:
        """It had this value."""
        self.count += 1
        kind = type_of(value)
        self.types[kind] = self.types.get(kind, 0) + 1
        self.note(value, most, times=1)

    def note(self, value: Any, most: int, *, times: int = 0) -> None:
        """This value may stand there."""
        if value is None or isinstance(value, (Mapping, list, tuple, Duration)):
            return
        text = json.dumps(value)
        if text in self.values:
            self.values[text] += times
        elif len(self.values) < most * _CANDIDATES and len(text) <= _LONGEST_VALUE:
            self.values[text] = times

    def examples(self, most: int) -> tuple[Any, ...]:
        """The most frequent values."""
        return tuple(json.loads(text) for text in sorted(self.values, key=lambda text: -self.values[text])[:most])


class Words:
    """Names and what is known of them; ``most`` of those that no definition names are kept."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._words: dict[str, Word] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._words

    def __getitem__(self, name: str) -> Word:
        return self._words[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def get(self, name: str) -> Word | None:
        """What is known of a name, if anything is."""
        return self._words.get(name)

    def word(self, name: str) -> tuple[Word, list[str]]:
        """The word of a name, made if there is none; and the names that were forgotten for it."""
        found = self._words.get(name)
        if found is not None:
            return found, []
        gone = self._forget() if len(self._words) >= self.most else []
        made = self._words[name] = Word()
        return made, gone

    def _forget(self) -> list[str]:
        seen = sorted(
            (each for each in self._words if not self._words[each].is_defined), key=lambda each: self._words[each].count
        )
        gone = seen[: (len(seen) + 1) // 2]
        for name in gone:
            del self._words[name]
        return gone


class Vocabulary:
    """What may be named in a space. ``examples`` is how many values of each property are kept; 0 keeps no values.

    ``most_events`` and ``most_names`` (properties of one event, and traits) bound the memory whatever calls bring.
    """

    def __init__(
        self, space: Space | None = None, *, examples: int = 3, most_events: int = 1000, most_names: int = 200
    ) -> None:
        self.space = space if space is not None else Space()
        self.kept = examples
        self.most_names = most_names
        self.events = Words(most_events)
        self.traits = Words(most_names * 5)
        self.properties: dict[str, Words] = {}
        #: calls that were looked at, and those that were none
        self.calls = self.skipped = 0
        #: the event that an alias in a journey context stands for
        self.aliases: dict[str, str] = {}
        self._define()

    @classmethod
    def of(cls, space: Space, calls: Iterable[Any] = (), **options: int) -> Self:
        """The words of a space and of calls."""
        made = cls(space, **options)
        made.add_all(calls)
        return made

    def _define(self) -> None:
        for journey in self.space.journeys:
            for step in journey.steps.values():
                for branch in getattr(step, "branches", ()):
                    if hasattr(branch, "event"):
                        self.aliases[alias_of(branch)] = branch.event
        for each in references(self.space):
            match each.kind:
                case "event":
                    self._defined(self.events, each.name)
                case "property" if each.of is not None:
                    self._compared(self._properties(each.of), each.name, each.op, each.value)
                case "context" if each.property is not None:
                    event = self.aliases.get(each.name, each.name)
                    self._compared(self._properties(event), each.property, each.op, each.value)
                case "trait":
                    self._compared(self.traits, each.name, each.op, each.value)
        for computed in self.space.computed_traits:
            self._defined(self.traits, computed.key)

    def _defined(self, words: Words, name: str) -> Word:
        word, _ = words.word(name)
        word.is_defined = True
        return word

    def _compared(self, words: Words, name: str, op: str | None, value: Any) -> None:
        """A definition compares it with a constant, which it may well have; and of whose type it is."""
        word = self._defined(words, name)
        if op is None or value is None:
            return
        for each in value if isinstance(value, (list, tuple)) else [value]:
            word.types.setdefault(type_of(each), 0)
            if op.startswith("equals") or op.endswith("_or_equal"):
                word.note(each, self.kept)
            elif op in _BESIDE and type_of(each) == "number":
                word.note(each + _BESIDE[op], self.kept)

    def _properties(self, event: str) -> Words:
        if event not in self.events:
            _, gone = self.events.word(event)
            for name in gone:
                self.properties.pop(name, None)
        if event not in self.properties:
            self.properties[event] = Words(self.most_names)
        return self.properties[event]

    # what calls bring

    def add(self, call: Any) -> bool:
        """Looks at one call of the Segment spec; says whether it was one."""
        self.calls += 1
        match call:
            case {"type": "track", "event": str(name)} if name:
                return self._event(name, call.get("properties"))
            case {"type": "page" | "screen" as kind}:
                properties = call.get("properties") or {}
                if isinstance(properties, Mapping) and call.get("name") is not None:
                    properties = {**properties, f"{kind}_name": call["name"]}
                view = "Page Viewed" if kind == "page" else "Screen Viewed"
                return self._event(view, properties)
            case {"type": "identify"}:
                return self._seen(self.traits, call.get("traits"))
            case {"type": "group", "groupId": str() as group}:
                traits = call.get("traits") or {}
                return self._seen(self.traits, {f"groups.{group}": traits})
            case {"type": "alias"}:
                return True
        self.skipped += 1
        return False

    def add_all(self, calls: Iterable[Any]) -> None:
        """Looks at calls, one by one."""
        for call in calls:
            self.add(call)

    def read(self, lines: Iterable[str | bytes]) -> None:
        """Looks at calls as newline-delimited JSON; a line that is none is skipped and counted."""
        for line in lines:
            if not line.strip():
                continue
            try:
                self.add(parse_json(line))
            except InvalidJSON:
                self.calls += 1
                self.skipped += 1

    def add_trace(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Looks at the journey contexts that a trace shows, as a store keeps it; each event of an instance once.

        What a store counts has no names in it, so its trace is what can be looked at.
        """
        instance, done = None, set[str]()
        for record in records:
            payload = record.get("payload")
            content = payload.get("properties") if isinstance(payload, Mapping) else None
            context = content.get("journey_context") if isinstance(content, Mapping) else None
            if isinstance(context, Mapping):
                if record.get("instance") != instance:
                    instance, done = record.get("instance"), set()
                for alias, properties in context.items():
                    if alias not in done:
                        done.add(alias)
                        self._event(self.aliases.get(alias, alias), properties)

    def _event(self, name: Any, properties: Any) -> bool:
        if not isinstance(name, str) or len(name) > _LONGEST_NAME:
            self.skipped += 1
            return False
        words = self._properties(name)
        self.events[name].count += 1
        return self._seen(words, properties)

    def _seen(self, words: Words, values: Any) -> bool:
        if values is None:
            return True
        if not isinstance(values, Mapping):
            self.skipped += 1
            return False
        for path, value in _paths(values):
            word, _ = words.word(path)
            word.see(value, self.kept)
        return True


def _paths(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every path into an object and what is there, the outer ones first."""
    waiting: list[tuple[str, Any, int]] = [(name, value, 1) for name, value in values.items()]
    for number, (path, value, depth) in enumerate(waiting):
        if number >= _WIDE:
            return
        if not isinstance(path, str) or not 0 < len(path) <= _LONGEST_NAME:
            continue
        yield path, value
        if depth < _DEEP and isinstance(value, Mapping):
            waiting += [(f"{path}.{name}", each, depth + 1) for name, each in value.items()]

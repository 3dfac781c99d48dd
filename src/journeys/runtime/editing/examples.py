"""Example values: those that were seen, else such as would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from journeys.runtime.editing.vocabulary import Vocabulary, Word

if TYPE_CHECKING:
    from journeys.runtime.editing.preview import EventPreview

_BY_TYPE: dict[str, Any] = {
    "number": 1,
    "boolean": True,
    "instant": "2026-01-31T10:00:00Z",
    "list": ["…"],
    "object": {},
    "null": None,
}


class Examples:
    """A journey context and traits, filled with one value each."""

    def __init__(self, context: tuple[EventPreview, ...], words: Vocabulary) -> None:
        self._words = words
        #: the context as it would be if everything were there that may be
        self.context: dict[str, Any] = {
            event.alias: _nested({each.path: _of(each.path, each.types, each.examples) for each in event.properties})
            for event in context
        }

    def traits(self, paths: list[str]) -> dict[str, Any]:
        """Traits for these paths, and for all that were seen."""
        words = self._words.traits
        seen = {path: _of_word(path, words[path]) for path in words}
        return _nested(seen | {path: _of_word(path, words.get(path)) for path in paths})


def _of_word(path: str, word: Word | None) -> Any:
    if word is None:
        return _of(path, (), ())
    return _of(path, tuple(sorted(word.types, key=lambda each: -word.types[each])), word.examples(1))


def _of(path: str, types: tuple[str, ...], examples: tuple[Any, ...]) -> Any:
    if examples:
        return examples[0]
    return _BY_TYPE.get(types[0], f"<{path}>") if types else f"<{path}>"


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Paths as objects in objects; the outer ones give way to what is inside of them."""
    made: dict[str, Any] = {}
    for path in sorted(values, key=lambda each: each.count(".")):
        *outer, last = path.split(".")
        place = made
        for name in outer:
            if not isinstance(place.get(name), dict):
                place[name] = {}
            place = place[name]
        if not (isinstance(place.get(last), dict) and place[last]):
            place[last] = values[path]
    return made

"""Documents with one thing changed: what a diff must find."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

from journeys.codec import load_space
from journeys.codec.problems import element, member
from journeys.errors import InvalidDefinition
from journeys.model.space import Space

#: other values of a field that only knows some
OTHERS = {
    "PT": ["PT7H"],
    "P": ["P77D"],
}
WORDS = ["drain", "archive", "once", "every_time", "track", "identify", "at_least", "equals", "not_equals", "exists",
         "email", "sms", "mon", "tue", "sum", "last", "segment", "paused", "10:10", "starts_with"]  # fmt: skip


def mutations(document: Any, rng: random.Random, most: int) -> Iterator[tuple[str, Space]]:
    """Spaces that have one thing of this document changed or left out, with the path of that thing."""
    trials = [
        (path, keys, other) for path, keys in _places(document, "$", ()) for other in _others(_at(document, keys))
    ]
    rng.shuffle(trials)
    made = 0
    for path, keys, other in trials:
        for found in _loaded(document, keys, path, other):
            yield found
            made += 1
        if made >= most:
            return


def _loaded(document: Any, keys: tuple[Any, ...], path: str, other: Any) -> Iterator[tuple[str, Space]]:
    changed = copy.deepcopy(document)
    around = _at(changed, keys[:-1])
    if other is GONE:
        del around[keys[-1]]
    else:
        around[keys[-1]] = other
    try:
        yield path, load_space(changed)
    except InvalidDefinition:
        return


GONE = object()


def _others(value: Any) -> Iterator[Any]:
    yield GONE
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield value + 1
    elif isinstance(value, str):
        yield from (each for start, others in OTHERS.items() if value.startswith(start) for each in others)
        yield from (word for word in WORDS if word != value)
        yield value + "x"
    elif value is None:
        yield "elsewhere"


def _places(value: Any, path: str, keys: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if keys:
        yield path, keys
    if isinstance(value, dict):
        for name, each in value.items():
            if (name, keys) != ("format", ()):
                yield from _places(each, member(path, name), (*keys, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _places(each, element(path, number), (*keys, number))


def _at(document: Any, keys: tuple[Any, ...]) -> Any:
    for key in keys:
        document = document[key]
    return document

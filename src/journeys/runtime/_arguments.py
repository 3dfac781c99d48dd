"""What an application passes, looked at where it is passed: a mistake is told there, and not met deep inside.

A wrong type is a ``TypeError``, a wrong value a ``ValueError``; both say what was expected and what would be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from journeys._time import described
from journeys.errors import nearest
from journeys.model.journey import Journey
from journeys.model.space import DestinationDefinition, Space
from journeys.ports import Clock
from journeys.runtime.delivery.policy import DestinationPolicy, DurationLike, positive


def clock_of(clock: Any, method: str = "now") -> Clock:
    """The clock itself, if it has the method: one that is never followed needs no ``sleep``."""
    if isinstance(clock, (type, datetime)) or not callable(getattr(clock, method, None)):
        right = "ManualClock('2026-01-01T00:00:00Z'), or leave it out for the wall clock"
        raise TypeError(f"clock: expected a clock, with now() and sleep(until, wake), got {described(clock)}: {right}")
    return clock  # type: ignore[no-any-return]


def destinations_of(destinations: Any) -> dict[str, Any]:
    """Destinations by their keys; what each of them is, whoever sends to them looks at."""
    if not isinstance(destinations, Mapping):
        got = described(destinations)
        raise TypeError(f"destinations: expected a mapping from key to destination, got {got}: write {{'email': …}}")
    for key, each in destinations.items():
        if isinstance(each, DestinationDefinition):
            right = "it stands in the space's own destinations, or build_destination(key, definition) makes one of it"
            raise TypeError(f"destinations[{key!r}]: expected a destination, got its definition: {right}")
    return dict(destinations)


def policies_of(policies: Any, destinations: Iterable[str]) -> dict[str, DestinationPolicy]:
    """Policies by the keys of their destinations."""
    if not isinstance(policies, Mapping):
        got = described(policies)
        raise TypeError(f"policies: expected a mapping from destination to DestinationPolicy, got {got}")
    known = sorted(destinations)
    for key, each in policies.items():
        if not isinstance(each, DestinationPolicy):
            raise TypeError(f"policies[{key!r}]: expected a DestinationPolicy, got {described(each)}")
        if key not in known:
            raise ValueError(
                f"policies: there is no destination {key!r}; {nearest(str(key), known) or 'there is none'}"
            )
    return dict(policies)


def opening_of(*, trace: Any, worker: Any, lease: DurationLike) -> dict[str, Any]:
    """How a store is opened; the lease in microseconds."""
    if not isinstance(trace, bool):
        raise TypeError(f"trace: expected True or False, got {described(trace)}")
    if worker is not None and not (isinstance(worker, str) and worker):
        raise TypeError(f"worker: expected a name, or None for one that is made up, got {described(worker)}")
    try:
        return {"traces": trace, "worker": worker, "lease": positive(lease).micros}
    except ValueError as error:
        raise ValueError(f"lease: {error}") from None


def journey_of(value: Any) -> Journey:
    """The journey itself."""
    if isinstance(value, Journey):
        return value
    rights = {
        str: "give the journey itself, not its key",
        Space: "publish its journeys one by one",
        Mapping: "journeys.codec.load_journey(document) reads one",
    }
    right = next((text for kind, text in rights.items() if isinstance(value, kind)), "give one Journey")
    raise TypeError(f"expected a Journey, got {described(value)}: {right}")


def key_of(value: Any) -> str:
    """The key of a journey."""
    if isinstance(value, str):
        return value
    right = f": write {value.key!r}" if isinstance(value, Journey) else ""
    raise TypeError(f"expected the key of a journey as text, got {described(value)}{right}")


def id_of(value: Any, name: str) -> str | None:
    """An id; whole-number ids become decimal text, as in calls."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"{name}: expected an id as text, got {described(value)}")


def calls_of(calls: Any) -> Any:
    """Several calls, whatever they come in: one alone is none of them, and a text is no list of calls."""
    if isinstance(calls, (Mapping, str, bytes)) or not isinstance(calls, Iterable):
        right = ": write [call], or feed it alone with feed(call)" if isinstance(calls, Mapping) else ""
        raise TypeError(f"expected several calls, each an object, got {described(calls)}{right}")
    return calls


def count_of(value: Any, name: str) -> int:
    """A whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}: expected a whole number from 1, got {described(value)}")
    return value


def seconds_of(value: Any, name: str) -> float:
    """A number of seconds, more than none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise ValueError(f"{name}: expected a number of seconds above 0, got {described(value)}")
    return value


def notes_of(notes: Any) -> Mapping[str, str] | None:
    """Named texts, or none."""
    if notes is None or (
        isinstance(notes, Mapping) and all(isinstance(each, str) for item in notes.items() for each in item)
    ):
        return notes
    raise TypeError(f"notes: expected a mapping from name to text, got {described(notes)}")


def function_of(function: Any, name: str) -> Any:
    """Something that can be called, or None."""
    if function is None or callable(function):
        return function
    raise TypeError(f"{name}: expected a callable, got {described(function)}")

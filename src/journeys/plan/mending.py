"""A document with problems of form, made whole: a neutral part stands where one cannot be read.

So the rest of it can be checked for what it means, and all problems are told at once (L1). What follows only from the
parts that cannot be read is no problem of its own: ``Mended.follows`` tells it. The parts are those that a definition
is made of, such as a step or an audience, so that nothing is said of the rest of a step whose duration is no duration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs

from journeys.codec import load_space
from journeys.codec.problems import element, member, segments
from journeys.errors import InvalidDefinition, Problem
from journeys.model._fields import KEY
from journeys.model.space import FORMAT, Space

#: how often it is tried: with a part mended, another may show itself
_ROUNDS = 3
_NOTHING: Mapping[str, Any] = {"type": "all", "conditions": []}
_STEP: Mapping[str, Any] = {"type": "delay", "duration": "P1D"}
_LIMITS = frozenset(("too_many", "too_long", "wait_too_short", "wait_too_long"))
_VERSIONS = frozenset(("duplicate_version", "several_live"))
_NAMED = {
    "unknown_audience": "audiences",
    "unknown_destination": "destinations",
    "unknown_step": "steps",
    "unknown_exit_rule": "exit_rules",
}


@attrs.frozen(eq=False)
class Mended:
    """A space in the place of a document that is none, and where something stands in for what was written."""

    space: Space
    written: Mapping[str, Any]
    holes: Collection[str]

    def is_whole(self, path: str) -> bool:
        """Whether what stands there is what was written."""
        return not any(_within(path, hole) for hole in self.holes)

    def follows(self, problem: Problem) -> bool:
        """Whether a problem of the space may be there only because of the parts that could not be read."""
        if not self.is_whole(problem.path):
            return True
        if problem.code in _LIMITS:  # some are others where the entry is a condition
            return self._has_hole("$.settings") or self._has_hole(f"{_journey(problem.path)}.entry")
        if problem.code in _VERSIONS:
            return self._versions_are_open()
        if problem.code == "unreachable_step":
            journey = _journey(problem.path)
            return any(self._has_hole(f"{journey}.{name}") for name in ("start", "steps"))
        if problem.code in _NAMED:
            return self._may_be_named(_NAMED[problem.code], problem)
        return False

    def _has_hole(self, path: str) -> bool:
        return any(_within(hole, path) for hole in self.holes)

    def _versions_are_open(self) -> bool:
        """Whether the key, the version or the status of some journey is not known."""
        telling = {"key", "version", "status"}
        return any(
            each[:1] == ["journeys"] and (len(each) < 3 or each[2] in telling) for each in map(segments, self.holes)
        )

    def _may_be_named(self, kind: str, problem: Problem) -> bool:
        """Whether what is named and not there is defined in a part, or under a name, that could not be read."""
        owner = _journey(problem.path) if kind in ("steps", "exit_rules") else "$"
        owning = _at(self.written, segments(owner))
        found = owning.get(kind) if isinstance(owning, Mapping) else None
        if found is None:  # its own name may be misspelt
            return any(_parent(hole) == owner for hole in self.holes)
        if not isinstance(found, Mapping if kind in ("steps", "destinations") else list):
            return True
        if isinstance(found, Mapping):
            return problem.got in found
        keys = [each.get("key") if isinstance(each, Mapping) else None for each in found]
        return problem.got in keys or any(not isinstance(key, str) or not KEY.fullmatch(key) for key in keys)


def mended(document: object, problems: Iterable[Problem]) -> Mended | None:
    """The document without its problems of form; None if there is nothing to go on with."""
    if not isinstance(document, Mapping):
        return None
    made, holes = dict(document), list[str]()
    for _ in range(_ROUNDS):
        for problem in problems:
            hole = _mend(made, segments(problem.path))
            if hole is None:
                return None
            holes += [hole] if hole else []
        try:
            return Mended(load_space(made), document, tuple(holes))
        except InvalidDefinition as error:
            problems = error.problems
    return None


def _mend(document: dict[str, Any], place: list[str | int]) -> str | None:
    """Puts something neutral in the place of the part with the problem; its path, "" if nothing is lost by it."""
    match place:
        case ["format"]:
            document["format"] = FORMAT
            return ""
        case ["journeys", int(index), *rest] if isinstance(document["journeys"], list):
            journeys = document["journeys"] = [*document["journeys"]]
            at = element("$.journeys", index)
            if rest and isinstance(journeys[index], Mapping):
                journeys[index] = dict(journeys[index])
                if (hole := _mend_journey(journeys[index], rest, at)) is not None:
                    return hole
            journeys[index] = {"key": f"unread-{index}", **_a_journey()}
            return at
        case ["audiences" | "computed_traits" as kind, int(index), *_] if isinstance(document[kind], list):
            parts = document[kind] = [*document[kind]]
            neutral = {"condition": _NOTHING} if kind == "audiences" else {"type": "event_counter", "event": "-"}
            parts[index] = {"key": _key(parts[index], f"unread-{index}"), **neutral}
            return element(f"$.{kind}", index)
        case ["destinations", str(key), *_] if isinstance(document["destinations"], Mapping):
            others = {name: each for name, each in document["destinations"].items() if name != key}
            name = key if KEY.fullmatch(key) else f"unread-{len(others)}"
            document["destinations"] = {**others, name: {"type": "record", "list": True}}
            return member("$.destinations", key)
        case ["settings", str(name), *_] if isinstance(document["settings"], Mapping):
            document["settings"] = {key: each for key, each in document["settings"].items() if key != name}
            return member("$.settings", name)
        case [str(name), *_]:
            document.pop(name, None)
            return member("$", name)
    return None


def _mend_journey(journey: dict[str, Any], place: list[str | int], path: str) -> str | None:
    """The same within a journey; None if nothing is left of it."""
    match place:
        case ["steps", str(key), *_] if isinstance(journey.get("steps"), Mapping):
            steps = {name: each for name, each in journey["steps"].items() if name != key}
            journey["steps"] = {**steps, key if KEY.fullmatch(key) else f"unread-{len(steps)}": _STEP}
            return member(f"{path}.steps", key)
        case ["exit_rules", int(index), *_] if isinstance(journey["exit_rules"], list):
            rules = journey["exit_rules"] = [*journey["exit_rules"]]
            rules[index] = {"key": _key(rules[index], f"unread-{index}"), "event": "-"}
            return element(f"{path}.exit_rules", index)
        case ["entry", *_]:
            written = journey.get("entry")
            is_condition = isinstance(written, Mapping) and written.get("type") == "condition_entry"
            journey["entry"] = {"type": "condition_entry", "condition": _NOTHING} if is_condition else _entry()
        case ["start", *_]:
            keys = journey.get("steps")
            journey["start"] = next(iter(keys), "") if isinstance(keys, Mapping) else ""
        case ["steps", *_]:
            return None
        case ["key", *_]:
            journey["key"] = "unread-" + "-".join(str(each) for each in segments(path) if isinstance(each, int))
        case [str(name), *_]:
            journey.pop(name, None)
    return member(path, place[0])


def _entry() -> dict[str, Any]:
    return {"type": "event_entry", "event": "-"}


def _a_journey() -> dict[str, Any]:
    return {"entry": _entry(), "start": "unread", "steps": {"unread": _STEP}}


def _key(part: object, otherwise: str) -> str:
    """The key of a part, if that can be read at least."""
    key = part.get("key") if isinstance(part, Mapping) else None
    return key if isinstance(key, str) and KEY.fullmatch(key) else otherwise


def _within(path: str, outer: str) -> bool:
    return path == outer or (path.startswith(outer) and path[len(outer)] in ".[")


def _parent(path: str) -> str:
    places = segments(path)[:-1]
    found = "$"
    for each in places:
        found = element(found, each) if isinstance(each, int) else member(found, each)
    return found


def _journey(path: str) -> str:
    """The path of the journey into which a path leads."""
    match segments(path):
        case ["journeys", int(index), *_]:
            return element("$.journeys", index)
    return "$"


def _at(document: Any, place: Iterable[str | int]) -> Any:
    for each in place:
        document = document[each]
    return document

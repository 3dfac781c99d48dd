"""Whether a space can run: every problem at once, each with its path and the remedy (L1, L2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import attrs

from journeys.codec import dump_space, load_space
from journeys.codec.documents import Document, parsed, too_deep
from journeys.codec.problems import Report, element, member
from journeys.errors import InvalidDefinition, Problem
from journeys.model.conditions import ContextRef, FirstRef, TraitRef
from journeys.model.journey import Journey
from journeys.model.space import ComputedTrait, DestinationDefinition, Space
from journeys.model.steps import ProfileRef, Template
from journeys.plan.checks.conditions import Scope, audiences_in, check_condition, check_filters, traits_of
from journeys.plan.checks.durations import check_not_negative, check_positive
from journeys.plan.checks.graph import cycles, told
from journeys.plan.checks.journey import check_journey, check_name
from journeys.plan.checks.steps import Surroundings, check_destination, check_number
from journeys.plan.checks.texts import check_texts, difference
from journeys.plan.codes import CODES
from journeys.plan.limits import Limits, limits_of
from journeys.plan.mending import Mended, mended

__all__ = ["CODES", "Examined", "examine", "validate"]

#: problems after which there is no document to go on with
_NO_DOCUMENT = ("ambiguous_value", "too_deep")
#: what a document means by an object where a constant may stand
_FOR_A_CONSTANT = (TraitRef, ContextRef, FirstRef, ProfileRef, Template)


@attrs.frozen
class Examined:
    """What is found in a document: the space, if it has no problem of form, and all problems.

    ``destinations`` are those whose definitions can be read.
    """

    space: Space | None
    problems: tuple[Problem, ...]
    destinations: Mapping[str, DestinationDefinition]


def examine(document: Document) -> Examined:
    """The space of a document and every problem of it, of form and of meaning (L1)."""
    try:
        space = load_space(document)
    except InvalidDefinition as error:
        rest = _rest(document, error.problems)
        if rest is None:
            return Examined(None, error.problems, {})
        definitions = rest.space.destinations.items()
        readable = {key: each for key, each in definitions if rest.is_whole(member("$.destinations", key))}
        return Examined(None, (*error.problems, *_beyond(rest)), readable)
    return Examined(space, tuple(validate(space)), space.destinations)


def validate(space: Space) -> list[Problem]:
    """Every problem of a space; none means that it can run. TypeError if it is no space.

    A space made in Python is first held against what its document may say: the two must say the same. Parts that fail
    there are not looked at any further, for nothing more can be said of values of the wrong type; the rest is.
    """
    if problems := _structure(space):
        rest = None if problems[0].code in _NO_DOCUMENT else _rest(dump_space(space), problems)
        return problems if rest is None else [*problems, *_beyond(rest)]
    return _meaning(space)


def _rest(document: Document, problems: Sequence[Problem]) -> Mended | None:
    """What is left of a document without its problems of form."""
    try:
        return mended(parsed(document), problems)
    except InvalidDefinition:
        return None


def _beyond(rest: Mended) -> list[Problem]:
    """The problems of meaning that a document has besides those of form."""
    return [each for each in _meaning(rest.space) if not rest.follows(each)]


def _meaning(space: Space) -> list[Problem]:
    report = Report()
    limits = limits_of(space.settings)
    scope = Scope(dict.fromkeys(each.key for each in space.audiences))
    around = Surroundings(scope, space.destinations, limits)
    check_texts(space, "$", report)
    _check_settings(space, report)
    check_name(space.name, "$.name", limits, report)
    _check_audiences(space, around, report)
    _check_computed_traits(space, around, report)
    _check_references(space, report)
    for index, journey in enumerate(space.journeys):
        check_journey(journey, element("$.journeys", index), around, report)
    _check_versions(space.journeys, limits, report)
    return report.problems


def _structure(space: Space) -> list[Problem]:
    try:
        again = load_space(dump_space(space))
        if again == space:
            return []
        path, given, meant = difference(space, again)
        if isinstance(given, Mapping) and attrs.has(type(meant)) and not isinstance(meant, _FOR_A_CONSTANT):
            name = type(meant).__name__
            message = f"expected an object of the class {name}, got a document of one"
            return [
                Problem("wrong_type", path, message, f"write {name}(…), or read the whole document with load_space")
            ]
    except InvalidDefinition as error:
        return list(error.problems)
    except RecursionError:
        return [too_deep()]
    hint = "a constant may have no field trait, context, first, profile or template; an option no field type or list"
    return [Problem("ambiguous_value", path, "this value means something else once it is written as JSON", hint)]


def _check_settings(space: Space, report: Report) -> None:
    settings = space.settings
    for name in ("dedupe_window", "allowed_lateness", "max_clock_skew", "min_wait", "max_wait"):
        check_not_negative(getattr(settings, name), member("$.settings", name), report)
    for name in ("instances", "trace", "marks"):
        check_not_negative(getattr(settings.retention, name), member("$.settings.retention", name), report)


def _check_audiences(space: Space, around: Surroundings, report: Report) -> None:
    _check_keys([each.key for each in space.audiences], "$.audiences", report)
    for index, audience in enumerate(space.audiences):
        at = element("$.audiences", index)
        check_name(audience.name, member(at, "name"), around.limits, report)
        scope = around.scope.outside("an audience")
        check_condition(audience.condition, member(at, "condition"), scope, report)
        _check_destinations(audience.destinations, at, around, report)


def _check_computed_traits(space: Space, around: Surroundings, report: Report) -> None:
    _check_keys([each.key for each in space.computed_traits], "$.computed_traits", report)
    for index, computed in enumerate(space.computed_traits):
        at = element("$.computed_traits", index)
        check_name(computed.name, member(at, "name"), around.limits, report)
        check_filters(computed.where, member(at, "where"), around.scope.outside("a computed trait"), report)
        check_positive(computed.within, member(at, "within"), report)
        _check_property(computed, member(at, "property"), report)
        _check_destinations(computed.destinations, at, around, report)


def _check_property(computed: ComputedTrait, path: str, report: Report) -> None:
    if computed.type == "event_counter":
        if computed.property is not None:
            hint = "remove the property; filters choose which events count"
            report.add("needless_property", path, "an event_counter takes no property", hint=hint)
    elif computed.property is None:
        hint = f"name the property of {computed.event!r} to compute with"
        report.add("missing_property", path, f"{computed.type} needs a property", hint=hint, got="nothing")


def _check_destinations(names: Iterable[str], path: str, around: Surroundings, report: Report) -> None:
    for index, name in enumerate(names):
        check_destination(name, element(member(path, "destinations"), index), around.destinations, report)


def _check_keys(keys: Iterable[str], path: str, report: Report) -> None:
    first: dict[str, int] = {}
    for index, key in enumerate(keys):
        if first.setdefault(key, index) != index:
            at = member(element(path, index), "key")
            message = f"the key {key!r} stands at {element(path, first[key])} already"
            report.add("duplicate_key", at, message, hint="give it a key of its own")


def _check_references(space: Space, report: Report) -> None:
    """Audiences refer to audiences, computed traits to computed traits, and neither in a circle (P6)."""
    audiences = {each.key: audiences_in(each.condition) for each in space.audiences}
    _check_circles(audiences, "$.audiences", report)
    # The key of a computed trait has no dot: what stands before the first dot of a path may be one.
    computed = {each.key: (path.partition(".")[0] for path in traits_of(each.where)) for each in space.computed_traits}
    _check_circles(computed, "$.computed_traits", report)


def _check_circles(edges: Mapping[str, Iterable[str]], path: str, report: Report) -> None:
    keys = list(edges)
    for cycle in cycles({key: [each for each in targets if each in edges] for key, targets in edges.items()}):
        at = element(path, keys.index(cycle[-1]))
        hint = "let one of them do without the other"
        report.add("reference_cycle", at, f"these refer to one another in a circle: {told(cycle)}", hint=hint)


def _check_versions(journeys: Sequence[Journey], limits: Limits, report: Report) -> None:
    """Several versions of a journey may stand together, each once and one of them live (V2)."""
    versions: dict[str, list[int]] = defaultdict(list)
    for index, journey in enumerate(journeys):
        versions[journey.key].append(index)
    for key, indices in versions.items():
        last = element("$.journeys", indices[-1])
        check_number(indices, "version", last, limits.max_versions, report)
        seen: set[int] = set()
        live = [index for index in indices if journeys[index].status == "live"]
        for index in indices:
            version = journeys[index].version
            if version in seen:
                at = element("$.journeys", index)
                message = f"version {version} of journey {key!r} stands twice"
                hint = "give another journey another key, and another version of this one another version"
                report.add("duplicate_version", at, message, hint=hint)
            seen.add(version)
        for index in live[1:]:
            at = member(element("$.journeys", index), "status")
            message = f"{element('$.journeys', live[0])} is live too, and has the key {key!r}"
            hint = 'at most one version is live: give the others "status": "archived" or "draft"'
            report.add("several_live", at, message, hint=hint)

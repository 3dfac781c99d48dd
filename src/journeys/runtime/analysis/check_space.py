"""What is found in audiences and computed traits."""

from __future__ import annotations

from collections.abc import Iterator

from journeys.codec.problems import element, member
from journeys.model import conditions as c
from journeys.model.space import Space
from journeys.plan.references import references
from journeys.runtime.analysis.check_codes import Finding
from journeys.runtime.analysis.paths_needs import SHARED, alternatives, contradiction, no_such_event


def why_not(condition: c.Condition, wanted: bool, space: Space, scope: str = SHARED) -> str | None:
    """Why a condition is never as wanted, if that is proven."""
    found = alternatives(condition, wanted, space, scope)
    if found is None:
        return None
    reasons = [contradiction(needs, space) for needs in found]
    return next(iter(reasons), "nothing is asked for") if all(reasons) else None


def check_space(space: Space) -> Iterator[Finding]:
    """What is found outside of the journeys."""
    named = list(references(space))
    audiences = {each.name for each in named if each.kind == "audience"}
    traits = {each.name.partition(".")[0] for each in named if each.kind == "trait"}
    for index, audience in enumerate(space.audiences):
        at = element("$.audiences", index)
        if (why := why_not(audience.condition, True, space)) is not None:
            hint = "nobody can be in it: correct the condition"
            yield Finding(code="empty_audience", path=member(at, "condition"), message=why, hint=hint)
        elif why_not(audience.condition, False, space) is not None:
            message = "the condition is true of everybody"
            yield Finding(
                code="full_audience", path=member(at, "condition"), message=message, hint="correct the condition"
            )
        if audience.key not in audiences and not audience.destinations:
            yield _unused(at, "audience", audience.key)
    for index, computed in enumerate(space.computed_traits):
        at = element("$.computed_traits", index)
        if (path := no_such_event(computed.where)) is not None:
            message = f"no {computed.event} can pass the filters on {path}"
            yield Finding(
                code="impossible_computed_trait", path=member(at, "where"), message=message, hint="correct them"
            )
        if computed.key not in traits and not computed.destinations:
            yield _unused(at, "computed trait", computed.key)


def _unused(path: str, what: str, key: str) -> Finding:
    message = f"nothing reads the {what} {key}, and it is sent nowhere"
    return Finding(code="unused", path=path, message=message, hint="remove it, or was another one meant to be read?")

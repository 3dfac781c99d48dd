"""What cannot be meant so in a space that is valid: branches nobody takes, waits that never end, sends that come twice.

``validate`` says what cannot run. ``check`` looks at what would happen, and tells only what is proven or has been seen
on a path that the engine took: a finding is never a guess.
"""

from __future__ import annotations

from collections.abc import Iterator

from journeys.codec.problems import element
from journeys.errors import InvalidDefinition
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.validate import validate
from journeys.runtime.analysis.check_branches import check_branches, check_expiry
from journeys.runtime.analysis.check_codes import FINDINGS, Finding
from journeys.runtime.analysis.check_ends import check_ends
from journeys.runtime.analysis.check_sends import check_contexts, check_paths
from journeys.runtime.analysis.check_space import check_space
from journeys.runtime.analysis.check_times import check_times
from journeys.runtime.analysis.paths import Bound, explore, live_journeys
from journeys.runtime.analysis.paths_proofs import Proofs

__all__ = ["FINDINGS", "Finding", "check"]


def check(space: Space, journey: str | None = None, *, bound: Bound | None = None) -> list[Finding]:
    """Everything that is found in a space, or in one of its journeys, in the order of the definition.

    InvalidDefinition carries the problems of a space that cannot run; KeyError names the nearest journey if there is
    none of that key.
    """
    if problems := validate(space):
        raise InvalidDefinition(problems)
    return [*_findings(space, journey, bound or Bound())]


def _findings(space: Space, key: str | None, bound: Bound) -> Iterator[Finding]:
    if key is None:
        yield from check_space(space)
    live = live_journeys(space, key)
    plan = compile_space(space)
    for index, journey in enumerate(space.journeys):
        if journey not in live:
            continue
        at, proofs = element("$.journeys", index), Proofs(journey, space)
        found = explore(space, plan, journey, bound)
        yield from check_branches(journey, at, proofs)
        yield from check_expiry(journey, at, proofs, found)
        yield from check_times(journey, at, proofs)
        yield from check_ends(journey, at, proofs)
        yield from check_contexts(journey, at)
        yield from check_paths(journey, at, found, plan)

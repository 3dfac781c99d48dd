"""What an operation should have said, where a definition has become invalid because the operation left it out."""

from __future__ import annotations

import attrs

from journeys.errors import Problem
from journeys.runtime.editing.checks import path_of
from journeys.runtime.editing.operations import AddBranch, Insert, Operation, RemoveBranch


def remedied(problem: Problem, operation: Operation, at: str) -> Problem:
    """The problem as one of the operation, or with a hint in its words; ``at`` is the path of the operation."""
    match operation:
        case Insert(key=key, before=None, after=None) if _is_unreachable(problem, key):
            hint = "give before or after; with check=False a step may stand alone"
            return Problem("no_place", at, f"it is not said where {key!r} goes", hint, got=key)
        case AddBranch(step=step) | RemoveBranch(step=step) if problem.code == "bad_percentages":
            if path_of(step)[1:] in problem.path:
                hint = 'give percentages by the names of the branches, {"percentages": {"one": 60, …}}, that sum to 100'
                return attrs.evolve(problem, hint=hint)
    return problem


def _is_unreachable(problem: Problem, key: str) -> bool:
    return problem.code == "unreachable_step" and problem.path.endswith(path_of(key)[1:])

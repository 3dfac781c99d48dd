"""All paths of a journey, each with a witness: what a person does, and when, so that she takes exactly this path.

Paths are looked for on the graph of the journey and found by symbolic search with concrete replay: a path is only told
if the engine, given the calls of its witness, took it. Of each branch one of three things is said: it is reached, and
here is how; it is proven that nobody takes it, and why; or no witness was found within the bound.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from typing import Any

import attrs

from journeys._time import MAX, Duration, format_instant
from journeys.errors import InvalidDefinition, nearest
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.plan import Plan
from journeys.plan.validate import validate
from journeys.runtime.analysis.paths_chance import Chance
from journeys.runtime.analysis.paths_proofs import Proofs
from journeys.runtime.analysis.paths_run import Deed, Move, Taken, can_be, play
from journeys.runtime.analysis.paths_search import ENTERS, Found, Search, shrunk
from journeys.runtime.analysis.paths_time import lifetime, longest, stays_possible
from journeys.runtime.analysis.paths_ways import (
    Way,
    all_branches,
    completed_ways,
    ends_after,
    ends_of,
    left_ways,
    staying,
    ways_through,
)

REACHED, UNREACHABLE, NOT_FOUND = "reached", "unreachable", "not found"
#: so many ways through one branch, or to one end, are tried before it is given up
TRIES = 24


@attrs.frozen(kw_only=True)
class Bound:
    """How far is looked: so many paths of a journey at most (``most``), so many restarts of a hold on each.

    ``ways`` is how many ways of the graph are looked at, ``budget`` how many proposals are played for one of them, and
    ``proposals`` for all of them together. ``people`` is how many do at random what the journey names, where a branch
    was not found otherwise.
    """

    most: int = 200
    restarts: int = 1
    ways: int = 2_000
    budget: int = 400
    proposals: int = 40_000
    people: int = 300

    def __str__(self) -> str:
        return (
            f"{self.most} paths, {self.restarts} restart{'' if self.restarts == 1 else 's'} of a hold, "
            f"{self.ways} ways with {self.budget} proposals each, {self.proposals} in all, "
            f"{self.people} people at random"
        )


@attrs.frozen(kw_only=True)
class Path:
    """A path that was taken: its moves, how it ended, and its witness.

    The witness is that ``user`` makes ``calls``, and time goes on to ``until``.
    """

    journey: str
    version: int
    number: int
    moves: tuple[Move, ...]
    sends: tuple[tuple[str, str], ...]
    end: str
    user: str
    deeds: tuple[Deed, ...] = attrs.field(repr=False)
    ends_at: int = attrs.field(repr=False)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The witness as Segment calls with their timestamps: what ``journeys simulate`` takes."""
        return [deed.call(self.user, number) for number, deed in enumerate(self.deeds, 1)]

    @property
    def until(self) -> str:
        """The instant at which the path has ended."""
        return format_instant(self.ends_at)

    @property
    def text(self) -> str:
        """The path in one line."""
        return " → ".join([*map(str, self.moves), self.end])

    def takes(self, step: str, branch: str) -> bool:
        """Whether the branch of a step is taken on it."""
        return any(move.step == step and move.branch == branch for move in self.moves)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        moves = [{"step": each.step, "branch": each.branch, "again": each.again} for each in self.moves]
        return {"number": self.number, "moves": moves, "end": self.end, "calls": self.calls, "until": self.until}


@attrs.frozen
class BranchAnswer:
    """What is known of a branch: ``reached`` (by the path of number ``path``), ``unreachable`` or ``not found``."""

    step: str
    branch: str
    answer: str
    why: str = ""
    path: int | None = None


@attrs.frozen(kw_only=True)
class Paths:
    """The paths of one journey; ``complete`` says that every way of the graph within the bound was looked at.

    ``longest`` is how long an instance can be live at most: all waits at their longest, holds begun again as often as
    they may, and no longer than ``exit_after`` and ``max_age``. ``stays`` is how long after the entry one that has
    completed is still in the journey (S10), None if it is not or if only an exit rule ends that.
    """

    journey: str
    version: int
    paths: tuple[Path, ...]
    branches: tuple[BranchAnswer, ...]
    longest: Duration
    stays: Duration | None
    bound: Bound
    complete: bool

    def branch(self, step: str, branch: str) -> BranchAnswer:
        """The answer for a branch; KeyError if there is no such branch."""
        for each in self.branches:
            if (each.step, each.branch) == (step, branch):
                return each
        raise KeyError(f"no branch {branch!r} at {step!r}")

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return {
            "journey": self.journey,
            "version": self.version,
            "paths": [each.as_dict() for each in self.paths],
            "branches": [attrs.asdict(each) for each in self.branches],
            "longest": str(self.longest),
            "stays": None if self.stays is None else str(self.stays),
            "bound": attrs.asdict(self.bound),
            "complete": self.complete,
        }


def paths(space: Space, journey: str | None = None, *, bound: Bound | None = None) -> list[Paths]:
    """The paths of the live journeys of a space (or of one of them), each with its witness.

    InvalidDefinition carries the problems of the space, KeyError names the nearest journey if none has the key, and
    ValueError a journey with more than some hundreds of splits after one another.
    """
    if problems := validate(space):
        raise InvalidDefinition(problems)
    plan = compile_space(space)
    return [explore(space, plan, each, bound or Bound()) for each in live_journeys(space, journey)]


def explore(space: Space, plan: Plan, journey: Journey, bound: Bound) -> Paths:
    """The paths of one journey of a valid space; ValueError if it is too deep to be explored."""
    try:
        return _Exploration(space, plan, journey, bound).run()
    except RecursionError:
        raise ValueError(f"{journey.key} has too many steps after one another to be explored") from None


def live_journeys(space: Space, key: str | None = None) -> list[Journey]:
    """The versions that people enter; KeyError if none has the key."""
    live = [each for each in space.journeys if each.status == "live"]
    found = [each for each in live if key in (None, each.key)]
    if key is not None and not found:
        raise KeyError(f"no live journey {key!r}; {nearest(key, [each.key for each in live])}")
    return found


class _Exploration:
    """Looks for the paths of one journey: first for one through each branch and to each end, then for all."""

    def __init__(self, space: Space, plan: Plan, journey: Journey, bound: Bound) -> None:
        self.journey = journey
        self.bound = bound
        self.search = Search(space, plan, journey, bound.budget)
        self.proofs = Proofs(journey, space)
        self.found: dict[Any, Found] = {}
        self.tried: set[Any] = set()
        self.played = 0
        self.covered: set[tuple[str, str]] = set()

    def run(self) -> Paths:
        complete = self.proofs.entry_reason is None and self._look()
        ordered = sorted(self.found.values(), key=_order)
        made = tuple(self._path(number, each) for number, each in enumerate(ordered, 1))
        return Paths(
            journey=self.journey.key,
            version=self.journey.version,
            paths=made,
            branches=tuple(self._answer(step, branch, made) for step, branch in all_branches(self.journey)),
            longest=Duration(0, longest(self.journey)),
            stays=self.journey.exit_after if self.journey.is_condition_based else None,
            bound=self.bound,
            complete=complete or self.proofs.entry_reason is not None,
        )

    def _look(self) -> bool:
        journey, most, restarts = self.journey, self.bound.ways, self.bound.restarts
        for at in all_branches(journey):
            if at not in self.covered and at not in self.proofs.impossible:
                through = ways_through(journey, *at, restarts=restarts, most=most)
                self._first(through, at)
        for end in ends_of(journey):
            self._first(left_ways(journey, end, most=most))
        for end in ends_after(journey):
            self._first(attrs.evolve(way, end=end) for way in completed_ways(journey, restarts=restarts))
        self._by_chance()
        every = [
            completed_ways(journey, restarts=restarts),
            *(left_ways(journey, end, most=most) for end in ends_of(journey)),
        ]
        looked = 0
        for way in islice(_in_turn(every), most):
            looked += 1
            if len(self.found) >= self.bound.most or self.played >= self.bound.proposals:
                return False
            self._try(way)
        return looked < most

    def _first(self, several: Iterable[Way], at: tuple[str, str] | None = None) -> None:
        """Tries until one is found, or until one is found that takes the branch ``at``."""
        for way in islice(filter(self._is_possible, islice(several, self.bound.ways)), TRIES):
            if len(self.found) >= self.bound.most or self.played >= self.bound.proposals:
                return
            if self._try(way) is not None and (at is None or at in self.covered):
                return

    def _by_chance(self) -> None:
        """Looks for the branches that are left among people who do anything."""
        left = set(all_branches(self.journey)) - self.covered - self.proofs.impossible.keys()
        chance, plan, key = Chance(self.search.space, self.journey, ENTERS), self.search.plan, self.journey.key
        known = [each.deeds for each in self.found.values()]
        for number in range(self.bound.people):
            if not left or len(self.found) >= self.bound.most:
                return
            rng = random.Random(f"{key}/{number}")
            user, deeds = f"u{rng.randint(1, 99)}", chance.story(rng, known)
            if not can_be(plan, deeds):
                continue
            for taken in play(plan, user, deeds, min(deeds[-1].at + lifetime(self.journey), MAX)).taken(key):
                if self._is_new(taken, left):
                    found = shrunk(plan, key, Found(user, deeds, taken.ended_at, taken))
                    known.append(found.deeds)
                    left -= self._keep(found)

    def _is_new(self, taken: Taken, left: set[tuple[str, str]]) -> bool:
        """Whether an instance took a branch that is looked for, within the bound, and is over."""
        again = Counter((move.step, move.branch) for move in taken.moves if move.again)
        return (
            taken.end != ""
            and taken.instance.plan.version == self.journey.version
            and max(again.values(), default=0) <= self.bound.restarts
            and any((move.step, move.branch) in left for move in taken.moves)
        )

    def _keep(self, found: Found) -> set[tuple[str, str]]:
        """Keeps what was found; the branches that it takes."""
        self.found.setdefault(found.taken.signature, found)
        taken = {(move.step, move.branch) for move in found.taken.moves if move.branch is not None}
        self.covered |= taken
        return taken

    def _try(self, way: Way) -> Found | None:
        mark = (frozenset(way.choices.items()), way.end, way.again)
        if mark in self.tried or not self._is_possible(way):
            return None
        self.tried.add(mark)
        if self.played >= self.bound.proposals:
            return None
        found = self.search.find(way)
        self.played += self.search.played
        if found is not None:
            self._keep(found)
        return found

    def _is_possible(self, way: Way) -> bool:
        if not self.proofs.impossible.keys().isdisjoint(
            {(step, branch) for step, branches in way.choices.items() for branch in branches} | set(way.again)
        ):
            return False
        if way.end in ("expired", "exited by exit_after"):
            return stays_possible(self.journey, staying(self.journey, way))
        return True

    def _path(self, number: int, found: Found) -> Path:
        return Path(
            journey=self.journey.key,
            version=self.journey.version,
            number=number,
            moves=found.taken.moves,
            sends=found.taken.sends,
            end=found.taken.end,
            user=found.user,
            deeds=found.deeds,
            ends_at=found.until,
        )

    def _answer(self, step: str, branch: str, made: tuple[Path, ...]) -> BranchAnswer:
        for path in made:
            if path.takes(step, branch):
                return BranchAnswer(step, branch, REACHED, f"by path {path.number}", path.number)
        reason = self.proofs.impossible.get((step, branch))
        if reason is not None:
            return BranchAnswer(step, branch, UNREACHABLE, reason.why)
        return BranchAnswer(step, branch, NOT_FOUND, f"no witness within {self.bound}")


def _in_turn(several: list[Iterator[Way]]) -> Iterator[Way]:
    """One of each after the other, until there is none left."""
    nothing = object()
    for row in zip_longest(*several, fillvalue=nothing):
        yield from (each for each in row if isinstance(each, Way))


def _order(found: Found) -> tuple[Any, ...]:
    """Completed paths first, and short ones before long ones."""
    taken = found.taken
    return (
        taken.end.partition(",")[0] != "completed",
        len(taken.moves),
        [str(each) for each in taken.moves],
        taken.end,
    )

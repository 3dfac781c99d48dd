"""A plan for a migration (V2): which step of the old version goes on as which of the new one, why, and for how many.

It is proposed, reviewed and edited as JSON, checked as publishing checks it, and then published with the journey.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from journeys.codec import dump, load
from journeys.codec.problems import member
from journeys.engine._publishing import steps_held
from journeys.errors import Problem, nearest
from journeys.model._fields import frozen_map, one_of
from journeys.model.journey import Journey, Migrate
from journeys.model.steps import MultiBranchSplit, ShowAd, Step
from journeys.plan.plan import destination_key
from journeys.ports import Store
from journeys.runtime.analysis.diff_fields import Fields
from journeys.runtime.analysis.diff_findings import Findings, Place, pairs_of
from journeys.runtime.analysis.diff_steps import came_from, likeness, renamed_steps
from journeys.runtime.analysis.standing import Moment, Standing
from journeys.runtime.render import kind_of
from journeys.runtime.render.links import WAITING

if TYPE_CHECKING:
    from journeys.runtime.evaluator import Evaluator

#: why a step goes on as another: the same key and type, the same content under another key, the most alike, the author
REASONS = ("same_key", "renamed", "similar", "chosen", "unresolved")
#: steps that are less alike than this are not proposed
ALIKE = 0.25
#: steps at which an instance may be held
HOLDING = (*WAITING, ShowAd)
_NOTES = 3


@attrs.frozen(kw_only=True)
class StepMove:
    """Where the people of one step of the old version go on; ``to`` is a step of the new one, of the same type.

    ``people`` is how many instances waited there when the plan was made. ``candidates`` are the steps of that type,
    ``note`` says what is not the same there.
    """

    to: str | None
    reason: str = attrs.field(default="chosen", validator=one_of(REASONS))
    people: int = 0
    candidates: tuple[str, ...] = ()
    note: str | None = None


@attrs.frozen(kw_only=True)
class MigrationPlan:
    """Which step goes on as which, for every step of the old version that may hold people or was renamed."""

    journey: str
    from_version: int
    to_version: int
    steps: Mapping[str, StepMove] = attrs.field(factory=dict, converter=frozen_map)

    @property
    def unresolved(self) -> Mapping[str, StepMove]:
        """Steps that nobody knows where to go from; those who are there keep the plan from being published."""
        return {key: move for key, move in self.steps.items() if move.to is None}

    @property
    def complete(self) -> bool:
        """Whether everybody who was there when the plan was made has a step to go to."""
        return not any(move.people for move in self.unresolved.values())

    @property
    def migrate(self) -> Migrate:
        """The mapping that is published; a step that keeps its key needs no word."""
        return Migrate({key: move.to for key, move in self.steps.items() if move.to not in (None, key)})

    def applied_to(self, journey: Journey) -> Journey:
        """The new version with this migration, to be published. ValueError if it is another journey's."""
        if journey.key != self.journey:
            raise ValueError(f"this is a plan for {self.journey!r}, not for {journey.key!r}")
        return attrs.evolve(journey, on_previous=self.migrate)

    def to_json(self) -> str:
        """The plan as a text to review and to edit."""
        return json.dumps(dump(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, document: str | bytes | Mapping[str, Any]) -> MigrationPlan:
        """The plan that a text holds; InvalidDefinition carries every problem of it with its path."""
        return load(cls, document)

    @property
    def text(self) -> str:
        """A line for each step, in columns."""
        rows = [
            (key, f"-> {move.to}" if move.to is not None else "?", f"{move.people:,}", _told(move))
            for key, move in self.steps.items()
        ]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        lines = [f"{self.journey}, version {self.from_version} to {self.to_version}"]
        for key, to, people, told in rows:
            line = f"  {key.ljust(widths[0])}  {to.ljust(widths[1])}  {people.rjust(widths[2])}  {told}"
            lines.append(line.rstrip())
        return "\n".join(lines)


def _told(move: StepMove) -> str:
    if move.to is None:
        can = f": one of {', '.join(move.candidates)}" if move.candidates else ": no step of its type is left"
        return "unresolved" + can
    return move.reason.replace("_", " ") + (f" ({move.note})" if move.note else "")


def propose(old: Journey, new: Journey, held: Mapping[str, int] | None = None) -> MigrationPlan:
    """A plan from the definitions: by key and type, by content under another key, else by what is most alike.

    No two steps are led to one. ``held`` is how many instances wait at each step of the old version.
    """
    held = held or {}
    moves = {key: (key, "same_key") for key, step in old.steps.items() if type(step) is type(new.steps.get(key))}
    moves |= {key: (to, "renamed") for key, to in renamed_steps(old, new).items()}
    taken = {to for to, _ in moves.values()}
    rest = {key: step for key, step in old.steps.items() if key not in moves and isinstance(step, HOLDING)}
    free = {key: step for key, step in new.steps.items() if key not in taken}
    before, after = came_from(old, new, {key: to for key, (to, _) in moves.items()})
    score = {
        (a, b): alike
        for a, one in rest.items()
        for b, other in free.items()
        if type(one) is type(other)
        and (alike := likeness(one, other) + len(before[a] & after[b]) / len(before[a] | after[b] | {""})) >= ALIKE
    }
    moves |= {a: (b, "similar") for a, b in pairs_of(rest, free, score)}
    steps = {
        key: _move(key, step, new, moves.get(key), held.get(key, 0))
        for key, step in old.steps.items()
        if isinstance(step, HOLDING) or key in held or moves.get(key, (key, ""))[0] != key
    }
    return MigrationPlan(journey=new.key, from_version=old.version, to_version=new.version, steps=steps)


def _move(key: str, step: Step, new: Journey, move: tuple[str, str] | None, people: int) -> StepMove:
    candidates = tuple(each for each, other in new.steps.items() if type(other) is type(step))
    if move is None:
        return StepMove(to=None, reason="unresolved", people=people, candidates=candidates)
    to, reason = move
    place = Place(area="steps", keys=(destination_key(new.key, key), destination_key(new.key, to)))
    return StepMove(to=to, reason=reason, people=people, note=_note(step, new.steps[to], place) or None)


def _note(old: Step, new: Step, place: Place) -> str:
    """What is not the same for those who come from there, wherever it leads."""
    findings = Findings()
    Fields(findings).compare(old, new, place)
    found = [each.text for each in findings.found if each.area not in ("flow", "wording")]
    if isinstance(old, MultiBranchSplit) and isinstance(new, MultiBranchSplit):
        names = [[branch.name for branch in each.branches] for each in (old, new)]
        if names[1][: len(names[0])] != names[0]:  # a wait is kept by the number of its branch
            found.insert(0, f"the waits for {', '.join(names[0])} become those for {', '.join(names[1])}, in order")
    more = len(found) - _NOTES
    return "; ".join(found[:_NOTES]) + (f"; {more} more" if more > 0 else "")


def propose_for(source: Evaluator | Store, new: Journey, *, at: Moment | None = None) -> MigrationPlan:
    """A plan for the people whom an evaluator or a store has in the current version of the journey."""
    standing = Standing(source, at=at)
    published, _ = standing.publisher.succeeded(new)
    return propose(standing.current(new.key), published, held_now(standing, new.key))


def held_now(standing: Standing, key: str) -> Counter[str]:
    """How many instances wait at each step of the current version, as publishing counts them."""
    current = standing.current(key)
    plan = standing.core.plan.journeys.get((key, current.version))
    held: Counter[str] = Counter()

    def count(state: bytes) -> None:
        if plan is not None:
            held.update(steps_held(standing.now(state)[0], plan))

    standing.look(count)
    return held


def check(
    plan: MigrationPlan, new: Journey, source: Evaluator | Store | None = None, *, old: Journey | None = None,
    at: Moment | None = None,
) -> tuple[Problem, ...]:  # fmt: skip
    """Everything that keeps the plan from being published; nothing has moved.

    With an evaluator or a store its people are counted anew, by the same check that publishing makes. Without one the
    plan is held against the definitions alone, the old one being ``old``.
    """
    standing = None if source is None else Standing(source, at=at)
    if standing is not None:
        old = standing.current(new.key)
    problems = list(_problems(plan, old, new))
    if standing is not None and not problems:
        refused = standing.refusal(plan.applied_to(new))
        problems += refused.problems if refused is not None else ()
    return tuple(problems)


def _problems(plan: MigrationPlan, old: Journey | None, new: Journey) -> list[Problem]:
    found = []
    if plan.journey != new.key:
        message = f"this is a plan for {plan.journey!r}, not for {new.key!r}"
        return [Problem("wrong_journey", "$.journey", message, expected=new.key, got=plan.journey)]
    if old is not None and plan.from_version != old.version:
        message = f"the plan moves people from version {plan.from_version}, and version {old.version} is current"
        found.append(
            Problem(
                "wrong_version", "$.from_version", message, "propose it anew", str(old.version), str(plan.from_version)
            )
        )
    for key, move in plan.steps.items():
        path = member("$.steps", key)
        if old is not None and key not in old.steps:
            hint = nearest(key, list(old.steps))
            found.append(Problem("unknown_step", path, f"version {old.version} has no step {key!r}", hint, got=key))
        elif move.to is not None and move.to not in new.steps:
            message = f"the new version has no step {move.to!r}"
            found.append(Problem("unknown_step", f"{path}.to", message, nearest(move.to, list(new.steps)), got=move.to))
        elif old is not None and move.to is not None and type(old.steps[key]) is not type(new.steps[move.to]):
            found.append(_wrong_type(f"{path}.to", old.steps[key], key, new, move.to))
    return found


def _wrong_type(path: str, step: Step, key: str, new: Journey, to: str) -> Problem:
    expected, got = kind_of(step), kind_of(new.steps[to])
    same = [name for name, each in new.steps.items() if type(each) is type(step)]
    hint = f"map it to a step of the same type: {', '.join(same)}" if same else "use drain or archive instead"
    return Problem("wrong_type", path, f"{to!r} is a {got}, and {key!r} a {expected}", hint, expected, got)

"""Random operations on a journey: mostly such as an author would do, some that cannot be done."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeys import (
    Activation,
    Branch,
    ConditionBranch,
    ConditionEntry,
    Delay,
    EventEntry,
    ExitRule,
    Goal,
    HoldUntil,
    Journey,
    MultiBranchSplit,
    RandomBranch,
    RandomizedSplit,
    SendToDestination,
    Space,
    TrueFalseSplit,
    load_space,
    prop,
    trait,
)
from journeys.runtime.editing import operations as o
from journeys.runtime.editing.ways import ways_of
from tests.reference.generate import random_space

#: those with recorded calls
EXAMPLES = sorted(
    each.with_name("space.json") for each in (Path(__file__).parents[3] / "examples").glob("*/events.ndjson")
)


def space_of(seed: int) -> Space:
    """A generated space; now and then one of the examples."""
    rng = random.Random(seed)
    if rng.random() < 0.15:
        return load_space(json.loads(rng.choice(EXAMPLES).read_text("utf-8")))
    return load_space(random_space(rng, kind="everything" if seed % 3 else "event-triggered"))


def new_step(rng: random.Random) -> Any:
    makers = [
        lambda: Delay(duration="P1D"),
        lambda: SendToDestination([Activation("email", traits=["plan"])]),
        lambda: HoldUntil(
            [Branch("n1", "Order Completed"), Branch("n2", "Cart Modified", restart=True)], max_duration="PT2H"
        ),
        lambda: TrueFalseSplit(condition=trait("plan") == "pro"),
        lambda: MultiBranchSplit([ConditionBranch("m1", trait("age") > 3), ConditionBranch("m2", trait("age") <= 3)]),
        lambda: RandomizedSplit([RandomBranch("half", 50), RandomBranch("rest", 50)]),
    ]
    return rng.choice(makers)()


def ways(journey: Journey) -> list[o.Way]:
    found = [o.Way()]
    for key, step in journey.steps.items():
        found += [o.Way(key, exit=way.exit, branch=way.branch) for way, _ in ways_of(step)]
    return found


def random_operation(rng: random.Random, space: Space) -> o.Operation:
    """An operation on one of the journeys of a space."""
    journey = rng.choice(space.journeys)
    where = {"journey": journey.key, "version": journey.version if rng.random() < 0.7 else None}
    keys = list(journey.steps)
    key, other = rng.choice(keys), rng.choice(keys)
    step: Any = journey.steps[key]
    split = rng.choice([each for each in keys if hasattr(journey.steps[each], "branches")] or keys)
    names = [each.name for each in getattr(journey.steps[split], "branches", ())] or ["nothing"]
    name = rng.choice(names)
    own = [each for each in ways(journey) if each.step == key]
    keep = rng.choice([None, *own])
    place: dict[str, Any] = rng.choice([{"before": other}, {"after": rng.choice(ways(journey))}])
    fresh = f"{rng.choice(['new', 'a', 'zz'])}{rng.randrange(100)}"
    branch = rng.choice(
        [Branch(fresh, "Page Viewed"), ConditionBranch(fresh, trait("plan") == "x"), RandomBranch(fresh, 0)]
    )
    operations: list[Any] = [
        lambda: o.Insert(fresh, new_step(rng), **place, **where),
        lambda: o.Insert(fresh, new_step(rng), **where),
        lambda: o.Remove(key, keep=keep, with_followers=rng.random() < 0.6, **where),
        lambda: o.Move(key, keep=keep, **place, **where),
        lambda: o.Connect(rng.choice(ways(journey)), other, **where),
        lambda: o.Disconnect(rng.choice(ways(journey)), **where),
        lambda: o.ReplaceStep(key, new_step(rng), keep_ways=rng.random() < 0.7, **where),
        lambda: o.ReplaceStep(key, step, **where),
        lambda: o.DuplicateStep(key, fresh, **(place if rng.random() < 0.6 else {}), **where),
        lambda: o.RenameStep(key, fresh, **where),
        lambda: o.RenameJourney(f"other-{fresh}", **where),
        lambda: o.Describe(rng.choice([None, key]), name=rng.choice([None, "Shown"]), description="Why", **where),
        lambda: o.AddBranch(split, branch, index=rng.choice([None, 0, 1]), **where),
        lambda: o.RemoveBranch(
            split, name, with_followers=rng.random() < 0.6, percentages=_rest(journey, split, name), **where
        ),
        lambda: o.ReorderBranches(split, rng.sample(names, len(names)), **where),
        lambda: o.RenameBranch(split, name, fresh, **where),
        lambda: o.ChangeEntry(EventEntry("Cart Modified", [prop("value") > 3], identifier="cart_id"), **where),
        lambda: o.ChangeEntry(ConditionEntry(trait("plan") == "pro"), **where),
        lambda: o.ChangeGoal(rng.choice([None, Goal("Order Completed", within="P7D")]), **where),
        lambda: o.ChangeExits(exit_rules=[ExitRule(fresh, "Page Viewed")], exit_after="P9D", **where),
        lambda: o.ChangeExits(exit_rules=journey.exit_rules[1:], exit_send=journey.exit_send, **where),
    ]
    return rng.choice(operations)()


def _rest(journey: Journey, split: str, name: str) -> dict[str, Any] | None:
    step: Any = journey.steps[split]
    others = [each.name for each in getattr(step, "branches", ()) if each.name != name]
    if not isinstance(step, RandomizedSplit) or not others:
        return None
    return {each: 100 if each == others[0] else 0 for each in others}


def edits(seed: int, count: int) -> Iterator[tuple[Space, o.Operation]]:
    """A space and operations on it, one by one."""
    rng = random.Random(seed)
    space = space_of(seed)
    for _ in range(count):
        yield space, random_operation(rng, space)

"""What archiving a version means for those who were through with it before."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from journeys import Evaluator, ManualClock
from journeys.codec import load_space
from tests.support import ad, at, delay, journey, space

DOCUMENT = space(
    journey({"ad": ad(remove_after="P7D")}, key="ads", entry="Seen", goal={"event": "Bought"}),
    journey({"rest": delay("P1D")}, key="rest", entry="Seen", goal={"event": "Bought"}),
)


@pytest.mark.parametrize("how", ["archived", "replaced"])
@pytest.mark.parametrize("where", ["memory", "sqlite"])
def test_who_had_completed_leaves_the_lists_and_is_forgotten(where: str, how: str, tmp_path: Path) -> None:
    """S9, V1: nothing of an archived version comes due, so the removal is not left for later."""
    made = load_space(DOCUMENT)
    store = f"sqlite:///{tmp_path}/journeys.db" if where == "sqlite" else None
    evaluator = Evaluator(made, store=store, clock=ManualClock(at("0")))
    evaluator.track("u1", "Seen")
    evaluator.advance(days=2)
    for each in made.journeys:
        if how == "archived":
            evaluator.archive(each.key)
        else:
            evaluator.publish(attrs.evolve(each, description="anew", on_previous="archive"))
    evaluator.advance(days=30)
    evaluator.track("u1", "Bought")
    story = [(record["at"], record["kind"]) for record in evaluator.trace(journey="ads")]
    assert story[-2:] == [(at("0"), "completed"), (at("P2D"), "list_removed")]
    assert [record["kind"] for record in evaluator.trace(journey="rest")][-1] == "completed"
    profile = evaluator.profile("u1")
    assert profile is not None and not profile.lists
    assert [state.foreign for state in evaluator._drive(evaluator._core.states_of(["u:u1"]))] == [()]

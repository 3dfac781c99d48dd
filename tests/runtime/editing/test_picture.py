"""Coordinates: what stands where, nothing on top of anything, and little that moves when one step is edited."""

from __future__ import annotations

import json
import random
from itertools import combinations
from typing import Any

import attrs

from journeys import Delay
from journeys.codec import load_journey
from journeys.runtime.editing import operations as o
from journeys.runtime.editing.apply import apply
from journeys.runtime.editing.picture import Picture, picture
from journeys.runtime.editing.ways import target_of
from journeys.runtime.render import graph_of, layout
from tests.runtime.editing.samples import space_of, ways
from tests.support import branch, delay, hold, if_else, journey, send, trait

CART = journey(
    {
        "hold": hold("PT2H", branch("bought", "Order Completed", "thanks"), branch("changed", "Cart Modified", restart=True), timeout="split"),
        "thanks": send("end"),
        "split": if_else(trait("plan", "exists"), "end"),
        "end": delay("P1D"),
    },
    key="cart",
    entry="Cart Modified",
    exit_rules=[{"key": "gone", "event": "Cart Emptied"}],
    goal={"event": "Order Completed"},
)  # fmt: skip


def test_what_is_told_of_nodes_and_edges() -> None:
    made = picture(load_journey(CART))
    types = {node.key: node.type for node in made.nodes}
    assert types == {
        ":entry": "entry",
        "hold": "hold_until",
        "thanks": "send_to_destination",
        "split": "true_false_split",
        "end": "delay",
        ":end:end:0": "end",
        ":end:split:1": "end",
        ":goal": "goal",
        ":exit:gone": "exit_rule",
        ":exited": "exited",
    }
    drawn = [(edge.source, edge.target, edge.kind, edge.way) for edge in made.edges]
    assert drawn == [
        (":entry", "hold", "normal", o.Way()),
        ("hold", "thanks", "branch", o.Way("hold", branch="bought")),
        ("hold", "hold", "restart", o.Way("hold", branch="changed")),
        ("hold", "split", "timeout", o.Way("hold", exit="timeout")),
        ("thanks", "end", "normal", o.Way("thanks", exit="next")),
        ("end", ":end:end:0", "normal", o.Way("end", exit="next")),
        ("split", "end", "branch", o.Way("split", exit="if_true")),
        ("split", ":end:split:1", "branch", o.Way("split", exit="if_false")),
        (":exit:gone", ":exited", "exit", None),
    ]
    assert made.node("hold").label and made.edges[3].label == "after 2 hours" and made.edges[3].at is not None
    document = json.loads(json.dumps(made.to_json()))
    assert document["nodes"][1]["key"] == "hold" and document["edges"][3]["way"] == {
        "step": "hold",
        "exit": "timeout",
        "branch": None,
    }


def test_a_way_of_an_edge_leads_where_the_edge_leads() -> None:
    edges = 0
    for seed in range(25):
        for each in space_of(seed).journeys:
            restarts = {
                (key, branch.name)
                for key, step in each.steps.items()
                for branch in getattr(step, "branches", ())
                if getattr(branch, "restart", False)
            }
            made = picture(each)
            for edge in made.edges:
                if edge.way is None or (edge.way.step, edge.way.branch) in restarts:
                    continue
                target = target_of(each, edge.way, "way")
                assert edge.target == target or (target is None and edge.target.startswith(":end:"))
                edges += 1
    assert edges > 150


def test_the_picture_is_that_of_draw_and_nothing_lies_on_anything() -> None:
    for seed in range(12):
        for each in space_of(seed).journeys:
            made, drawn = picture(each), layout(graph_of(each))
            assert {node.key: (node.x, node.y, node.w, node.h) for node in made.nodes} == {
                key: (box.x, box.y, box.width, box.height) for key, box in drawn.boxes.items()
            }
            for one, other in combinations(made.nodes, 2):
                apart = one.x + one.w <= other.x or other.x + other.w <= one.x
                assert apart or one.y + one.h <= other.y or other.y + other.h <= one.y, (one.key, other.key)
            assert made == picture(each)


def flow(made: Picture) -> dict[str, Any]:
    return {node.key: node for node in made.nodes if not node.aside}


def test_little_moves_when_a_step_is_put_in() -> None:
    """Of steps side by side hardly any change sides, and most stay in their row and column."""
    nodes = rows = columns = pairs = flips = 0
    for seed in range(50):
        rng = random.Random(seed)
        found = rng.choice(space_of(seed).journeys)
        edited = apply(found, o.Insert("brand-new", Delay(duration="P1D"), after=rng.choice(ways(found))))
        if not edited.is_valid:
            continue
        made = picture(found)
        before, after = flow(made), flow(picture(edited.unwrap(), made))
        both = [key for key in before if key in after]
        nodes += len(both)
        rows += sum(before[key].y == after[key].y for key in both)
        columns += sum(abs(before[key].x - after[key].x) < 1 for key in both)
        for one, other in combinations(both, 2):
            if before[one].y == before[other].y and after[one].y == after[other].y:
                pairs += 1
                flips += (before[one].x < before[other].x) != (after[one].x < after[other].x)
    assert nodes > 150 and pairs > 40
    assert flips <= pairs * 0.02
    assert rows > nodes * 0.7 and columns > nodes * 0.7


def test_what_stays_is_not_pushed() -> None:
    for seed in range(20):
        found = space_of(seed).journeys[0]
        made = picture(found)
        assert picture(found, made) == made
        renamed = picture(apply(found, o.Describe(description="other")).unwrap(), made)
        assert flow(renamed) == flow(made)


def test_the_new_picture_is_pushed_as_a_whole_to_where_most_of_it_was() -> None:
    found = load_journey(
        journey({"a": delay("P1D", "b"), "b": delay("P1D", "c"), "c": delay("P1D", "d"), "d": delay("P1D")})
    )
    made = picture(found)
    edited = apply(found, o.Insert("new", Delay(duration="P1D"), before="a")).unwrap()
    after = picture(edited, made)
    assert [after.node(key).y for key in "abcd"] == [made.node(key).y for key in "abcd"]
    assert after.node("new").y < made.node("a").y and after.node(":entry").y < 0
    plain = picture(edited)
    by = after.node("a").y - plain.node("a").y
    assert [p[1] for e in after.edges for p in e.points] == [round(p[1] + by, 1) for e in plain.edges for p in e.points]
    elsewhere = load_journey(journey({"z": delay("P1D")}, entry="Other"))
    assert picture(elsewhere, attrs.evolve(made, nodes=())) == picture(elsewhere)


def test_a_draft_is_laid_out_too() -> None:
    draft = {**CART, "start": "nowhere", "steps": {**CART["steps"], "end": delay("P1D", "hold"), "lost": delay("P1D")}}
    made = picture(load_journey(draft))
    assert {"lost", "nowhere", "hold"} <= {node.key for node in made.nodes}
    assert made.node("nowhere").type == "missing"

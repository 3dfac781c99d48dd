"""The picture of a diff marks what is new, gone and changed."""

from __future__ import annotations

import random
from xml.etree import ElementTree

from journeys import load_space
from journeys.codec import load_journey
from journeys.runtime.analysis.diff_picture import DRAWN, draw_diff, marked_graph
from journeys.runtime.render import graph_of
from tests.reference.generate import random_space
from tests.support import ad, delay, journey, on, property_test, send

OLD = load_journey(
    journey({"a": delay("PT1H", "b"), "b": send("c"), "c": ad()}, exit_rules=[{"key": "x", "event": "Stop"}])
)
NEW = load_journey(
    journey(
        {"a": delay("PT2H", "n"), "n": delay("P1D", "c"), "c": ad()},
        entry=on("Start", reentry="once"),
        exit_rules=[{"key": "x", "event": "End"}],
        goal={"event": "Buy"},
    )
)


def test_marks() -> None:
    graph = marked_graph(OLD, NEW)
    labels = {node.key: node.label for node in graph.nodes}
    assert labels == {
        ":entry": "Enters on · changed",
        "a": "Delay · changed",
        "n": "Delay · new",
        "c": "Show ad",
        ":end:c:0": "End",
        ":goal": "Goal · new",
        ":exit:x": "Exits on · changed",
        ":exited": "Exited",
        "b": "Send · gone",
    }
    assert graph.node("a").lines[-2:] == (
        "duration 2 hours instead of 1 hour (1 hour longer)",
        "next leads to n instead of b",
    )


def test_every_form() -> None:
    assert "Delay · new: Wait 1 day (n)" in draw_diff(OLD, NEW, "text")
    lines = draw_diff(OLD, NEW).splitlines()
    names = {node.key: f"n{number}" for number, node in enumerate(marked_graph(OLD, NEW).nodes)}
    assert f"    style {names['n']} stroke:#2b8a3e,stroke-width:4px" in lines
    assert any(line.startswith(f"    style {names['b']} stroke:#c92a2a") for line in lines)
    ElementTree.fromstring(draw_diff(OLD, NEW, "svg"))


def test_the_same_has_no_mark() -> None:
    assert marked_graph(OLD, OLD) == graph_of(OLD)


@property_test(20)
def test_any_two_journeys_can_be_drawn(seed: int) -> None:
    one, other = (load_space(random_space(random.Random(seed + n))).journeys[0] for n in range(2))
    for form in DRAWN:
        assert draw_diff(one, other, form)

"""Coordinates: nothing lies upon anything else, whatever the graph."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.model.journey import Journey
from journeys.runtime.render import Box, Edge, Graph, Layout, Node, graph_of, layout
from tests.runtime.render.samples import CART, HOSTILE, WELCOME, WINBACK, hostile

KINDS = ("delay", "hold_until", "end", "send_to_destination")


@st.composite
def graphs(draw: st.DrawFn, *, cyclic: bool = False) -> Graph:
    size = draw(st.integers(1, 14))
    nodes = [
        Node(f"s{number}", draw(st.sampled_from(KINDS)), "Step", "Title " * draw(st.integers(0, 12)),
             ("some detail",) * draw(st.integers(0, 4)))
        for number in range(size)
    ]  # fmt: skip
    edges = []
    for _ in range(draw(st.integers(0, 2 * size))):
        a, b = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
        label = draw(st.sampled_from(("", "yes", "a rather long name of a branch that takes two lines")))
        if a != b:
            source, target = (a, b) if cyclic else (min(a, b), max(a, b))
            edges.append(Edge(f"s{source}", f"s{target}", label, "branch" if label else "normal"))
        else:
            edges.append(Edge(f"s{a}", f"s{a}", label or "again", "restart"))
    return Graph("g", "G", tuple(nodes), tuple(edges))


def overlap(one: Box, other: Box, margin: float = 0.0) -> bool:
    return (
        one.x < other.right + margin
        and other.x < one.right + margin
        and one.y < other.bottom + margin
        and other.y < one.bottom + margin
    )


def check(graph: Graph, drawn: Layout) -> None:
    assert set(drawn.boxes) == {node.key for node in graph.nodes}
    assert [way.edge for way in drawn.routes] == list(graph.edges)
    solid = [*drawn.boxes.values(), *(way.label for way in drawn.routes if way.label)]
    for one, other in combinations(solid, 2):
        assert not overlap(one, other, margin=2)
    for box in (*solid, *filter(None, [drawn.panel])):
        assert box.x >= 0
        assert box.y >= 0
        assert box.right <= drawn.width + 0.2
        assert box.bottom <= drawn.height + 0.2
    for way in drawn.routes:
        check_way(way.edge, way.points, drawn)


def check_way(edge: Edge, points: tuple[tuple[float, float], ...], drawn: Layout) -> None:
    assert touches(points[0], drawn.boxes[edge.source])
    assert touches(points[-1], drawn.boxes[edge.target])
    for (ax, ay), (bx, by) in pairwise(points):
        assert ax == bx or ay == by, "only straight up, down or across"
        line = Box(min(ax, bx), min(ay, by), abs(bx - ax), abs(by - ay))
        for box in drawn.boxes.values():
            assert not overlap(line, box, margin=-0.2), "through no card"


def touches(point: tuple[float, float], box: Box) -> bool:
    x, y = point
    inside = box.x - 0.2 <= x <= box.right + 0.2 and box.y - 0.2 <= y <= box.bottom + 0.2
    return inside and min(abs(x - box.x), abs(x - box.right), abs(y - box.y), abs(y - box.bottom)) < 0.2


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_nothing_overlaps_in_any_graph(graph: Graph) -> None:
    check(graph, layout(graph))


@settings(max_examples=25, deadline=None)
@given(graphs(cyclic=True))
def test_nor_where_a_draft_goes_round_in_circles(graph: Graph) -> None:
    check(graph, layout(graph))


@pytest.mark.parametrize("journey", [CART, WELCOME, WINBACK, hostile(HOSTILE[-2])], ids=lambda journey: journey.key)
def test_journeys(journey: Journey) -> None:
    graph = graph_of(journey)
    drawn = layout(graph)
    check(graph, drawn)
    assert drawn == layout(graph_of(journey))
    ranks = {
        edge: (drawn.boxes[edge.source], drawn.boxes[edge.target]) for edge in graph.edges if edge.kind != "restart"
    }
    for edge, (source, target) in ranks.items():
        assert edge.kind == "exit" or target.y > source.bottom


def test_a_chain_is_a_straight_line() -> None:
    drawn = layout(graph_of(WELCOME))
    straight = [":entry", "greet", "morning", "active"]
    assert len({drawn.boxes[key].centre for key in straight}) == 1


def test_branches_keep_the_order_of_the_author() -> None:
    drawn = layout(graph_of(WELCOME))
    labels = [
        way.label.x for way in drawn.routes if way.edge.source == "active" and way.edge.kind != "restart" and way.label
    ]
    assert labels == sorted(labels)

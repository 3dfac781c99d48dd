"""Where the steps of a journey stand in its picture, and how they are linked: coordinates as plain data.

The unit is a pixel of the pictures that ``journeys draw`` makes; x runs to the right, y down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from statistics import median_low
from typing import Any

import attrs

from journeys.model.journey import Journey
from journeys.model.steps import EXITS
from journeys.runtime.editing.operations import Way
from journeys.runtime.render import Box, Graph, Layout, Node, Route, graph_of, layout
from journeys.runtime.render.graph import ENTRY


@attrs.frozen(kw_only=True)
class PictureNode:
    """Something that stands there: ``key`` is that of a step, or begins with a colon.

    ``type`` is that of the step, or ``entry``, ``end``, ``missing``, ``exit_rule``, ``exit_send``, ``exited`` or
    ``goal``; ``label`` says the type in words, ``title`` and ``lines`` what is written on it. ``x`` and ``y`` are its
    upper left corner. ``aside`` is what may happen at any time, beside the flow.
    """

    key: str
    type: str
    x: float
    y: float
    w: float
    h: float
    label: str
    title: str
    lines: tuple[str, ...]
    aside: bool


@attrs.frozen(kw_only=True)
class PictureEdge:
    """A link from node to node: ``points`` are its corners, ``at`` the box of its label as x, y, w, h.

    ``kind`` is ``normal``, ``branch``, ``timeout``, ``exit`` or ``restart``. ``way`` is the way out of the step that it
    draws, as operations name it; a link beside the flow draws none.
    """

    source: str
    target: str
    kind: str
    label: str
    points: tuple[tuple[float, float], ...]
    at: tuple[float, float, float, float] | None
    way: Way | None


@attrs.frozen(kw_only=True)
class Picture:
    """A journey laid out; ``panel`` surrounds what may happen at any time, as x, y, w, h."""

    journey: str
    width: float
    height: float
    nodes: tuple[PictureNode, ...]
    edges: tuple[PictureEdge, ...]
    panel: tuple[float, float, float, float] | None

    def node(self, key: str) -> PictureNode:
        """The node of that key; KeyError if there is none."""
        for node in self.nodes:
            if node.key == key:
                return node
        raise KeyError(key)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return attrs.asdict(self)


def picture(journey: Journey, previous: Picture | None = None) -> Picture:
    """Lays out a journey, also a draft; the same journey always gives the same picture.

    With the ``previous`` picture the new one is pushed so that what is in both moves least: most of it stays where it
    was when one step is edited, and coordinates may then be negative.
    """
    graph = graph_of(journey)
    drawn = layout(graph)
    made = _pictured(journey, graph, drawn)
    return made if previous is None else _pushed(made, *_least(previous, made))


def _pictured(journey: Journey, graph: Graph, drawn: Layout) -> Picture:
    ways = _ways(journey, graph)
    return Picture(
        journey=journey.key,
        width=drawn.width,
        height=drawn.height,
        nodes=tuple(_node(node, drawn.boxes[node.key]) for node in graph.nodes),
        edges=tuple(_edge(route, ways.get(id(route.edge))) for route in drawn.routes),
        panel=_corners(drawn.panel),
    )


def _node(node: Node, box: Box) -> PictureNode:
    return PictureNode(
        key=node.key,
        type=node.kind,
        x=box.x,
        y=box.y,
        w=box.width,
        h=box.height,
        label=node.label,
        title=node.title,
        lines=node.lines,
        aside=node.aside,
    )


def _edge(route: Route, way: Way | None) -> PictureEdge:
    edge = route.edge
    return PictureEdge(
        source=edge.source,
        target=edge.target,
        kind=edge.kind,
        label=edge.label,
        points=route.points,
        at=_corners(route.label),
        way=way,
    )


def _corners(box: Box | None) -> tuple[float, float, float, float] | None:
    return None if box is None else (box.x, box.y, box.width, box.height)


def _ways(journey: Journey, graph: Graph) -> dict[int, Way]:
    """The way of each edge of the graph, which has them in the order of the definition."""
    found = {id(edge): Way() for edge in graph.edges if edge.source == ENTRY}
    for key, step in journey.steps.items():
        names: Iterator[Way] = iter(
            [
                *(Way(key, branch=branch.name) for branch in getattr(step, "branches", ())),
                *(Way(key, exit=name) for name in EXITS if hasattr(step, name)),
            ]
        )
        found |= {id(edge): way for edge, way in zip(_from(graph, key), names, strict=True)}
    return found


def _from(graph: Graph, key: str) -> Iterable[Any]:
    return [edge for edge in graph.edges if edge.source == key]


def _least(previous: Picture, now: Picture) -> tuple[float, float]:
    """By how much to push the new picture so that what is in both moves least: the median is what minimises that."""
    before: Mapping[str, PictureNode] = {node.key: node for node in previous.nodes if not node.aside}
    both = [(before[node.key], node) for node in now.nodes if node.key in before]
    if not both:
        return 0.0, 0.0
    return median_low(old.x - new.x for old, new in both), median_low(old.y - new.y for old, new in both)


def _pushed(made: Picture, x: float, y: float) -> Picture:
    def box(value: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        return None if value is None else (round(value[0] + x, 1), round(value[1] + y, 1), value[2], value[3])

    def edge(each: PictureEdge) -> PictureEdge:
        points = tuple((round(px + x, 1), round(py + y, 1)) for px, py in each.points)
        return attrs.evolve(each, points=points, at=box(each.at))

    nodes = tuple(attrs.evolve(node, x=round(node.x + x, 1), y=round(node.y + y, 1)) for node in made.nodes)
    return attrs.evolve(made, nodes=nodes, edges=tuple(map(edge, made.edges)), panel=box(made.panel))

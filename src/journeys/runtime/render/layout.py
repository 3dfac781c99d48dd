"""A picture of a graph as plain coordinates: boxes of nodes, ways of edges. No text is drawn here.

The flow is drawn in layers from the entry down; what may happen at any time stands in a column to its right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from journeys.runtime.render._layers import Item, Link, arrange
from journeys.runtime.render._place import place
from journeys.runtime.render._route import Point, route, without_needless
from journeys.runtime.render.cards import Card, Tag, card_of, tag_of
from journeys.runtime.render.graph import EXIT_SEND, EXITED, Edge, Graph

_LOOP, _LOOP_HEIGHT, _LOOP_GAP = 22.0, 22.0, 8.0
_ASIDE_GAP, _PANEL_PAD, _PANEL_HEAD, _BUS = 56.0, 16.0, 40.0, 18.0
_STACK_GAP, _LAST_GAP = 14.0, 30.0


@attrs.frozen
class Box:
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> float:
        """The middle from left to right."""
        return self.x + self.width / 2

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height

    def moved(self, x: float, y: float) -> Box:
        """The same rectangle elsewhere."""
        return Box(round(self.x + x, 1), round(self.y + y, 1), self.width, self.height)


@attrs.frozen
class Route:
    """The way of an edge as corners from its source to its target, and where its label stands."""

    edge: Edge
    points: tuple[Point, ...]
    label: Box | None = None

    def moved(self, x: float, y: float) -> Route:
        """The same way elsewhere."""
        points = tuple((round(px + x, 1), round(py + y, 1)) for px, py in self.points)
        return Route(self.edge, points, self.label.moved(x, y) if self.label else None)


@attrs.frozen
class Layout:
    """Where everything is; ``panel`` surrounds what may happen at any time."""

    width: float
    height: float
    boxes: dict[str, Box]
    routes: tuple[Route, ...]
    panel: Box | None = None


def layout(graph: Graph) -> Layout:
    """Where the nodes and edges of a graph are drawn; the same graph always gives the same picture."""
    aside = {node.key for node in graph.nodes if node.aside}
    cards = [card_of(node) for node in graph.nodes]
    flow = _flow(
        [card for card in cards if card.node.key not in aside],
        [edge for edge in graph.edges if edge.source not in aside],
    )
    if not aside:
        return flow
    column = _column(
        [card for card in cards if card.node.key in aside],
        [edge for edge in graph.edges if edge.source in aside],
    )
    return _beside(flow, column)


def _beside(flow: Layout, column: Layout) -> Layout:
    x = flow.width + _ASIDE_GAP
    return Layout(
        width=x + column.width,
        height=max(flow.height, column.height),
        boxes=flow.boxes | {key: box.moved(x, 0) for key, box in column.boxes.items()},
        routes=(*flow.routes, *(way.moved(x, 0) for way in column.routes)),
        panel=Box(x, 0, column.width, column.height),
    )


def _flow(cards: Sequence[Card], edges: Sequence[Edge]) -> Layout:
    loops: dict[str, list[tuple[Edge, Tag | None]]] = {}
    for edge in edges:
        if edge.source == edge.target:
            loops.setdefault(edge.source, []).append((edge, tag_of(edge)))
    straight = [edge for edge in edges if edge.source != edge.target]
    items = {card.node.key: _item(card, loops.get(card.node.key, [])) for card in cards}
    links = [Link(edge.source, edge.target, _size(tag_of(edge))) for edge in straight]
    rows = arrange(items, links)
    place(rows.rows)
    drawn = route(rows)
    boxes = {
        card.node.key: Box(
            round(items[card.node.key].x - card.width / 2, 1),
            round(drawn.tops[items[card.node.key].row], 1),
            card.width,
            items[card.node.key].height,
        )
        for card in cards
    }
    heights = [max((item.height for item in row), default=0.0) for row in rows.rows]
    routes = []
    for number, edge in enumerate(straight):
        points, path = drawn.points[number], rows.paths[number]
        label = _label(path[1], drawn.tops, heights) if links[number].size is not None else None
        routes.append(Route(edge, tuple(reversed(points) if number in rows.upward else points), label))
    for key, loop in loops.items():
        routes += _loops(boxes[key], loop)
    width = max((item.x + item.right for row in rows.rows for item in row), default=0.0)
    return Layout(round(width, 1), round(drawn.height, 1), boxes, tuple(_in_order(edges, routes)))


def _in_order(edges: Sequence[Edge], routes: Iterable[Route]) -> list[Route]:
    places = {id(edge): number for number, edge in enumerate(edges)}
    return sorted(routes, key=lambda way: places[id(way.edge)])


def _size(tag: Tag | None) -> tuple[float, float] | None:
    return (tag.width, tag.height) if tag else None


def _item(card: Card, loops: Sequence[tuple[Edge, Tag | None]]) -> Item:
    """A card as an item: restarts take room at its right."""
    room = max((_LOOP + 6 + (tag.width if tag else 0) for _, tag in loops), default=0.0)
    height = max(card.height, 8 + sum(_loop_height(tag) for _, tag in loops))
    return Item(0, card.width / 2, card.width / 2 + room, height, card.node.key)


def _label(item: Item, tops: Sequence[float], heights: Sequence[float]) -> Box:
    y = tops[item.row] + (heights[item.row] - item.height) / 2
    return Box(round(item.x - item.left, 1), round(y, 1), item.left + item.right, item.height)


def _loop_height(tag: Tag | None) -> float:
    return max(_LOOP_HEIGHT, tag.height if tag else 0) + _LOOP_GAP


def _loops(box: Box, loops: Sequence[tuple[Edge, Tag | None]]) -> list[Route]:
    routes = []
    top = box.y + (box.height - sum(_loop_height(tag) for _, tag in loops)) / 2
    for edge, tag in loops:
        y, top = top + _loop_height(tag) / 2, top + _loop_height(tag)
        x = box.right + _LOOP
        points = ((box.right, y + 9), (x, y + 9), (x, y - 9), (box.right, y - 9))
        label = Box(x + 6, y - tag.height / 2, tag.width, tag.height) if tag else None
        routes.append(Route(edge, points, label))
    return routes


def _column(cards: Sequence[Card], edges: Sequence[Edge]) -> Layout:
    """Cards below each other; what they lead to is reached by a line at their right."""
    sending = {edge.source for edge in edges if edge.target == EXIT_SEND}
    order = sorted(cards, key=lambda card: (card.node.key in (EXIT_SEND, EXITED), card.node.key in sending))
    boxes: dict[str, Box] = {}
    y = _PANEL_HEAD
    for card in order:
        last = card.node.key in (EXIT_SEND, EXITED)
        y += (_LAST_GAP - _STACK_GAP) if last else 0
        x = _PANEL_PAD + (order[0].width - card.width) / 2
        boxes[card.node.key] = Box(round(x, 1), round(y, 1), card.width, card.height)
        y += card.height + _STACK_GAP
    height = y - _STACK_GAP + _PANEL_PAD
    routes = tuple(_side_route(edge, boxes, order[0].width, sending) for edge in edges)
    wide = max((point[0] for way in routes for point in way.points), default=0.0)
    width = max(wide, _PANEL_PAD + order[0].width) + _PANEL_PAD
    return Layout(width, height, boxes, routes)


def _side_route(edge: Edge, boxes: dict[str, Box], width: float, sending: set[str]) -> Route:
    source, target = boxes[edge.source], boxes[edge.target]
    if edge.source == EXIT_SEND:
        return Route(edge, ((source.centre, source.bottom), (target.centre, target.y)))
    outside = bool(sending) and edge.target == EXITED  # it passes the lines to the exit send
    x = _PANEL_PAD + width + (2 * _BUS if outside else _BUS)
    start, end = source.y + source.height / 2, target.y + target.height / 2
    return Route(edge, tuple(without_needless([(source.right, start), (x, start), (x, end), (target.right, end)])))

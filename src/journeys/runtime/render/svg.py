"""SVG of a graph: a self-contained picture without scripts, external fonts or external programs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from html import escape
from math import hypot

from journeys.runtime.render.cards import (
    DETAIL_LINE,
    DETAIL_SIZE,
    LABEL_SIZE,
    STAT_HEIGHT,
    TAG_LINE,
    TAG_SIZE,
    TEXT_LEFT,
    TITLE_LINE,
    Card,
    Tag,
    card_of,
    grouped,
    tag_of,
)
from journeys.runtime.render.graph import Graph, Node
from journeys.runtime.render.layout import Box, Layout, Route, layout
from journeys.runtime.render.measure import clean, cut, pixels, wrap
from journeys.runtime.render.theme import ICONS, stylesheet

_MARGIN = 32
_CORNER = 10.0
_SCOPE = "journey-picture"
_LEAST_WIDTH = 420.0


def to_svg(graph: Graph, *, theme: str = "auto") -> str:
    """The picture of a graph; ``theme`` is ``auto`` (by the reader's setting), ``light`` or ``dark``."""
    placed = layout(graph)
    width = max(placed.width, _LEAST_WIDTH) + 2 * _MARGIN
    heading, top = _heading(graph, width)
    height = placed.height + top + _MARGIN
    shift = (width - placed.width) / 2
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{_SCOPE}" role="img" width="{_n(width)}" '
            f'height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}">',
            f"<title>{_escaped(graph.title)}</title>",
            f"<style>\n{stylesheet(_SCOPE, theme)}\n</style>",
            f'<rect class="canvas" width="{_n(width)}" height="{_n(height)}" rx="14"/>',
            *heading,
            f'<g transform="translate({_n(shift)} {_n(top)})">',
            *_body(graph, placed),
            "</g>",
            "</svg>\n",
        )
    )


def _body(graph: Graph, placed: Layout) -> Iterator[str]:
    if placed.panel is not None:
        yield from _panel(placed.panel)
    for way in placed.routes:
        yield _edge(way)
    for way in placed.routes:
        yield _head(way)
    for node in graph.nodes:
        yield from _node(card_of(node), placed.boxes[node.key])
    for way in placed.routes:
        if way.label is not None and (tag := tag_of(way.edge)) is not None:
            yield from _tag(way, way.label, tag)


def _heading(graph: Graph, width: float) -> tuple[list[str], float]:
    """The name of the journey and its figures, and where the picture below may begin."""
    room = width - 2 * _MARGIN
    title = cut(clean(graph.title), room, partial(pixels, size=18, bold=True))
    lines = [f'<text class="heading" x="{_MARGIN}" y="46">{_escaped(title)}</text>']
    facts = " · ".join((graph.key, f"version {graph.version}", graph.status, *graph.notes))
    y = 66
    for text in (facts, graph.description or ""):
        for line in wrap(clean(text), room, partial(pixels, size=DETAIL_SIZE), 2) if text else ():
            lines.append(f'<text class="quiet" x="{_MARGIN}" y="{y}">{_escaped(line)}</text>')
            y += DETAIL_LINE
    x = float(_MARGIN)
    for name, number in graph.figures:
        chip_width = pixels(f"{grouped(number)} {name}", TAG_SIZE, bold=True) + 24
        if x > _MARGIN and x + chip_width > width - _MARGIN:
            x, y = float(_MARGIN), y + 30
        lines += _figure(x, y - 4, chip_width, name, number)
        x += chip_width + 8
    return lines, float(y + 32 if graph.figures else y) + 12


def _figure(x: float, y: float, width: float, name: str, number: int) -> list[str]:
    text = f'<tspan class="strong">{grouped(number)}</tspan> {_escaped(name)}'
    return [
        f'<rect class="card" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="24" rx="12"/>',
        f'<text class="tag-text middle" x="{_n(x + width / 2)}" y="{_n(y + 16)}">{text}</text>',
    ]


def _panel(panel: Box) -> list[str]:
    return [
        f'<rect class="panel dashed" {_rect(panel)} rx="14"/>',
        f'<text class="label quiet" x="{_n(panel.x + 18)}" y="{_n(panel.y + 26)}">At any time</text>',
    ]


def _node(card: Card, box: Box) -> list[str]:
    start = f'<g class="node {card.node.kind}" data-key="{_escaped(card.node.key)}">'
    drawn = _pill(card, box) if card.is_pill else _card(card, box)
    return [start, f"<title>{_escaped(_tooltip(card.node))}</title>", *drawn, "</g>"]


def _tooltip(node: Node) -> str:
    whole = " ".join(filter(None, (node.label, f"({node.key})" if not node.key.startswith(":") else "")))
    return "\n".join(filter(None, (whole, node.title, *node.lines, node.description)))


def _pill(card: Card, box: Box) -> list[str]:
    node, y = card.node, box.y + 16
    count = f' <tspan class="strong">{grouped(node.count)}</tspan>' if node.count is not None else ""
    return [
        f'<rect class="card" {_rect(box)} rx="12"/>',
        f'<rect class="tint" {_rect(box)} rx="12"/>',
        f'<text class="label middle" x="{_n(box.centre)}" y="{_n(y)}">{_escaped(card.title[0])}{count}</text>',
    ]


def _card(card: Card, box: Box) -> list[str]:
    x, y = box.x, box.y
    dashed = " dashed" if card.node.kind == "missing" else ""
    icon = ICONS.get(card.node.kind, "")
    lines = [
        f'<rect class="shadow" {_rect(box.moved(0, 2))} rx="10"/>',
        f'<rect class="card{dashed}" {_rect(box)} rx="10"/>',
        f'<path class="accent" d="M{_n(x + 10)} {_n(y)}h-3a7 7 0 0 0-7 7v{_n(box.height - 14)}a7 7 0 0 0 7 7h3'
        f'a6 6 0 0 1-6-6v-{_n(box.height - 12)}a6 6 0 0 1 6-6z"/>',
        f'<rect class="tint" x="{_n(x + 14)}" y="{_n(y + 12)}" width="24" height="24" rx="7"/>',
        f'<path class="icon" transform="translate({_n(x + 18)} {_n(y + 16)})" d="{icon}"/>',
        f'<text class="label" x="{_n(x + TEXT_LEFT)}" y="{_n(y + 21)}">{_escaped(card.label)}</text>',
    ]
    if card.node.count is not None:
        lines += _number(grouped(card.node.count), box)
    at = y + 38
    for line in card.title:
        lines.append(f'<text class="title" x="{_n(x + TEXT_LEFT)}" y="{_n(at)}">{_escaped(line)}</text>')
        at += TITLE_LINE
    at += 3
    for line in card.details:
        lines.append(f'<text class="quiet" x="{_n(x + TEXT_LEFT)}" y="{_n(at)}">{_escaped(line)}</text>')
        at += DETAIL_LINE
    return lines + _stats(card, x + TEXT_LEFT, box.bottom - 10 - STAT_HEIGHT)


def _number(text: str, box: Box) -> list[str]:
    width = pixels(text, LABEL_SIZE, bold=True) + 14
    x = box.right - 10 - width
    return [
        f'<rect class="tint" x="{_n(x)}" y="{_n(box.y + 9)}" width="{_n(width)}" height="18" rx="9"/>',
        f'<text class="number" x="{_n(x + width / 2)}" y="{_n(box.y + 22)}">{text}</text>',
    ]


def _stats(card: Card, x: float, y: float) -> list[str]:
    lines = []
    for text in card.stats:
        width = pixels(text, LABEL_SIZE) + 14
        lines += [
            f'<rect class="chip" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{STAT_HEIGHT}" rx="9"/>',
            f'<text class="quiet small middle" x="{_n(x + width / 2)}" y="{_n(y + 13)}">{_escaped(text)}</text>',
        ]
        x += width + 5
    return lines


def _tag(way: Route, box: Box, tag: Tag) -> list[str]:
    lines = [
        f'<g class="tag-of {way.edge.kind}"><title>{_escaped(way.edge.label)}</title>',
        f'<rect class="tag" {_rect(box)} rx="{_n(min(box.height / 2, 11))}"/>',
        f'<rect class="tag-tint" {_rect(box)} rx="{_n(min(box.height / 2, 11))}"/>',
    ]
    for number, line in enumerate(tag.lines):
        last = number == len(tag.lines) - 1
        count = f' <tspan class="strong" dx="3">{tag.count}</tspan>' if tag.count and last else ""
        y = box.y + 15 + number * TAG_LINE
        lines.append(f'<text class="tag-text middle" x="{_n(box.centre)}" y="{_n(y)}">{_escaped(line)}{count}</text>')
    return [*lines, "</g>"]


def _edge(way: Route) -> str:
    data = f'data-source="{_escaped(way.edge.source)}" data-target="{_escaped(way.edge.target)}"'
    return f'<path class="edge {way.edge.kind}" {data} d="{_rounded(way.points)}"/>'


def _rounded(points: tuple[tuple[float, float], ...]) -> str:
    """A path through the points with round corners."""
    (x, y), *rest = points
    path = [f"M{_n(x)} {_n(y)}"]
    for (px, py), (cx, cy), (nx, ny) in zip(points, points[1:], points[2:], strict=False):
        before, after = hypot(cx - px, cy - py), hypot(nx - cx, ny - cy)
        radius = min(_CORNER, before / 2, after / 2)
        ax, ay = cx - (cx - px) / before * radius, cy - (cy - py) / before * radius
        bx, by = cx + (nx - cx) / after * radius, cy + (ny - cy) / after * radius
        path.append(f"L{_n(ax)} {_n(ay)}Q{_n(cx)} {_n(cy)} {_n(bx)} {_n(by)}")
    x, y = rest[-1]
    return "".join((*path, f"L{_n(x)} {_n(y)}"))


def _head(way: Route) -> str:
    (px, py), (x, y) = way.points[-2:]
    turn = {(0, 1): 0, (0, -1): 180, (1, 0): -90, (-1, 0): 90}[_sign(x - px), _sign(y - py)]
    place = f"translate({_n(x)} {_n(y)}) rotate({turn})"
    return f'<path class="head {way.edge.kind}" transform="{place}" d="M0 0-4.2-7.5Q0-5.5 4.2-7.5Z"/>'


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _rect(box: Box) -> str:
    return f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}"'


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _escaped(text: str) -> str:
    return escape("\n".join(clean(line) for line in text.split("\n")))

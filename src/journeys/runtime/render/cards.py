"""What stands on each card and edge of a picture, and how much room it takes."""

from __future__ import annotations

from functools import partial

import attrs

from journeys.runtime.render.graph import Edge, Node
from journeys.runtime.render.measure import clean, cut, pixels, wrap

CARD_WIDTH = 264
TEXT_LEFT = 48
TEXT_RIGHT = 16
TITLE_SIZE, TITLE_LINE = 13, 17
DETAIL_SIZE, DETAIL_LINE = 12, 16
LABEL_SIZE = 11
TAG_SIZE, TAG_LINE = 11.5, 15
STAT_HEIGHT = 18

_TITLE_LINES, _DETAIL_LINES, _MOST_DETAILS = 3, 2, 9
_TAG_WIDTH = 150
_PILLS = ("end", "exited")


@attrs.frozen
class Card:
    """A node, measured: its lines are wrapped and fit its width."""

    node: Node
    width: float
    height: float
    label: str
    title: tuple[str, ...]
    details: tuple[str, ...] = ()
    stats: tuple[str, ...] = ()

    @property
    def is_pill(self) -> bool:
        """Whether it is a small round thing: the end of a path."""
        return self.node.kind in _PILLS


@attrs.frozen
class Tag:
    """The label of an edge, measured."""

    width: float
    height: float
    lines: tuple[str, ...]
    count: str = ""


def grouped(number: int) -> str:
    """``1204`` as ``1,204``."""
    return f"{number:,}"


def card_of(node: Node) -> Card:
    """The card of a node."""
    if node.kind in _PILLS:
        return _pill(node)
    room = CARD_WIDTH - TEXT_LEFT - TEXT_RIGHT
    title = wrap(clean(node.title), room, partial(pixels, size=TITLE_SIZE, bold=True), _TITLE_LINES)
    details = _details(node, room)
    stats = tuple(f"{grouped(number)} {name}" for name, number in node.stats)
    height = 36 + TITLE_LINE * len(title) + (3 + DETAIL_LINE * len(details) if details else 0)
    height += (4 + STAT_HEIGHT) if stats else 0
    return Card(node, CARD_WIDTH, height, clean(node.label), title, details, stats)


def tag_of(edge: Edge) -> Tag | None:
    """The label of an edge; None if it has none."""
    if not edge.label:
        return None
    measure = partial(pixels, size=TAG_SIZE)
    lines = wrap(clean(edge.label), _TAG_WIDTH, measure, 2)
    count = grouped(edge.count) if edge.count is not None else ""
    extra = pixels(count, TAG_SIZE, bold=True) + 8 if count else 0
    return Tag(max(map(measure, lines)) + 18 + extra, TAG_LINE * len(lines) + 7, lines, count)


def _pill(node: Node) -> Card:
    text = cut(clean(node.title), 160, partial(pixels, size=LABEL_SIZE))
    count = f" {grouped(node.count)}" if node.count is not None else ""
    width = pixels(text + count, LABEL_SIZE, bold=True) + 26 + (6 if count else 0)
    return Card(node, width, 24, "", (text,))


def _details(node: Node, room: float) -> tuple[str, ...]:
    measure = partial(pixels, size=DETAIL_SIZE)
    lines: list[str] = []
    for number, text in enumerate(node.lines):
        wrapped = wrap(clean(text), room, measure, _DETAIL_LINES)
        if len(lines) + len(wrapped) > _MOST_DETAILS:
            return (*lines, f"and {len(node.lines) - number} more")
        lines += wrapped
    return tuple(lines)

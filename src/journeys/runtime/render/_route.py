"""The second half of a layered drawing: the height of every row, and the way of every edge.

Edges run straight down and change sides only in the channels between rows. There every edge that turns has a track of
its own, shared with edges of the same source above a label, and of the same target below.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import attrs

from journeys.runtime.render._layers import Item, Rows

Point = tuple[float, float]

_PITCH = 12.0
_ABOVE_LABEL, _BELOW_LABEL = 14.0, 18.0
_OVERLAP = 1000


@attrs.define(eq=False)
class _Net:
    """Edges that share a horizontal line in a channel: where they come from above and where they leave below."""

    tops: set[float] = attrs.field(factory=set)
    bottoms: set[float] = attrs.field(factory=set)
    track: int = 0

    @property
    def low(self) -> float:
        return min(self.tops | self.bottoms)

    @property
    def high(self) -> float:
        return max(self.tops | self.bottoms)

    def meets(self, other: _Net) -> bool:
        return self.low < other.high + _PITCH and other.low < self.high + _PITCH

    def cost_above(self, other: _Net) -> int:
        """What is crossed if this line runs above the other one; worst is a line on top of another."""
        across = sum(other.low < x < other.high for x in self.bottoms) + sum(
            self.low < x < self.high for x in other.tops
        )
        return across + _OVERLAP * sum(abs(x - y) < 2 for x in self.bottoms for y in other.tops)


@attrs.frozen
class Routes:
    """The upper edge of every row, the whole height, and the points of every edge, from above to below."""

    tops: list[float]
    height: float
    points: list[list[Point]]


def route(rows: Rows) -> Routes:
    """Where the rows and edges of placed items run."""
    channels = [_channel(rows, above) for above in range(len(rows.rows) - 1)]
    tops, lines, y = [], [], 0.0
    for number, row in enumerate(rows.rows):
        tops.append(y)
        y += max((item.height for item in row), default=0.0)
        if number < len(channels):
            tracks = 1 + max((net.track for net in channels[number].values()), default=-1)
            lines.append(y + _before(number))
            y += _before(number) + max(tracks - 1, 0) * _PITCH + _after(number, tracks)
    points = [_points(number, path, channels, lines, tops) for number, path in enumerate(rows.paths)]
    return Routes(tops, y, points)


def _before(channel: int) -> float:
    return _ABOVE_LABEL if channel % 2 == 0 else 8.0


def _after(channel: int, tracks: int) -> float:
    if channel % 2 == 0:
        return 12.0 if tracks else 0.0
    return _BELOW_LABEL


def _channel(rows: Rows, above: int) -> dict[object, _Net]:
    """The lines in the channel below a row, each with its track."""
    nets: dict[object, _Net] = {}
    for number, path in enumerate(rows.paths):
        step = above - path[0].row
        if 0 <= step < len(path) - 1:
            net = nets.setdefault(_name(number, path, step), _Net())
            net.tops.add(path[step].x)
            net.bottoms.add(path[step + 1].x)
    turning = {name: net for name, net in nets.items() if net.low != net.high}
    _assign_tracks(list(turning.values()))
    return turning


def _name(number: int, path: list[Item], step: int) -> object:
    if path[step].node is not None:
        return ("from", path[step].node)
    return ("to", path[step + 1].node) if path[step + 1].node is not None else number


def _assign_tracks(nets: list[_Net]) -> None:
    before: dict[_Net, set[_Net]] = {net: set() for net in nets}
    for number, one in enumerate(nets):
        for other in nets[number + 1 :]:
            if one.meets(other):
                upper, lower = (one, other) if one.cost_above(other) <= other.cost_above(one) else (other, one)
                before[lower].add(upper)
    left = list(nets)
    while left:
        # lines may want to be above each other in a circle: then the one that minds least goes first
        net = min(left, key=lambda each: len(before[each] & set(left)))
        left.remove(net)
        done = (other for other in nets if other not in left and other is not net and other.meets(net))
        net.track = 1 + max((other.track for other in done), default=-1)


def _points(
    number: int, path: list[Item], channels: list[dict[object, _Net]], lines: list[float], tops: list[float]
) -> list[Point]:
    points = [(path[0].x, tops[path[0].row] + path[0].height)]
    for step, (upper, lower) in enumerate(pairwise(path)):
        if upper.x != lower.x:
            y = lines[upper.row] + channels[upper.row][_name(number, path, step)].track * _PITCH
            points += [(upper.x, y), (lower.x, y)]
    return without_needless([*points, (path[-1].x, tops[path[-1].row])])


def without_needless(points: Iterable[Point]) -> list[Point]:
    """The same way without points that lie on a straight line between others."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and any(kept[-2][axis] == kept[-1][axis] == point[axis] for axis in (0, 1)):
            kept.pop()
        kept.append(point)
    return kept

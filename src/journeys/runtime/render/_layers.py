"""The first half of a layered drawing: which row each node stands in, and in which order within its row.

Rows alternate: even ones hold nodes, odd ones the labels of edges. An edge that passes a row has an item of its own
there, so that nothing else comes into its way.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import attrs

_SWEEPS = 12


@attrs.define(eq=False)
class Item:
    """Something that takes room in a row: a node, the label of an edge, or an edge that passes."""

    row: int
    left: float = 0.0
    right: float = 0.0
    height: float = 0.0
    node: str | None = None
    ups: list[Item] = attrs.field(factory=list, repr=False)
    downs: list[Item] = attrs.field(factory=list, repr=False)
    place: int = 0
    x: float = 0.0


@attrs.frozen
class Link:
    """An edge to draw: it runs downward unless it closes a cycle, and may have a label of some size."""

    source: str
    target: str
    size: tuple[float, float] | None = None


@attrs.frozen
class Rows:
    """Items in rows, in order; for each link the items that it runs through, from above."""

    rows: list[list[Item]]
    paths: list[list[Item]]
    #: the links that run upward, because they close a cycle
    upward: frozenset[int]


def arrange(boxes: Mapping[str, Item], links: Sequence[Link]) -> Rows:
    """Puts every box into a row and the rows into an order with few crossings; sets ``row`` of the boxes."""
    upward = _closing(boxes, links)
    down = [
        attrs.evolve(link, source=link.target, target=link.source) if number in upward else link
        for number, link in enumerate(links)
    ]
    ranks = _ranks(boxes, down)
    for key, item in boxes.items():
        item.row = 2 * ranks[key]
    paths = [_path(boxes, link) for link in down]
    rows: list[list[Item]] = [[] for _ in range(2 * max(ranks.values(), default=0) + 1)]
    for item in _depth_first(boxes.values()):
        rows[item.row].append(item)
    _renumber(rows)
    return Rows(_untangled(rows), paths, upward)


def _closing(boxes: Iterable[str], links: Sequence[Link]) -> frozenset[int]:
    """The links that would close a cycle, found depth first in the order given; a valid journey has none."""
    out: dict[str, list[int]] = {key: [] for key in boxes}
    for number, link in enumerate(links):
        out[link.source].append(number)
    closing: set[int] = set()
    done: set[str] = set()
    open_: set[str] = set()
    for root in out:
        stack = [(root, iter(out[root]))] if root not in done else []
        open_.update(key for key, _ in stack)
        while stack:
            key, rest = stack[-1]
            if (number := next(rest, -1)) < 0:
                stack.pop()
                open_.discard(key)
                done.add(key)
                continue
            target = links[number].target
            if target in open_:
                closing.add(number)
            elif target not in done:
                open_.add(target)
                stack.append((target, iter(out[target])))
    return frozenset(closing)


def _ranks(boxes: Iterable[str], links: Sequence[Link]) -> dict[str, int]:
    """The longest way from above to each box."""
    ranks = dict.fromkeys(boxes, 0)
    waiting = dict.fromkeys(ranks, 0)
    out: dict[str, list[str]] = {key: [] for key in ranks}
    for link in links:
        waiting[link.target] += 1
        out[link.source].append(link.target)
    ready = [key for key in ranks if not waiting[key]]
    for key in ready:
        for target in out[key]:
            ranks[target] = max(ranks[target], ranks[key] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return ranks


def _path(boxes: Mapping[str, Item], link: Link) -> list[Item]:
    source, target = boxes[link.source], boxes[link.target]
    between = [Item(row) for row in range(source.row + 1, target.row)]
    if link.size is not None:
        label = between[0]
        label.left = label.right = link.size[0] / 2
        label.height = link.size[1]
    path = [source, *between, target]
    for upper, lower in pairwise(path):
        upper.downs.append(lower)
        lower.ups.append(upper)
    return path


def _depth_first(roots: Iterable[Item]) -> list[Item]:
    found: list[Item] = []
    seen: set[Item] = set()
    for root in roots:
        stack = [root]
        while stack:
            item = stack.pop()
            if item not in seen:
                seen.add(item)
                found.append(item)
                stack += reversed(item.downs)
    return found


def _renumber(rows: Iterable[list[Item]]) -> None:
    for row in rows:
        for place, item in enumerate(row):
            item.place = place


def _untangled(rows: list[list[Item]]) -> list[list[Item]]:
    """The best of several sweeps down and up by barycentre; the author's own order if none is better."""
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        if sweep:
            for row in rows if sweep % 2 == 0 else reversed(rows):
                _sort(row, above=sweep % 2 == 0)
        while _swap_neighbours(rows):
            pass
        if (now := _crossings(rows)) < fewest:
            best, fewest = [list(row) for row in rows], now
    _renumber(best)
    return best


def _sort(row: list[Item], *, above: bool) -> None:
    """Sorts by the middle of the neighbours above or below; items that have none there keep their places."""
    linked = [item for item in row if (item.ups if above else item.downs)]
    centre = {item: _middle(item.ups if above else item.downs) for item in linked}
    places = [item.place for item in linked]
    for place, item in zip(places, sorted(linked, key=centre.__getitem__), strict=True):
        row[place] = item
    _renumber([row])


def _middle(others: Sequence[Item]) -> float:
    return sum(other.place for other in others) / len(others)


def _swap_neighbours(rows: list[list[Item]]) -> bool:
    swapped = False
    for row in rows:
        for place in range(len(row) - 1):
            left, right = row[place], row[place + 1]
            if _tangles(right, left) < _tangles(left, right):
                row[place], row[place + 1] = right, left
                left.place, right.place = place + 1, place
                swapped = True
    return swapped


def _tangles(left: Item, right: Item) -> int:
    """How many crossings the links of two neighbours have if they stand in this order."""
    return sum(
        a.place > b.place
        for ours, theirs in ((left.ups, right.ups), (left.downs, right.downs))
        for a in ours
        for b in theirs
    )


def _crossings(rows: list[list[Item]]) -> int:
    total = 0
    for row in rows:
        seen: list[int] = []
        for item in row:
            places = sorted(lower.place for lower in item.downs)
            total += sum(len(seen) - bisect_right(seen, place) for place in places)
            for place in places:
                insort(seen, place)
    return total

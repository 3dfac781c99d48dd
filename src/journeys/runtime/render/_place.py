"""Where the items of a row stand, from left to right.

First the sum of squared distances between linked items is made small, row by row: each row is solved exactly, under the
condition that its items keep their order and their gaps (isotonic regression by pooling adjacent violators). Then runs,
which are items that follow each other with nothing else linked between, are made straight and moved apart as wholes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

from journeys.runtime.render._layers import Item

_CARD_GAP, _GAP = 36.0, 18.0
_ROUNDS, _POLISH = 6, 40
_STIFFNESS = 8.0
_KINK = 22.0

Run = list[Item]


def place(rows: list[list[Item]]) -> None:
    """Sets ``x`` of every item; the leftmost edge of all is at 0."""
    for row in rows:
        _settle(row, lambda _: (0.0, 1.0))
    for _ in range(_ROUNDS):
        for row in rows:
            _settle(row, partial(_wish, below=False))
        for row in reversed(rows):
            _settle(row, partial(_wish, above=False))
    for turn in range(_POLISH):
        for row in rows if turn % 2 else reversed(rows):
            _settle(row, _wish)
    runs, apart = _untwisted(rows)
    _straighten(runs, apart)
    for _ in range(2):
        for run in runs:
            _unbend(rows, run)
    least = min((item.x - item.left for row in rows for item in row), default=0.0)
    for row in rows:
        for item in row:
            item.x = round(item.x - least, 1)


def _gap(left: Item, right: Item) -> float:
    cards = (left.node is not None) + (right.node is not None)
    return left.right + right.left + (_CARD_GAP if cards == 2 else _GAP)


def _wish(item: Item, *, above: bool = True, below: bool = True) -> tuple[float, float]:
    """Where an item would like to stand, and how much."""
    pulls = [(up.x, _strength(up, item)) for up in item.ups] if above else []
    pulls += [(down.x, _strength(item, down)) for down in item.downs] if below else []
    weight = sum(strength for _, strength in pulls)
    return (sum(x * strength for x, strength in pulls) / weight, weight) if weight else (item.x, 0.01)


def _strength(upper: Item, lower: Item) -> float:
    """How much a link wants to be straight: much in a run; the less, the more links share one of its ends."""
    return _STIFFNESS if _is_run(upper, lower) else 1 / max(len(upper.downs), len(lower.ups))


def _is_run(upper: Item, lower: Item) -> bool:
    return len(upper.downs) == len(lower.ups) == 1


def _settle(row: list[Item], wish: Callable[[Item], tuple[float, float]]) -> None:
    offsets, groups = [0.0], []
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + _gap(left, right))
    for item, offset in zip(row, offsets, strict=False):
        x, weight = wish(item)
        groups.append([(x - offset) * weight, weight, 1.0])
        while len(groups) > 1 and groups[-2][0] * groups[-1][1] > groups[-1][0] * groups[-2][1]:
            last = groups.pop()
            groups[-1] = [a + b for a, b in zip(groups[-1], last, strict=True)]
    bases = (total / weight for total, weight, size in groups for _ in range(int(size)))
    for item, offset, base in zip(row, offsets, bases, strict=False):
        item.x = base + offset


def _runs(rows: list[list[Item]]) -> Iterator[Run]:
    for row in rows:
        for item in row:
            if item.ups and _is_run(item.ups[0], item):
                continue
            run = [item]
            while run[-1].downs and _is_run(run[-1], run[-1].downs[0]):
                run.append(run[-1].downs[0])
            yield run


def _untwisted(rows: list[list[Item]]) -> tuple[list[Run], list[dict[int, float]]]:
    """The runs, from left to right, and how far each must be from those at its left.

    Two runs that cross cannot both be straight: the longer one is halved until all can be put in order.
    """
    runs = list(_runs(rows))
    while True:
        apart = _apart(rows, runs)
        order = _in_order(apart)
        if len(order) == len(runs):
            number = {run: place for place, run in enumerate(order)}
            renumbered = [{number[left]: gap for left, gap in apart[run].items()} for run in order]
            return [runs[run] for run in order], renumbered
        longest = max(set(range(len(runs))) - set(order), key=lambda run: len(runs[run]))
        half = len(runs[longest]) // 2
        runs[longest : longest + 1] = [runs[longest][:half], runs[longest][half:]]


def _apart(rows: list[list[Item]], runs: list[Run]) -> list[dict[int, float]]:
    number = {item: place for place, run in enumerate(runs) for item in run}
    apart: list[dict[int, float]] = [{} for _ in runs]
    for row in rows:
        for left, right in pairwise(row):
            lefts = apart[number[right]]
            lefts[number[left]] = max(lefts.get(number[left], 0.0), _gap(left, right))
    return apart


def _in_order(apart: list[dict[int, float]]) -> list[int]:
    """The runs such that all that are left of one come before it; those that no order can hold are missing."""
    waiting = [len(lefts) for lefts in apart]
    rights: list[list[int]] = [[] for _ in apart]
    for run, lefts in enumerate(apart):
        for left in lefts:
            rights[left].append(run)
    order = [run for run, count in enumerate(waiting) if not count]
    for run in order:
        for right in rights[run]:
            waiting[right] -= 1
            if not waiting[right]:
                order.append(right)
    return order


def _straighten(runs: list[Run], apart: list[dict[int, float]]) -> None:
    """Puts every run where its items are on average, and pushes apart what is then too near.

    Pushing everything to the right keeps all gaps, pushing everything to the left does, and so does the middle of both.
    """
    wanted = [sum(item.x for item in run) / len(run) for run in runs]
    rightmost, leftmost = list(wanted), list(wanted)
    for run, lefts in enumerate(apart):
        for left, gap in lefts.items():
            rightmost[run] = max(rightmost[run], rightmost[left] + gap)
    for run in reversed(range(len(runs))):
        for left, gap in apart[run].items():
            leftmost[left] = min(leftmost[left], leftmost[run] - gap)
    for items, right_x, left_x in zip(runs, rightmost, leftmost, strict=True):
        for item in items:
            item.x = (right_x + left_x) / 2


def _unbend(rows: list[list[Item]], run: Run) -> None:
    """Takes out a small kink above or below a run, where there is room to."""
    x = run[0].x
    near = [other.x for other in (*run[0].ups, *run[-1].downs) if 0 < abs(other.x - x) < _KINK]
    if near:
        wanted = min(near, key=lambda other: abs(other - x))
        rooms = [_room(rows, item) for item in run]
        if all(low <= wanted <= high for low, high in rooms):
            for item in run:
                item.x = wanted


def _room(rows: list[list[Item]], item: Item) -> tuple[float, float]:
    """How far an item may move without pushing its neighbours."""
    row = rows[item.row]
    left = row[item.place - 1] if item.place else None
    right = row[item.place + 1] if item.place + 1 < len(row) else None
    low = left.x + _gap(left, item) if left else float("-inf")
    return low, right.x - _gap(item, right) if right else float("inf")

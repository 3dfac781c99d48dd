"""Each person counted once, in figures that still add up: exact for every range of whole days, and naming nobody.

What must be known of a person lies with her profile: of each figure the latest day that makes it count for her. When
that goes from day p to day q, the figure gets one more since q and one less since p: a range that begins after p has
her anew, one that begins by p has counted her already. A figure that says how it stands has one such day only.

Each version of a journey has its own figures. Who is in several of them would count several times in their sum: what is
too much is taken off under version 0, which is all of them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

#: before the name of a figure: it is of people
PEOPLE = "people:"
#: stands for all versions of a journey
TOGETHER = 0
#: figures that only pictures have, which do not tell people apart
ONLY_DRAWN = frozenset(("moved", "added", "removed"))
#: figure -> the latest day; where it may be taken back, all days that still count, each with how often
Marks = dict[str, Any]

_NEVER = -1


class Change(NamedTuple):
    """What is to be added to a figure of a version, or of all of them: a number since a day."""

    version: int
    day: int
    number: int


@lru_cache(maxsize=10_000)
def mark(name: str, key: Any) -> str:
    """A figure as it is named in a profile; no two have one name."""
    if key is None:
        return name
    return f"{name} {key}" if isinstance(key, str) else f"{name} {len(key[0])} {key[0]} {key[1]}"


def changes(
    versions: dict[str, Marks], version: int, figure: str, delta: int, day: int, *, returns: bool
) -> Iterator[Change]:
    """What one more or one less changes, for the person whose marks of the versions of a journey these are.

    ``returns`` says that the figure may be taken back: then each day that still counts is remembered.
    """
    mine = versions.setdefault(str(version), {})
    before = _latest(mine.get(figure))
    if returns:
        _count(mine, figure, str(day), delta)
        after = _latest(mine.get(figure))
    else:
        after = mine[figure] = max(before, day)
    if before == after:
        return
    yield from _moved(version, before, after)
    if len(versions) > 1:
        others = max(_latest(each.get(figure)) for each in versions.values() if each is not mine)
        yield from _moved(TOGETHER, max(before, others), max(after, others))
        yield from _moved(TOGETHER, after, before)


def _latest(mark: Any) -> int:
    if mark is None:
        return _NEVER
    return max(map(int, mark)) if type(mark) is dict else int(mark)


def _count(marks: Marks, figure: str, day: str, delta: int) -> None:
    """What was never noted cannot be taken back: an older version of this package has not noted it."""
    days = marks.setdefault(figure, {})
    number = days.pop(day, 0) + delta
    if number > 0:
        days[day] = number
    if not days:
        del marks[figure]


def _moved(version: int, before: int, after: int) -> Iterator[Change]:
    if after != _NEVER:
        yield Change(version, after, 1)
    if before != _NEVER:
        yield Change(version, before, -1)

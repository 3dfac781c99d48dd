"""People counted once, by numbers that add up, are as many as a look at everybody finds."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

from journeys.runtime.unique import TOGETHER, changes, mark

DAYS = range(8)
VERSIONS = (1, 2, 3)


def lived(rng: random.Random, *, returns: bool) -> list[tuple[int, int, int, int]]:
    """What one person does: (version, day, day since when, one more or one less); only what is there is taken back."""
    done: list[tuple[int, int, int, int]] = []
    there: list[tuple[int, int]] = []
    for day in DAYS:
        for _ in range(rng.choice((0, 0, 1, 2))):
            if returns and there and rng.random() < 0.5:
                version, since = there.pop(rng.randrange(len(there)))
                done.append((version, day, since, -1))
            else:
                version, since = rng.choice(VERSIONS), rng.choice((day, day, rng.randint(0, day)))
                there.append((version, since))
                done.append((version, day, since, 1))
    return done


def looked_at(people: list[list[tuple[int, int, int, int]]], versions: tuple[int, ...], start: int, end: int) -> int:
    """Of how many something is left in the range."""
    return sum(
        sum(delta for version, day, since, delta in done if version in versions and start <= since and day < end) > 0
        for done in people
    )


def test_the_numbers_of_any_range_are_those_of_a_look_at_everybody() -> None:
    rng = random.Random(1)
    for returns in (False, True):
        people = [lived(rng, returns=returns) for _ in range(60)]
        kept: Counter[tuple[int, int, int]] = Counter()
        for done in people:
            marks: dict[str, Any] = {}
            for version, day, since, delta in done:
                for change in changes(marks, version, "sent a", delta, since, returns=returns):
                    kept[change.version, day, change.day] += change.number
        for start, end in itertools.combinations(range(len(DAYS) + 1), 2):
            in_range: Counter[int] = Counter()
            for (version, day, since), number in kept.items():
                if start <= since and day < end:
                    in_range[version] += number
            for version in VERSIONS:
                assert in_range[version] == looked_at(people, (version,), start, end)
            assert in_range.total() == looked_at(people, VERSIONS, start, end)
        assert any(version == TOGETHER for version, _, _ in kept)


def test_what_comes_to_nothing_leaves_nothing() -> None:
    marks: dict[str, Any] = {}
    assert [*changes(marks, 1, "active", -1, 0, returns=True)] == []  # an older version has not noted the first
    assert [each.number for each in changes(marks, 1, "active", 1, 0, returns=True)] == [1]
    assert [*changes(marks, 1, "active", 1, 0, returns=True)] == []
    assert [*changes(marks, 1, "active", -1, 0, returns=True)] == []
    assert [each.number for each in changes(marks, 1, "active", -1, 0, returns=True)] == [-1]
    assert marks == {"1": {}}


def test_no_two_figures_have_one_mark() -> None:
    texts = ("a", "a b", "b", "b c", "1", "1 a")
    keys = [None, *texts, *itertools.product(texts, texts)]
    assert len({mark(name, key) for name in ("taken", "taken 1") for key in keys if key is None}) == 2
    assert len({mark("taken", key) for key in keys if type(key) is tuple}) == len(texts) ** 2
    assert len({mark("sent", key) for key in keys if type(key) is not tuple}) == len(texts) + 1

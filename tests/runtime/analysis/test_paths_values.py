"""Values that pass tests, and proofs that none does."""

from __future__ import annotations

import random
from typing import Any

import pytest

from journeys._time import DAY, Duration, format_instant
from journeys.plan.values import ABSENT
from journeys.runtime.analysis.paths_values import Demand, choices, implies, impossible, nested
from tests.support import property_test

NOW = 1_767_603_600_000_000
CONSTANTS: list[Any] = [
    0,
    1,
    1.0,
    2,
    2.5,
    -1,
    True,
    None,
    "",
    "a",
    "ab",
    "b",
    "2026-01-01",
    "2026-01-05T09:00:00Z",
    [1],
    ["a"],
]
LISTS: list[Any] = [[1, 2], ["a", "b"], ["a"], [True], []]
SPANS = [Duration.of("P1D"), Duration.of("P2D"), Duration.of("PT36H")]
OPERANDS: dict[str, list[Any]] = {
    **dict.fromkeys(("equals", "not_equals", "contains", "does_not_contain"), CONSTANTS),
    **{key: [0, 1, 2.5, "a"] for key in ("less_than", "greater_than", "less_than_or_equal", "greater_than_or_equal")},
    **dict.fromkeys(("equals_any_of", "contains_any_of"), LISTS),
    **{key: ["", "a", "ab", "b", 1] for key in ("starts_with", "ends_with")},
    **{key: [None] for key in ("exists", "not_exists")},
    **{key: ["2026-01-01", "2026-01-03", "never"] for key in ("before_date", "after_date")},
    **dict.fromkeys(("within_last", "within_next", "before_last", "after_next"), SPANS),
}
#: values of all kinds, near all edges
VALUES: list[Any] = [
    *CONSTANTS, ABSENT, False, 0.5, 3, 100, -0.5, "abx", "xab", "ba", "aab", "2025-12-31", "2026-01-02", "2026-01-09",
    [], [1, "a"], ["ab"], [None], {}, {"a": 1}, [2, True], ["b", "a"],
    *(format_instant(NOW + n * DAY // 2 + off) for n in range(-6, 7) for off in (-1, 0, 1)),
]  # fmt: skip


def drawn(rng: random.Random) -> list[Demand]:
    ops = sorted(OPERANDS)
    return [
        Demand(op := rng.choice(ops), rng.choice(OPERANDS[op]), rng.random() < 0.6) for _ in range(rng.randrange(1, 5))
    ]


@property_test(300)
def test_what_is_impossible_has_no_value(seed: int) -> None:
    tests = drawn(random.Random(seed))
    passing = [value for value in VALUES if all(each.passes(value, NOW) for each in tests)]
    assert not (impossible(tests) and passing), (tests, passing)


@property_test(300)
def test_choices_pass_and_are_found_where_there_are_some(seed: int) -> None:
    tests = drawn(random.Random(seed))
    found = choices(tests, NOW)
    assert all(each.passes(value, NOW) for each in tests for value in found)
    assert not (impossible(tests) and found)


def numbers(*tests: tuple[str, Any]) -> list[Demand]:
    return [Demand(*each) for each in tests]


@pytest.mark.parametrize(
    "tests",
    [
        numbers(("less_than", 10), ("greater_than", 20)),
        numbers(("less_than", 10), ("greater_than_or_equal", 10)),
        numbers(("equals", 1), ("equals", 2)),
        numbers(("equals", 1), ("not_equals", 1.0)),
        numbers(("equals_any_of", [1, 2]), ("greater_than", 2)),
        numbers(("exists", None), ("not_exists", None)),
        numbers(("starts_with", "a"), ("less_than", 3)),
        numbers(("starts_with", "a"), ("starts_with", "b")),
        numbers(("starts_with", "abc"), ("does_not_contain", "b")),
        numbers(("contains", 1), ("does_not_contain", 1)),
        numbers(("contains_any_of", [1, 2]), ("does_not_contain", 1), ("does_not_contain", 2)),
        numbers(("before_date", "2026-01-01"), ("after_date", "2026-01-01")),
        numbers(("within_last", Duration.of("P1D")), ("within_next", Duration.of("P9D"))),
        numbers(("within_last", Duration.of("P1D")), ("before_last", Duration.of("P1D"))),
        [Demand("greater_than", 5), Demand("greater_than", 3, False)],
        [Demand("exists", None, False), Demand("ends_with", "x")],
    ],
)
def test_what_is_proven_impossible(tests: list[Demand]) -> None:
    assert impossible(tests)
    assert choices(tests, NOW) == []


@pytest.mark.parametrize(
    "tests",
    [
        numbers(("less_than", 10), ("greater_than", 9)),
        numbers(("less_than", 0.2), ("greater_than", 0.1)),
        numbers(("starts_with", "a"), ("ends_with", "b"), ("contains", "c"), ("does_not_contain", "d")),
        numbers(("starts_with", "ab"), ("ends_with", "ab")),
        numbers(("contains", "x"), ("contains", 1)),
        numbers(("before_date", "2026-01-03"), ("after_date", "2026-01-01")),
        numbers(("within_last", Duration.of("P2D")), ("before_last", Duration.of("P1D"))),
        [Demand("less_than", 5, False), Demand("less_than", 3, False)],
        [Demand("equals", 1, False), Demand("exists")],
        numbers(("greater_than", 1e17)),
        numbers(("less_than", -1e300)),
        numbers(("greater_than", 1.5e308), ("less_than", 1.7e308)),
    ],
)
def test_what_has_a_value(tests: list[Demand]) -> None:
    assert choices(tests, NOW)
    assert not impossible(tests)


def test_what_is_not_proven_is_left_open() -> None:
    """An absolute date and an age may exclude each other today and not tomorrow."""
    tests = numbers(("before_date", "2020-01-01"), ("within_last", Duration.of("P1D")))
    assert not impossible(tests)
    assert choices(tests, NOW) == []


def test_what_follows() -> None:
    assert implies(numbers(("greater_than", 100)), Demand("greater_than", 50))
    assert implies(numbers(("equals", "ab")), Demand("starts_with", "a"))
    assert implies(numbers(("starts_with", "abc")), Demand("contains", "b"))
    assert not implies(numbers(("greater_than", 50)), Demand("greater_than", 100))
    assert not implies(numbers(("less_than", 5)), Demand("not_exists"))


def test_objects_are_made_of_paths() -> None:
    assert nested({"a": 1, "b.c": 2, "b.d": 3, "e": ABSENT}) == {"a": 1, "b": {"c": 2, "d": 3}}
    assert nested({"a": 1, "a.b": 2}) == {"a": 1, "a.b": 2}

"""Computed traits (P5)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.codec import load_space
from journeys.engine._effects import Effects
from journeys.plan.compile import compile_space
from journeys.plan.values import ABSENT
from journeys.runtime._processor import Processor
from tests.support import (
    Json,
    call,
    identify,
    if_else,
    instant,
    journey,
    on,
    run,
    send,
    space,
    track,
    trait,
    wait,
    where,
)

ALL = [
    "event_counter",
    "sum",
    "average",
    "minimum",
    "maximum",
    "most_frequent",
    "first",
    "last",
    "unique_list",
    "unique_list_count",
]


def computed(kind: str, values: list[Any], **fields: Any) -> Any:
    """The value of a computed trait after events with these values of ``n``, an hour apart."""
    calls = [
        call("track", f"PT{hour}H", event="E", properties={} if value is ABSENT else {"n": value})
        for hour, value in enumerate(values)
    ]
    return computed_of(kind, calls, **fields)


def computed_of(kind: str, calls: list[Json], when: str | None = None, **fields: Any) -> Any:
    definition = {"key": "c", "type": kind, "event": "E", **fields}
    if kind != "event_counter":
        definition["property"] = "n"
    processor = Processor(compile_space(load_space(space(journey(), computed_traits=[definition]))), Effects())
    for each in calls:
        assert processor.feed(each).is_accepted
    from journeys.engine._state import ProfileState

    profile = processor.states.get("u:u1") or ProfileState("u:u1")
    return processor.plan.computed["c"].value(profile, profile.clock if when is None else instant(when))


@pytest.mark.parametrize(
    "window", [{}, {"within": "P9D"}, {"where": where(("n", "exists"), ("at", "not_equals", {"trait": "x"}))}]
)
@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("event_counter", [1, "a", None], 3),
        ("sum", [1, 2.5, "a", True, None, -4], -0.5),
        ("sum", [1, 2], 3),
        ("average", [1, 2, "a", 6], 3),
        ("average", [1, 2], 1.5),
        ("minimum", [3, "a", -1.5, 2], -1.5),
        ("maximum", [3, "a", 7, True], 7),
        ("most_frequent", ["b", "a", "b", "a", "c"], "a"),
        ("most_frequent", [1, "1", 1.0, "1", "1"], "1"),
        ("most_frequent", [2, 10, 2, 10], 10),
        ("most_frequent", [True, 1, True], True),
        ("first", [None, "a", "b"], "a"),
        ("first", [[1], 2], [1]),
        ("last", ["a", {"x": 1}, None], {"x": 1}),
        ("unique_list", ["b", 10, 2, "a", 2.0, True, None, [1], {}], [10, 2, "a", "b", True]),
        ("unique_list_count", ["b", 1, 1.0, "1", True, None, [1]], 4),
    ],
)
def test_folds(kind: str, values: list[Any], expected: Any, window: Json) -> None:
    """P5: numbers only, any value but null, no objects or lists; 1 and 1.0 are one value; in a window the same."""
    if window.get("where"):
        # every event passes, but "exists" leaves out those without a value
        expected = sum(value is not None for value in values) if kind == "event_counter" else expected
    found = computed(kind, values, **window)
    assert found == expected
    assert isinstance(found, bool) == isinstance(expected, bool)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("window", [{}, {"within": "P9D"}])
def test_while_no_event_gives_a_value(kind: str, window: Json) -> None:
    """P5: absent; counters and ``unique_list_count`` are 0."""
    for values in ([], [ABSENT, None, {}]):
        expected = {"event_counter": len(values), "unique_list_count": 0}.get(kind, ABSENT)
        if kind in ("first", "last") and values:
            continue  # an object is a value to them
        assert computed(kind, values, **window) is expected or computed(kind, values, **window) == expected


def test_most_frequent_needs_two() -> None:
    """P5"""
    assert computed("most_frequent", ["a", "b"]) is ABSENT
    assert computed("most_frequent", ["a", "b", "b"]) == "b"


@pytest.mark.parametrize("window", [{}, {"within": "P9D"}])
def test_first_and_last_by_timestamp_then_arrival(window: Json) -> None:
    """P5: a late event may be the first."""
    calls = [track("E", "PT5H", n="b"), track("E", "PT5H", n="c"), track("E", "PT1H", n="a")]
    assert computed_of("first", calls, **window) == "a"
    assert computed_of("last", calls, **window) == "c"
    assert computed_of("first", calls[:2], **window) == "b"


def test_filters() -> None:
    """P5, C9: constants, and traits of the profile as they are now."""
    calls = [track("E", n=1, plan="a"), track("E", n=2, plan="b"), identify("PT1H", plan="b")]
    assert computed_of("sum", calls, where=where(("plan", "equals", "a"))) == 1
    assert computed_of("sum", calls, where=where(("plan", "equals", {"trait": "plan"}))) == 2


def test_a_sliding_window_is_exact_at_every_instant() -> None:
    """P5: an event is out of the window at the very instant."""
    calls = [track("E", n=1), track("E", "PT1H", n=2)]
    values = [computed_of("sum", calls, when, within="P1D") for when in ("PT1H", "P1D-1", "P1D", "P1DT1H-1", "P1DT1H")]
    assert values == [3, 3, 2, 2, ABSENT]


def test_a_computed_trait_is_read_like_any() -> None:
    """P5: in conditions, payloads, paths and other computed traits; also when only time changes it."""
    document = space(
        journey(
            {"wait": wait(trait("total", "less_than", 2), "mail"), "mail": send(traits=["total", "list.0"])},
            entry=on("Go"),
        ),
        computed_traits=[
            {"key": "total", "type": "event_counter", "event": "E", "within": "P1D"},
            {"key": "list", "type": "unique_list", "event": "E", "property": "n"},
        ],
    )
    done = run(document, [track("E", n="b"), track("E", "PT1H", n="a"), track("Go", "PT2H")])
    assert done.story("sent") == ["P1D sent mail"]
    properties = done.payloads()[0]["properties"]
    assert (properties["total"], properties["list.0"]) == (1, "a")


def test_computed_traits_may_refer_to_each_other() -> None:
    """P6: whatever the order in which they are defined."""
    document = space(
        journey({"split": if_else(trait("a", "equals", 1))}),
        computed_traits=[
            {"key": "a", "type": "event_counter", "event": "E", "where": where(("n", "equals", {"trait": "b"}))},
            {"key": "b", "type": "maximum", "event": "F", "property": "n"},
        ],
    )
    done = run(document, [track("E", n=5), track("F", n=5), track("Start", "PT1H")])
    assert done.story("branch") == ["PT1H branch split true"]


def test_an_absent_computed_trait_is_absent() -> None:
    """P5, C10"""
    document = space(
        journey({"split": if_else(trait("c", "not_exists"))}),
        computed_traits=[{"key": "c", "type": "sum", "event": "E", "property": "n"}],
    )
    assert run(document, [track("Start")]).story("branch") == ["0 branch split true"]


@settings(max_examples=60)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30), min_size=1, max_size=8)
)
def test_a_sum_depends_on_no_order(values: list[Any]) -> None:
    """P5: it is the exact sum, rounded once; so any re-ordering, and a window, give the same."""
    found = computed("sum", values)
    assert (
        found
        == computed("sum", values[::-1])
        == computed("sum", sorted(values))
        == computed("sum", values, within="P9D")
    )
    if all(type(value) is int for value in values):
        assert found == sum(values)
    elif found is not ABSENT:
        from fractions import Fraction

        assert found == float(sum(map(Fraction, values)))
        average = computed("average", values)
        assert average is ABSENT or math.isfinite(average)


@pytest.mark.parametrize("values", [[1e308, 1e308], [10**3999, 1.5], [1e308, 1e308, -1e308]])
def test_sums_beyond_what_a_float_holds(values: list[Any]) -> None:
    """P5, C10: never an error, and the same in a window."""
    for kind in ("sum", "average"):
        a, b = computed(kind, values), computed(kind, values, within="P9D")
        assert a is b or a == b

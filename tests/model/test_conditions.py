"""The small language in which conditions are written."""

from __future__ import annotations

from typing import Any

import pytest

from journeys import (
    All,
    Audience,
    Context,
    ContextRef,
    Count,
    Event,
    Filter,
    FirstRef,
    Funnel,
    FunnelFirst,
    FunnelThen,
    Not,
    Trait,
    TraitRef,
    audience,
    context,
    event,
    first,
    prop,
    trait,
)
from journeys import Any as Either
from journeys._time import Duration
from journeys.model.conditions import AGING, OPERATORS, as_condition

METHODS = [
    (lambda x: x == 1, "equals", 1),
    (lambda x: x != 1, "not_equals", 1),
    (lambda x: x < 1, "less_than", 1),
    (lambda x: x <= 1, "less_than_or_equal", 1),
    (lambda x: x > 1, "greater_than", 1),
    (lambda x: x >= 1, "greater_than_or_equal", 1),
    (lambda x: x.is_in((1, 2)), "equals_any_of", [1, 2]),
    (lambda x: x.contains("a"), "contains", "a"),
    (lambda x: x.does_not_contain("a"), "does_not_contain", "a"),
    (lambda x: x.contains_any_of(["a"]), "contains_any_of", ["a"]),
    (lambda x: x.starts_with("a"), "starts_with", "a"),
    (lambda x: x.ends_with("a"), "ends_with", "a"),
    (lambda x: x.exists(), "exists", None),
    (lambda x: x.not_exists(), "not_exists", None),
    (lambda x: x.before_date("2026-01-01"), "before_date", "2026-01-01"),
    (lambda x: x.after_date("2026-01-01"), "after_date", "2026-01-01"),
    (lambda x: x.within_last("P1D"), "within_last", Duration.of("P1D")),
    (lambda x: x.within_next("P1D"), "within_next", Duration.of("P1D")),
    (lambda x: x.before_last("P1D"), "before_last", Duration.of("P1D")),
    (lambda x: x.after_next("P1D"), "after_next", Duration.of("P1D")),
]


@pytest.mark.parametrize(("make", "op", "value"), METHODS, ids=[op for _, op, _ in METHODS])
def test_every_operator_has_its_word(make: Any, op: str, value: object) -> None:
    """C5, C7, C9: the same operators for properties, traits and context values."""
    assert make(prop("a.b")) == Filter(property="a.b", op=op, value=value)
    assert make(trait("a.b")) == Trait(trait="a.b", op=op, value=value)
    assert make(context("E", "a")) == Context(event="E", property="a", op=op, value=value)


def test_no_operator_is_forgotten() -> None:
    assert {op for _, op, _ in METHODS} == set(OPERATORS)


def test_values_that_are_references() -> None:
    """C9"""
    assert (prop("x") == trait("t")).value == TraitRef("t")
    assert (prop("x") == context("E", "p")).value == ContextRef(("E", "p"))
    assert (prop("x") == first("p")).value == FirstRef("p")
    with pytest.raises(ValueError, match="duration"):
        prop("x").within_last(trait("t"))
    with pytest.raises(TypeError, match="first"):
        prop("x") == prop("y")  # noqa: B015


def test_events_in_the_making() -> None:
    """C3"""
    made = event("Order", prop("n") > 1).at_least(3).within("P90D")
    assert as_condition(made) == Event("Order", [prop("n") > 1], count=Count(at_least=3), within="P90D")
    assert as_condition(event("Order")) == Event("Order", count=Count(at_least=1))
    assert as_condition(event("Order").within("P1D").between("P9D", "P1D")) == Event("Order", between=("P9D", "P1D"))
    assert as_condition(event("Order").between("P9D", "P1D").within("P1D")).between is None
    for name in ("at_least", "at_most", "exactly", "less_than", "more_than"):
        assert getattr(as_condition(getattr(event("E"), name)(2)), "count") == Count(**{name: 2})  # noqa: B009


def test_conditions_combine() -> None:
    """C2: chains stay flat, ``~~`` is nothing."""
    a, b, c = trait("a").exists(), event("b"), audience("c")
    assert a & b & c == All([a, b, c])
    assert a | (b | c) == Either([a, as_condition(b), c])
    assert ~a == Not(a)
    assert ~~a == a
    assert ~event("b") == Not(event("b"))
    assert (a | b) & c == All([Either([a, b]), c])
    assert c == Audience("c")


@pytest.mark.parametrize(
    "make", [lambda: prop("x") > 1, lambda: trait("x") > 1, lambda: event("E"), lambda: audience("a"), lambda: All([])]
)
def test_a_condition_has_no_truth_value(make: Any) -> None:
    """So ``50 <= prop("v") < 100`` and ``a and b`` cannot drop half of themselves."""
    with pytest.raises(TypeError, match=r"& \| ~"):
        bool(make())
    with pytest.raises(TypeError, match="range"):
        assert 50 <= prop("v") < 100


def test_a_path_cannot_be_hashed_by_mistake() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        {prop("x")}


@pytest.mark.parametrize(
    ("op", "value", "told"),
    [
        ("equal", 1, "did you mean 'equals'"),
        ("within_last", 7, "duration"),
        ("within_last", "7 days", "duration"),
        ("exists", 1, "takes no value"),
        ("equals_any_of", "a", "takes a list"),
        ("contains_any_of", {"a": 1}, "takes a list"),
    ],
)
def test_a_comparison_that_makes_no_sense(op: str, value: object, told: str) -> None:
    for make in (lambda: Filter(property="p", op=op, value=value), lambda: Trait(trait="t", op=op, value=value)):
        with pytest.raises(ValueError, match=told):
            make()


@pytest.mark.parametrize(
    "given", [{}, {"at_least": 1, "at_most": 2}, {"at_least": -1}, {"exactly": 1.0}, {"exactly": True}]
)
def test_a_count_that_makes_no_sense(given: dict[str, Any]) -> None:
    """C3"""
    with pytest.raises(ValueError):
        Count(**given)


def test_what_is_no_condition() -> None:
    for value in (True, "plan", prop("x") > 1, None):
        with pytest.raises(TypeError, match="condition"):
            as_condition(value)


def test_windows_and_funnels() -> None:
    """C8"""
    made = Funnel(
        FunnelFirst("F"), FunnelThen("G", [prop("x") == first("x")], performed=False, within="PT1H"), within="P7D"
    )
    assert made.then.within == Duration.of("PT1H")
    assert made.within == Duration.of("P7D")
    assert all(op in OPERATORS for op in AGING)
    with pytest.raises(ValueError):
        Event("E", between=("P1D",))


@pytest.mark.parametrize("make", [prop("plan").is_in, prop("tags").contains_any_of])
def test_a_text_is_no_list_of_its_letters(make: Any) -> None:
    """C5: it would be compared letter by letter."""
    with pytest.raises(TypeError, match=r"expected a list, got one str: put it in brackets, \['pro'\]"):
        make("pro")
    assert make(name for name in ("pro", "team")).value == ["pro", "team"]


def test_a_condition_in_the_making_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match=r"^an EventBuilder has no truth value"):
        bool(event("A").at_least(1))

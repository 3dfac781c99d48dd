"""Values, paths and operators (C5, C7, C9, C10)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeys._time import DAY, HOUR, Duration, parse_instant
from journeys.model.conditions import OPERATORS as NAMES
from journeys.plan.values import (
    ABSENT,
    NEVER,
    OPERATORS,
    ages_at,
    compact,
    equal,
    find,
    identity,
    normal,
    text_of,
)
from tests.reference.clock import Duration as NaiveDuration
from tests.reference.clock import crossings
from tests.reference.values import MISSING, compare, lookup
from tests.support import instant

NOW = instant("P9D")


# paths

OBJECT = {"a": {"b": [1, {"c": 2}]}, "a.b": {"x": 3}, "a.b.1": "whole", "n": None, "": 4, "0": "zero"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("n", None),
        ("a.b.1", "whole"),
        ("a.b.x", 3),
        ("a.b.0", 1),
        ("a.b.1.c", 2),
        ("a.b.2", ABSENT),
        ("a.b.-1", ABSENT),
        ("a.b.01", {"c": 2}),
        ("a.nope", ABSENT),
        ("n.x", ABSENT),
        ("0", "zero"),
        ("", 4),
    ],
)
def test_what_a_path_finds(path: str, value: object) -> None:
    """P3, C9 (format): a dot goes into an object, a whole number into a list, the longest name comes first."""
    found = find(OBJECT, tuple(path.split(".")))
    assert found is value or found == value


def test_a_path_into_text_or_numbers_finds_nothing() -> None:
    """C10"""
    assert find({"a": "text"}, ("a", "0")) is ABSENT
    assert find({"a": 7}, ("a", "b")) is ABSENT
    assert find({"a": [1]}, ("a", "٠")) is ABSENT
    assert find({"a": [1]}, ("a", "9" * 5000)) is ABSENT


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, 2, 1.0, -0.0, 0.5, 1e300, "1", "", "a", "ab", "2026-01-09", "2026-01-10T00:00:00Z", "P1D"])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a.b", "0", "1"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["a", "b", "a.b", "b.0"]), json_values, max_size=4),
    st.lists(st.sampled_from(["a", "b", "0", "1"]), min_size=1, max_size=4),
)
def test_paths_as_the_oracle_reads_them(container: dict[str, Any], parts: list[str]) -> None:
    """P3, C9"""
    expected = lookup(container, ".".join(parts))
    found = find(container, tuple(parts))
    assert (found is ABSENT) == (expected is MISSING)
    assert found is ABSENT or found is expected or found == expected


# equality


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (1.0, True, False),
        ("1", 1, False),
        (None, None, True),
        (None, False, False),
        (10**20, float(10**20), True),
        (2**53 + 1, float(2**53 + 1), False),
        ([1, [2.0]], [1.0, [2]], True),
        ([1], [True], False),
        ([1, 2], [2, 1], False),
        ({"a": 1, "b": [1]}, {"b": [1.0], "a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({}, [], False),
        ("é", "e\u0301", False),
        (-0.0, 0, True),
    ],
)
def test_json_equality(a: object, b: object, same: bool) -> None:
    """C5: 1 equals 1.0, true is not 1."""
    assert equal(a, b) is same
    assert equal(b, a) is same
    if identity(a) is not None and identity(b) is not None:
        assert (identity(a) == identity(b) and type(identity(a)) is type(identity(b))) is same


@given(json_values, json_values)
def test_scalars_are_one_exactly_if_their_identities_are(a: Any, b: Any) -> None:
    """E3, P5: 1 and 1.0 are one value, "1" and 1 and true are three."""
    if identity(a) is not None and identity(b) is not None:
        assert (identity(a) == identity(b)) == equal(a, b)
    else:
        assert a is None or b is None or isinstance(a, (list, dict)) or isinstance(b, (list, dict))


@pytest.mark.parametrize(
    ("value", "shown"), [(1.0, "1"), (-0.0, "0"), (1.5, "1.5"), (True, "true"), ("é", '"é"'), (10**20, f"{10**20}")]
)
def test_values_as_compact_json(value: object, shown: str) -> None:
    """O6: 1.0 as 1."""
    assert compact(normal(value)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(ABSENT, ""), ("text", "text"), (None, "null"), ([1, "é"], '[1,"é"]'), (True, "true"), (1.0, "1.0")],
)
def test_the_text_of_a_value(value: object, shown: str) -> None:
    """Format: absent is empty text, a value that is no text is its JSON."""
    assert text_of(value) == shown


# the table of operators


CASES = [
    ("equals", 1, 1.0, True),
    ("equals", True, 1, False),
    ("equals", ABSENT, None, False),
    ("equals", None, None, True),
    ("not_equals", 1, 2, True),
    ("not_equals", 1, 1.0, False),
    ("not_equals", ABSENT, 1, True),
    ("less_than", 1, 2, True),
    ("less_than", 2, 2, False),
    ("less_than", "1", 2, False),
    ("less_than", 1, "2", False),
    ("less_than", True, 2, False),
    ("less_than", ABSENT, 2, False),
    ("less_than", None, 2, False),
    ("greater_than", 3, 2.5, True),
    ("greater_than", 2.5, 2.5, False),
    ("greater_than", "b", "a", False),
    ("less_than_or_equal", 2, 2.0, True),
    ("less_than_or_equal", 3, 2, False),
    ("greater_than_or_equal", 2, 2.0, True),
    ("greater_than_or_equal", 10**30, 1e300, False),
    ("equals_any_of", 1.0, [2, 1], True),
    ("equals_any_of", True, [1], False),
    ("equals_any_of", ABSENT, [None], False),
    ("equals_any_of", "a", "abc", False),
    ("equals_any_of", "a", [], False),
    ("contains", "abc", "b", True),
    ("contains", "abc", "", True),
    ("contains", "a1", 1, False),
    ("contains", [1, "b"], 1.0, True),
    ("contains", [1], True, False),
    ("contains", [[1]], [1.0], True),
    ("contains", {"a": 1}, "a", False),
    ("contains", ABSENT, "a", False),
    ("does_not_contain", "abc", "x", True),
    ("does_not_contain", "abc", "b", False),
    ("does_not_contain", ABSENT, "b", True),
    ("does_not_contain", 7, "b", True),
    ("contains_any_of", "abc", ["x", "c"], True),
    ("contains_any_of", ["x", 1], [2, 1.0], True),
    ("contains_any_of", "abc", "c", False),
    ("contains_any_of", ABSENT, ["x"], False),
    ("starts_with", "abc", "ab", True),
    ("starts_with", "abc", "bc", False),
    ("starts_with", ["a"], "a", False),
    ("starts_with", 12, "1", False),
    ("starts_with", "12", 1, False),
    ("ends_with", "abc", "bc", True),
    ("ends_with", ABSENT, "", False),
    ("exists", "", None, True),
    ("exists", False, None, True),
    ("exists", None, None, False),
    ("exists", ABSENT, None, False),
    ("not_exists", None, None, True),
    ("not_exists", ABSENT, None, True),
    ("not_exists", 0, None, False),
    ("before_date", "2026-01-09", "2026-01-10", True),
    ("before_date", "2026-01-10", "2026-01-10T00:00:00Z", False),
    ("before_date", "2026-01-09T23:00:00-02:00", "2026-01-10", False),
    ("before_date", 1, "2026-01-10", False),
    ("before_date", "2026-01-09", "soon", False),
    ("after_date", "2026-01-10T00:00:00.000001Z", "2026-01-10", True),
    ("after_date", "2026-01-10", "2026-01-10", False),
    ("after_date", ABSENT, "2026-01-10", False),
    # NOW is 2026-01-10T00:00:00Z
    ("within_last", "2026-01-10", "P1D", True),
    ("within_last", "2026-01-09T00:00:00.000001Z", "P1D", True),
    ("within_last", "2026-01-09", "P1D", False),
    ("within_last", "2026-01-10T00:00:00.000001Z", "P1D", False),
    ("within_next", "2026-01-11", "P1D", True),
    ("within_next", "2026-01-10", "P1D", False),
    ("within_next", "2026-01-11T00:00:00.000001Z", "P1D", False),
    ("before_last", "2026-01-09", "P1D", True),
    ("before_last", "2026-01-09T00:00:00.000001Z", "P1D", False),
    ("after_next", "2026-01-11T00:00:00.000001Z", "P1D", True),
    ("after_next", "2026-01-11", "P1D", False),
    ("within_last", 7, "P1D", False),
    ("within_last", ABSENT, "P1D", False),
    ("within_last", "2026-01-10", "no duration", False),
    ("within_last", "2026-01-10", 7, False),
    ("before_last", "2025-12-10", "P1M", True),
    ("before_last", "2025-12-10T00:00:00.000001Z", "P1M", False),
]


@pytest.mark.parametrize(("op", "value", "operand", "answer"), CASES)
def test_operators(op: str, value: object, operand: object, answer: bool) -> None:
    """C5, C7, C10: the table of the contract; a value of the wrong type is false and its ``not_`` twin true."""
    assert OPERATORS[op](value, operand, NOW) is answer


def test_every_operator_is_in_the_table() -> None:
    """C5"""
    assert set(OPERATORS) == set(NAMES) == {op for op, *_ in CASES}


@settings(max_examples=400)
@given(st.sampled_from(sorted(NAMES)), json_values, json_values)
@example("equals", ABSENT, None)
def test_operators_as_the_oracle_knows_them(op: str, value: Any, operand: Any) -> None:
    """C5, C10: for any values, without an error."""
    expected = compare(op, MISSING if value is ABSENT else value, operand, NOW)
    assert OPERATORS[op](value, operand, NOW) is expected


AGING = ["within_last", "within_next", "before_last", "after_next"]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(AGING),
    st.integers(-80, 80),
    st.sampled_from([(0, DAY), (0, 30 * HOUR), (1, 0), (1, 6 * HOUR), (2, DAY), (12, 0)]),
    st.integers(-80, 80),
)
def test_when_time_alone_changes_an_answer(op: str, place: int, parts: tuple[int, int], start: int) -> None:
    """C1: no flip is missed, at the instants, a microsecond before and after."""
    moment = parse_instant("2026-03-01T00:00:00Z") + place * 6 * HOUR
    value = (Duration(0, moment - parse_instant("1970-01-01T00:00:00Z"))).after(0)
    from journeys._time import format_instant

    text = format_instant(value)
    duration = Duration(*parts)
    now = moment + start * 6 * HOUR
    naive = NaiveDuration(*parts)
    near = {moment, *crossings(moment, naive), *crossings(moment, NaiveDuration(-naive.months, -naive.exact))}
    candidates = sorted(at for each in near for at in (each - 1, each, each + 1) if at > now)
    answer = OPERATORS[op](text, duration, now)
    expected = next((at for at in candidates if OPERATORS[op](text, duration, at) != answer), NEVER)
    until = ages_at(op, text, duration, now)
    assert until <= expected
    while until < expected:  # a possible change that is none
        assert OPERATORS[op](text, duration, until) == answer
        until = ages_at(op, text, duration, until)
    assert until == expected


def test_what_does_not_age() -> None:
    """C1, C10"""
    assert ages_at("within_last", "soon", Duration.of("P1D"), NOW) == NEVER
    assert ages_at("within_last", "2026-01-09", "no duration", NOW) == NEVER
    assert ages_at("before_last", "2020-01-01", Duration.of("P1D"), NOW) == NEVER

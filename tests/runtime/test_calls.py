"""What is checked of a call before anything is touched (O5, T1, T3, P1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journeys._time import DAY, MAX, parse_instant
from journeys.errors import InvalidCall
from journeys.runtime import _calls
from tests.support import alias, at, call, identify, instant, track

digits = st.integers(0, 99).map("{:02}".format)
iso = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["2026", "1970", "1969", "9999", "0001", "12026", "2026-W"]),
        st.sampled_from(["-", "", "-W"]),
        digits,
        st.sampled_from(["-", ""]),
        digits | st.just("1"),
        st.sampled_from(["T", " ", "t", ""]),
        digits,
        st.sampled_from([":", "", "."]),
        digits,
        st.sampled_from([":", ""]),
        digits,
        st.sampled_from(["", ".5", ",123456789", ".", ".٣"]),
        st.sampled_from(["Z", "z", "+00:00", "-00:00", "+05:30", "+0530", "+00:00:00", "+24:00", "", " Z", "Z "]),
    ),
)


@given(iso | st.text(max_size=12))
@example("2026-W01-1T10:00:00Z")
@example("2026-01-01T10:00:00+00:00:00")
@example("2026-01-01T24:00:00Z")
@example("1970-01-01T00:00:00Z")
@example("9999-12-31T23:59:59.999999Z")
def test_the_quick_way_of_reading_an_instant_reads_the_same(text: str) -> None:
    """T1: one text is the same instant, or none, wherever it stands."""
    try:
        expected: int | None = parse_instant(text)
    except ValueError:
        expected = None
    try:
        found: int | None = _calls.instant_in(text, "timestamp")
    except InvalidCall:
        found = None
    assert found == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "0"),
        (datetime(2026, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), "0"),
        ("2026-01-01T00:00:00Z", "0"),
    ],
)
def test_an_instant_of_a_call(value: Any, expected: str) -> None:
    """T1"""
    assert _calls.instant_in(value, "timestamp") == instant(expected)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 1),
        1767225600,
        None,
        b"2026-01-01T00:00:00Z",
        "2026-01-01",
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23))),
    ],
)
def test_what_is_no_instant_of_a_call(value: Any) -> None:
    """T1"""
    with pytest.raises(InvalidCall) as refused:
        _calls.check_range(_calls.instant_in(value, "timestamp"), 0)
    assert refused.value.reason == "wrong_timestamp"


@pytest.mark.parametrize("longest", [0, DAY, 400 * DAY])
def test_timestamps_end_before_the_longest_wait(longest: int) -> None:
    """T1"""
    _calls.check_range(0, longest)
    _calls.check_range(MAX - longest - DAY, longest)
    for outside in (-1, MAX - longest - DAY + 1):
        with pytest.raises(InvalidCall):
            _calls.check_range(outside, longest)


def test_the_content_of_calls() -> None:
    """P3, P4"""
    assert _calls.content_of(track("E", a=1), "track") == ("E", {"a": 1})
    assert _calls.content_of(call("page", name="Home"), "page") == ("Page Viewed", {"page_name": "Home"})
    assert _calls.content_of(call("screen", properties={"screen_name": "x"}), "screen") == (
        "Screen Viewed",
        {"screen_name": "x"},
    )
    assert _calls.content_of(identify(a=None), "identify") == (None, {"a": None})
    assert _calls.content_of(call("group", groupId="g", traits={"a": 1}), "group") == (None, {"groups.g": {"a": 1}})
    assert _calls.content_of(alias("a", "b"), "alias") == (None, {})


def test_content_is_a_copy_and_json() -> None:
    """O1"""
    given: dict[str, Any] = {"a": [1, (2, {"b": "x"})], "c": {"d": True}}
    copied = _calls.object_of({"properties": given}, "properties")
    assert copied == {"a": [1, [2, {"b": "x"}]], "c": {"d": True}}
    assert copied["a"] is not given["a"] and copied["c"] is not given["c"]


@pytest.mark.parametrize(
    ("properties", "fits"),
    [
        ({"a": "x" * 100}, True),
        ({"a": "x" * 101}, False),
        ({"a": ["x" * 50, {"b": "x" * 51}]}, False),
        ({"a": {"k" * 101: 1}}, False),
        ({"a": "x" * 60, "b": "x" * 60}, False),
    ],
)
def test_how_much_a_call_may_carry(properties: Any, fits: bool) -> None:
    """L2, O5: text in values and in the names within."""
    if fits:
        assert _calls.object_of({"properties": properties}, "properties", 100) == properties
    else:
        with pytest.raises(InvalidCall) as refused:
            _calls.object_of({"properties": properties}, "properties", 100)
        assert refused.value.reason == "too_large"


@pytest.mark.parametrize(("value", "taken"), [("m", "m"), (None, None), ("", None), ("x" * 4096, "x" * 4096)])
def test_message_ids(value: Any, taken: str | None) -> None:
    """O2: an empty one is none."""
    assert _calls.message_id_of({"messageId": value}) == taken


@pytest.mark.parametrize("value", [7, True, "x" * 4097, "a\0", "\ud800", b"m", ["m"]])
def test_what_is_no_message_id(value: Any) -> None:
    """O5"""
    with pytest.raises(InvalidCall):
        _calls.message_id_of({"messageId": value})


def test_the_nearest_type_is_named() -> None:
    with pytest.raises(InvalidCall, match="did you mean 'track'"):
        _calls.call_type({"type": "trak"})
    assert at("0") in str(call("track"))

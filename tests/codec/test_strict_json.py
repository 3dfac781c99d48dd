"""Strict JSON: what the standard library lets pass, and what it answers with another error than a ValueError."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.codec import MAX_DEPTH, InvalidJSON, parse_json
from journeys.codec.problems import Report
from journeys.codec.strict_json import check_json
from journeys.plan.codes import CODES
from tests.strategies import json_values

REFUSED = [
    # text, code, position, path
    ("", "not_json", 0, "$"),
    ("{", "not_json", 1, "$"),
    # since 3.13 Python points at the comma, before at what follows it
    ('{"a": 1,}', "not_json", 8 if sys.version_info < (3, 13) else 7, "$"),
    ("[1] 2", "not_json", 4, "$"),
    ("'a'", "not_json", 0, "$"),
    ('"a\nb"', "not_json", 2, "$"),
    ('{"a": [1, NaN]}', "not_json", 10, "$.a[1]"),
    ("-Infinity", "not_json", 0, "$"),
    ('["NaN", Infinity]', "not_json", 8, "$[1]"),
    ('{"a": {"b": 1e999}}', "number_out_of_range", 12, "$.a.b"),
    ("[-1e400]", "number_out_of_range", 1, "$[0]"),
    ("[" + "9" * 4301 + "]", "number_out_of_range", 1, "$[0]"),
    ("[1, -" + "9" * 4301 + "]", "number_out_of_range", 4, "$[1]"),
    ('{"a": 1, "a": 1}', "duplicate_key", 9, "$.a"),
    ('{"a": 1, "\\u0061": 1}', "duplicate_key", 9, "$.a"),
    ('[{"x": {"a": 1}, "a": 2}, {"steps": {"win-back": 1, "win-back": 2}}]', "duplicate_key", 52, None),
    ('"\ud800"', "lone_surrogate", 1, "$"),
    ('{"\udc00": 1}', "lone_surrogate", 2, "$"),
    ('"\\ud800"', "lone_surrogate", 1, "$"),
    ('"\\\\ \\udc00"', "lone_surrogate", 4, "$"),
    ('"\\ud83d\\ude00 \\ud83d\\n"', "lone_surrogate", 14, "$"),
    ('["\\ud83d", "\\ude00"]', "lone_surrogate", 2, "$"),
    ('{"\\uD83D\\uD83D\\uDE00": 1}', "lone_surrogate", 2, "$"),
    (b'["\xff"]', "not_utf8", 2, "$"),
    (b'\xef\xbb\xbf"\xed\xa0\x80"', "not_utf8", 4, "$"),
    ('{"a": 1}'.encode("utf-16"), "not_utf8", 0, "$"),
]


@pytest.mark.parametrize(("text", "code", "position", "path"), REFUSED, ids=[code for _, code, _, _ in REFUSED])
def test_refused_and_said_where(text: str | bytes, code: str, position: int, path: str | None) -> None:
    with pytest.raises(ValueError, match="position") as caught:
        parse_json(text)
    error = caught.value
    assert isinstance(error, InvalidJSON)
    assert (error.code, error.position) == (code, position)
    assert error.code in CODES
    assert error.path == (path or '$[1].steps["win-back"]')
    assert error.problem.path == error.path
    str(error).encode()  # can be printed, whatever was in the text


def test_line_and_column() -> None:
    with pytest.raises(InvalidJSON, match="line 3, column 7") as caught:
        parse_json('{\n "a": 1,\n "b": 1e999}')
    assert (caught.value.line, caught.value.column) == (3, 7)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("\ufeff[1]", [1]),
        (b"\xef\xbb\xbf[1]", [1]),
        (" \n{}\t", {}),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\\\ud800"', "\\ud800"),
        ('"😀"', "😀"),
        ("1e-999", 0.0),
        ("9" * 4300, int("9" * 4300)),
        ("-" + "9" * 4300, -int("9" * 4300)),
        ('{"a": {"a": 1}, "b": {"a": 1}}', {"a": {"a": 1}, "b": {"a": 1}}),
        ('"[[[[{{{{\\"[[["', '[[[[{{{{"[[['),
        ('"' + "9" * 5000 + '"', "9" * 5000),
        ('"\\u0000"', "\x00"),
    ],
    ids=lambda each: str(each)[:30] if isinstance(each, str) else "",
)
def test_accepted(text: str | bytes, value: Any) -> None:
    assert parse_json(text) == value


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_depth() -> None:
    assert parse_json(nested(MAX_DEPTH))
    assert parse_json('{"a":' * 64 + "1" + "}" * 64)
    assert parse_json("[" + "[]," * 100_000 + "[]]")  # wide is not deep
    assert parse_json('["' + "[" * 100 + '", "\\"' + "{" * 100 + '"]')  # nor is what stands in a text
    assert parse_json(nested(3), max_depth=3)
    for text, at in ((nested(65), 64), ("[" * 65, 64), ("[1," * 65, 64 * 3), ('{"a":' * 65, 64 * 5)):
        with pytest.raises(InvalidJSON, match="more than 64") as caught:
            parse_json(text)
        assert (caught.value.code, caught.value.position) == ("too_deep", at)
    with pytest.raises(InvalidJSON, match="more than 3"):
        parse_json(nested(4), max_depth=3)


@pytest.mark.parametrize("text", ["[" * 100_000, nested(100_000), '{"a":' * 100_000, '[{"a":' * 100_000])
def test_hostile_depth_is_answered_fast(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(InvalidJSON, match="more than 64"):
        parse_json(text)
    assert time.perf_counter() - start < 1


def test_depth_beyond_what_the_interpreter_allows_is_no_recursion_error() -> None:
    with pytest.raises(InvalidJSON):
        parse_json(nested(1_000_000), max_depth=10**9)


def test_a_long_text_is_read_fast() -> None:
    text = json.dumps("x" * 10_000_000)
    start = time.perf_counter()
    parse_json(text)
    assert time.perf_counter() - start < 2  # 25 ms on an idle machine


def test_a_process_that_allows_longer_numbers_changes_nothing() -> None:
    allowed = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        with pytest.raises(InvalidJSON, match="out of range"):
            parse_json("9" * 4301)
        assert parse_json('{"a": ' + "9" * 4300 + "}") == {"a": int("9" * 4300)}
    finally:
        sys.set_int_max_str_digits(allowed)


@given(json_values, st.booleans(), st.booleans())
def test_what_json_writes_is_read(value: Any, ascii_only: bool, as_bytes: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    read = parse_json(text.encode() if as_bytes else text)
    assert json.dumps(read) == json.dumps(value)
    assert check_json(value, "$", Report())


@given(st.text('[]{}",:\\u0d8ef1.- aN', max_size=30) | st.text(max_size=10) | st.binary(max_size=10))
def test_any_text_is_read_as_json_reads_it_or_refused(text: str | bytes) -> None:
    try:
        value = parse_json(text)
    except InvalidJSON:
        return
    assert json.dumps(json.loads(text)) == json.dumps(value)


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        ({"a": [float("nan")]}, "wrong_value", "$.a[0]"),
        ({"a": float("inf")}, "wrong_value", "$.a"),
        ({1: 2}, "wrong_type", "$[1]"),
        ((1, 2), "wrong_type", "$"),
        ({"a-b": object()}, "wrong_type", '$["a-b"]'),
        ("\ud800", "lone_surrogate", "$"),
        ({"\ud800": 1}, "lone_surrogate", '$["\\ud800"]'),
        ([10**4300], "number_out_of_range", "$[0]"),
    ],
    ids=lambda each: each if isinstance(each, str) and each.isascii() else "",
)
def test_values_made_in_python(value: Any, code: str, path: str) -> None:
    report = Report()
    assert not check_json(value, path="$", report=report)
    assert [(each.code, each.path) for each in report.problems] == [(code, path)]


def test_a_value_that_holds_itself() -> None:
    endless: list[Any] = []
    endless.append(endless)
    report = Report()
    assert not check_json(endless, "$", report)
    assert [each.code for each in report.problems] == ["too_deep"]

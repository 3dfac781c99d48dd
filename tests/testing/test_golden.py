"""Golden traces: they are written, compared, and the difference is short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journeys.testing import Scenario, assert_golden
from journeys.testing.golden import MOST_LINES, UPDATE, compared
from tests.testing.spaces import shop


@pytest.fixture(autouse=True)
def _no_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(UPDATE, raising=False)


def story(value: int = 80, hours: int = 2) -> Scenario:
    scenario = Scenario(shop)
    scenario.user("ada").does("Cart Modified", cart_id="c1", value=value)
    scenario.clock.advance(hours=hours)
    return scenario


def test_written_and_compared(tmp_path: Path) -> None:
    file = tmp_path / "golden" / "cart.ndjson"
    with pytest.raises(
        AssertionError, match=r"there is no golden trace .*cart\.ndjson yet: .*--journeys-update-golden"
    ):
        assert_golden(story(), file)
    assert_golden(story(), file, update=True)
    assert [json.loads(line) for line in file.read_text().splitlines()] == story().trace()
    assert_golden(story(), file)
    assert_golden(story().trace(), str(file))
    with pytest.raises(AssertionError):
        assert_golden(story(90), file)


def test_texts_with_line_ends_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "cart.ndjson"
    scenario = Scenario(shop)
    scenario.user("ada").does("Cart Modified", cart_id="a\u2028b\u0085c", value=80)
    assert_golden(scenario, file, update=True)
    assert_golden(scenario, file)


@pytest.mark.parametrize(("line", "said"), [("{", "Expecting property name"), ("[]", "no record of a trace")])
def test_a_file_that_is_no_trace(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "cart.ndjson"
    file.write_text(f"\n{line}\n")
    with pytest.raises(ValueError, match=rf"cart\.ndjson:2: {said}"):
        assert_golden(story(), file)


def test_the_environment_asks_for_an_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cart.ndjson"
    monkeypatch.setenv(UPDATE, "0")
    with pytest.raises(AssertionError):
        assert_golden(story(), file)
    monkeypatch.setenv(UPDATE, "1")
    assert_golden(story(), file)
    with pytest.raises(AssertionError):
        assert_golden(story(90), file, update=False)
    assert_golden(story(90), file)
    monkeypatch.delenv(UPDATE)
    assert_golden(story(90), file)


def test_the_difference_names_what_changed_in_a_record(tmp_path: Path) -> None:
    file = tmp_path / "cart.ndjson"
    assert_golden(story(), file, update=True)
    with pytest.raises(AssertionError) as caught:
        assert_golden(story(90), file)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"the trace is not that of {file} (- expected, + got, ~ changed):"
    assert lines[1:-1] == [
        "~ 2026-01-05T11:00:00Z ada cart: sent nudge email",
        "    payload.properties.journey_context.Cart Modified.value: 80 → 90",
        "~ 2026-01-05T11:00:00Z ada cart: sent nudge email",
        "    payload.properties.journey_context.Cart Modified.value: 80 → 90",
    ]
    assert (
        lines[-1]
        == "if it is right as it is, write it with pytest --journeys-update-golden, or with JOURNEYS_UPDATE_GOLDEN=1"
    )


def test_a_name_with_a_dot_is_no_object_in_an_object() -> None:
    record = {"at": "2026-01-05T09:00:00Z", "kind": "sent", "payload": {"a.b": 1, "a": {"c": 1}}}
    other = {**record, "payload": {"a": {"b": 1}, "a.c": 1}}
    assert list(compared([record], [record])) == []
    assert next(compared([record], [other])).startswith("~ ")


def test_what_is_missing_and_what_is_new() -> None:
    short, long = story(hours=1).trace(), story().trace()
    assert list(compared(long, short))[:2] == [
        "- 2026-01-05T11:00:00Z ada cart: branch hold timeout",
        "- 2026-01-05T11:00:00Z ada cart: step nudge",
    ]
    assert [line[0] for line in compared(short, long)] == ["+"] * 6
    assert list(compared(long, long)) == []
    assert list(compared([{"kind": "sent"}], [{"kind": "sent", "payload": {}}])) == [
        "~ None None sent",
        "    payload: nothing → {}",
    ]


def test_derived_ids_that_differ_are_one_line() -> None:
    """A call that was renamed gives every instance another id: that alone is no twenty lines."""
    before = story().trace()
    renamed: list[dict[str, Any]] = json.loads(json.dumps(before).replace(before[0]["instance"], "0" * 32))
    assert list(compared(before, renamed)) == [f"~ {len(before)} records differ in derived ids only"]
    assert list(compared(before[:1], renamed[:1])) == ["~ 1 record differs in derived ids only"]


def test_a_long_difference_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "empty.ndjson"
    assert_golden([], file, update=True)
    records = [{"at": f"2026-01-{day:02}", "profile": "ada", "kind": "step", "step": f"s{day}"} for day in range(1, 31)]
    with pytest.raises(AssertionError) as caught:
        assert_golden(records, file)
    lines = str(caught.value).splitlines()
    assert len(lines) == MOST_LINES + 3
    assert lines[-2] == "… and 10 more lines"

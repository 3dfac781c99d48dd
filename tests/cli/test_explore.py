"""``journeys paths`` and ``journeys check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journeys.cli import main
from tests.support import ad, branch, hold, if_else, journey, send, space, trait

CART = journey(
    {
        "hold": hold("PT2H", branch("bought", "Order"), timeout="split"),
        "split": if_else(trait("vip", "exists"), "mail"),
        "mail": send(),
    },
    key="cart",
)
FAULTY = journey({"twice": if_else({"type": "all", "conditions": []}, "ad"), "ad": ad()}, key="faulty")


def written(folder: Path, *journeys: Any) -> str:
    (folder / "space.json").write_text(json.dumps(space(*journeys)), encoding="utf-8")
    return str(folder / "space.json")


def test_the_table_of_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paths", written(tmp_path, CART)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "cart (version 1): 3 paths, all waits are over 2 hours after the entry at the latest",
        "",
        "#  path                                end        calls  from first call",
        "-  ----------------------------------  ---------  -----  ---------------",
        "1  hold: bought                        completed      2      0d 00:10:00",
        "2  hold: timeout → split: false        completed      1      0d 02:00:00",
        "3  hold: timeout → split: true → mail  completed      2      0d 02:00:00",
        "",
        "every branch is reached",
    ]


def test_what_is_not_reached_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paths", written(tmp_path, FAULTY, CART), "--journey", "faulty"]) == 0
    out = capsys.readouterr().out
    assert "twice  false   unreachable  its condition asks for nothing" in out
    assert "cart" not in out


def test_paths_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paths", written(tmp_path, CART), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert [each["end"] for each in told["paths"]] == ["completed"] * 3
    assert {each["answer"] for each in told["branches"]} == {"reached"}


def test_paths_as_tests_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paths", written(tmp_path, CART), "--as-tests"]) == 0
    namespace: dict[str, Any] = {}
    exec(capsys.readouterr().out, namespace)
    for number in (1, 2, 3):
        namespace[f"test_cart_{number}"]()


def test_a_bound_that_is_reached_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paths", written(tmp_path, CART), "--most", "2"]) == 0
    assert "there may be more: looked for 2 paths" in capsys.readouterr().out


def test_a_clean_space(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = written(tmp_path, CART)
    assert main(["check", place]) == 0
    assert capsys.readouterr().out == f"{place}: nothing found\n"
    assert main(["check", place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = written(tmp_path, CART, FAULTY)
    assert main(["check", place]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{place}: 2 findings",
        "  $.journeys[1].steps.twice.condition",
        "      the condition is always true here: its condition asks for nothing [always_true]",
        "      correct it, or do without the split",
        "  $.journeys[1].steps.ad",
        "      who completes stays on ads for good [endless_ad]",
        "      give it remove_after",
    ]
    assert main(["check", place, "--journey", "cart"]) == 0
    capsys.readouterr()
    assert main(["check", place, "--json"]) == 1
    assert [each["code"] for each in json.loads(capsys.readouterr().out)] == ["always_true", "endless_ad"]


def test_a_finding_shows_its_witness(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = {"one": send("two", event="Hello"), "two": send(event="Hello")}
    assert main(["check", written(tmp_path, journey(steps))]) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "      on the path one → two → completed, by",
        "        2026-01-05T09:00:00Z  Start",
    ]


@pytest.mark.parametrize("command", ["paths", "check"])
def test_what_cannot_be_done(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = written(tmp_path, CART)
    assert main([command, place, "--journey", "card"]) == 2
    assert ": no live journey 'card'; did you mean 'cart'?" in capsys.readouterr().err
    assert main([command, written(tmp_path, journey({"a": send("b")}))]) == 1
    assert "unknown_step" in capsys.readouterr().err
    assert main([command, str(tmp_path / "nothing.json")]) == 2


def test_options_of_paths_that_make_no_sense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = written(tmp_path, CART)
    assert main(["paths", place, "--most", "0"]) == 2
    assert "--most: at least one path" in capsys.readouterr().err

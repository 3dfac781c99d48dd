"""``journeys diff``, and ``journeys publish --plan``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journeys.cli import main
from tests.support import branch, delay, hold, journey, on, send, space, track

CART = journey(
    {
        "hold": hold("PT2H", branch("bought", "Order Completed"), timeout="nudge"),
        "nudge": send(event="Cart Abandoned"),
    },
    key="cart",
    entry=on("Cart Modified", identifier="cart_id"),
)
EDITED = {**CART, "start": "wait", "steps": {"wait": {**CART["steps"]["hold"], "max_duration": "PT1H"},
                                             "nudge": CART["steps"]["nudge"]}}  # fmt: skip
CALLS = [track("Cart Modified", "0", "ada", cart_id="a"), track("Order Completed", "PT90M", "ada", cart_id="a"),
         track("Cart Modified", "PT100M", "bo", cart_id="b")]  # fmt: skip


def written(folder: Path, name: str, document: Any) -> str:
    (folder / name).write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return str(folder / name)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    return {
        "old": written(tmp_path, "old.json", space(CART)),
        "new": written(tmp_path, "new.json", space(EDITED)),
        "events": written(tmp_path, "events.ndjson", "".join(json.dumps(call) + "\n" for call in CALLS)),
        "plan": str(tmp_path / "plan.json"),
        "store": f"sqlite:///{tmp_path / 'cart.db'}",
    }


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_the_same_and_not_the_same(files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As diff(1): 0, 1 and 2."""
    assert main(["diff", files["old"], files["old"]]) == 0
    assert out(capsys) == "no difference\n"
    assert main(["diff", files["old"], files["new"]]) == 1
    assert out(capsys) == (
        "journey cart: 3 differences\n"
        "  ~ start       start leads to wait instead of hold\n"
        "  + steps.wait  wait: is new, a hold until: Hold for up to 1 hour; bought: Order Completed\n"
        "  - steps.hold  hold: is gone, a hold until: Hold for up to 2 hours; bought: Order Completed\n"
    )
    assert main(["diff", files["old"], written(tmp_path, "bad.json", "{}")]) == 2
    assert main(["diff", files["old"], str(tmp_path / "nowhere.json")]) == 2
    assert main(["diff", files["old"], written(tmp_path, "wrong.json", space(journey({"a": delay("PT0S")})))]) == 2
    assert "not_positive" in capsys.readouterr().err


def test_one_journey(files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = written(
        tmp_path, "other.json", space({**CART, "status": "archived"}, journey(key="j"), {**EDITED, "version": 2})
    )
    assert main(["diff", files["old"], other, "--journey", "cart"]) == 1
    assert "version 2 instead of 1" in out(capsys)
    assert main(["diff", files["old"], other, "--journey", "crat"]) == 2
    assert "did you mean 'cart'?" in capsys.readouterr().err


def test_a_store_a_plan_and_its_publication(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    until = ["--until", "2026-01-01T02:00:00Z"]
    assert main(["simulate", files["old"], files["events"], "--store", files["store"], *until]) == 0
    out(capsys)
    asked = ["diff", files["old"], files["new"], "--store", files["store"], "--at", "2026-01-01T02:30:00Z"]
    assert main([*asked, "--plan", files["plan"]]) == 1
    told = out(capsys)
    assert "cart, version 1 to 2, published at 2026-01-01T02:30:00Z: 2 profiles" in told
    assert "migrate      0      1     0      0       0         0               0" in told
    assert "  hold  -> wait  1  similar (max duration 1 hour instead of 2 hours (1 hour shorter))" in told
    plan = json.loads(Path(files["plan"]).read_text(encoding="utf-8"))
    assert plan["steps"]["hold"]["to"] == "wait"
    assert main([*asked, "--json"]) == 1
    document = json.loads(out(capsys))
    assert document["blast"][0]["outcomes"]["migrate"]["moves"]["people"][0]["profile"] == "bo"
    publish = ["publish", files["new"], "cart", "--store", files["store"], "--plan"]
    assert main([*publish, written(tmp_path, "wrong.json", {**plan, "steps": {"hold": {"to": "wiat"}}})]) == 2
    assert "did you mean 'wait'?" in capsys.readouterr().err
    assert main([*publish, written(tmp_path, "odd.json", {**plan, "stpes": {}})]) == 2
    assert "did you mean 'steps'?" in capsys.readouterr().err
    assert main([*publish, files["plan"], "--at", "2026-01-01T02:30:00Z"]) == 0
    assert out(capsys) == "cart version 2 is live: 1 moved\n"


def test_a_plan_from_the_definitions_alone(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", files["old"], files["new"], "--plan", files["plan"]]) == 1
    plan = json.loads(Path(files["plan"]).read_text(encoding="utf-8"))
    assert (plan["from_version"], plan["to_version"]) == (1, 2)
    several = (
        written(tmp_path, "a.json", space(CART, journey({"d": delay("P1D")}))),
        written(tmp_path, "b.json", space(EDITED, journey({"d": delay("P2D")}))),
    )
    assert main(["diff", *several, "--plan", files["plan"]]) == 2
    assert "one journey of cart, j: name it with --journey" in capsys.readouterr().err
    assert main(["diff", files["old"], written(tmp_path, "c.json", space(journey(key="k"))), "--plan", "p"]) == 2
    assert "no two versions of 'k'" in capsys.readouterr().err


def test_events_through_both(files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(files["events"]).write_text(Path(files["events"]).read_text() + "nonsense\n\n", encoding="utf-8")
    asked = ["diff", files["old"], files["new"], "--events", files["events"]]
    assert main(asked) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"{files['events']}:4: ")
    assert "3 calls, 2 people: 2 would have another story" in captured.out
    assert main([*asked, "--json", "--until", "2026-01-01T00:30:00Z"]) == 1
    assert json.loads(out(capsys))["replay"]["totals"]["entered"] == {"old": 2, "new": 2}
    assert main(["diff", files["old"], files["new"], "--events", str(tmp_path / "nowhere")]) == 2


def test_the_picture(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for form, expected in (("mermaid", "style n"), ("svg", "<svg"), ("text", "Hold until · new: ")):
        assert main(["diff", files["old"], files["new"], "--draw", form]) == 1
        assert expected in out(capsys)
    assert main(["diff", files["old"], files["old"], "--draw", "text"]) == 0


@pytest.mark.parametrize(
    "options", [["--store", "sqlite:///no/such/dir/x.db"], ["--store", "STORE", "--at", "noon"], ["--until", "noon"]]
)
def test_bad_options(files: dict[str, str], options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    given = [files["store"] if each == "STORE" else each for each in options]
    assert main(["diff", files["old"], files["new"], "--events", files["events"], *given]) == 2
    assert capsys.readouterr().err

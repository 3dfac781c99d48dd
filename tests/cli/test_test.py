"""`journeys test`: the cases beside a space."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from journeys.cli import main
from journeys.testing.casebook import cases_in
from tests.examples.golden import EXAMPLES, NAMES


@pytest.fixture
def cart(tmp_path: Path) -> Path:
    """The example, to be broken."""
    return Path(shutil.copytree(EXAMPLES / "cart-abandonment", tmp_path / "cart"))


def test_the_cases_of_the_examples_pass_and_take_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """Every step, branch, timeout and exit of every example has a case."""
    assert main(["test", str(EXAMPLES), "--cov-fail-under", "100"]) == 0
    printed = capsys.readouterr().out
    assert [name for name in NAMES if f"{name} " not in printed] == []
    assert "17 cases: 17 passed" in printed and "100%" in printed


def test_a_case_that_fails_tells_what_differs_and_the_story(cart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = cart / "space.json"
    space.write_text(space.read_text().replace('"PT2H"', '"PT3H"'))
    assert main(["test", str(space)]) == 1
    printed = capsys.readouterr().out
    assert '      at: "2026-03-02T12:00:00Z" → "2026-03-02T13:00:00Z"' in printed
    assert "  ada\n    Monday 2026-03-02\n      10:00:00  is (email" in printed
    assert "cart-abandonment [c-1]: takes everyone_else at size" in printed
    assert "waits for nothing" in printed
    assert printed.endswith(
        "2 cases: 2 failed\nif they are right as they are, `journeys test --update` writes their expected.ndjson\n"
    )


def test_who_still_waits_is_shown_with_what_for(cart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = cart / "cases" / "a-small-cart"
    (folder / "until.txt").write_text("2026-03-02T11:00:00Z\n")
    assert main(["test", str(cart), "--only", "small"]) == 1
    printed = capsys.readouterr().out
    assert "- 2026-03-02T12:00:00Z ada cart-abandonment: branch hold timeout" in printed
    assert (
        'waits at hold ("Buys within two hours?") of cart-abandonment [c-1] until Monday 2026-03-02 12:00:00' in printed
    )
    assert 'for Order Completed with cart_id "c-1", then bought: the end' in printed


def test_update_writes_what_is_expected(cart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = cart / "cases" / "a-small-cart" / "expected.ndjson"
    before = expected.read_bytes()
    expected.unlink()
    assert main(["test", str(cart)]) == 1
    assert "2 cases: 1 passed, 1 new" in capsys.readouterr().out
    assert main(["test", str(cart), "--update"]) == 0
    assert "1 passed, 1 written" in capsys.readouterr().out
    assert expected.read_bytes() == before
    assert main(["test", str(cart)]) == 0


def test_a_call_that_nobody_understands_fails_the_case_and_is_not_written(
    cart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (cart / "cases" / "a-small-cart" / "events.ndjson").open("a") as file:
        file.write('nonsense\n{"type": "track", "userId": "ada", "event": "Cart Modified"}\n')
    for options in ([], ["--update"]):
        assert main(["test", str(cart), *options]) == 1
        printed = capsys.readouterr().out
        assert "events.ndjson:3: no JSON" in printed and "events.ndjson:4: " in printed
        assert "1 passed, 1 failed" in printed
        assert "1 case with calls that nobody understands: nothing is written before they are corrected" in printed
        assert "--update" not in printed


def test_a_new_case_with_such_calls_is_not_recommended_to_be_written(
    cart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = cart / "cases" / "a-small-cart"
    (case / "expected.ndjson").unlink()
    with (case / "events.ndjson").open("a") as file:
        file.write("nonsense\n")
    (cart / "expected.ndjson").write_text("")
    assert main(["test", str(cart)]) == 1
    printed = capsys.readouterr().out
    assert "1 failed, 1 new" in printed and "events.ndjson:3: no JSON" in printed
    assert printed.endswith(
        "1 case with calls that nobody understands: nothing is written before they are corrected\n"
        "if the others are right as they are, `journeys test --update` writes their expected.ndjson\n"
    )
    assert main(["test", str(cart), "--update"]) == 1
    printed = capsys.readouterr().out
    assert "1 new, 1 written" in printed and "--update" not in printed
    assert not (case / "expected.ndjson").exists()


def test_coverage(cart: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shutil.rmtree(cart / "cases")
    options = ["test", str(cart), "--cov-report", str(tmp_path / "cov")]
    assert main([*options, "--cov-fail-under", "92"]) == 0
    assert main([*options, "--cov-fail-under", "93"]) == 1
    printed = capsys.readouterr().out
    assert "size → everyone_else" in printed
    assert "journey coverage is 92.85 %, and 93 % is asked for" in printed
    assert (tmp_path / "cov" / "cart-abandonment.svg").exists() and (tmp_path / "cov" / "index.html").exists()


def test_json(cart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cart / "cases" / "a-small-cart" / "expected.ndjson").write_text("")
    assert main(["test", str(cart), "--json", "--cov"]) == 1
    document = json.loads(capsys.readouterr().out)
    passed, failed = document["cases"]
    assert (passed["case"], passed["status"], passed["records"], passed["difference"]) == ("cart", "passed", 30, [])
    assert (failed["case"], failed["status"], len(failed["difference"])) == ("cases/a-small-cart", "failed", 10)
    assert "Cart Modified" in failed["story"]
    assert document["coverage"]["percent"] == 100
    assert document["coverage"]["journeys"][0]["missing"] == []


def test_nothing_to_test(cart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (cart / "until.txt").write_text("tomorrow")
    broken = Path(shutil.copytree(EXAMPLES / "onboarding", tmp_path / "broken"))
    (broken / "space.json").write_text('{"format": "journeys/1", "journeys": [{"key": "J"}]}')
    for arguments, told in (
        ([str(tmp_path / "empty")], "no case here"),
        ([str(tmp_path / "none")], "no such file or folder"),
        ([str(cart), "--only", "nope"], "--only nope: none of cart, cases/a-small-cart"),
        ([str(cart)], "until.txt: "),
        ([str(broken)], "$.journeys[0]"),
    ):
        assert main(["test", *arguments]) == 2
        printed = capsys.readouterr()
        assert told in printed.err and printed.out == ""
    shutil.rmtree(cart / "cases")
    (cart / "space.json").unlink()
    assert main(["test", str(cart)]) == 2
    assert "there is no space.json here or in a folder above" in capsys.readouterr().err


def test_cases_are_found_by_folder_and_by_space(cart: Path) -> None:
    assert [case.name for case in cases_in(cart)] == ["cart", "cases/a-small-cart"]
    other = Path(shutil.copytree(EXAMPLES / "onboarding", cart / "other"))
    assert [case.name for case in cases_in(cart / "space.json")] == ["cart", "cases/a-small-cart"]
    assert [case.name for case in cases_in(other / "space.json")] == ["other"]
    assert all(case.run().status == "passed" for case in cases_in(cart))

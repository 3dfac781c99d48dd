"""``journeys validate``, ``schema`` and ``draw``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from journeys.cli import main
from tests.reference.compare import case
from tests.support import branch, delay, hold, if_else, journey, run, send, space, track, trait

VALID = space(
    journey(
        {
            "hold": hold("PT2H", branch("bought", "Order"), timeout="split"),
            "split": if_else(trait("vip", "exists"), "mail"),
            "mail": send(),
        },
        key="cart",
        name="Cart",
    ),
    journey({"wait": delay("P1D", "mail"), "mail": send()}, key="other"),
)
BROKEN = space(journey({"a": delay("PT1H", "nowhere"), "b": send()}), journey({"a": send(to="nobody")}, key="k"))


def written(folder: Path, document: Any, name: str = "space.json") -> str:
    (folder / name).write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return str(folder / name)


# validate

HOOK = {"type": "webhook", "url": "https://hooks.example/x", "secret": {"env": "JOURNEYS_HOOK"}}


def problems_of(tmp_path: Path, capsys: pytest.CaptureFixture[str], destination: Any, *options: str) -> list[Any]:
    path = written(tmp_path, VALID | {"destinations": VALID["destinations"] | {"hook": destination}})
    code = main(["validate", path, "--json", *options])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == (1 if found else 0)
    return found


def test_the_options_of_destinations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told with the path that they have in the document, and with the nearest match."""
    monkeypatch.delenv("JOURNEYS_HOOK", raising=False)
    assert problems_of(tmp_path, capsys, HOOK) == []
    wrong = HOOK | {"ulr": "x", "headers": {"x-a": 1}, "secret": "whsec_taint"}
    found = problems_of(tmp_path, capsys, wrong)
    assert [(each["code"], each["path"]) for each in found] == [
        ("unknown_field", "$.destinations.hook.ulr"),
        ("literal_secret", "$.destinations.hook.secret"),
        ("wrong_type", '$.destinations.hook.headers["x-a"]'),
    ]
    assert found[0]["hint"] == "did you mean 'url'?"
    assert "taint" not in str(found)
    found = problems_of(tmp_path, capsys, HOOK, "--secrets")
    assert [(each["code"], each["path"]) for each in found] == [("missing_secret", "$.destinations.hook.secret")]
    monkeypatch.setenv("JOURNEYS_HOOK", "whsec_" + "A" * 40)
    assert problems_of(tmp_path, capsys, HOOK, "--secrets") == []


def test_private_networks_are_allowed_by_whoever_runs_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inside = {"type": "webhook", "url": "http://10.1.2.3/hook"}
    for options in ([], ["--allow-http"], ["--allow-network", "10.1.2.3"]):
        assert [each["path"] for each in problems_of(tmp_path, capsys, inside, *options)] == ["$.destinations.hook.url"]
    assert problems_of(tmp_path, capsys, inside, "--allow-http", "--allow-network", "10.1.2.0/24") == []
    assert main(["validate", str(tmp_path / "space.json"), "--allow-network", "ten"]) == 2
    assert "10.1.2.0/24" in capsys.readouterr().err


def test_a_valid_space(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, VALID)
    assert main(["validate", path]) == 0
    assert capsys.readouterr().out == f"{path}: no problems\n"


def test_every_problem_with_its_path_and_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """L1: all at once; exit code 1."""
    assert main(["validate", written(tmp_path, BROKEN)]) == 1
    told = capsys.readouterr().out
    assert "3 problems" in told
    for part in (
        "$.journeys[0].steps.a.next",
        "[unknown_step]",
        "$.journeys[0].steps.b",
        "[unreachable_step]",
        "$.journeys[1]",
        "nobody",
    ):
        assert part in told


def test_problems_as_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--json", written(tmp_path, BROKEN)]) == 1
    problems = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [sorted(each) for each in problems] == [["code", "hint", "message", "path"]] * 3
    assert main(["validate", "--json", written(tmp_path, VALID)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        '{"a":1,"a":2}',
        '{"format":"journeys/1","x":' + "9" * 5000 + "}",
        "\ufeff{}",
        '"\\ud800"',
    ],
)
def test_text_that_is_no_space(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """L1: also a problem, never an exception."""
    assert main(["validate", written(tmp_path, text)]) == 1
    assert "1 problem" in capsys.readouterr().out


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("validate", "draw"):
        assert main([command, str(tmp_path / "none.json")]) == 2
        assert "none.json" in capsys.readouterr().err


# schema


def test_the_schema_is_one_and_takes_what_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    """Format: draft 2020-12."""
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(VALID)
    for seed in range(8):
        assert validator.is_valid(case(seed).space), seed
    for broken in (
        {},
        {**VALID, "format": "journeys/2"},
        {**VALID, "jurneys": []},
        {**VALID, "journeys": [{"key": "x"}]},
    ):
        assert not validator.is_valid(broken)


# draw


@pytest.mark.parametrize("format", ["mermaid", "text"])
def test_all_journeys(tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str) -> None:
    assert main(["draw", written(tmp_path, VALID), "--format", format]) == 0
    drawn = capsys.readouterr().out
    for part in ("bought", "mail", "Cart"):
        assert part in drawn


def test_one_journey_as_svg(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, VALID)
    assert main(["draw", path, "cart", "--format", "svg"]) == 0
    assert ElementTree.fromstring(capsys.readouterr().out).tag.endswith("svg")
    assert main(["draw", path, "--format", "svg"]) == 2
    assert "cart, other" in capsys.readouterr().err


def test_an_unknown_journey(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", written(tmp_path, VALID), "cat"]) == 2
    assert "did you mean 'cart'" in capsys.readouterr().err


def test_an_invalid_space_is_not_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", written(tmp_path, BROKEN)]) == 1
    assert "3 problems" in capsys.readouterr().err


def test_with_counts_of_a_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(VALID, [track("Start", "0", f"u{n}") for n in range(1234)])
    trace = written(tmp_path, "\n".join(json.dumps(record) for record in done.trace), "trace.ndjson")
    for format in ("mermaid", "text", "svg"):
        assert main(["draw", written(tmp_path, VALID), "cart", "--trace", trace, "--format", format]) == 0
        drawn = capsys.readouterr().out
        assert "1,234" in drawn or "1234" in drawn


@pytest.mark.parametrize("format", ["mermaid", "text"])
def test_random_spaces_can_be_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str) -> None:
    for seed in range(12):
        one = case(seed, count=20)
        trace = written(tmp_path, "\n".join(json.dumps(record) for record in one.expected()), "trace.ndjson")
        assert main(["draw", written(tmp_path, one.space), "--trace", trace, "--format", format]) == 0
        assert capsys.readouterr().out


def test_a_trace_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("{", "7", '{"kind": 7}', "[]"):
        trace = written(tmp_path, text, "trace.ndjson")
        code = main(["draw", written(tmp_path, VALID), "cart", "--trace", trace])
        told = capsys.readouterr()
        assert code in (0, 2) and "Traceback" not in told.err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    for command in ("simulate", "validate", "schema", "draw"):
        assert command in told
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2

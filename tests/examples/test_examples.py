"""The examples: Python and JSON say the same, and what happens is what the golden files say, however it is run.

The golden traces were checked by hand against the contract (the docstring of each example tells what must happen and
why). `JOURNEYS_UPDATE_GOLDEN=1` writes `space.json` and `expected.ndjson` anew: read the difference before it is kept.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from journeys import Evaluator, ManualClock, dump_space, load_space, validate
from journeys.cli import main
from journeys.destinations import Record
from tests.examples.golden import EXAMPLES, NAMES, UPDATES, lines_of, readable, space_of, until_of
from tests.reference import interpreter

FILES = {"journey.py", "space.json", "events.ndjson", "expected.ndjson"}
#: what an example must show somewhere, by how its answers and its trace tell
STATUSES = {"accepted", "duplicate", "late"}


def simulated(name: str, capsys: pytest.CaptureFixture[str], *options: str) -> list[Any]:
    until = until_of(name)
    arguments = [str(EXAMPLES / name / "space.json"), str(EXAMPLES / name / "events.ndjson"), *options]
    code = main(["simulate", *arguments, *(["--until", until] if until else [])])
    printed = capsys.readouterr()
    assert (code, printed.err) == (0, "")
    return [json.loads(line) for line in printed.out.splitlines()]


def expected(name: str) -> list[Any]:
    return lines_of(EXAMPLES / name / "expected.ndjson")


def test_there_are_as_many_as_the_readme_of_the_examples_lists() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert len(NAMES) == 13
    assert [name for name in NAMES if f"]({name}/)" not in listed] == []


@pytest.mark.parametrize("name", NAMES)
def test_python_and_json_say_the_same(name: str) -> None:
    space = space_of(name)
    file = EXAMPLES / name / "space.json"
    if UPDATES:
        file.write_text(readable(dump_space(space)) + "\n", encoding="utf-8")
    text = file.read_text(encoding="utf-8")
    assert dump_space(space) == json.loads(text)
    assert load_space(text) == space
    assert text == readable(json.loads(text)) + "\n"
    assert validate(space) == []


@pytest.mark.parametrize("name", NAMES)
def test_trace(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    trace = simulated(name, capsys)
    if UPDATES:
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in trace)
        (EXAMPLES / name / "expected.ndjson").write_text(lines, encoding="utf-8")
    assert trace == expected(name)


@pytest.mark.parametrize("name", NAMES)
def test_trace_on_a_durable_store_begun_and_gone_on_with(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path / 'journeys.db'}"
    assert simulated(name, capsys, "--store", store) == expected(name)
    assert simulated(name, capsys, "--store", store) == expected(name)  # nothing is applied twice


@pytest.mark.parametrize("name", NAMES)
def test_trace_of_the_independent_reference(name: str) -> None:
    """The oracle of `tests/reference` does not send what audiences and computed traits send."""
    space = json.loads((EXAMPLES / name / "space.json").read_text(encoding="utf-8"))
    trace = interpreter.simulate(space, lines_of(EXAMPLES / name / "events.ndjson"), until_of(name))
    assert [*trace] == [record for record in expected(name) if "journey" in record]


@pytest.mark.parametrize("name", NAMES)
def test_an_evaluator_does_the_same_call_by_call(name: str) -> None:
    space = space_of(name)
    destinations = {key: Record(list=each.list) for key, each in space.destinations.items()}
    until = until_of(name)
    with Evaluator(space, destinations=destinations, clock=ManualClock("2026-01-01T00:00:00Z")) as evaluator:
        answers = [evaluator.feed(call) for call in lines_of(EXAMPLES / name / "events.ndjson")]
        if until is None:
            evaluator.settle()
        else:
            evaluator.advance(until)
        assert {answer.status for answer in answers} <= STATUSES
        assert [*evaluator.trace()] == expected(name)
    sent = [record for record in expected(name) if record["kind"] == "sent"]
    delivered = [each for record in destinations.values() for each in record.deliveries]
    assert {(record["delivery"], json.dumps(record["payload"])) for record in sent} == {
        (each.id, json.dumps(each.payload)) for each in delivered if each.call not in ("add", "remove")
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_trace_is_in_order_and_every_instance_makes_sense(name: str) -> None:
    trace = expected(name)
    assert [(each["at"], each["profile"]) for each in trace] == sorted((each["at"], each["profile"]) for each in trace)
    by_instance: dict[str, list[str]] = {}
    for record in trace:
        if "journey" in record:
            by_instance.setdefault(record["instance"], []).append(record["kind"])
    for kinds in by_instance.values():
        assert kinds[0] == "entered"
        assert kinds.count("entered") == 1 and kinds.count("completed") <= 1 and kinds.count("goal") <= 1


def test_together_they_show_what_happens_in_real_life() -> None:
    """A duplicate, a late call, a restart, a link, a merge, an exit of each kind, a skipped message, a list."""
    seen, statuses = set(), set()
    for name in NAMES:
        space = space_of(name)
        with Evaluator(space, clock=ManualClock("2026-01-01T00:00:00Z")) as evaluator:
            statuses |= {evaluator.feed(call).status for call in lines_of(EXAMPLES / name / "events.ndjson")}
        seen |= {record["kind"] for record in expected(name)}
    assert statuses == STATUSES
    assert seen >= {"restarted", "merged", "exited", "goal", "skipped", "list_added", "list_removed", "completed"}


@pytest.mark.parametrize("name", NAMES)
def test_files(name: str) -> None:
    files = {each.name for each in (EXAMPLES / name).iterdir() if each.is_file() and not each.name.startswith("test_")}
    assert files - {"until.txt"} == FILES
    docstring = ast.get_docstring(ast.parse((EXAMPLES / name / "journey.py").read_text(encoding="utf-8"))) or ""
    assert "What the events tell" in docstring


def test_examples_need_nothing_but_the_library() -> None:
    import sys

    ours = {each.stem for each in EXAMPLES.glob("*.py")} | {"journeys", "segment"}  # `live` shows Segment's own client
    for file in EXAMPLES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            roots = {name.partition(".")[0] for name in names}
            assert roots <= ours | sys.stdlib_module_names | {"__future__"}, file

"""The tables of the reference say what the code says: no class, field, default, code or option is forgotten."""

from __future__ import annotations

import argparse
import inspect
import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

import journeys
from journeys.cli import _serve, parser
from journeys.codec.vocabulary import TAGGED, object_of
from journeys.model import conditions, entries, journey, space, steps
from journeys.plan.codes import CODES
from journeys.plan.limits import DEFAULT_LIMITS, SEGMENT_LIMITS, Limits
from journeys.runtime.destinations import registry
from tests.docs.blocks import PAGES, ROOT

REFERENCE = ROOT / "docs" / "reference"
TEXT = {path.name: path.read_text(encoding="utf-8") for path in sorted(REFERENCE.glob("*.md"))}

CLASSES = {
    name: cls
    for module in (conditions, entries, journey, space, steps)
    for name, cls in vars(module).items()
    if isinstance(cls, type) and attrs.has(cls) and cls.__module__ == module.__name__ and not name.startswith("_")
} | {"Limits": Limits}
#: made by functions and never written by hand
MADE = {"EventBuilder"}


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next of its level or above."""
    match = re.search(rf"^(#+) {re.escape(title)}$(.*?)(?=^#{{1,3}} |\Z)", page, re.M | re.S)
    assert match, f"there is no heading {title!r}"
    return match[2]


def table(text: str) -> list[list[str]]:
    """The rows of the first table, without its heading; cells as they are written."""
    lines = re.search(r"(?:^\|.*\|\n)+", text + "\n", re.M)
    assert lines, "there is no table"
    rows = [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in lines[0].splitlines()]
    return rows[2:]


def names(rows: list[list[str]]) -> list[str]:
    """What stands in code style in the first column."""
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row[0])]


def default_of(cls: type[Any], field: attrs.Attribute[Any]) -> str:
    default = field.default
    if default is attrs.NOTHING:
        return "required"
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        if default.takes_self:
            return "its key"
        default = default.factory()
    if attrs.has(type(default)) and type(default) is not journeys.Duration:
        return f"`{json.dumps(object_of(type(default)).dump(default))}`"
    shape = object_of(cls).shapes.get(field.name)
    return f"`{json.dumps(shape.dump(default) if shape is not None else dict(default))}`"


# the model


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - MADE - {"Limits"}))
def test_every_field_and_its_default(name: str) -> None:
    cls = CLASSES[name]
    pages = [page for page, text in TEXT.items() if re.search(rf"^### {name}$", text, re.M)]
    assert len(pages) == 1, f"{name} should have one section, and has {pages}"
    text = section(TEXT[pages[0]], name)
    inherited = {"name", "description"} if issubclass(cls, steps.Step) and cls is not steps.Step else set()
    fields = [field for field in attrs.fields(cls) if field.name not in inherited]
    assert [(row[0], row[2]) for row in table(text)] == [
        (f"`{field.name}`", default_of(cls, field)) for field in fields
    ]
    assert all(row[1] and row[3] for row in table(text))
    if cls in TAGGED:
        assert f'`"type": "{TAGGED[cls]}"`' in text


def test_operators() -> None:
    rows = table(section(TEXT["conditions.md"], "Operators"))
    assert [row[0] for row in rows] == [f"`{op}`" for op in conditions.OPERATORS]
    signs = {"==": "__eq__", "!=": "__ne__", "<": "__lt__", ">": "__gt__", "<=": "__le__", ">=": "__ge__"}
    made = {}
    for operator, python, _ in rows:
        method = getattr(journeys.prop("x"), signs.get(python.strip("`"), python.strip("`")))
        parameters = list(inspect.signature(method).parameters)
        value = ["P1D"] if parameters == ["duration"] else [["a"]] if parameters == ["values"] else ["a"]
        made[operator.strip("`")] = method(*(value if parameters else [])).op
    assert made == {operator: operator for operator in conditions.OPERATORS}


def test_computations() -> None:
    assert names(table(TEXT["computed-traits.md"])) == [*space.COMPUTATIONS]


def test_statuses_and_small_vocabularies() -> None:
    text = TEXT["entries.md"] + TEXT["steps.md"]
    for word in (*journey.STATUSES, *entries.REENTRY, *steps.CHANNELS):
        assert f"`{word}`" in text, word


def test_limits() -> None:
    def shown(value: object) -> str:
        return "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)

    rows = table(section(TEXT["entries.md"], "Limits"))
    assert [row[:3] for row in rows] == [
        [f"`{field.name}`", shown(getattr(DEFAULT_LIMITS, field.name)), shown(getattr(SEGMENT_LIMITS, field.name))]
        for field in attrs.fields(Limits)
    ]


def test_problem_codes() -> None:
    assert table(TEXT["problems.md"]) == [[f"`{code}`", meaning] for code, meaning in CODES.items()]
    rows = table(section(TEXT["problems.md"], "Of destinations"))
    assert rows == [[f"`{code}`", meaning] for code, meaning in registry.CODES.items()]
    found = set(re.findall(r'(?:report\.add|Problem)\(\s*"(\w+)"', source("runtime/destinations")))
    assert found == registry.CODES.keys() | {"unknown_type", "wrong_value"}


# what happens


def source(*rooms: str) -> str:
    src = ROOT / "src" / "journeys"
    return "\n".join(path.read_text(encoding="utf-8") for room in rooms for path in sorted((src / room).rglob("*.py")))


def test_trace_kinds() -> None:
    engine = source("engine")
    recorded = set(re.findall(r"\brecord\(.*?\b(?:instance|None), \"(\w+)\"", engine))
    recorded |= set(re.findall(r"\bend\(\w+, \w+, \"(\w+)\"", engine))
    assert len(recorded) > 10
    documented = names(table(TEXT["trace.md"]))
    assert recorded <= {*documented}, "a kind of record is not documented"
    assert [kind for kind in documented if f'"{kind}"' not in source("engine", "runtime")] == []
    assert len(documented) == 16


def test_fields_of_trace_records() -> None:
    """Every field that the golden traces of the examples show is documented."""
    documented = {row[0].strip("`"): set(re.findall(r"`(\w+)`", " ".join(row[1:]))) for row in table(TEXT["trace.md"])}
    common = {"at", "profile", "kind", "journey", "version", "instance"}
    for path in (ROOT / "examples").glob("*/expected.ndjson"):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            assert record.keys() - common <= documented[record["kind"]], record


def test_counters() -> None:
    counted = set(re.findall(r"count(?:er|ed|ers)\[\"(\w+)\"\]", source("engine", "runtime")))
    assert names(table(TEXT["counters.md"])) and {*names(table(TEXT["counters.md"]))} == counted


def test_reasons_for_which_calls_are_rejected() -> None:
    text = source("runtime")
    reasons = set(re.findall(r"InvalidCall\(\s*\"(\w+)\"", text)) | set(
        re.findall(r"Answer\(\"rejected\", \"(\w+)\"", text)
    )
    reasons |= {"wrong_properties", "wrong_traits"}  # f"wrong_{field}"
    answers = TEXT["calls.md"][TEXT["calls.md"].index("## Answers") :]
    statuses, documented = (table(part) for part in answers.split("```text"))
    assert {*names(documented)} == reasons
    assert [row[0] for row in statuses] == ["`accepted`", "`late`", "`duplicate`", "`rejected`"]


def test_the_evaluator_has_what_is_documented() -> None:
    """Not the other way round: not everything that it has is for the reference."""
    text = TEXT["evaluator.md"]
    assert names(table(text)) == [*inspect.signature(journeys.Evaluator).parameters]
    methods = [name for row in re.findall(r"^\| (`.*?)\|", text, re.M) for name in re.findall(r"`(\w+)", row)]
    methods = [name for name in methods if name not in names(table(text))]
    assert len(methods) > 20
    for name in [*methods, *names(table(TEXT["calls.md"]))]:
        assert hasattr(journeys.Evaluator, name), name


# the command line


def commands() -> dict[str, argparse.ArgumentParser]:
    """All commands; also those of modules that are not yet part of the parser."""
    root = parser()
    (action,) = [each for each in root._actions if isinstance(each, argparse._SubParsersAction)]
    if "serve" not in action.choices:
        _serve.add_commands(action)
    return dict(action.choices)


def test_every_command() -> None:
    documented = re.findall(r"^### journeys (\S+)$", TEXT["command-line.md"], re.M)
    assert sorted(documented) == sorted(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_option(name: str) -> None:
    options = [each for each in commands()[name]._actions if not isinstance(each, argparse._HelpAction)]
    text = section(TEXT["command-line.md"], f"journeys {name}")
    documented = {row[0].strip("`"): row[1] for row in table(text)} if options else {}
    assert sorted(documented) == sorted(map(_shown, options))
    for option in options:
        assert [choice for choice in option.choices or () if f"`{choice}`" not in documented[_shown(option)]] == []


def _shown(option: argparse.Action) -> str:
    """How the table shows it: `SPACE.json`, `--json`, `--store URL`, and `--format` with its choices beside it."""
    if not option.option_strings:
        return str(option.metavar)
    value = option.metavar or option.dest.upper()
    return option.option_strings[0] + (f" {value}" if option.nargs != 0 and not option.choices else "")


# the pages themselves


def pages() -> list[Path]:
    return [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "examples" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, link


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    missing = [
        str(path.relative_to(ROOT / "docs"))
        for path in (ROOT / "docs").rglob("*.md")
        if path.name != "index.md" and f"]({path.relative_to(ROOT / 'docs')})" not in index
    ]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_path_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(work|home|root|tmp|Users)/", text)


def test_contributing_names_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/.]+(?:\.py|\.md|/))`", text))
    assert len(named) > 25
    places = (ROOT, ROOT / "src" / "journeys")
    assert [name for name in named if not any((place / name).exists() for place in places)] == []

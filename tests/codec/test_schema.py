"""The JSON Schema says what the codec does."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeys.codec import dump_space, json_schema, load_space
from journeys.errors import InvalidDefinition
from journeys.model.space import Space
from tests.codec.test_documents import IDS, REFUSED
from tests.strategies import spaces

DATA = Path(__file__).parent.parent / "data"
EXAMPLES = [json.loads(path.read_text("utf-8")) for path in sorted(DATA.glob("*.json"))]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
#: what a schema cannot say
BEYOND = {"too_deep", "lone_surrogate", "number_out_of_range"}


def loads(document: Any) -> bool:
    try:
        load_space(document)
    except InvalidDefinition as error:
        return {each.code for each in error.problems} <= BEYOND
    return True


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(json_schema())) == json_schema()
    assert json_schema() is not json_schema()  # nobody's change is another's


def test_every_definition_is_closed_and_described() -> None:
    schema = json_schema()
    for name, each in {"Space": schema, **schema["$defs"]}.items():
        assert each["title"] == name
        assert len(each["description"]) > 15
        if each.get("type") == "object" and name != "DestinationDefinition":
            assert each["additionalProperties"] is False


@pytest.mark.parametrize("document", EXAMPLES, ids=lambda each: each["key"])
def test_it_accepts_the_examples(document: Any) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(spaces())
def test_it_accepts_every_space(space: Space) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(dump_space(space))] == []


def sayable(document: Any, code: str) -> bool:
    """Whether a schema can say that the document is refused."""
    try:
        text = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError):  # no JSON at all: NaN, bytes, a number of 5000 digits
        return False
    return isinstance(document, dict) and code not in BEYOND and "P10000Y" not in text and "[1, 2]" not in text


SAYABLE = [(name, each[0]) for name, each in zip(IDS, REFUSED, strict=True) if sayable(each[0], each[1])]


@pytest.mark.parametrize("document", [each for _, each in SAYABLE], ids=[name for name, _ in SAYABLE])
def test_it_refuses_what_the_codec_refuses(document: Any) -> None:
    assert not VALIDATOR.is_valid(document)


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every list or object of a document with each of its indices or names."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        each = waiting.pop()
        if isinstance(each, (dict, list)):
            for name in each if isinstance(each, dict) else range(len(each)):
                found.append((each, name))
                waiting.append(each[name])
    return found


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 1.9, 100.0, 2**31, 1e300, "", "a", "A", "a\n", "exit", "P1D", "PT0S", "-PT1H",
    "P1.5D", "P1.5DT1H", "P", "PT", "P1D\n", "P1M1Y", "PT1,5S", "P\u0661D", "09:00", "09:00:00", "9:00", "09:00\n",
    "mon", "equals", "exists", "within_last", "equals_any_of", "track", "once", "all", "draft", "archive", "record",
    "webhook", "event", "not", "delay", "data_split", "event_entry", [], ["mon"], ["mon", "mon"], [1], ["a", "b"],
    ["P2D", "P1D"], {}, {"type": "delay"}, {"type": "record"}, {"type": "record", "url": 1}, {"trait": "a"},
    {"trait": "a", "b": 1}, {"trait": 1}, {"context": ["A", "b"]}, {"context": ["A"]}, {"first": "a"},
    {"profile": "id"}, {"profile": "x"}, {"template": "{{ a }}"}, {"at_least": 1}, {"at_least": 1.0},
    {"at_least": None}, {"at_least": 1, "exactly": 1}, {"time": "09:00"}, {"time": "09:00", "context": ["A", "b"]},
    {"migrate": {}}, {"a": {"b": 1}},
    {"type": "audience", "audience": "a"}, {"type": "all", "conditions": []}, {"event": "A"},
    {"property": "a", "op": "exists", "value": None}, {"property": "a", "op": "equals"},
]  # fmt: skip
NAMES = [
    "type",
    "key",
    "name",
    "next",
    "value",
    "op",
    "where",
    "event",
    "within",
    "between",
    "list",
    "x",
    "A b",
    "format",
]


@st.composite
def mutants(draw: Any) -> Any:
    """A document of the examples or of a random space, changed in one to three places."""
    document = copy.deepcopy(draw(st.sampled_from(EXAMPLES) | spaces().map(dump_space)))
    for _ in range(draw(st.integers(1, 3))):
        everywhere = places(document)
        if not everywhere:
            break
        inside, name = draw(st.sampled_from(everywhere))
        kind = draw(st.sampled_from(["replace", "replace", "remove", "add", "rename"]))
        value = copy.deepcopy(draw(st.sampled_from(VALUES)))
        if kind == "replace":
            inside[name] = value
        elif kind == "remove":
            del inside[name]
        elif isinstance(inside, list):
            inside.append(value)
        elif kind == "add":
            inside[draw(st.sampled_from(NAMES))] = value
        else:
            inside[draw(st.sampled_from(NAMES))] = inside.pop(name)
    return document


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutants())
def test_both_accept_and_refuse_the_same(document: Any) -> None:
    assert loads(document) == VALIDATOR.is_valid(document)

"""Operations as JSON: what is read, what is refused and where, and the schema that says the same."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import jsonschema
import pytest

from journeys import InvalidDefinition, Problem, editing
from journeys.runtime.editing import operations as o
from journeys.runtime.editing.apply import apply
from journeys.runtime.editing.documents import dump_operation, load_operation, operation_schema
from tests.runtime.editing.samples import edits, space_of


def documents(seeds: range) -> list[dict[str, Any]]:
    """Documents of every type of operation: random ones, their inverses, and several as one."""
    found = []
    for seed in seeds:
        for before, operation in edits(seed, 4):
            edited = apply(before, operation, check=False)
            found.append(dump_operation(operation))
            if edited.inverse is not None:
                found += [dump_operation(edited.inverse), dump_operation(o.Together([operation, edited.inverse]))]
    return json.loads(json.dumps(found))


def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    if isinstance(value, dict):
        for name, each in value.items():
            yield from places(each, (*path, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from places(each, (*path, index))


def spoiled(rng: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    """The document with one thing in it changed; now and then that is no harm."""
    made = {"": copy.deepcopy(document)}
    *outer, last = ("", *rng.choice([path for path in places(document) if path]))
    place: Any = made
    for name in outer:
        place = place[name]
    match rng.choice(["gone", "other", "more", "letters"]):
        case "gone" if isinstance(place, dict):
            del place[last]
        case "more" if isinstance(place, dict):
            place[f"{last}x"] = 1
        case "letters" if isinstance(place[last], str):
            place[last] = place[last][::-1]
        case _:
            place[last] = rng.choice([None, True, -1, 1.5, "", "x y", [], {}, ["a"], {"a": 1}])
    return made[""]


def problems_of(document: Any) -> tuple[Problem, ...] | None:
    """Why a document is refused; None if it is not."""
    try:
        load_operation(document)
    except InvalidDefinition as error:
        return error.problems
    return None


def test_the_schema_accepts_what_is_read_and_nothing_else() -> None:
    schema = operation_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    accepts = jsonschema.Draft202012Validator(schema).is_valid
    rng, refused, accepted = random.Random(1), 0, 0
    for document in documents(range(4)):
        assert accepts(document) and dump_operation(load_operation(document)) == document
        for _ in range(3):
            other = spoiled(rng, document)
            problems = problems_of(other)
            if problems is None:
                accepted += 1
                assert accepts(other), other
                continue
            refused += 1
            assert all(each.path.startswith("$") and each.message for each in problems)
            if all(each.code != "wrong_value" for each in problems):  # what only a class itself can say
                assert not accepts(other), (other, problems)
    assert refused > 30 and accepted > 5


def test_every_operation_is_public_and_in_the_schema() -> None:
    schema = operation_schema()
    for cls in o.OPERATIONS:
        assert getattr(editing, cls.__name__) is cls
        assert cls.__name__ in schema["$defs"]
    assert editing.__all__ == sorted(editing.__all__)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidDefinition) as told:
        load_operation('{"type": "insert", "key": "A", "step": {"type": "delay", "duration": "1h", "nxt": "b"}}')
    assert [(each.code, each.path) for each in told.value.problems] == [
        ("bad_key", "$.key"),
        ("bad_duration", "$.step.duration"),
        ("unknown_field", "$.step.nxt"),
    ]
    with pytest.raises(InvalidDefinition, match="not_json"):
        load_operation("{")


def test_an_edit_of_a_space_is_plain_data() -> None:
    found = space_of(3)
    edited = apply(found, o.Describe(name="Shown", journey=found.journeys[0].key))
    document = json.loads(json.dumps(edited.to_json()))
    assert document["result"]["journeys"][0]["name"] == "Shown" and document["problems"] == []
    assert document["inverse"]["type"] == "restore" and document["failed"] is None

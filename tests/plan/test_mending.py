"""Problems of form and of meaning are told at once, and what follows from a part that cannot be read is none (L1)."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from journeys import Evaluator, InvalidDefinition, Journey, Space
from journeys.codec import load_space
from journeys.codec.problems import element, member, segments
from journeys.destinations import Record
from journeys.model import steps as s
from journeys.model.entries import EventEntry
from journeys.plan.validate import examine, validate
from tests.reference.generate import random_space

ENTRY = {"type": "event_entry", "event": "A"}
WAIT = {"type": "delay", "duration": "P1D"}


def journey(**fields: Any) -> dict[str, Any]:
    return {"key": "j", "entry": ENTRY, "start": "a", "steps": {"a": WAIT}, **fields}


def space(*journeys: Any, **fields: Any) -> dict[str, Any]:
    return {"format": "journeys/1", "journeys": [*journeys], **fields}


def mail(destination: str = "mail", **fields: Any) -> dict[str, Any]:
    return {"type": "send_to_destination", "activations": [{"destination": destination}], **fields}


def vip(name: str = "vip") -> dict[str, Any]:
    return {"type": "audience", "audience": name}


def codes(document: Any) -> list[str]:
    return [f"{each.path} {each.code}" for each in examine(document).problems]


def test_all_at_once() -> None:
    document = space(
        journey(steps={"a": {"type": "dely"}, "b": mail("mial"), "c": {"type": "delay", "duration": "PT0S"}}),
        journey(key="k", steps={"a": {**WAIT, "next": "b"}, "c": WAIT}),
        audiences=[{"key": "vip", "condition": vip("vlp")}],
        destinations={"mail": {"type": "record"}},
    )
    assert codes(document) == [
        "$.journeys[0].steps.a.type unknown_type",
        "$.audiences[0].condition.audience unknown_audience",
        "$.journeys[0].steps.b.activations[0].destination unknown_destination",
        "$.journeys[0].steps.c.duration not_positive",
        # and not that b and c cannot be reached: nobody knows where a leads
        "$.journeys[1].steps.a.next unknown_step",
        "$.journeys[1].steps.c unreachable_step",
    ]
    assert codes(json.dumps(document)) == codes(document)


#: a document, and its problems of form: nothing else is wrong with it, whatever follows
QUIET: dict[str, tuple[dict[str, Any], list[str]]] = {
    "where a step leads": (
        space(journey(steps={"a": {**WAIT, "nxt": "b"}, "b": WAIT})),
        ["$.journeys[0].steps.a.nxt unknown_field"],
    ),
    "where a journey begins": (
        space(journey(start=None, steps={"a": WAIT, "b": WAIT})),
        ["$.journeys[0].start wrong_type"],
    ),
    "the key of a step": (
        space(journey(start="B c", steps={"B c": {**WAIT, "next": "a"}, "a": WAIT})),
        ['$.journeys[0].steps["B c"] bad_key'],
    ),
    "the name of the audiences": (
        space(journey(entry={**ENTRY, "audience": "vip"}), audience=[{"key": "vip", "condition": vip()}]),
        ["$.audience unknown_field"],
    ),
    "the key of an audience": (
        space(journey(entry={**ENTRY, "audience": "VIP"}), audiences=[{"key": "VIP", "condition": vip()}]),
        ["$.audiences[0].key bad_key"],
    ),
    "an audience": (
        space(journey(entry={**ENTRY, "audience": "vip"}), audiences=[{"key": "vip", "condition": {"type": "none"}}]),
        ["$.audiences[0].condition.type unknown_type"],
    ),
    "all audiences": (space(journey(entry={**ENTRY, "audience": "vip"}), audiences=7), ["$.audiences wrong_type"]),
    "whether a destination is a list": (
        space(journey(steps={"a": {"type": "show_ad", "destination": "ads"}}), destinations={"ads": {"list": "yes"}}),
        ["$.destinations.ads.list wrong_type", "$.destinations.ads.type missing_field"],
    ),
    "the key of a destination": (
        space(journey(steps={"a": mail("A b")}), destinations={"A b": {"type": "record"}}),
        ['$.destinations["A b"] bad_key'],
    ),
    "an exit rule": (
        space(
            journey(exit_rules=[{"key": "x"}], exit_send={"rules": ["x"], "activation": {"destination": "m"}}),
            destinations={"m": {"type": "record"}},
        ),
        ["$.journeys[0].exit_rules[0].event missing_field"],
    ),
    "the name of the exit rules": (
        space(
            journey(exit_rule=[], exit_send={"rules": ["x"], "activation": {"destination": "m"}}),
            destinations={"m": {"type": "record"}},
        ),
        ["$.journeys[0].exit_rule unknown_field"],
    ),
    "a version": (space(journey(), journey(version="2", status="paused")), ["$.journeys[1].version wrong_type"]),
    "a status": (space(journey(), journey(version=2, status="pausd")), ["$.journeys[1].status wrong_value"]),
    "a limit": (
        space(journey(name="x" * 80), settings={"limits": "segment", "max_name_length": "100"}),
        ["$.settings.max_name_length wrong_type"],
    ),
    "a computed trait": (
        space(computed_traits=[{"key": "n", "type": "sum", "event": "E", "property": 7}]),
        ["$.computed_traits[0].property wrong_type"],
    ),
    "the steps": (space(journey(steps=[])), ["$.journeys[0].steps wrong_type"]),
    "a journey": (space(7, journey()), ["$.journeys[0] wrong_type"]),
    "all journeys": (space(journeys="j"), ["$.journeys wrong_type"]),
    "the format": ({"journeys": [journey()]}, ["$.format missing_field"]),
}  # fmt: skip


@pytest.mark.parametrize("what", QUIET)
def test_what_follows_from_a_part_that_cannot_be_read(what: str) -> None:
    document, problems = QUIET[what]
    assert codes(document) == problems
    assert codes({**document, "settings": {**document.get("settings", {}), "dedupe_window": "-PT1S"}}) == [
        *problems,
        "$.settings.dedupe_window negative_duration",  # the rest is looked at
    ]


def test_what_is_no_document_has_no_rest() -> None:
    assert codes("{") == ["$ not_json"]
    assert codes("[]") == ["$ wrong_type"]
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    assert codes({"format": "journeys/1", "x": deep}) == ["$ too_deep"]


def test_a_space_made_in_python() -> None:
    made = Space(
        journeys=[
            Journey(key="j", entry=EventEntry("A"), start="a", steps={"a": 7, "b": s.Delay("PT0S")}),  # type: ignore[dict-item]
        ]
    )
    assert [(each.path, each.code) for each in validate(made)] == [
        ("$.journeys[0].steps.a", "wrong_type"),
        ("$.journeys[0].steps.b.duration", "not_positive"),
    ]


def test_an_evaluator_tells_them_at_once_too() -> None:
    document = space(journey(steps={"a": {**mail(), "nxt": "b"}, "b": mail(), "c": mail("mial")}))
    with pytest.raises(InvalidDefinition) as raised:
        Evaluator(document, destinations={"mail": Record()})
    assert [each.path for each in raised.value.problems] == [
        "$.journeys[0].steps.a.nxt",
        "$.journeys[0].steps.c.activations[0].destination",
    ]


def test_paths_are_read_as_they_are_written() -> None:
    places: list[list[str | int]] = [["a", 0, "b c", 12, 'x"]\\.y', "é"], [], ["win-back"], [3]]
    for place in places:
        path = "$"
        for each in place:
            path = element(path, each) if isinstance(each, int) else member(path, each)
        assert segments(path) == place


def spots(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place inside a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in items:
        yield (*place, name)
        yield from spots(each, (*place, name))


def broken(document: Any, rng: random.Random) -> Any:
    """The document with one thing changed that may be no document of a space any more."""
    made = copy.deepcopy(document)
    *parents, last = rng.choice([*spots(made)])
    inside = made
    for each in parents:
        inside = inside[each]
    how = rng.choice(("lost", "other", "misspelt"))
    if how == "other":
        inside[last] = rng.choice((7, "A b", None, [], {}))
    elif isinstance(last, str):
        each = inside.pop(last)
        if how == "misspelt":
            inside[last + "e"] = each
    return made


def problems_of_form(document: Any) -> list[str]:
    try:
        load_space(document)
    except InvalidDefinition as error:
        return [f"{each.path} {each.code}" for each in error.problems]
    return []


def check_broken(seeds: range) -> int:
    looked = 0
    for seed in seeds:
        rng = random.Random(seed)
        whole = random_space(rng)
        for _ in range(20):
            document = broken(whole, rng)
            if form := problems_of_form(document):
                looked += 1
                assert codes(document) == form, (seed, document)
    return looked


def test_one_broken_part_of_a_valid_space_makes_no_noise() -> None:
    assert check_broken(range(12)) > 50


@pytest.mark.soak
def test_many_broken_parts_of_valid_spaces_make_no_noise() -> None:
    assert check_broken(range(1000)) > 5000

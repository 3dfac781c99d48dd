"""Definitions as documents: both ways the same, refused with all problems at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from journeys.codec import (
    dump,
    dump_condition,
    dump_journey,
    dump_space,
    json_schema,
    load,
    load_condition,
    load_journey,
    load_space,
)
from journeys.codec.vocabulary import CONDITIONS, ENTRIES, STEPS, object_of
from journeys.errors import InvalidDefinition, Problem
from journeys.model import conditions as c
from journeys.model import entries, journey, space
from journeys.model import steps as s
from journeys.model.conditions import context, event, prop, trait
from journeys.model.entries import ConditionEntry, EventEntry, ExitRule, Goal
from journeys.model.journey import Journey
from journeys.model.space import DestinationDefinition, Settings, Space
from journeys.plan.codes import CODES
from tests.strategies import spaces

DATA = Path(__file__).parent.parent / "data"
DOCUMENTS = sorted(DATA.glob("*.json"))


def test_a_count_that_is_a_number_is_shown_as_it_should_be() -> None:
    condition = {"type": "event", "event": "A", "count": 0}
    assert only(load_space, step(type="wait_for_condition", condition=condition)).hint == 'write {"exactly": 0}'
    condition["count"] = True
    assert only(load_space, step(type="wait_for_condition", condition=condition)).hint == ""


def test_a_list_of_choices_is_told_once() -> None:
    found = only(load_space, until(time="09:00", weekdays=["daily"]))
    assert found.hint == "" and found.expected == "one of mon, tue, wed, thu, fri, sat, sun"


def problems(load_it: Any, document: Any) -> list[Problem]:
    with pytest.raises(InvalidDefinition) as caught:
        load_it(document)
    found = list(caught.value.problems)
    assert {each.code for each in found} <= CODES.keys()
    return found


def only(load_it: Any, document: Any) -> Problem:
    (found,) = problems(load_it, document)
    return found


# ------------------------------------------------------------------------------------------------ both ways the same


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_examples_go_both_ways(path: Path) -> None:
    space = load_space(path.read_bytes())
    document = dump_space(space)
    assert load_space(document) == load_space(json.dumps(document)) == load_space(path.read_text("utf-8")) == space
    assert dump_space(load_space(document)) == document
    for each in space.journeys:
        assert load_journey(dump_journey(each)) == each


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(spaces())
def test_every_space_goes_both_ways(space: Space) -> None:
    document = dump_space(space)
    text = json.dumps(document)
    assert load_space(text) == space
    assert json.dumps(dump_space(load_space(text))) == text  # to the letter, order of fields included


def test_the_examples_hold_every_class() -> None:
    found: set[str] = set()

    def tags(value: Any) -> None:
        if isinstance(value, dict):
            found.add(str(value.get("type")))
            any(map(tags, value.values()))
        elif isinstance(value, list):
            any(map(tags, value))

    for path in DOCUMENTS:
        tags(json.loads(path.read_text("utf-8")))
    assert {object_of(cls).extra["type"] for cls in (*CONDITIONS, *STEPS, *ENTRIES)} <= found


def test_tags_are_class_names_in_snake_case() -> None:
    tags = {kind: {object_of(cls).extra["type"] for cls in kind} for kind in (STEPS, ENTRIES, CONDITIONS)}
    assert tags[CONDITIONS] == {"event", "trait", "audience", "context", "funnel", "all", "any", "not"}
    assert tags[ENTRIES] == {"event_entry", "condition_entry"}
    assert tags[STEPS] == {
        "wait_for_condition",
        "delay",
        "true_false_split",
        "multi_branch_split",
        "data_split",
        "randomized_split",
        "hold_until",
        "send_to_destination",
        "show_ad",
        "send_message",
    }


def test_python_and_json_say_the_same() -> None:
    """The example of the format, written both ways."""
    journey = Journey(
        key="cart-abandonment",
        name="Cart abandonment",
        entry=EventEntry("Cart Modified", where=[prop("value") >= 50], identifier="cart_id"),
        start="hold",
        steps={
            "hold": s.HoldUntil(
                name="Buys within two hours?",
                branches=[
                    s.Branch("bought", event="Order Completed"),
                    s.Branch("changed", event="Cart Modified", restart=True),
                ],
                max_duration="PT2H",
                timeout="nudge",
            ),
            "nudge": s.SendToDestination(
                [
                    s.Activation(
                        "email",
                        event="Cart Abandoned",
                        traits=["email", "first_name"],
                        mapping={"to": c.TraitRef("email"), "cart": c.ContextRef(("Cart Modified", "cart_id"))},
                    )
                ]
            ),
        },
        exit_rules=[ExitRule("logged-out", "Account Deleted")],
    )
    space = load_space((DATA / "cart-abandonment.json").read_text("utf-8"))
    assert space.journeys == (journey,)
    document = dump_journey(journey)
    assert document["steps"]["hold"] == {
        "type": "hold_until",
        "name": "Buys within two hours?",
        "branches": [
            {"name": "bought", "event": "Order Completed"},
            {"name": "changed", "event": "Cart Modified", "restart": True},
        ],
        "max_duration": "PT2H",
        "timeout": "nudge",
    }


def test_the_tag_comes_first_and_defaults_are_left_out() -> None:
    space = load_space((DATA / "everything.json").read_text("utf-8"))
    text = json.dumps(dump_space(space))
    assert text.startswith('{"format": "journeys/1", "key": "clinic"')
    for made in dump_space(space)["journeys"]:
        for each in made["steps"].values():
            assert next(iter(each)) == "type"
            assert None not in each.values()
    assert dump_space(Space()) == {"format": "journeys/1"}
    assert dump_condition(event("A")) == {"type": "event", "event": "A"}
    assert dump(Goal("A")) == {"event": "A"}
    assert dump(Settings()) == {}


def test_durations_keep_their_text() -> None:
    assert dump_condition(event("A").within("PT36H"))["within"] == "PT36H"
    assert dump(s.ContextTime(context=("A", "b"), offset="-PT1H")) == {"context": ["A", "b"], "offset": "-PT1H"}


@pytest.mark.parametrize(
    ("made", "document"),
    [
        (prop("a") == 1, {"property": "a", "op": "equals", "value": 1}),
        (prop("a") == None, {"property": "a", "op": "equals", "value": None}),  # noqa: E711
        (prop("a").exists(), {"property": "a", "op": "exists"}),
        (prop("a").within_last("P7D"), {"property": "a", "op": "within_last", "value": "P7D"}),
        (prop("a").is_in([1, "b"]), {"property": "a", "op": "equals_any_of", "value": [1, "b"]}),
        (prop("a") == trait("b"), {"property": "a", "op": "equals", "value": {"trait": "b"}}),
        (prop("a") == context("E", "b"), {"property": "a", "op": "equals", "value": {"context": ["E", "b"]}}),
        (prop("a") == c.first("b"), {"property": "a", "op": "equals", "value": {"first": "b"}}),
        (prop("a") == {"b": [{"trait": "c"}]}, {"property": "a", "op": "equals", "value": {"b": [{"trait": "c"}]}}),
    ],
)
def test_values_of_filters(made: c.Filter, document: dict[str, Any]) -> None:
    assert dump(made) == document
    assert load(c.Filter, document) == made


def test_destinations_are_flattened() -> None:
    made = DestinationDefinition("webhook", list=True, options={"url": "https://example.com", "n": {"type": 1}})
    document = {"type": "webhook", "list": True, "url": "https://example.com", "n": {"type": 1}}
    assert dump(made) == document
    assert load(DestinationDefinition, document) == made
    for kind in ("record", "function"):
        found = only(lambda each: load(DestinationDefinition, each), {"type": kind, "url": "u"})
        assert (found.code, found.path) == ("unknown_field", "$.url")


def test_a_whole_number_may_be_written_with_a_point_zero() -> None:
    """JSON and its Schema know one kind of number."""
    loaded = load(c.Count, {"at_least": 3.0})
    assert loaded == c.Count(at_least=3)
    assert type(loaded.at_least) is int


def test_a_document_that_changes_later_changes_no_definition() -> None:
    document: dict[str, Any] = {"property": "a", "op": "equals", "value": {"b": [1]}}
    loaded = load(c.Filter, document)
    document["value"]["b"].append(2)
    assert loaded.value == {"b": [1]}
    dump(loaded)["value"]["b"].append(3)
    assert loaded.value == {"b": [1]}


# ------------------------------------------------------------------------------------------------------------ refused

JOURNEY: dict[str, Any] = {
    "key": "j",
    "entry": {"type": "event_entry", "event": "A"},
    "start": "a",
    "steps": {"a": {"type": "delay", "duration": "P1D"}},
}


def space_with(**fields: Any) -> dict[str, Any]:
    return {"format": "journeys/1", "journeys": [JOURNEY | fields]}


def step(**fields: Any) -> dict[str, Any]:
    return space_with(steps={"a": fields})


def where(**fields: Any) -> dict[str, Any]:
    return space_with(goal={"event": "A", "where": [{"property": "p", **fields}]})


def until(**fields: Any) -> dict[str, Any]:
    return step(type="delay", until=fields)


def hold(*branches: Any, **fields: Any) -> dict[str, Any]:
    return step(type="hold_until", max_duration="PT1H", branches=list(branches), **fields)


def split(percent: Any) -> dict[str, Any]:
    return step(type="randomized_split", branches=[{"name": "a", "percent": percent}])


def send(**fields: Any) -> dict[str, Any]:
    return step(type="send_to_destination", activations=[{"destination": "d", **fields}])


S, W = "$.journeys[0].steps.a", "$.journeys[0].goal.where[0]"
REFUSED = [
    # document, code, path, what the hint or the expectation says
    ("{", "not_json", "$", ""),
    (b"\xff", "not_utf8", "$", "UTF-8"),
    ('{"format": "journeys/1", "key": "a", "key": "b"}', "duplicate_key", "$.key", "once"),
    ("[" * 100, "too_deep", "[0]", "64"),
    ("[]", "wrong_type", "$", "object"),
    ("null", "wrong_type", "$", "object"),
    ({}, "missing_field", "$.format", "journeys/1"),
    ({"format": "journeys/2"}, "wrong_format", "$.format", "journeys/1"),
    ({"format": 1}, "wrong_format", "$.format", "journeys/1"),
    ({"format": "journeys/1", "journey": []}, "unknown_field", "$.journey", "'journeys'"),
    ({"format": "journeys/1", "type": "space"}, "unknown_field", "$.type", ""),
    ({"format": "journeys/1", "journeys": {}}, "wrong_type", "$.journeys", "list"),
    ({"format": "journeys/1", "journeys": None}, "wrong_type", "$.journeys", "list"),
    ({"format": "journeys/1", "key": "Shop"}, "bad_key", "$.key", "small letters"),
    ({"format": "journeys/1", "key": "shop\n"}, "bad_key", "$.key", "small letters"),
    ({"format": "journeys/1", "destinations": {"E": {"type": "record"}}}, "bad_key", "$.destinations.E", ""),
    ({"format": "journeys/1", "destinations": {"e": {}}}, "missing_field", "$.destinations.e.type", "text"),
    ({"format": "journeys/1", "settings": {"limits": "segmemt"}}, "wrong_value", "$.settings.limits", "'segment'"),
    ({"format": "journeys/1", "settings": {"max_steps": -1}}, "wrong_value", "$.settings.max_steps", "from 0"),
    ({"format": "journeys/1", "settings": {"max_steps": 2**31}}, "wrong_value", "$.settings.max_steps", "up to"),
    (space_with(key="exit rule"), "bad_key", "$.journeys[0].key", ""),
    (space_with(version=1.9), "wrong_type", "$.journeys[0].version", "whole number"),
    (space_with(version=True), "wrong_type", "$.journeys[0].version", "whole number"),
    (space_with(version="1"), "wrong_type", "$.journeys[0].version", "whole number"),
    (space_with(version=0), "wrong_value", "$.journeys[0].version", "from 1"),
    (space_with(status="alive"), "wrong_value", "$.journeys[0].status", "'live'"),
    (space_with(name=7), "wrong_type", "$.journeys[0].name", "text"),
    (space_with(name=None), "wrong_type", "$.journeys[0].name", "text"),
    (space_with(name="\ud800"), "lone_surrogate", "$.journeys[0].name", ""),
    (space_with(exclude_previous=1), "wrong_type", "$.journeys[0].exclude_previous", "true or false"),
    (space_with(on_previous="migrate"), "wrong_value", "$.journeys[0].on_previous", "archive"),
    (space_with(on_previous={"migrate": {"a": 1}}), "wrong_type", "$.journeys[0].on_previous.migrate.a", "text"),
    (space_with(max_age="1 year"), "bad_duration", "$.journeys[0].max_age", "P7D"),
    (space_with(max_age="12h"), "bad_duration", "$.journeys[0].max_age", "did you mean 'PT12H'?"),
    (space_with(max_age="P2H"), "bad_duration", "$.journeys[0].max_age", "did you mean 'PT2H'?"),
    (space_with(max_age="PT3D"), "bad_duration", "$.journeys[0].max_age", "did you mean 'P3D'?"),
    (space_with(max_age="P10000Y"), "bad_duration", "$.journeys[0].max_age", "P7D"),
    (space_with(max_age="P1.5DT1H"), "bad_duration", "$.journeys[0].max_age", "P7D"),
    (space_with(max_age=7), "wrong_type", "$.journeys[0].max_age", "duration"),
    (space_with(entry={**JOURNEY["entry"], "reentry": "ever"}), "wrong_value", "$.journeys[0].entry.reentry", ""),
    (space_with(entry={"event": "A"}), "missing_field", "$.journeys[0].entry.type", "event_entry"),
    (space_with(steps={"A": JOURNEY["steps"]["a"]}), "bad_key", "$.journeys[0].steps.A", ""),
    (step(type="hold"), "unknown_type", S + ".type", "hold_until"),
    (step(type="Delay"), "unknown_type", S + ".type", "'delay'"),
    (step(type=None), "wrong_type", S + ".type", "delay"),
    (step(duration="P1D"), "missing_field", S + ".type", "delay"),
    (step(type="delay", durations="P1D"), "unknown_field", S + ".durations", "'duration'"),
    (step(type="delay", until={}), "wrong_value", S + ".until", "'time'"),
    (step(type="delay", until={"time": "9:00"}), "wrong_value", S + ".until.time", "09:00"),
    (step(type="delay", until={"time": "24:00"}), "wrong_value", S + ".until.time", "09:00"),
    (until(time="09:00", weekdays=[]), "wrong_value", S + ".until.weekdays", "1"),
    (until(time="09:00", weekdays=["mon", "mon"]), "wrong_value", S + ".until.weekdays", "once"),
    (until(time="09:00", weekdays=["Mon"]), "wrong_value", S + ".until.weekdays[0]", "did you mean 'mon'?"),
    (until(time="09:00", weekdays=["Thursday"]), "wrong_value", S + ".until.weekdays[0]", "did you mean 'thu'?"),
    (until(time="8:00"), "wrong_value", S + ".until.time", "did you mean '08:00'?"),
    (space_with(on_previous="migrate"), "wrong_value", "$.journeys[0].on_previous", '{"migrate": {"OLD_STEP": "NEW'),
    (space_with(goal="Sale"), "wrong_type", "$.journeys[0].goal", 'write {"event": "Sale"}'),
    (step(type="delay", until={"context": ["A"]}), "wrong_value", S + ".until.context", "list of 2"),
    (step(type="delay", until={"context": ["A", "b"], "time": "09:00"}), "wrong_value", S + ".until", "one of"),
    (step(type="wait_for_condition"), "missing_field", S + ".condition", "audience"),
    (step(type="wait_for_condition", condition=[]), "wrong_type", S + ".condition", "object"),
    (step(type="wait_for_condition", condition={"type": "evnt"}), "unknown_type", S + ".condition.type", "'event'"),
    (hold({"name": "a"}), "missing_field", S + ".branches[0].event", "text"),
    (hold(max_restarts=-1), "wrong_value", S + ".max_restarts", "from 0"),
    (split("50"), "wrong_type", S + ".branches[0].percent", "number"),
    (split(True), "wrong_type", S + ".branches[0].percent", "number"),
    (step(type="send_message", channel="mail", destination="d", template={}), "wrong_value", S + ".channel", "email"),
    (step(type="send_message", channel="sms", destination="d", template="Hi"), "wrong_type", S + ".template", "object"),
    (send(context="some"), "wrong_value", S + ".activations[0].context", "all"),
    (send(mapping={"a": {"trait": "b", "or": 1}}), "unknown_field", S + ".activations[0].mapping.a.or", ""),
    (send(mapping={"a-b": {"profile": "x"}}), "wrong_value", S + '.activations[0].mapping["a-b"].profile', "user_id"),
    (where(op="equal", value=1), "wrong_value", W + ".op", "'equals'"),
    (where(op=">=", value=1), "wrong_value", W + ".op", "did you mean 'greater_than_or_equal'?"),
    (where(op="eq", value=1), "wrong_value", W + ".op", "did you mean 'equals'?"),
    (where(op="equals"), "missing_field", W + ".value", ""),
    (where(value=1), "missing_field", W + ".op", "equals"),
    (where(op="exists", value=1), "wrong_value", W + ".value", "no value"),
    (where(op="within_last", value=7), "wrong_type", W + ".value", "duration"),
    (where(op="within_last", value={"trait": "a"}), "wrong_type", W + ".value", "duration"),
    (where(op="equals_any_of", value="a"), "wrong_type", W + ".value", "list"),
    (where(op="equals_any_of", value={"a": 1}), "wrong_type", W + ".value", "list"),
    (where(op="equals", value={"trait": 1}), "wrong_type", W + ".value.trait", "text"),
    (where(op="equals", value={"context": "A"}), "wrong_type", W + ".value.context", "list of 2"),
    (where(op="equals", value=float("nan")), "wrong_value", W + ".value", "finite"),
    (where(op="equals", value=(1, 2)), "wrong_type", W + ".value", "JSON"),
    (where(op="equals", value=10**5000), "number_out_of_range", W + ".value", ""),
]  # fmt: skip
IDS = [f"{code} {path}" for _, code, path, _ in REFUSED]


@pytest.mark.parametrize(
    ("document", "code", "path", "says"), REFUSED, ids=[f"{code} {path}" for _, code, path, _ in REFUSED]
)
def test_refused(document: Any, code: str, path: str, says: str) -> None:
    """L1: code, path, what was expected, what was there, and the remedy."""
    found = only(load_space, document)
    assert (found.code, found.path) == (code, path) or (code == "too_deep" and found.path.endswith(path))
    assert found.message
    assert says in f"{found.hint} {found.expected}"


def test_counts_take_exactly_one_comparison() -> None:
    for count in ({}, {"at_least": 1, "at_most": 2}, {"at_least": 1, "at_most": None}):
        found = only(load_condition, {"type": "event", "event": "A", "count": count})
        assert (found.code, found.path) == ("wrong_value", "$.count")
    assert only(load_condition, {"type": "event", "event": "A", "count": {"at_least": -1}}).path == "$.count.at_least"
    assert only(load_condition, {"type": "event", "event": "A", "count": {"least": 1}}).code == "unknown_field"


def test_all_problems_at_once() -> None:
    """L1: a definition is never half accepted, and nobody has to mend it one problem at a time."""
    document = {
        "format": "journeys/2",
        "kee": "shop",
        "computed_traits": [{"key": "9", "type": "summ", "event": 7}],
        "journeys": [
            {
                "key": "j",
                "entry": {"type": "event_entri"},
                "start": "hold",
                "steps": {
                    "hold": {"type": "hold_until", "branches": [{"name": "x", "event": "E"}, {"name": "y"}]},
                    "a": {"type": "delay", "duration": "2h", "nxt": None},
                },
            }
        ],
    }
    found = [(each.code, each.path) for each in problems(load_space, document)]
    assert found == [
        ("wrong_format", "$.format"),
        ("unknown_field", "$.kee"),
        ("bad_key", "$.computed_traits[0].key"),
        ("unknown_type", "$.computed_traits[0].type"),
        ("wrong_type", "$.computed_traits[0].event"),
        ("unknown_type", "$.journeys[0].entry.type"),
        ("missing_field", "$.journeys[0].steps.hold.branches[1].event"),
        ("missing_field", "$.journeys[0].steps.hold.max_duration"),
        ("bad_duration", "$.journeys[0].steps.a.duration"),
        ("unknown_field", "$.journeys[0].steps.a.nxt"),
    ]


def test_what_a_constructor_refuses_is_a_problem_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The codec asks first; what only the class knows must not escape as another error."""

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("never this one")

    monkeypatch.setattr(Goal, "__init__", refuse)
    found = only(load_space, space_with(goal={"event": "A"}))
    assert (found.code, found.path, found.message) == ("wrong_value", "$.journeys[0].goal", "never this one")


def test_single_journeys_and_conditions() -> None:
    assert load_journey(json.dumps(JOURNEY)).key == "j"
    assert only(load_journey, {**JOURNEY, "format": "journeys/1"}).path == "$.format"
    assert load_condition({"type": "all", "conditions": []}) == c.All(())
    assert only(load_condition, {"type": "every"}).code == "unknown_type"
    assert load(ConditionEntry, dump(ConditionEntry(c.All(())))) == ConditionEntry(c.All(()))


def test_documents_made_in_python_may_not_nest_endlessly() -> None:
    endless: dict[str, Any] = {"type": "not"}
    endless["condition"] = endless
    assert only(load_condition, endless).code == "too_deep"
    twice: list[Any] = []
    twice += [twice, twice]
    assert only(load_space, {"format": twice}).code == "too_deep"
    deep: c.Condition = c.All(())
    for _ in range(100_000):
        deep = c.Not(deep)
    assert only(dump_condition, deep).code == "too_deep"


def test_every_field_of_the_model_has_a_shape() -> None:
    """The vocabulary exists once: a new field or class of the model is part of the format."""
    names = set(json_schema()["$defs"]) - {"Duration"}
    classes = {each.cls.__name__: each.cls for each in map(object_of, _all_classes()) if each.cls is not Space}
    assert names == set(classes)
    for cls in classes.values():
        fields = {field.name for field in attrs.fields(cls)}
        assert fields - set(object_of(cls).shapes) <= ({"options"} if cls is DestinationDefinition else set())


def _all_classes() -> list[type[Any]]:
    found = []
    for module in (c, entries, journey, space, s):
        for name, each in vars(module).items():
            public = isinstance(each, type) and each.__module__ == module.__name__ and not name.startswith("_")
            if public and attrs.has(each) and each not in (c.EventBuilder, s.Step):
                found.append(each)
    return found

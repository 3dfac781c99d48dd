"""Validation: every problem at once, each with its code, its path and the remedy (L1, L2)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from journeys.codec import load_space
from journeys.errors import Problem
from journeys.model import conditions as c
from journeys.model import steps as s
from journeys.model.conditions import event, prop, trait
from journeys.model.entries import ConditionEntry, EventEntry
from journeys.model.journey import Journey
from journeys.model.space import AudienceDefinition, DestinationDefinition, Settings, Space
from journeys.plan.validate import CODES, validate
from tests.codec.test_documents import REFUSED
from tests.strategies import spaces

DATA = Path(__file__).parent.parent / "data"

# ----------------------------------------------------------------------------------------------------- small documents

DELAY: dict[str, Any] = {"type": "delay", "duration": "P1D"}
ENTRY: dict[str, Any] = {"type": "event_entry", "event": "A"}
ALWAYS: dict[str, Any] = {"type": "all", "conditions": []}
DESTINATIONS: dict[str, Any] = {"mail": {"type": "record"}, "ads": {"type": "record", "list": True}}
CONTEXT: dict[str, Any] = {"property": "p", "op": "equals", "value": {"context": ["A", "b"]}}
VLP: dict[str, Any] = {"type": "audience", "audience": "vlp"}
FIRST: dict[str, Any] = {"property": "p", "op": "equals", "value": {"first": "b"}}


def space(**fields: Any) -> dict[str, Any]:
    return {"format": "journeys/1", "destinations": DESTINATIONS, **fields}


def journey(**fields: Any) -> dict[str, Any]:
    made = {"key": "j", "entry": ENTRY, "start": "a", "steps": {"a": DELAY}, **fields}
    return space(journeys=[made])


def steps(**given: Any) -> dict[str, Any]:
    return journey(steps=given)


def step(type: str, **fields: Any) -> dict[str, Any]:
    return steps(a={"type": type, **fields})


def waits(condition: dict[str, Any]) -> dict[str, Any]:
    return step("wait_for_condition", condition=condition)


def counts(**fields: Any) -> dict[str, Any]:
    return {"type": "event", "event": "E", **fields}


def hold(*branches: Any, **fields: Any) -> dict[str, Any]:
    named = [{"name": f"b{n}", "event": "E", **each} for n, each in enumerate(branches)]
    return step("hold_until", **{"max_duration": "PT1H", "branches": named, **fields})


def split(*percents: Any) -> dict[str, Any]:
    return step("randomized_split", branches=[{"name": f"b{n}", "percent": each} for n, each in enumerate(percents)])


def send(**fields: Any) -> dict[str, Any]:
    return step("send_to_destination", activations=[{"destination": "mail", **fields}])


def text(template: Any) -> dict[str, Any]:
    return step("send_message", channel="sms", destination="mail", template={"body": template})


def audience(condition: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return space(audiences=[{"key": "x", "condition": condition, **fields}])


def computed(**fields: Any) -> dict[str, Any]:
    return space(computed_traits=[{"key": "x", "type": "sum", "event": "E", "property": "p", **fields}])


def segment(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "settings": {"limits": "segment"}}


def funnel(**fields: Any) -> dict[str, Any]:
    return {"type": "funnel", "first": {"event": "F"}, "then": {"event": "G"}, **fields}


def many(number: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"name": f"n{index}", **fields} for index in range(number)]


J, A = "$.journeys[0]", "$.journeys[0].steps.a"

#: rule, document, code, path, what the message or the hint says
CASES: list[tuple[str, dict[str, Any], str, str, str]] = [
    # unique keys
    ("L1", space(audiences=[{"key": "x", "condition": ALWAYS}] * 2), "duplicate_key", "$.audiences[1].key", "[0]"),
    ("L1", space(computed_traits=[{"key": "x", "type": "event_counter", "event": "E"}] * 2), "duplicate_key",
     "$.computed_traits[1].key", "[0]"),
    ("L1", journey(exit_rules=[{"key": "r", "event": "E"}, {"key": "r", "event": "F"}]), "duplicate_key",
     J + ".exit_rules[1].key", "own"),
    ("L1", hold({"name": "b", "event": "E"}, {"name": "b", "event": "F"}), "duplicate_name",
     A + ".branches[1].name", "own"),
    ("L1", step("data_split", branches=[{"name": "b", "condition": ALWAYS}] * 2), "duplicate_name",
     A + ".branches[1].name", "own"),
    ("V2", space(journeys=[journey()["journeys"][0], journey(status="draft")["journeys"][0]]), "duplicate_version",
     "$.journeys[1]", "another version"),
    ("V2", space(journeys=[journey()["journeys"][0], journey(version=2)["journeys"][0]]), "several_live",
     "$.journeys[1].status", "archived"),
    ("L1", journey(start="exit", steps={"exit": DELAY}), "reserved_key", J + ".steps.exit", "otherwise"),
    # the way through
    ("L1", journey(start="b"), "unknown_step", J + ".start", "one of a"),
    ("L1", steps(a={**DELAY, "next": "End"}), "unknown_step", A + ".next", "write null where the path ends"),
    ("L1", journey(start="end"), "unknown_step", J + ".start", "one of a"),
    ("L1", steps(a={**DELAY, "next": "bee"}, bee={**DELAY, "next": "bees"}), "unknown_step",
     J + ".steps.bee.next", "'bee'"),
    ("L1", step("hold_until", max_duration="PT1H", branches=many(1, event="E"), timeout="b"), "unknown_step",
     A + ".timeout", ""),
    ("L1", step("true_false_split", condition=ALWAYS, if_true="b"), "unknown_step", A + ".if_true", ""),
    ("L1", step("true_false_split", condition=ALWAYS, if_false="b"), "unknown_step", A + ".if_false", ""),
    ("L1", step("data_split", branches=many(1, condition=ALWAYS), everyone_else="b"), "unknown_step",
     A + ".everyone_else", ""),
    ("L1", step("data_split", branches=many(1, condition=ALWAYS, next="b")), "unknown_step",
     A + ".branches[0].next", ""),
    ("L1", step("multi_branch_split", branches=many(1, condition=ALWAYS, next="b")), "unknown_step",
     A + ".branches[0].next", ""),
    ("L1", step("randomized_split", branches=many(1, percent=100, next="b")), "unknown_step",
     A + ".branches[0].next", ""),
    ("L1", hold({"next": "b"}), "unknown_step", A + ".branches[0].next", ""),
    ("V2", journey(on_previous={"migrate": {"old-one": "b"}}), "unknown_step",
     J + '.on_previous.migrate["old-one"]', "one of a"),
    ("L1", steps(a=DELAY, b=DELAY), "unreachable_step", J + ".steps.b", "lead to it"),
    ("L1", steps(a={**DELAY, "next": "a"}), "cycle", A, "a → a"),
    ("L1", steps(a={**DELAY, "next": "b"}, b={**DELAY, "next": "c"}, c={**DELAY, "next": "b"}), "cycle",
     J + ".steps.c", "b → c → b"),
    ("L1", step("hold_until", max_duration="PT1H", branches=[]), "empty_list", A + ".branches", "add one"),
    ("L1", step("data_split", branches=[]), "empty_list", A + ".branches", "add one"),
    ("L1", step("multi_branch_split", branches=[]), "empty_list", A + ".branches", "add one"),
    ("L1", step("randomized_split", branches=[]), "empty_list", A + ".branches", "add one"),
    ("S9", step("send_to_destination", activations=[]), "empty_list", A + ".activations", "add one"),
    ("X1", journey(exit_send={"rules": [], "activation": {"destination": "mail"}}), "empty_list",
     J + ".exit_send.rules", "add one"),
    # single steps
    ("S6", split(50, 49.99), "bad_percentages", A + ".branches", "99.99"),
    ("S6", split(33.33, 33.33, 33.33), "bad_percentages", A + ".branches", "33.34"),
    ("S6", split(50.001, 50), "bad_percentages", A + ".branches[0].percent", "two decimals"),
    ("S6", split(-1, 100), "bad_percentages", A + ".branches[0].percent", "from 0"),
    ("S6", split(1e300), "bad_percentages", A + ".branches[0].percent", "to 100"),
    ("L1", hold({}, {}), "duplicate_branch", A + ".branches[1]", "filter"),
    ("L1", hold({"where": [{"property": "p", "op": "equals", "value": 1}, CONTEXT]},
                {"where": [CONTEXT, {"property": "p", "op": "equals", "value": 1.0}]}),
     "duplicate_branch", A + ".branches[1]", "branch 0"),
    ("S7", hold({"restart": True, "next": "a"}), "restart_with_next", A + ".branches[0].next", "remove restart"),
    ("S2", step("delay"), "empty_delay", A, "until"),
    # references
    ("L1", waits({"type": "audience", "audience": "vip"}), "unknown_audience", A + ".condition.audience", "define"),
    ("L1", {**waits({"type": "all", "conditions": [{"type": "not", "condition": VLP}]}),
            "audiences": [{"key": "vip", "condition": ALWAYS}]},
     "unknown_audience", A + ".condition.conditions[0].condition.audience", "'vip'"),
    ("L1", journey(entry={**ENTRY, "audience": "vip"}), "unknown_audience", J + ".entry.audience", "define"),
    ("L1", audience({"type": "any", "conditions": [{"type": "audience", "audience": "y"}]}), "unknown_audience",
     "$.audiences[0].condition.conditions[0].audience", "one of x"),
    ("L1", send(destination="mial"), "unknown_destination", A + ".activations[0].destination", "'mail'"),
    ("L1", step("show_ad", destination="adz"), "unknown_destination", A + ".destination", "'ads'"),
    ("S9", step("show_ad", destination="mail"), "not_a_list", A + ".destination", "take ads"),
    ("L1", step("send_message", channel="sms", destination="x", template={}), "unknown_destination",
     A + ".destination", "ads"),
    ("L1", journey(exit_rules=[{"key": "r", "event": "E"}],
                   exit_send={"rules": ["r"], "activation": {"destination": "x"}}),
     "unknown_destination", J + ".exit_send.activation.destination", "ads"),
    ("L1", audience(ALWAYS, destinations=["mail", "x"]), "unknown_destination",
     "$.audiences[0].destinations[1]", "ads"),
    ("L1", computed(destinations=["x"]), "unknown_destination", "$.computed_traits[0].destinations[0]", "ads"),
    ("X1", journey(exit_rules=[{"key": "left", "event": "E"}],
                   exit_send={"rules": ["lefd"], "activation": {"destination": "mail"}}),
     "unknown_exit_rule", J + ".exit_send.rules[0]", "'left'"),
    ("P6", audience({"type": "audience", "audience": "x"}), "reference_cycle", "$.audiences[0]", "x → x"),
    ("P6", computed(where=[{"property": "p", "op": "equals", "value": {"trait": "x"}}]), "reference_cycle",
     "$.computed_traits[0]", "x → x"),
    ("P6", computed(where=[{"property": "p", "op": "contains", "value": {"trait": "x.0"}}]), "reference_cycle",
     "$.computed_traits[0]", "x → x"),
    # time
    ("T2", step("delay", duration="PT0S"), "not_positive", A + ".duration", "longer than zero"),
    ("T2", step("delay", duration="-P1D"), "not_positive", A + ".duration", "longer than zero"),
    ("T2", hold({}, max_duration="P0D"), "not_positive", A + ".max_duration", ""),
    ("T2", step("show_ad", destination="ads", remove_after="PT0S"), "not_positive", A + ".remove_after", ""),
    ("T2", journey(exit_after="PT0S"), "not_positive", J + ".exit_after", ""),
    ("T2", journey(reentry_after="-P1M"), "not_positive", J + ".reentry_after", ""),
    ("T2", journey(max_age="P0Y"), "not_positive", J + ".max_age", ""),
    ("S11", journey(goal={"event": "E", "within": "PT0S"}), "not_positive", J + ".goal.within", ""),
    ("C3", waits(counts(within="PT0S")), "not_positive", A + ".condition.within", ""),
    ("C3", waits(counts(between=["P1D", "PT0S"])), "not_positive", A + ".condition.between[1]", ""),
    ("C8", waits(funnel(within="-P1D")), "not_positive", A + ".condition.within", ""),
    ("C8", waits(funnel(then={"event": "G", "within": "PT0S"})), "not_positive", A + ".condition.then.within", ""),
    ("P5", computed(within="PT0S"), "not_positive", "$.computed_traits[0].within", ""),
    ("T2", waits({"type": "trait", "trait": "t", "op": "within_last", "value": "PT0S"}), "not_positive",
     A + ".condition.value", ""),
    ("T2", waits({"type": "trait", "trait": "t", "op": "after_next", "value": "-P1D"}), "negative_duration",
     A + ".condition.value", "P1D"),
    ("T2", space(settings={"dedupe_window": "-P1D"}), "negative_duration", "$.settings.dedupe_window", "P1D"),
    ("T8", space(settings={"allowed_lateness": "-P1D"}), "negative_duration", "$.settings.allowed_lateness", "P1D"),
    ("T3", space(settings={"max_clock_skew": "-P1D"}), "negative_duration", "$.settings.max_clock_skew", "P1D"),
    ("T2", space(settings={"retention": {"trace": "-P1D"}}), "negative_duration", "$.settings.retention.trace", "P1D"),
    ("C3", waits(counts(within="P1D", between=["P2D", "P1D"])), "two_windows",
     A + ".condition.between", "one of the two"),
    ("C8", waits(funnel(within="P1D", between=["P2D", "P1D"])), "two_windows",
     A + ".condition.between", "one of the two"),
    ("C3", waits(counts(between=["P30D", "P90D"])), "window_order", A + ".condition.between", "[P90D, P30D]"),
    ("C3", waits(counts(between=["P7D", "P1W"])), "window_order", A + ".condition.between", "differ"),
    ("C3", waits(counts(between=["P30D", "P1M"])), "window_order", A + ".condition.between", "[P1M, P30D]"),
    # expressions
    ("C8", waits(counts(where=[FIRST])), "misplaced_first", A + ".condition.where[0].value", "funnel"),
    ("C8", waits(funnel(first={"event": "F", "where": [FIRST]})), "misplaced_first",
     A + ".condition.first.where[0].value", "funnel"),
    ("C8", hold({"where": [FIRST]}), "misplaced_first", A + ".branches[0].where[0].value", "funnel"),
    ("C8", waits({"type": "trait", "trait": "t", "op": "equals", "value": {"first": "b"}}), "misplaced_first",
     A + ".condition.value", "funnel"),
    ("C8", journey(entry={**ENTRY, "where": [FIRST]}), "misplaced_first", J + ".entry.where[0].value", "funnel"),
    ("C7", journey(entry={**ENTRY, "where": [CONTEXT]}), "misplaced_context", J + ".entry.where[0].value", "an entry"),
    ("C7", journey(entry={"type": "condition_entry", "condition":
                          {"type": "context", "event": "A", "property": "p", "op": "exists"}}),
     "misplaced_context", J + ".entry.condition", "an entry"),
    ("C7", audience(counts(where=[CONTEXT])), "misplaced_context",
     "$.audiences[0].condition.where[0].value", "an audience"),
    ("C7", audience(funnel(then={"event": "G", "where": [CONTEXT]})), "misplaced_context",
     "$.audiences[0].condition.then.where[0].value", "an audience"),
    ("C7", computed(where=[CONTEXT]), "misplaced_context", "$.computed_traits[0].where[0].value", "a computed trait"),
    ("P5", computed(type="event_counter"), "needless_property", "$.computed_traits[0].property", "remove"),
    ("P5", space(computed_traits=[{"key": "x", "type": "sum", "event": "E"}]), "missing_property",
     "$.computed_traits[0].property", "'E'"),
    ("T1", waits({"type": "trait", "trait": "t", "op": "before_date", "value": "31.01.2026"}), "wrong_value",
     A + ".condition.value", "2026-01-31"),
    ("T1", waits({"type": "trait", "trait": "t", "op": "after_date", "value": "2026-01-31T10:00:00"}), "wrong_value",
     A + ".condition.value", "Z"),
    ("T1", journey(goal={"event": "E", "where": [{"property": "p", "op": "before_date", "value": 1767225600}]}),
     "wrong_value", J + ".goal.where[0].value", ""),
    ("S9", text("{{ }}"), "bad_template", A + ".template.body", "{{ first_name }} for a trait"),
    ("S9", text(["Hi", "{{ name | upcase }}"]), "bad_template", A + ".template.body[1]", "default"),
    ("S9", text({"b-c": "{{ name | default: none }}"}), "bad_template", A + '.template.body["b-c"]', "default"),
    ("S9", text("{{ context[Cart].value }}"), "bad_template", A + ".template.body", "context"),
    ("S9", text("Hi {{ name"), "bad_template", A + ".template.body", "open or close"),
    ("S9", text("Hi name }}"), "bad_template", A + ".template.body", "open or close"),
    ("S9", send(mapping={"m": {"template": "{{ 'a' }}"}}), "bad_template",
     A + ".activations[0].mapping.m.template", "{{ first_name }} for a trait"),
    ("L1", journey(name=""), "empty_text", J + ".name", "leave it out"),
    ("L1", journey(entry={**ENTRY, "event": ""}), "empty_text", J + ".entry.event", ""),
    ("L1", hold({"name": ""}), "empty_text", A + ".branches[0].name", ""),
    ("L1", waits({"type": "trait", "trait": "", "op": "exists"}), "empty_text", A + ".condition.trait", ""),
    ("L1", send(traits=["a", ""]), "empty_text", A + ".activations[0].traits[1]", ""),
    ("L1", send(mapping={"a": {"context": ["A", ""]}}), "empty_text", A + ".activations[0].mapping.a.context[1]", ""),
    # limits
    ("L2", segment(journey(name="n" * 74)), "too_long", J + ".name", "max_name_length"),
    ("L2", segment(steps(a={**DELAY, "name": "n" * 74})), "too_long", A + ".name", "max_name_length"),
    ("L2", segment(hold({"name": "n" * 74})), "too_long", A + ".branches[0].name", "max_name_length"),
    ("L2", segment(audience(ALWAYS, name="n" * 74)), "too_long", "$.audiences[0].name", "max_name_length"),
    ("L2", segment(computed(name="n" * 74)), "too_long", "$.computed_traits[0].name", "max_name_length"),
    ("L2", segment(space(name="n" * 74)), "too_long", "$.name", "max_name_length"),
    ("L2", segment(split(20, 20, 20, 20, 20, 0)), "too_many", A + ".branches", "allow 5"),
    ("L2", segment(step("multi_branch_split", branches=many(6, condition=ALWAYS))), "too_many",
     A + ".branches", "allow 5"),
    ("L2", segment(step("data_split", branches=many(10, condition=ALWAYS))), "too_many", A + ".branches", "allow 9"),
    ("L2", segment(hold(*({"event": f"E{n}"} for n in range(10)))), "too_many", A + ".branches", "allow 9"),
    ("L2", segment(step("send_to_destination", activations=[{"destination": "mail"}] * 6)), "too_many",
     A + ".activations", "allow 5"),
    ("L2", segment(send(mapping={str(n): n for n in range(101)})), "too_many",
     A + ".activations[0].mapping", "allow 100"),
    ("L2", segment(journey(exit_rules=[{"key": f"r{n}", "event": "E"} for n in range(11)])), "too_many",
     J + ".exit_rules", "allow 10"),
    ("L2", segment(step("delay", duration="PT4M59S")), "wait_too_short", A + ".duration", "PT5M"),
    ("L2", segment(step("delay", duration="P182DT1S")), "wait_too_long", A + ".duration", "P182D"),
    ("L2", segment(step("delay", duration="P6M")), "wait_too_long", A + ".duration", "P182D"),
    ("L2", segment(hold({}, max_duration="PT1S")), "wait_too_short", A + ".max_duration", "PT5M"),
    ("L2", {**steps(a={**DELAY, "next": "b"}, b=DELAY), "settings": {"max_journey_steps": 1}}, "too_many",
     J + ".steps", "allow 1"),
    ("L2", {**space(journeys=[journey(version=n, status="archived")["journeys"][0] for n in range(1, 4)]),
            "settings": {"max_versions": 2}}, "too_many", "$.journeys[2].version", "allow 2"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "document", "code", "path", "says"),
    CASES,
    ids=[f"{rule} {code} {path}" for rule, _, code, path, _ in CASES],
)
def test_one_problem(rule: str, document: dict[str, Any], code: str, path: str, says: str) -> None:
    """The rule that the identifier of the case begins with."""
    found = validate(load_space(document))
    assert [(each.code, each.path) for each in found] == [(code, path)], found
    (problem,) = found
    assert problem.message
    assert problem.hint
    assert says in f"{problem.message} {problem.hint}"
    assert code in CODES


def test_every_code_is_provoked_and_every_code_is_told() -> None:
    """L1: the catalogue is the whole truth."""
    provoked = {code for _, _, code, _, _ in CASES} | {code for _, code, _, _ in REFUSED} | {"ambiguous_value"}
    assert provoked == set(CODES)
    assert all(meaning.endswith((".", ")")) and len(meaning) < 120 for meaning in CODES.values())


# --------------------------------------------------------------------------------------------------------- no problems


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_l1_the_examples_are_valid(path: Path) -> None:
    """L1, L2: one of them under the limits of Segment"""
    assert validate(load_space(path.read_bytes())) == []


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(spaces())
def test_l1_valid_spaces_have_no_problems(made: Space) -> None:
    """L1"""
    assert validate(made) == []


@pytest.mark.parametrize(
    "document",
    [
        space(),
        journey(),
        hold({}, {"where": [{"property": "p", "op": "equals", "value": 1}]}),
        hold({"where": [{"property": "p", "op": "equals", "value": 1}]},
             {"where": [{"property": "p", "op": "equals", "value": True}]}),  # 1 is not true (C)
        hold({"restart": True}),
        split(100),
        split(0, 100),
        split(33.33, 33.33, 33.34),
        split(0.1, 0.2, 99.7),
        steps(a=hold({"next": "b"})["journeys"][0]["steps"]["a"] | {"timeout": "b"}, b=DELAY),  # a join (S8)
        step("delay", until={"context": ["A", "b"], "offset": "-P1D"}),
        waits(funnel(then={"event": "G", "where": [FIRST, CONTEXT]})),
        waits({"type": "trait", "trait": "t", "op": "before_last", "value": "PT0S"}),
        waits(counts(between=["P1M", "P30D"])),
        journey(exit_rules=[{"key": "r", "event": "E", "match_identifier": True}]),  # no effect (X1)
        journey(exit_rules=[{"key": "r", "event": "E", "where": [CONTEXT]}], goal={"event": "E", "where": [CONTEXT]}),
        text("{ name } 100 %"),
        text("{{name}} {{ a.b.0 | default: \"x\" }} {{ context[\"Cart Modified\"].value | default:\"\" }}"),
        space(journeys=[journey()["journeys"][0], journey(version=2, status="archived")["journeys"][0]]),
        {**waits({"type": "audience", "audience": "x"}),
         "audiences": [{"key": "y", "condition": {"type": "audience", "audience": "x"}},
                       {"key": "x", "condition": ALWAYS}]},
        segment(step("delay", duration="P182D")),
        segment(step("delay", duration="PT5M")),
    ],
)  # fmt: skip
def test_l1_nothing_is_wrong_here(document: dict[str, Any]) -> None:
    """L1"""
    assert validate(load_space(document)) == []


# ---------------------------------------------------------------------------------------------------------- at once


def test_l1_all_problems_at_once() -> None:
    """L1"""
    document = space(
        audiences=[{"key": "x", "condition": {"type": "audience", "audience": "z"}}],
        journeys=[
            {
                "key": "j",
                "entry": {**ENTRY, "where": [CONTEXT]},
                "start": "a",
                "steps": {
                    "a": {"type": "delay", "duration": "PT0S", "next": "hold"},
                    "hold": hold({"next": "nowhere"}, {}, timeout="a")["journeys"][0]["steps"]["a"],
                    "lost": {"type": "show_ad", "destination": "mail"},
                },
            }
        ],
    )
    found = {(each.code, each.path) for each in validate(load_space(document))}
    assert found == {
        ("unknown_audience", "$.audiences[0].condition.audience"),
        ("misplaced_context", "$.journeys[0].entry.where[0].value"),
        ("not_positive", "$.journeys[0].steps.a.duration"),
        ("unknown_step", "$.journeys[0].steps.hold.branches[0].next"),
        ("duplicate_branch", "$.journeys[0].steps.hold.branches[1]"),
        ("cycle", "$.journeys[0].steps.hold"),
        ("not_a_list", "$.journeys[0].steps.lost.destination"),
        ("unreachable_step", "$.journeys[0].steps.lost"),
    }


def test_l2_condition_journeys_may_have_more_steps() -> None:
    """L2: 50 steps, or 100 in V1"""

    def chain(length: int, entry: dict[str, Any]) -> dict[str, Any]:
        ways = {f"s{n}": {**DELAY, "next": f"s{n + 1}" if n + 1 < length else None} for n in range(length)}
        return segment(journey(entry=entry, start="s0", steps=ways))

    by_condition = {"type": "condition_entry", "condition": ALWAYS}
    assert validate(load_space(chain(50, ENTRY))) == []
    assert validate(load_space(chain(100, by_condition))) == []
    assert [each.code for each in validate(load_space(chain(51, ENTRY)))] == ["too_many"]
    assert [each.code for each in validate(load_space(chain(101, by_condition)))] == ["too_many"]


def test_l1_longer_circles_among_audiences_and_computed_traits() -> None:
    """L1, P6"""
    found = validate(
        load_space(
            space(
                audiences=[
                    {"key": "x", "condition": {"type": "not", "condition": {"type": "audience", "audience": "y"}}},
                    {"key": "y", "condition": {"type": "any", "conditions": [{"type": "audience", "audience": "x"}]}},
                ],
                computed_traits=[
                    {"key": key, "type": "event_counter", "event": "E",
                     "where": [{"property": "p", "op": "less_than", "value": {"trait": other}}]}
                    for key, other in (("p", "q"), ("q", "r"), ("r", "p"))
                ],
            )
        )
    )  # fmt: skip
    assert [(each.code, each.path) for each in found] == [
        ("reference_cycle", "$.audiences[1]"),
        ("reference_cycle", "$.computed_traits[2]"),
    ]
    assert "p → q → r → p" in found[1].message


# --------------------------------------------------------------------------------------------------- made in Python


def python_space(**fields: Any) -> Space:
    given = {"entry": EventEntry("A"), "start": "a", "steps": {"a": s.Delay(duration="P1D")}, **fields}
    return Space(journeys=[Journey(key="j", **given)], destinations={"mail": DestinationDefinition("record")})


def codes(made: Space) -> list[tuple[str, str]]:
    return [(each.code, each.path) for each in validate(made)]


def test_l1_a_space_made_in_python_is_held_to_the_same() -> None:
    """L1: Python and JSON say the same, or it is a problem"""
    assert codes(python_space()) == []
    assert codes(python_space(version="2")) == [("wrong_type", "$.journeys[0].version")]
    assert codes(python_space(version=True)) == [("wrong_type", "$.journeys[0].version")]
    assert codes(python_space(name=7)) == [("wrong_type", "$.journeys[0].name")]
    assert codes(python_space(on_previous="forget")) == [("wrong_value", "$.journeys[0].on_previous")]
    assert codes(python_space(entry=None)) == [("wrong_type", "$.journeys[0].entry")]
    assert codes(python_space(steps={"a": "b"})) == [("wrong_type", "$.journeys[0].steps.a")]
    assert codes(python_space(steps={"A b": s.Delay(duration="P1D")}, start="A b")) == [
        ("bad_key", '$.journeys[0].steps["A b"]')
    ]
    entry = EventEntry("A", where=[trait("plan") == "pro"])  # a condition where a filter belongs
    assert codes(python_space(entry=entry)) == [("wrong_type", "$.journeys[0].entry.where[0]")]
    entry = EventEntry("A", where=[prop("p") == float("nan")])
    assert codes(python_space(entry=entry)) == [("wrong_value", "$.journeys[0].entry.where[0].value")]
    entry = EventEntry("A", where=[prop("p") == ["\ud800"]])
    assert codes(python_space(entry=entry)) == [("lone_surrogate", "$.journeys[0].entry.where[0].value[0]")]


def test_l1_what_json_would_read_otherwise_is_a_problem() -> None:
    """L1, C9: a constant that looks like a reference"""
    entry = EventEntry("A", where=[prop("p") == {"trait": "plan"}])
    assert codes(python_space(entry=entry)) == [("ambiguous_value", "$.journeys[0].entry.where[0].value")]
    mapping = {"m": {"trait": "plan"}}
    sends = {"a": s.SendToDestination([s.Activation("mail", mapping=mapping)])}
    assert codes(python_space(steps=sends)) == [("ambiguous_value", "$.journeys[0].steps.a.activations[0].mapping.m")]
    made = Space(destinations={"d": DestinationDefinition("webhook", options={"list": True})})
    assert codes(made) == [("ambiguous_value", "$.destinations.d.options")]


def test_l1_whatever_is_wrong_nothing_is_raised() -> None:
    """L1: problems are told, never raised"""
    deep: c.Condition = event("A").made
    for _ in range(3_000):
        deep = c.Not(deep)
    assert [code for code, _ in codes(Space(audiences=[AudienceDefinition(key="a", condition=deep)]))] == ["too_deep"]
    for odd in (None, 7, object(), "text"):
        assert codes(Space(journeys=[odd]))  # type: ignore[list-item]
        assert codes(Space(settings=odd))  # type: ignore[arg-type]
    assert (
        codes(
            python_space(entry=ConditionEntry(c.All(()))),
        )
        == []
    )
    assert codes(Space(settings=Settings(max_steps=1.5))) == [("wrong_type", "$.settings.max_steps")]  # type: ignore[arg-type]


@pytest.mark.parametrize("backwards", [False, True])
def test_l1_large_journeys_are_checked_fast_and_without_recursion(backwards: bool) -> None:
    """L1: 10,000 steps in a row, and as many that lead back to the first"""
    ways = {}
    for n in range(10_000):
        following = f"s{n + 1}" if n < 9_999 else None
        ways[f"s{n}"] = s.TrueFalseSplit(
            condition=c.All(()), if_true=following, if_false="s0" if backwards else following
        )
    start = time.perf_counter()
    found = validate(python_space(start="s0", steps=ways))
    assert time.perf_counter() - start < 10
    assert {each.code for each in found} == ({"cycle"} if backwards else set())
    assert len(json.dumps([each.message for each in found])) < 10_000


def test_problems_print_well() -> None:
    """L1: path, what is wrong, what would be right"""
    (problem,) = validate(load_space(send(destination="mial")))
    assert str(problem) == (
        "$.journeys[0].steps.a.activations[0].destination: there is no destination 'mial' "
        "(did you mean 'mail'?) [unknown_destination]"
    )
    assert isinstance(problem, Problem)

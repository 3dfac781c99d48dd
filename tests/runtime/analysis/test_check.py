"""Check finds the seeded faults, and nothing in the examples as they are."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from journeys import _time
from journeys.codec import load_space
from journeys.errors import InvalidDefinition
from journeys.plan.validate import validate
from journeys.runtime.analysis.check import FINDINGS, check
from journeys.runtime.analysis.paths import Bound
from tests.runtime.analysis.faults import EXAMPLES, FAULTS, Fault
from tests.support import (
    ad,
    branch,
    branches,
    data_split,
    delay,
    did,
    every,
    hold,
    if_else,
    journey,
    negated,
    on,
    send,
    space,
    trait,
    wait,
    where,
)

#: enough for the findings that need a path
FEW = Bound(most=60)


def found(document: Any, key: str | None = None) -> list[str]:
    """The findings, as code and place."""
    return [f"{each.code} {each.path}" for each in check(load_space(document), key, bound=FEW)]


@pytest.mark.parametrize("example", sorted(each.parent.name for each in EXAMPLES.glob("*/space.json")))
def test_nothing_is_found_in_the_examples(example: str) -> None:
    assert check(load_space((EXAMPLES / example / "space.json").read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_seeded_fault_is_found(fault: Fault) -> None:
    document = fault.document()
    assert validate(load_space(document)) == [], "a seeded fault is none that validate sees"
    assert f"{fault.code} {fault.path}" in found(document)


def test_there_are_twenty_faults_and_every_code_is_seeded() -> None:
    assert len(FAULTS) >= 20
    assert {fault.code for fault in FAULTS} == FINDINGS.keys()
    assert len({fault.example for fault in FAULTS}) >= 12


def test_a_finding_that_shows_on_a_path_has_its_witness() -> None:
    faulty = next(each for each in FAULTS if each.code == "same_send_twice")
    (one,) = [each for each in check(load_space(faulty.document())) if each.code == "same_send_twice"]
    assert one.witness is not None
    assert {"welcome", "profile-mail"} <= {step for kind, step in one.witness.sends if kind == "sent"}
    assert json.loads(json.dumps(one.as_dict()))["witness"]["calls"] == one.witness.calls


def test_what_a_consequence_is_is_not_told_again() -> None:
    """Behind a branch that nobody takes nothing more is said."""
    steps = {
        "split": if_else(trait("n", "exists"), "inner", None),
        "inner": if_else(negated(trait("n", "exists")), "deep", None),
        "deep": if_else(trait("other", "exists"), "mail", None),
        "mail": send(),
    }
    assert found(space(journey(steps))) == ["never_true $.journeys[0].steps.inner.condition"]


def test_branches_that_leave_nobody_over_are_no_fault() -> None:
    small, large = (
        {"type": "context", "event": "Start", "property": "value", "op": op, "value": 100}
        for op in ("less_than", "greater_than_or_equal")
    )
    steps = {"split": data_split(("small", small, "mail"), ("large", large, None)), "mail": send()}
    entry = on("Start", where=where(("value", "greater_than_or_equal", 0)))
    assert found(space(journey(steps, entry=entry))) == []


def test_filters_of_a_hold_and_its_identifier() -> None:
    hold_it = hold(
        "P1D",
        branch("narrow", "Order", where=where(("value", "greater_than", 10))),
        branch("wide", "Order", where=where(("value", "greater_than", 20))),
        branch("nameless", "Cancel", where=where(("id", "not_exists"))),
    )
    assert found(space(journey({"hold": hold_it}, entry=on("Start", identifier="id")))) == [
        "shadowed_branch $.journeys[0].steps.hold.branches[1]",
        "impossible_branch $.journeys[0].steps.hold.branches[2]",
    ]


def test_a_comparison_with_another_type_is_told_why() -> None:
    """C10: it is true of nothing."""
    text, number = where(("value", "greater_than", "80")), where(("sku", "starts_with", 7))
    steps = {
        "hold": hold("P1D", branch("b", "Order", "if", where=text), timeout="if"),
        "if": if_else(trait("level", "less_than", [1]), "mail", None),
        "mail": send(),
    }
    document = space(journey(steps), journey({"m": send()}, key="k", entry=on("Start", where=number)))
    assert [each.message for each in check(load_space(document))] == [
        'nobody takes b: no Order can pass its filters on value (greater_than compares numbers, and "80" is text)',
        "the condition is never true here: no value is so: level is less than [1]"
        " (less_than compares numbers, and [1] is a list)",
        "no Start can pass the filters on sku (starts_with compares texts, and 7 is a number)",
    ]


def test_true_is_not_1() -> None:
    """C5: what only true passes is not taken by a filter on 1, nor does being 1 exclude being true."""
    one, true = trait("x", "equals", 1), trait("x", "equals", True)
    hold_it = hold(
        "P1D",
        branch("one", "Order", where=where(("p", "equals", 1)), next="split"),
        branch("true", "Order", where=where(("p", "equals", True))),
    )
    steps = {"hold": hold_it, "split": if_else(every(one, negated(true)), "mail", None), "mail": send()}
    assert found(space(journey(steps))) == []


def test_a_filter_that_compares_with_what_is_never_there() -> None:
    asks = [{"property": "v", "op": "equals", "value": {"context": ["Nope", "v"]}}]
    steps = {"hold": hold("P1D", branch("b", "E", "mail", where=asks)), "mail": send()}
    assert found(space(journey(steps))) == ["impossible_branch $.journeys[0].steps.hold.branches[0]"]


def test_another_branch_brings_another_event() -> None:
    mapping = {"v": {"context": ["B - b", "v"]}}
    steps = {
        "hold": hold("P1D", branch("a", "A", "mail"), branch("b", "B", None)),
        "mail": send(event="Mail", mapping=mapping),
    }
    assert found(space(journey(steps))) == ["absent_event $.journeys[0].steps.mail.activations[0].mapping.v"]


def test_an_audience_that_the_entry_event_ends() -> None:
    """The event has happened when the audience is looked at (O2)."""
    audience = {"key": "new", "condition": did("Buy", count={"exactly": 0})}
    entered = journey({"mail": send()}, entry=on("Buy", audience="new"))
    assert found(space(entered, audiences=[audience])) == ["nobody_enters $.journeys[0].entry"]


def test_a_sum_is_a_number() -> None:
    """P5."""
    computed = {"key": "spent", "type": "sum", "event": "Order", "property": "value"}
    steps = {"split": if_else(trait("spent", "equals", "gold"), "mail", None), "mail": send()}
    told = found(space(journey(steps), computed_traits=[computed]))
    assert told == ["never_true $.journeys[0].steps.split.condition"]


def test_the_same_step_after_another_event_sends_something_else() -> None:
    """The context has grown meanwhile; who does nothing is sent the same."""
    again = {"hold": hold("P1D", branch("b", "E", "two")), "two": send(event="Mail")}
    assert found(space(journey({"one": send("hold", event="Mail"), **again}))) == []
    again["hold"] = hold("P1D", branch("b", "E", "two"), timeout="two")
    told = found(space(journey({"one": send("hold", event="Mail"), **again})))
    assert told == ["same_send_twice $.journeys[0].steps.two"]


def test_a_long_path_that_nobody_can_take_is_not_too_long() -> None:
    large = {"type": "context", "event": "Start", "property": "value", "op": "greater_than", "value": 5}
    steps = {
        "one": if_else(large, "wait", "two"),
        "wait": delay("P200D", "two"),
        "two": if_else(large, None, "again"),
        "again": delay("P200D", "mail"),
        "mail": send(),
    }
    assert found(space(journey(steps))) == []
    steps["two"]["if_true"] = "again"
    assert found(space(journey(steps))) == ["no_choice $.journeys[0].steps.two", "may_expire $.journeys[0].steps.again"]


def test_waits_that_outlive_the_journey() -> None:
    steps = {
        "first": hold("P2D", branch("b", "E", "second"), timeout="second"),
        "second": delay("P2D", "mail"),
        "mail": send(),
    }
    assert found(space(journey(steps, max_age="P4D"))) == ["may_expire $.journeys[0].steps.second"]
    assert found(space(journey(steps, max_age="P4DT1S"))) == []
    assert found(space(journey(steps, max_age="P2D"))) == [
        "too_long_wait $.journeys[0].steps.first.max_duration",
        "too_long_wait $.journeys[0].steps.second.duration",
    ]


def test_waits_for_what_cannot_be() -> None:
    never = every(did("Order", count={"at_least": 2}), did("Order", count={"at_most": 1}))
    assert found(space(journey({"wait": wait(never, "mail"), "mail": send()}))) == [
        "endless_wait $.journeys[0].steps.wait.condition"
    ]
    two = branches(("a", never, "mail"), ("b", trait("x", "exists"), "mail"))
    assert found(space(journey({"split": two, "mail": send()}))) == [
        "impossible_branch $.journeys[0].steps.split.branches[0]"
    ]


def test_an_ad_in_a_journey_that_people_leave() -> None:
    entry = did("Start")
    assert found(space(journey({"ad": ad()}, entry=entry, exit_after="P9D"))) == []
    assert found(space(journey({"ad": ad()}))) == ["endless_ad $.journeys[0].steps.ad"]


def test_zones_that_there_are_not() -> None:
    """S2: they are UTC, and valid, for a trait may hold anything."""

    def hints(**until: Any) -> list[str]:
        step = {"type": "delay", "until": {"time": "09:00", **until}, "next": None}
        told = check(load_space(space(journey({"wait": step}))))
        return [f"{each.path.partition('until.')[2]} {each.hint}" for each in told]

    assert hints(timezone="Europe/Berlin") == hints(timezone={"trait": "tz"}) == hints() == []
    assert hints(timezone="Europe/Belin") == ["timezone did you mean 'Europe/Berlin'?"]
    assert hints(timezone={"trait": "tz", "default": "CET+1"}) == ["timezone.default did you mean 'CET'?"]
    assert hints(timezone="Mars") == ["timezone give an IANA name, like Europe/Berlin"]


def test_every_name_of_a_zone_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the system has none, and the copy that comes with dateutil is read."""
    assert "Europe/Berlin" in _time.zone_names()
    monkeypatch.setattr(_time, "_system_zones", frozenset)
    bundled = _time.zone_names()
    assert len(bundled) > 300 and {"UTC", "Europe/Berlin", "Asia/Tokyo"} <= {*bundled}
    assert all(map(_time._bundled_zone, bundled[::97]))


def test_reentry_after_an_event() -> None:
    """It acts where there are exit settings and several may be live at once: between versions (V3)."""

    def codes(entry: Any, **fields: Any) -> list[str]:
        return found(space(journey({"mail": send()}, entry=entry, reentry_after="P9D", **fields)))

    told = ["reentry_on_event $.journeys[0].reentry_after"]
    assert codes(on("Start")) == codes(on("Start"), exit_after="P9D") == codes(on("Start", identifier="id")) == told
    assert codes(on("Start", identifier="id"), exit_after="P9D") == []


def test_one_journey_and_no_journey() -> None:
    good = journey({"mail": send()}, key="good")
    bad = journey({"ad": ad()}, key="bad")
    document = space(good, bad, audiences=[{"key": "nobody", "condition": {"type": "any", "conditions": []}}])
    assert found(document, "good") == []
    assert found(document, "bad") == ["endless_ad $.journeys[1].steps.ad"]
    assert [each.split()[0] for each in found(document)] == ["empty_audience", "unused", "endless_ad"]
    with pytest.raises(KeyError, match="no live journey 'god'; did you mean 'good'"):
        check(load_space(document), "god")
    with pytest.raises(InvalidDefinition):
        check(load_space(space(journey({"mail": send("nowhere")}))))


def test_the_reference_has_every_code() -> None:
    page = (EXAMPLES.parent / "docs" / "reference" / "findings.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+)` \| (.*) \|$", page.partition("## Paths")[0], re.M)
    assert table == list(FINDINGS.items())

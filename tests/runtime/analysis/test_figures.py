"""Figures are what one counts in the trace."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys._time import parse_instant
from journeys.codec import load_space
from journeys.engine._state import LIVE
from journeys.runtime.analysis.figures import Figures, JourneyFigures
from journeys.runtime.analysis.figures_rates import newcombe, wilson
from journeys.runtime.render import Counts, graph_of, to_text
from tests.reference.compare import case
from tests.reference.generate import KINDS, Kind, random_calls, random_space, random_until
from tests.support import (
    Json,
    at,
    branch,
    delay,
    hold,
    journey,
    on,
    random_split,
    run,
    send,
    space,
    track,
    trait,
)

ENDS = ("completed", "exited", "expired", "archived", "merged", "failed")


def of(document: Json, trace: list[Json], key: str = "j", **range_: Any) -> JourneyFigures:
    people = range_.pop("each", False)
    return Figures.of(load_space(document), trace, people=people, **range_).journey(key, people=people)


CART = journey(
    {
        "hold": hold(
            "PT2H", branch("bought", "Order", "thanks"), branch("more", "Cart", restart=True), timeout="nudge"
        ),
        "nudge": send("rest"),
        "rest": delay("P1D", "thanks"),
        "thanks": send(to="crm"),
    },
    entry=on("Cart", identifier="id"),
    exit_rules=[{"key": "gone", "event": "Gone"}],
)


def cart(user: str, when: str) -> Json:
    return track("Cart", when, user) | {"properties": {"id": when}}


CALLS = [
    cart("a", "0"),
    track("Order", "PT1H", "a") | {"properties": {"id": "0"}},
    cart("b", "PT2H"),
    cart("c", "PT3H"),
    cart("c", "PT4H"),
    track("Gone", "PT5H+1", "b"),
]


def test_a_cart() -> None:
    document = space(CART)
    trace = run(document, CALLS, at("PT10H")).trace
    told = of(document, trace)
    assert (told.entered, told.in_progress, told.completed, told.exited, told.goals) == (4, 2, 1, 1, 0)
    assert told.exited_by == {"gone": 1}
    steps = {each.step: (each.arrived, each.waiting, each.left, dict(each.previous)) for each in told.steps}
    assert steps == {
        "hold": (4, 0, 4, {"entry": 4}),
        "nudge": (3, 0, 3, {"hold: timeout": 3}),
        "rest": (3, 2, 1, {"nudge": 3}),
        "thanks": (1, 0, 1, {"hold: bought": 1}),
    }
    each = of(document, trace, each=True)
    assert (each.entered, each.in_progress, each.completed, each.exited) == (3, 1, 1, 1)
    assert [(step.arrived, step.waiting) for step in each.steps if step.step == "rest"] == [(2, 1)]
    table = Figures.of(load_space(document), trace).as_table()
    assert table.splitlines()[:3] == [
        "j: entered 4, in progress 2, completed 1, exited 1",
        "  exited by gone: 1",
        "  step    arrived  of entered  waiting  left  from",
    ]
    assert table.splitlines()[5] == "  nudge         3     75.00 %        0     3  hold: timeout 3 (75 %)"
    _, thanks, nudge, _ = told.steps
    assert (nudge.of_entered, nudge.of_previous) == (0.75, {"hold: timeout": 0.75})
    assert (thanks.of_entered, thanks.of_previous) == (0.25, {"hold: bought": 0.25})
    assert told.steps[0].of_previous == {}
    nobody = of(document, [])
    assert (nobody.steps[0].of_entered, nobody.steps[0].of_previous) == (None, {})
    json.dumps(Figures.of(load_space(document), trace).as_dict())


def test_a_range_of_time() -> None:
    """What happened in it, and how it stands at its end."""
    document = space(CART)
    trace = run(document, CALLS, at("PT40H")).trace
    told = of(document, trace, start=at("PT3H"), end=at("PT5H"))
    assert (told.entered, told.in_progress, told.completed, told.exited) == (2, 2 + 1 - 1 + 1, 0, 0)
    steps = {each.step: (each.arrived, each.waiting, each.left) for each in told.steps}
    assert steps == {"hold": (2, 2, 1), "nudge": (1, 0, 1), "rest": (1, 1, 0), "thanks": (0, 0, 0)}


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it begins: 2026-01-01T00:00:00Z is before 2026-01-02T00:00:00Z"):
        Figures([], start="2026-01-02T00:00:00Z", end="2026-01-01T00:00:00Z")


def test_branches_stand_in_the_order_of_the_definition() -> None:
    """Whatever came first in the trace, and also where a store has kept the figures (I6)."""
    document = space(journey({"hold": hold("PT2H", branch("b", "B"), branch("a", "A"))}))
    calls = [track("Start", "0", user) for user in ("u1", "u2", "u3")]
    trace = run(document, [*calls, track("A", "PT1M", "u2"), track("B", "PT2M", "u3")]).trace
    assert list(of(document, trace).steps[0].branches) == ["b", "a", "timeout"]


def test_who_completed_and_exits_counts_as_exited() -> None:
    """S10."""
    document = space(journey({"s": send()}, entry=trait("x", "equals", 1), exit_after="P1D", reentry_after="P300D"))
    calls = [{"type": "identify", "userId": "a", "traits": {"x": 1}, "timestamp": at()}]
    trace = run(document, calls, at("P2D")).trace
    assert (of(document, trace).completed, of(document, trace).exited) == (0, 1)
    first = of(document, trace, end=at("PT1H"))
    assert (first.completed, first.exited, first.in_progress) == (1, 0, 0)
    later = of(document, trace, start=at("PT1H"))
    assert (later.completed, later.exited, later.exited_by) == (0, 1, {"exit_after": 1})


def test_a_randomized_split() -> None:
    split = random_split(("A", 50, "wait"), ("B", 50, "wait"))
    document = space(journey({"split": split, "wait": delay("P1D")}, goal={"event": "Order"}))
    calls: list[Json] = [track("Start", "0", f"u{number}") for number in range(200)]
    calls += [track("Order", "PT1H", f"u{number}") for number in range(0, 200, 3)]
    trace = run(document, calls).trace
    ((told,),) = (of(document, trace).splits,)
    took = {each["instance"]: each["branch"] for each in trace if each["kind"] == "branch"}
    goals = {each["instance"] for each in trace if each["kind"] == "goal"}
    for figures in told.branches:
        cohort = {instance for instance, branch_ in took.items() if branch_ == figures.branch}
        assert (figures.entered, figures.conversions) == (len(cohort), len(cohort & goals))
        assert figures.rate == len(cohort & goals) / len(cohort)
        assert figures.interval == wilson(len(cohort & goals), len(cohort))
    a, b = told.branches
    assert a.difference is None and b.difference == pytest.approx((b.rate or 0) - (a.rate or 0))
    assert b.uplift == pytest.approx((b.rate or 0) / (a.rate or 1) - 1)
    assert not b.differs
    assert "uplift" in Figures.of(load_space(document), trace).as_table()
    no_goal = space(journey({"split": split, "wait": delay("P1D")}))
    assert of(no_goal, trace).splits[0].branches[0].conversions is None


def test_intervals_are_those_of_the_literature() -> None:
    """Newcombe 1998, tables I and II: 81 of 263 and 1 of 29; 56 of 70 against 48 of 80, 9 of 10 against 3 of 10."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert newcombe(10, 10, 0, 20) == pytest.approx((0.6791, 1.0), abs=5e-5)
    assert wilson(0, 0) == (0, 1) and newcombe(0, 0, 1, 2) == (-1, 1)


def test_the_picture() -> None:
    document = space(CART)
    trace = run(document, CALLS, at("PT10H")).trace
    (model,) = load_space(document).journeys
    figures = Figures.of(load_space(document), trace)
    assert figures.graph("j") == graph_of(model).with_counts(Counts.of(model, trace))
    assert "3" in to_text(figures.graph("j", 1))
    with pytest.raises(KeyError, match="versions"):
        figures.journey("j", 2)
    with pytest.raises(KeyError, match="one of j"):
        figures.journey("nope")
    with pytest.raises(ValueError, match="people=True"):
        figures.journey("j", people=True)


# over generated spaces


def equal_a_direct_count(document: Json, trace: list[Json], bounds: tuple[str, str] | None) -> None:
    space_ = load_space(document)
    start, end = (parse_instant(bounds[0]), parse_instant(bounds[1])) if bounds else (0, 1 << 62)
    figures = Figures.of(space_, trace, start=start, end=end, people=True)
    until = [each for each in trace if parse_instant(each["at"]) < end]
    flows = [each for each in until if parse_instant(each["at"]) >= start]
    owners = {each["instance"]: each["profile"] for each in reversed(until) if "instance" in each}
    for key, version in [(each.key, version) for each in space_.journeys for version in (None, each.version)]:

        def mine(each: Json, key: str = key, version: int | None = version) -> bool:
            return each.get("journey") == key and version in (None, each["version"])

        by_kind: dict[str, list[Json]] = {}
        for record in filter(mine, flows):
            by_kind.setdefault(record["kind"], []).append(record)

        for people in (False, True):
            told = figures.journey(key, version, people=people)

            def count(kind: str, people: bool = people, by_kind: Any = by_kind, **fields: Any) -> int:
                found = [
                    each["instance"]
                    for each in by_kind.get(kind, ())
                    if all(each.get(name) == value for name, value in fields.items())
                ]
                return len({owners[each] for each in found}) if people else len(found)

            exits = {each["instance"] for each in until if each["kind"] in ENDS[1:]}
            done = [each["instance"] for each in by_kind.get("completed", ()) if each["instance"] not in exits]
            assert told.completed == (len({owners[each] for each in done}) if people else len(done))
            assert (told.entered, told.exited, told.expired) == (count("entered"), count("exited"), count("expired"))
            assert (told.merged, told.failed, told.goals) == (count("merged"), count("failed"), count("goal"))
            active = Counter(each["instance"] for each in until if mine(each) and each["kind"] == "entered")
            for instance in {each["instance"] for each in until if mine(each) and each["kind"] in ENDS}:
                active[instance] -= 1
            inside = [instance for instance, number in active.items() if number]
            assert told.in_progress == (len({owners[each] for each in inside}) if people else len(inside))
            for rule, number in told.exited_by.items():
                assert number == count("exited", rule=None if rule == "exit_after" else rule)
            for step in told.steps:
                assert (step.arrived, step.sent) == (count("step", step=step.step), count("sent", step=step.step))
                assert all(
                    number == count("branch", step=step.step, branch=name) for name, number in step.branches.items()
                )
                if not people:
                    assert sum(step.previous.values()) == step.arrived
                    assert step.restarted == count("restarted", step=step.step)
                    assert step.previous.get("elsewhere", 0) == 0
                    if not bounds:
                        assert step.left == step.arrived - step.waiting
            for split in told.splits:
                for each in split.branches:
                    assert each.entered == count("branch", step=split.step, branch=each.branch)


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(KINDS), st.booleans())
def test_figures_equal_a_direct_count(rng: Any, kind: Kind, ranged: bool) -> None:
    document = random_space(rng, kind=kind)
    calls = random_calls(rng, document, count=20)
    trace = run(document, calls, random_until(rng, calls)).trace
    instants = sorted({each["at"] for each in trace}, key=parse_instant)
    bounds = None
    if ranged and len(instants) > 2:
        bounds = (instants[len(instants) // 3], instants[2 * len(instants) // 3])
    equal_a_direct_count(document, trace, bounds)


@pytest.mark.parametrize("seed", range(12))
def test_who_waits_where_is_what_the_engine_says(seed: int) -> None:
    one = case(seed)
    made = run(one.space, one.calls, one.until)
    equal_a_direct_count(one.space, made.trace, None)
    figures = Figures.of(load_space(one.space), made.trace)
    waiting: Counter[tuple[str, str]] = Counter()
    for state in made.simulation.core.processor.states.values():
        for instance in state.instances:
            if instance.status == LIVE:
                waiting.update({(instance.plan.key, wait.step.key) for wait in instance.waits if not wait.removal})
    for key in figures.journeys:
        for step in figures.journey(key).steps:
            assert step.waiting == waiting[key, step.step]

"""What is remembered of past events: no more than the conditions in force need."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys._time import DAY, HOUR, Duration
from journeys.codec import load_space
from journeys.plan import features as f
from journeys.plan.compile import compile_space
from journeys.plan.values import ABSENT
from tests.support import (
    Advance,
    delay,
    did,
    if_else,
    instant,
    journey,
    on,
    run,
    send,
    space,
    track,
    trait,
    wait,
    where,
)

START = instant("0")


def remembered(condition: Any, count: int = 50, **fields: Any) -> list[tuple[str, int]]:
    """The kind and size of every cell after so many events, an hour apart."""
    document = space(journey({"wait": wait(condition)}, entry="Never"), **fields)
    done = run(document, [track("E", f"PT{n}H", n=n % 5, at="2026-01-01") for n in range(count)], until=f"PT{count}H")
    (profile,) = done.simulation.core.processor.states.values()
    plan = done.simulation.core.plan
    return [(each.kind, each.size(profile.cells[key])) for key, each in plan.features.items() if key in profile.cells]


@pytest.mark.parametrize(
    ("condition", "kind", "size"),
    [
        (did("E"), "count", 1),
        (did("E", within="P30D"), "latest instants", 1),
        (did("E", within="P30D", count={"at_least": 3}), "latest instants", 3),
        (did("E", within="P30D", count={"less_than": 3}), "latest instants", 3),
        (did("E", within="P30D", count={"exactly": 3}), "latest instants", 4),
        (did("E", within="P30D", count={"at_most": 0}), "latest instants", 1),
        (did("E", between=["PT10H", "PT5H"]), "events", 10),
        (did("E", where=where(("at", "within_last", "P9D"))), "events", 50),
        ({"type": "funnel", "first": {"event": "E"}, "then": {"event": "G"}}, "first and last instant", 2),
    ],
)
def test_no_more_is_remembered_than_a_condition_needs(condition: Any, kind: str, size: int) -> None:
    """C3: a window is pruned as it slides, a count is a number."""
    assert remembered(condition) == [(kind, size)]


def test_conditions_share_what_they_need() -> None:
    condition = did("E", within="P1D")
    document = space(journey({"a": if_else(condition, "b"), "b": wait(condition)}, entry="Never"))
    plan = compile_space(load_space(document))
    assert len(plan.features) == 1
    assert plan.shared_features == frozenset(plan.features)


@pytest.mark.parametrize("kind", ["sum", "most_frequent", "first", "last", "maximum"])
def test_computed_traits_without_a_window_do_not_grow(kind: str) -> None:
    """P5"""
    computed = [{"key": "c", "type": kind, "event": "E", "property": "n"}]
    ((_, size),) = remembered(trait("c", "exists"), computed_traits=computed)
    assert size <= 5


def test_more_than_may_be_remembered_is_rejected() -> None:
    """O5: ``max_remembered_events``; nothing of the event is applied, and what leaves the window makes room."""
    document = space(
        journey({"wait": wait(did("E", between=["PT10H", "PT1H"]))}, entry="E"), settings={"max_remembered_events": 2}
    )
    done = run(
        document, [track("E", f"PT{n}H", id=f"m{n}") for n in range(4)] + [track("E", "PT10H", id="m9")], "PT11H"
    )
    assert done.answers == ["accepted", "accepted", "rejected", "rejected", "accepted"]
    assert done.counters["rejected"] == 2
    again = run(
        document, [track("E", "0"), track("E", "PT1H"), track("E", "PT2H", id="m"), track("E", "PT20H", id="m")], "P1D"
    )
    assert again.answers == ["accepted", "accepted", "rejected", "accepted"]


@pytest.mark.parametrize("polled", [False, True])
def test_what_is_asked_of_the_limit_forgets_nothing(polled: bool) -> None:
    """I1: by the time of the event they are gone, at the deadline before it they are not."""
    steps = {
        "rest": delay("PT2H", "look"),
        "look": if_else(did("E", between=["PT4H", "PT30M"]), "yes", "no"),
        "yes": send(),
        "no": send(),
    }
    document = space(journey(steps, entry=on("E", reentry="once")), settings={"max_remembered_events": 2})
    polls = [Advance("PT3H")] if polled else []
    done = run(document, [track("E", "0"), track("E", "PT1H"), *polls, track("E", "PT9H")], "PT9H")
    assert done.answers == ["accepted"] * 3
    assert done.story("branch") == ["PT2H branch look true"]


# cells by themselves

PATH = (("n",),)
values = st.sampled_from([ABSENT, None, True, 1, 1.0, 2, 0.1, -0.3, "1", "a", "b", [1], {"a": 1}]) | st.floats(
    -1e6, 1e6
)
events = st.lists(st.tuples(st.integers(0, 40), values), max_size=12)


def made() -> list[Any]:
    """One of each kind of feature."""
    window = Duration.of("P1D")
    return [
        f.Counter("k", "E", None, ""),
        f.Latest("k", "E", None, "", window, 3),
        f.Extremes("k", "E", None, ""),
        f.Entries("k", "E", None, "", window, PATH),
        f.Entries("k", "E", None, "", None, PATH),
        f.Total("k", "E", None, "", PATH[0]),
        f.Extreme("k", "E", None, "", PATH[0], min),
        f.Extreme("k", "E", None, "", PATH[0], max),
        f.Edge("k", "E", None, "", PATH[0], last=True),
        f.Edge("k", "E", None, "", PATH[0], last=False),
        f.Distinct("k", "E", None, "", PATH[0]),
    ]


def filled(feature: Any, events: list[tuple[int, Any]], now: int) -> list[Any]:
    cell = feature.new()
    for hour, value in events:
        feature.add(cell, START + hour * HOUR, {} if value is ABSENT else {"n": value}, now)
    return list(cell)


def shown(feature: Any, cell: list[Any]) -> Any:
    """A cell without what has no meaning: the order of distinct values, how a sum is written down."""
    if isinstance(feature, f.Distinct):
        return sorted((repr(value), count) for value, count in zip(cell[::2], cell[1::2], strict=True))
    if isinstance(feature, f.Total):
        return cell[0], f.total_of(cell)
    if isinstance(feature, f.Extreme):
        return [float(value) for value in cell]
    return cell


@settings(max_examples=200)
@given(events, events)
def test_a_merge_gives_what_one_profile_would_have_had(
    theirs: list[tuple[int, Any]], ours: list[tuple[int, Any]]
) -> None:
    """P2: the merged-in profile's events come first where timestamps are equal."""
    now = START + 40 * HOUR
    for feature in made():
        cell, other = filled(feature, ours, now), filled(feature, theirs, now)
        feature.merge(cell, other)
        if isinstance(feature, f.Entries):
            feature.prune(cell, now)
        together = filled(feature, [*theirs, *ours], now)
        if isinstance(feature, f.Entries):
            feature.prune(together, now)
        assert shown(feature, cell) == shown(feature, together), feature.kind


@given(events)
def test_cells_are_json(some: list[tuple[int, Any]]) -> None:
    """I4"""
    for feature in made():
        cell = filled(feature, some, START)
        assert json.loads(json.dumps(cell)) == cell
        assert feature.size(cell) >= 0


@given(events)
def test_the_order_of_arrival_does_not_matter(some: list[tuple[int, Any]]) -> None:
    """C3: an event counts where its own timestamp falls; only equal timestamps are told apart by arrival."""
    ordered = sorted(some, key=lambda event: event[0])
    now = START + 40 * HOUR
    for feature in made():
        a, b = filled(feature, some, now), filled(feature, ordered, now)
        if isinstance(feature, f.Entries):
            feature.prune(a, now)
            feature.prune(b, now)
        assert shown(feature, a) == shown(feature, b), feature.kind


def test_nothing_is_forgotten_that_a_month_may_bring_back() -> None:
    """C1, T2: with clipped months an event may come back into the window."""
    feature = f.Entries("k", "E", None, "", Duration.of("P1M"), ())
    cell = feature.new()
    timestamp = instant("2026-02-28T12:00:00Z")
    feature.add(cell, timestamp, {}, timestamp)
    feature.prune(cell, instant("2026-03-31T11:59:59Z"))
    assert cell == [[timestamp]]
    feature.prune(cell, instant("2026-03-31T12:00:00Z"))
    assert cell == []


def test_a_window_is_full_only_with_what_still_counts() -> None:
    feature = f.Entries("k", "E", None, "", Duration.of("P1D"), ())
    cell = filled(feature, [(0, 1), (1, 1)], START)
    assert feature.is_full(cell, 2, START + HOUR)
    assert not feature.is_full(cell, 2, START + DAY)

"""Invariants: what breaks them is real, and small."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeys import Evaluator, ManualClock
from journeys._time import Duration, parse_instant
from journeys.codec import load_space
from journeys.errors import InvalidDefinition
from journeys.runtime.analysis.invariants import (
    Pattern,
    Story,
    always_ends_within,
    holds,
    more_sends_than,
    never,
    two_sends_within,
    violations,
)
from tests.runtime.analysis.faults import EXAMPLES
from tests.runtime.analysis.test_paths import replayed
from tests.support import branch, delay, did, hold, journey, on, random_split, send, space, wait

NAGGING = space(
    journey(
        {"mail": send("hold"), "hold": hold("PT2H", branch("bought", "Order"), timeout="again"), "again": send()},
        key="cart",
        entry=on("Cart", identifier="id"),
    )
)
PATIENT = space(
    journey({"mail": send("rest"), "rest": delay("P2D", "again"), "again": send()}, entry=on("Cart", reentry="once"))
)


def broken(document: Any, *invariants: Any, **options: Any) -> list[Any]:
    """The violations; each is held against the public evaluator."""
    one = load_space(document)
    found = violations(one, invariants, **options)
    for each in found:
        trace = replayed(one, list(each.calls), parse_instant(each.story.until))
        assert trace == each.story.records
    return found


def test_nobody_does_anything_after_the_last_year() -> None:
    """A witness that takes thousands of years cannot be taken twice in a row (T1)."""
    long = space(journey({"wait": delay("P5000Y", "mail"), "mail": send()}, max_age="P6000Y"))
    assert not broken(long, never(two_sends_within("P1D")), people=50)
    assert broken(long, always_ends_within("P1Y"), people=50)


def test_two_sends_too_near_are_found_with_one_call() -> None:
    (one,) = broken(NAGGING, never(two_sends_within("P1D")))
    assert one.invariant == "never two sends within P1D"
    assert one.found == "2 sends from 2026-01-05T09:00:00Z to 2026-01-05T11:00:00Z"
    assert [(call["event"], call["properties"]) for call in one.calls] == [("Cart", {"id": "id-1"})]
    assert one.text.splitlines()[:5] == [
        "never two sends within P1D: 2 sends from 2026-01-05T09:00:00Z to 2026-01-05T11:00:00Z",
        "  2026-01-05T09:00:00Z  does Cart id 'id-1'",
        "  2026-01-05T09:00:00Z    cart: entered",
        "  2026-01-05T09:00:00Z    cart: step mail",
        "  2026-01-05T09:00:00Z    cart: sent mail",
    ]


def test_sends_exactly_so_far_apart_are_allowed() -> None:
    assert broken(PATIENT, never(two_sends_within("P2D"))) == []
    (one,) = broken(PATIENT, never(two_sends_within("P2DT1S")))
    assert len(one.calls) == 1


def test_sends_that_only_two_entries_bring_together() -> None:
    """No path shows it: the same person comes twice."""
    document = space(journey({"mail": send()}, entry=on("Order", identifier="id")))
    (one,) = broken(document, never(two_sends_within("P1D")))
    assert [call["event"] for call in one.calls] == ["Order", "Order"]
    (three,) = broken(document, never(more_sends_than(2, "P30D")))
    assert len(three.calls) == 3
    assert three.found.startswith("3 sends from")


def test_sends_of_one_journey_and_of_all() -> None:
    two = space(
        journey({"mail": send()}, key="a", entry=on("Order", reentry="once")),
        journey({"mail": send()}, key="b", entry=on("Order", reentry="once")),
    )
    assert [
        each.invariant
        for each in broken(two, never(two_sends_within("P1D")), never(two_sends_within("P1D", journey="a")))
    ] == ["never two sends within P1D"]


def test_who_stays_too_long() -> None:
    document = space(
        journey({"wait": wait(did("Order"), "rest"), "rest": delay("P9D")}, entry=on("Start", reentry="once"))
    )
    (one,) = broken(document, always_ends_within("P30D"))
    assert [call["event"] for call in one.calls] == ["Start"]
    assert one.found == "who entered j at 2026-01-05T09:00:00Z is still in it P30D later"
    assert (
        broken(document | {"journeys": [document["journeys"][0] | {"max_age": "P30D"}]}, always_ends_within("P30D"))
        == []
    )


def test_who_has_entered_shortly_before_the_end_of_the_story_may_still_end_in_time() -> None:
    """E6: she enters again and again, also in the last days that are watched."""
    again = {"exit_after": "P3D", "reentry_after": "P1D"}
    document = space(journey({"rest": delay("P9D")}, entry=did("Visit"), **again))
    assert broken(document, always_ends_within("P3D")) == []
    (one,) = broken(document, always_ends_within("P2D"))
    assert len(one.calls) == 1


def test_a_time_that_is_longer_than_the_story_is_watched() -> None:
    document = space(journey({"rest": delay("P200D")}, entry=on("Start", reentry="once")))
    assert broken(document, always_ends_within("P200D"), watch="P1D") == []
    assert len(broken(document, always_ends_within("P199D"), watch="P1D")) == 1


def test_predicates_of_ones_own() -> None:
    def nobody_is_in_it_twice(story: Story) -> bool:
        return len(story.instances) < 2

    (one,) = broken(NAGGING, nobody_is_in_it_twice)
    assert one.invariant == "nobody is in it twice"
    assert len(one.calls) == 2
    (named,) = broken(NAGGING, holds(nobody_is_in_it_twice, "one at a time"))
    assert named.invariant == "one at a time"
    bought = Pattern("an order", lambda story: "bought" if any(c["event"] == "Order" for c in story.calls) else None)
    (seen,) = broken(NAGGING, never(bought))
    assert (seen.invariant, seen.found, len(seen.calls)) == ("never an order", "bought", 1)


def test_two_predicates_without_a_name_do_not_hide_each_other() -> None:
    found = broken(NAGGING, lambda story: True, lambda story: len(story.records) < 3)
    assert len(found) == 1


def test_what_holds_everywhere_is_not_broken() -> None:
    one = (EXAMPLES / "trial-re-engagement" / "space.json").read_text(encoding="utf-8")
    assert broken(json.loads(one), always_ends_within("P60D"), lambda story: len(story.instances) < 2) == []


def test_no_call_is_kept_only_for_the_ids_of_the_others() -> None:
    """A random split by the instance is not drawn again while calls are left out."""
    for key in "abcdefgh":
        steps = {"split": random_split(("mail", 50, "mail"), ("none", 50, None)), "mail": send()}
        document = space(journey(steps, key=key, entry=on("Start", identifier="id")))
        (one,) = broken(document, holds(lambda story: not story.kept("sent")))
        assert len(one.calls) == 1


def test_the_same_seed_finds_the_same() -> None:
    rare = lambda story: len(story.instances) < 4  # noqa: E731
    first, again = (broken(NAGGING, rare, seed=5)[0].calls for _ in range(2))
    assert first == again
    assert len(first) == 4


def test_a_space_that_cannot_run() -> None:
    with pytest.raises(InvalidDefinition):
        violations(load_space(space(journey({"a": delay("P1D", "nowhere")}))), [])
    assert (
        violations(
            load_space(space(journey({"a": delay("P1D")}, entry={"type": "any", "conditions": []}))),
            [never(two_sends_within(Duration.of("P1D")))],
        )
        == []
    )


def test_a_counterexample_is_a_story_that_can_be_replayed() -> None:
    (one,) = broken(NAGGING, never(two_sends_within("P1D")))

    class Nowhere:
        def deliver(self, delivery: Any) -> None: ...
        def deliver_batch(self, deliveries: Any) -> None: ...

    nowhere = {key: Nowhere() for key in ("email", "crm", "ads", "social")}
    evaluator = Evaluator(NAGGING, destinations=nowhere, clock=ManualClock(0))
    evaluator.replay(one.calls)
    evaluator.advance("2026-01-05T11:00:00Z")
    assert [each["step"] for each in evaluator.trace() if each["kind"] == "sent"] == ["mail", "again"]

"""Strategies: calls are valid, made of what the space names, and reach its journeys."""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from journeys import Branch, HoldUntil, Journey, Space, load_space
from journeys._time import parse_instant
from journeys.testing import Scenario, space_from
from journeys.testing._alphabet import Alphabet, Moment
from journeys.testing.strategies import calls, populations
from tests.examples.golden import EXAMPLES, NAMES
from tests.testing.spaces import cart, shop

DATA = Path(__file__).parents[1] / "data"
EVERYTHING = load_space((DATA / "everything.json").read_text(encoding="utf-8"))
#: the same on every run, and no database of failures
FIXED = settings(
    max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)  # fmt: skip


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "journeys.testing.strategies")
    with pytest.raises(ImportError, match=r"journeys\.testing\.strategies needs Hypothesis: pip install hypothesis"):
        importlib.import_module("journeys.testing.strategies")


def test_the_words_of_a_space() -> None:
    alphabet = Alphabet(shop)
    assert set(alphabet.events) == {"Cart Modified", "Order Completed", "Cart Emptied", "Account Deleted"}
    assert alphabet.events["Cart Modified"]["value"] == [50, 51, 49, "50"]
    assert "id-1" in alphabet.events["Order Completed"]["cart_id"]
    assert "cart_id" not in alphabet.events["Account Deleted"]
    assert 100 in alphabet.events["Order Completed"]["revenue"]  # what the computed trait is compared with
    assert set(alphabet.traits) == {"email", "subscriptions.email", "first_name", "answered"}
    assert {str(each) for each in alphabet.durations} >= {"PT2H", "P7D", "P30D"}
    assert alphabet.entries == {"Cart Modified"}


def test_the_words_of_everything() -> None:
    alphabet = Alphabet(EVERYTHING)
    assert len(alphabet.events) >= 5 and len(alphabet.traits) >= 5
    for paths in [*alphabet.events.values(), alphabet.traits]:
        for values in paths.values():
            assert values
    assert any(
        isinstance(value, Moment) for paths in alphabet.events.values() for values in paths.values() for value in values
    )


def test_drafts_and_archived_journeys_name_nothing() -> None:
    draft = attrs.evolve(cart, status="draft")
    assert not Alphabet(Space(journeys=[draft])).events


def test_events_of_the_context_are_those_that_branches_name() -> None:
    hold = HoldUntil([Branch("b", "Shop - Visit")], max_duration="PT1H", timeout="nudge")
    journey: Journey = attrs.evolve(cart, steps={**cart.steps, "hold": hold})
    alphabet = Alphabet(Space(journeys=[journey]))
    assert "value" in alphabet._in_context("Cart Modified - changed")
    assert alphabet._in_context("Shop - Visit - b") is alphabet.events["Shop - Visit"]
    assert alphabet._in_context("Unknown - b") is alphabet.events["Unknown"]


@pytest.mark.parametrize(
    "space", [shop, EVERYTHING, Space(), [cart]], ids=["shop", "everything", "nothing", "journeys"]
)
def test_calls_are_valid(space: Any) -> None:
    kinds: Counter[str] = Counter()

    @FIXED
    @given(calls(space))
    def each(call: dict[str, Any]) -> None:
        json.dumps(call, allow_nan=False)
        scenario = Scenario(space)
        assert scenario.feed(call).status == "accepted"
        kinds[call["type"]] += 1

    each()
    assert kinds["track"]


def test_populations_come_in_the_order_of_arrival() -> None:
    seen: Counter[str] = Counter()

    @FIXED
    @given(populations(shop, max_size=20))
    def each(population: list[dict[str, Any]]) -> None:
        json.dumps(population, allow_nan=False)
        answers = Scenario(shop).feed_many(population)
        seen.update(answer.status for answer in answers)
        seen.update("link" for call in population if "anonymousId" in call and "userId" in call)
        seen.update(call["type"] for call in population)
        ids = [call["messageId"] for call in population]
        assert len({json.dumps(call) for call in population}) == len(set(ids)) <= 20

    each()
    assert seen["accepted"] > seen["late"] > 0 and seen["duplicate"] > 0
    assert seen["link"] and seen["alias"] and seen["track"] > seen["identify"] > 0


def test_what_is_not_wanted_does_not_come() -> None:
    @FIXED
    @given(
        populations(
            shop, people=1, max_size=10, late=False, duplicates=False, links=False, start="2027-01-01T00:00:00Z"
        )
    )
    def each(population: list[dict[str, Any]]) -> None:
        instants = [parse_instant(call["timestamp"]) for call in population]
        assert instants == sorted(instants)
        assert {call["userId"] for call in population} <= {"user-1"}
        assert not any("anonymousId" in call or call["type"] == "alias" for call in population)
        assert all(call["timestamp"] >= "2027" for call in population)
        assert {answer.status for answer in Scenario(shop).feed_many(population)} <= {"accepted", "late"}

    each()


def test_a_failure_shrinks_to_what_matters() -> None:
    def reaches_the_goal(population: list[dict[str, Any]]) -> bool:
        scenario = Scenario([cart])
        scenario.feed_many(population)
        return any(record["kind"] == "goal" for record in scenario.trace())

    found = find(
        populations([cart]), reaches_the_goal, settings=settings(database=None, derandomize=True, deadline=None)
    )
    assert [call.get("event") for call in found] == ["Cart Modified", "Order Completed"]


@pytest.mark.parametrize("name", NAMES)
def test_they_reach_the_journeys_of_the_examples(name: str) -> None:
    space = space_from(EXAMPLES / name / "journey.py")
    kinds: Counter[str] = Counter()

    @FIXED
    @given(populations(space))
    def each(population: list[dict[str, Any]]) -> None:
        scenario = Scenario(space)
        scenario.feed_many(population)
        scenario.settle("2027-01-01T00:00:00Z")
        kinds.update(record["kind"] for record in scenario.trace())

    each()
    assert kinds["entered"] and kinds["step"]

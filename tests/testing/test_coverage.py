"""Journey coverage: what counts, from whatever evaluator it comes, and how it is told and drawn."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import attrs
import pytest

from journeys import (
    AsyncEvaluator,
    Evaluator,
    EventEntry,
    ExitRule,
    Journey,
    ManualClock,
    RandomBranch,
    RandomizedSplit,
    SendToDestination,
    load_space,
)
from journeys.destinations import Record
from journeys.engine._effects import Effects
from journeys.runtime._core import Core
from journeys.runtime.simulation import Simulation
from journeys.testing import Scenario
from journeys.testing._observe import Observer
from journeys.testing._pictures import picture, write_report
from journeys.testing.coverage import Coverage, items_of
from tests.testing.spaces import cart, loyal, shop

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def coverage() -> Coverage:
    return Coverage()


@pytest.fixture
def observer(coverage: Coverage) -> Observer:
    """Watches within one test; the tests begin and end it themselves."""
    return Observer(coverage)


def names(journey: Journey) -> list[str]:
    return [str(item) for item in items_of(journey)]


def missing(coverage: Coverage, key: str) -> list[str]:
    return [str(item) for each in coverage.journeys if each.journey.key == key for item in each.missing]


def test_items() -> None:
    assert names(cart) == [
        *("hold", "hold → bought", "hold ↺ changed", "hold → timeout", "nudge"),
        *("exit: emptied", "exit: gone", "goal"),
    ]
    assert names(loyal) == [
        *("rich", "rich → true", "rich → false", "ads", "letter", "answer", "thanks", "exit: exit_after"),
    ]


def test_items_of_everything() -> None:
    space = load_space((DATA / "everything.json").read_text(encoding="utf-8"))
    for journey in space.journeys:
        items = items_of(journey)
        assert len(set(items)) == len(items)
        assert [item.step for item in items if item.kind == "step"] != []
        assert {item.step for item in items if item.step} == set(journey.steps)


def test_a_branch_of_no_per_cent_is_nothing_to_take() -> None:
    split = RandomizedSplit([RandomBranch("all", 100), RandomBranch("none", 0)])
    journey = Journey(key="j", entry=EventEntry("A"), start="s", steps={"s": split})
    assert names(journey) == ["s", "s → all"]


def test_a_journey_that_nobody_entered_counts_as_missing(observer: Observer, coverage: Coverage) -> None:
    observer.start()
    Scenario(shop)
    observer.stop()
    assert [(each.name, each.reached, len(each.items)) for each in coverage.journeys] == [
        ("cart", 0, 8),
        ("loyal", 0, 8),
    ]
    assert (coverage.total, coverage.reached, coverage.percent) == (16, 0, 0.0)


def test_what_was_taken(observer: Observer, coverage: Coverage) -> None:
    observer.start()
    scenario = Scenario(shop)
    ada = scenario.user("ada")
    ada.does("Cart Modified", cart_id="c1", value=80)
    ada.does("Cart Modified", cart_id="c1", value=80)
    ada.does("Cart Emptied", cart_id="c1")
    observer.settle()
    scenario = Scenario(shop)
    ada = scenario.user("ada")
    ada.does("Order Completed", revenue=10)
    ada.does("Order Completed", revenue=10)
    scenario.clock.advance(days=30)
    observer.stop()
    assert missing(coverage, "cart") == ["hold → bought", "hold → timeout", "nudge", "exit: gone", "goal"]
    assert missing(coverage, "loyal") == ["rich → true", "ads", "thanks"]
    assert coverage.percent == pytest.approx(50)


def test_nothing_is_watched_before_and_after(observer: Observer, coverage: Coverage) -> None:
    before = (Effects.record, Core.__init__, Core.use)
    Scenario(shop).user("ada").does("Cart Modified", cart_id="c1", value=80)
    observer.start()
    assert Effects.record is not before[0]
    observer.stop()
    assert (Effects.record, Core.__init__, Core.use) == before
    Scenario(shop).user("ada").does("Cart Modified", cart_id="c1", value=80)
    assert coverage.journeys == []


def test_an_observer_may_watch_while_another_does(observer: Observer, coverage: Coverage) -> None:
    outer = Observer(Coverage())
    outer.start()
    observer.start()
    Scenario([cart]).user("ada").does("Cart Modified", cart_id="c1", value=80)
    observer.stop()
    outer.stop()
    assert coverage.reached == outer.coverage.reached == 1


def feed(evaluator: Evaluator) -> None:
    evaluator.track("ada", "Cart Modified", {"cart_id": "c1", "value": 80})
    evaluator.track("ada", "Order Completed", {"cart_id": "c1"}, timestamp="2026-01-01T01:00:00Z")
    evaluator.advance(hours=2)


EXPECTED = ["hold ↺ changed", "hold → timeout", "nudge", "exit: emptied", "exit: gone"]


def records() -> dict[str, Record]:
    return {"email": Record(), "crm": Record()}


@pytest.mark.parametrize("trace", [True, False])
def test_evaluators_of_every_store(observer: Observer, coverage: Coverage, tmp_path: Path, trace: bool) -> None:
    for store in (None, f"sqlite:///{tmp_path / 'journeys.db'}"):
        observer.coverage = coverage = Coverage()
        observer.start()
        with Evaluator(cart, destinations=records(), store=store, clock=ManualClock(), trace=trace) as evaluator:
            feed(evaluator)
        observer.stop()
        assert missing(coverage, "cart") == EXPECTED


def test_async_evaluators_and_simulations(observer: Observer, coverage: Coverage) -> None:
    async def feeds() -> None:
        async with AsyncEvaluator(cart, destinations=records(), clock=ManualClock()) as evaluator:
            await evaluator.track("ada", "Cart Modified", {"cart_id": "c1", "value": 80})

    observer.start()
    asyncio.run(feeds())
    assert coverage.of(cart).items
    observer.settle()
    assert coverage.reached == 1
    calls = [{"type": "track", "userId": "a", "event": "Cart Modified", "properties": {"cart_id": 1, "value": 99}}]
    simulation = Simulation(attrs.evolve(shop, journeys=[cart], audiences=[], computed_traits=[]))
    simulation.feed([{**call, "timestamp": "2026-01-01T00:00:00Z"} for call in calls])
    simulation.finish()
    observer.stop()
    assert missing(coverage, "cart") == ["hold → bought", "hold ↺ changed", *EXPECTED[-2:], "goal"]


def test_an_evaluator_that_lives_through_several_tests(observer: Observer, coverage: Coverage) -> None:
    observer.start()
    scenario = Scenario([cart])
    scenario.user("ada").does("Cart Modified", cart_id="c1", value=80)
    observer.settle()
    scenario.user("ada").does("Cart Emptied", cart_id="c1")
    observer.settle()
    scenario.user("ada").does("Order Completed")
    observer.stop()
    assert missing(coverage, "cart") == ["hold → bought", "hold ↺ changed", "hold → timeout", "nudge", "exit: gone"]


def test_what_is_only_tried_on_a_copy_has_not_been_taken(observer: Observer, coverage: Coverage) -> None:
    """``explain`` lets a copy go on, and so does the story of a test that fails: nobody has taken that."""
    observer.start()
    for scenario in (Scenario([cart]), Scenario([cart])):
        ada = scenario.user("ada")
        ada.does("Cart Modified", cart_id="c1", value=80)
        assert scenario.evaluator.explain("ada", journey="cart").next is not None
        assert "waits at hold" in ada.timeline
    observer.stop()
    found = coverage.of(cart)
    assert {str(item): number for item in found.items if (number := item.count(found.counts))} == {"hold": 2}


def test_an_evaluator_that_is_older_than_the_observer(coverage: Coverage) -> None:
    """Made while tests were collected, say."""
    scenario = Scenario([cart])
    watching = Observer(coverage)
    watching.start()
    scenario.user("ada").does("Cart Modified", cart_id="c1", value=80)
    watching.stop()
    assert coverage.of(cart).counts.entered == 1


@pytest.mark.parametrize(
    ("least", "said"),
    [
        (None, ""),
        (16.66, ""),
        (100 / 6, ""),
        (16.67, "journey coverage is 16.66 %, and 16.67 % is asked for"),
        (100, "journey coverage is 16.66 %, and 100 % is asked for"),
    ],
)
def test_the_threshold(coverage: Coverage, least: float | None, said: str) -> None:
    """Enough is enough at the very value, and what is told is not rounded to it."""
    journey = Journey(
        key="six",
        entry=EventEntry("Start"),
        start="a",
        steps={"a": RandomizedSplit([RandomBranch("x", 50), RandomBranch("y", 50)])},
        exit_rules=[ExitRule(key, "Out") for key in ("o1", "o2", "o3")],
    )
    coverage.of(journey).counts.arrived["a"] = 1
    assert coverage.shortfall(least) == said


def test_journeys_of_one_key_are_told_apart_by_their_definition(observer: Observer, coverage: Coverage) -> None:
    observer.start()
    scenario = Scenario([cart])
    scenario.evaluator.pause("cart")  # the status makes no other journey
    scenario.evaluator.publish(attrs.evolve(cart, exit_rules=[], exit_send=None))
    observer.stop()
    assert [each.name for each in coverage.journeys] == ["cart", "cart v2"]
    coverage.of(attrs.evolve(cart, goal=None))
    assert [each.name for each in coverage.journeys] == ["cart", "cart", "cart v2"]


def test_only_some() -> None:
    coverage = Coverage(only=["car*", "other"])
    for journey in (cart, loyal):
        coverage.of(journey)
    assert [each.name for each in coverage.journeys] == ["cart"]
    assert coverage.total == 8


def test_processes_add_up() -> None:
    documents = []
    for call in ("Cart Emptied", "Order Completed", "Cart Modified"):
        observer = Observer(Coverage())
        observer.start()
        ada = Scenario(shop).user("ada")
        ada.does("Cart Modified", cart_id="c1", value=80)
        ada.does(call, cart_id="c1")
        observer.stop()
        documents.append(json.loads(json.dumps(observer.coverage.as_document())))
    whole = Coverage()
    for document in documents:
        whole.add(document)
    assert missing(whole, "cart") == ["hold → timeout", "nudge", "exit: gone"]
    assert whole.of(cart).counts.entered == 3
    assert whole.as_document()[0]["journey"] == documents[0][0]["journey"]


def test_the_table(observer: Observer, coverage: Coverage) -> None:
    observer.start()
    ada = Scenario(shop).user("ada")
    ada.does("Cart Modified", cart_id="c1", value=80)
    ada.does("Cart Emptied", cart_id="c1")
    observer.stop()
    assert coverage.table(width=76) == [
        "journey  items  reached  cover  missing",
        "cart         8        2    25%  hold → bought, hold ↺ changed,",
        "                                hold → timeout, nudge, exit: gone, goal",
        "loyal        8        0     0%  rich, rich → true, rich → false, ads,",
        "                                letter, answer, thanks, exit: exit_after",
        "TOTAL       16        2    12%",
    ]
    assert Coverage().table()[-1].split() == ["TOTAL", "0", "0", "-"]


def whole_coverage() -> Coverage:
    observer = Observer(Coverage())
    observer.start()
    for end in ("Order Completed", "Cart Emptied", "Account Deleted", None):
        scenario = Scenario([cart])
        ada = scenario.user("ada")
        ada.does("Cart Modified", cart_id="c1", value=80)
        ada.does("Cart Modified", cart_id="c1", value=80)
        if end is not None:
            ada.does(end, cart_id="c1")
        scenario.clock.advance(hours=2)
    observer.stop()
    return observer.coverage


def test_the_picture_marks_what_no_test_has_taken() -> None:
    coverage = Coverage()
    coverage.add([])
    some = coverage.of(cart)
    svg = picture(some)
    ElementTree.fromstring(svg)
    assert set(re.findall(r'<g class="node \w+ missed" data-key="([^"]*)">', svg)) == {
        *(":entry", "hold", "nudge", ":exit:emptied", ":exit:gone", ":exit-send", ":goal"),
    }
    assert svg.count("not reached") >= 7
    assert svg.count("<title>✗ bought</title>") == 1 and 'class="tag-of branch missed"' in svg
    assert 'class="edge restart missed"' in svg and ".missed .card" in svg

    full = whole_coverage().of(cart)
    assert full.missing == ()
    svg = picture(full)
    assert " missed" not in re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)
    assert "not reached" not in svg and "✗" not in svg
    assert ">4</tspan> entered" in svg and ">8</tspan> of 8 reached" in svg


def test_names_that_must_be_escaped() -> None:
    rules = [ExitRule("a<b", "A"), ExitRule('"c"', "C & D")]
    odd = Journey(
        key="odd",
        name="<b>odd</b>",
        entry=EventEntry("A & B"),
        start="s",
        steps={"s": SendToDestination([])},
        exit_rules=rules,
    )
    svg = picture(Coverage().of(odd))
    ElementTree.fromstring(svg)
    assert svg.count(' missed" data-key=":exit:') == 2


def test_the_report(tmp_path: Path) -> None:
    coverage = whole_coverage()
    coverage.of(attrs.evolve(cart, goal=None, name="<i>"))
    coverage.of(attrs.evolve(cart, version=2))
    page = write_report(coverage, tmp_path / "deep" / "report")
    files = sorted(file.name for file in page.parent.iterdir())
    assert files == ["cart-v2.svg", "cart.svg", "cart~2.svg", "coverage.json", "index.html"]
    html = page.read_text(encoding="utf-8")
    assert all(f'<img src="{name}"' in html for name in files if name.endswith(".svg"))
    assert "<h1>Journey coverage: 34%</h1>" in html and "&lt;i&gt;" in html and "<i>" not in html
    document = json.loads((page.parent / "coverage.json").read_text())
    assert (document["total"], document["reached"]) == (23, 8)
    assert document["journeys"][0]["journey"] == "cart"
    counts = {(item["kind"], item["step"], item["branch"]): item["count"] for item in document["journeys"][0]["items"]}
    assert counts["step", "hold", None] == 4 and counts["exit", None, "gone"] == 1

"""A scenario is fast: its space is compiled once, and what it adds to the work of the evaluator is little.

On a quiet machine ten calls, two hours and a question take half a millisecond, of which the evaluator takes two thirds.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from journeys import Evaluator, ManualClock
from journeys.testing import Scenario
from journeys.testing._compiled import Rehearsal, compiled
from tests.testing.spaces import shop


def story() -> None:
    scenario = Scenario(shop)
    ada = scenario.user("ada")
    for number in range(5):
        ada.does("Cart Modified", cart_id="c1", value=80 + number)
        ada.sees("Home")
    scenario.clock.advance(hours=2)
    assert scenario.email.received("Cart Abandoned", to=ada).once


def bare() -> None:
    """The same without a scenario."""
    destinations = Scenario(shop).destinations
    evaluator = Rehearsal(compiled(shop), destinations, ManualClock())
    for number in range(5):
        evaluator.track("ada", "Cart Modified", {"cart_id": "c1", "value": 80 + number})
        evaluator.page("ada", name="Home")
    evaluator.advance(hours=2)


def best(*runs: Callable[[], object]) -> list[float]:
    """The best time of each, by turns: on a machine that does other things too the median says little."""
    taken = [float("inf")] * len(runs)
    for _ in range(150):
        for place, run in enumerate(runs):
            begun = perf_counter()
            run()
            taken[place] = min(taken[place], perf_counter() - begun)
    return taken


def test_a_story_costs_little_more_than_its_evaluator() -> None:
    story()
    whole, evaluator = best(story, bare)
    assert whole < 2 * evaluator


def test_a_space_is_compiled_once() -> None:
    one, anew = best(lambda: Scenario(shop), lambda: Evaluator(shop, destinations=Scenario(shop).destinations))
    assert one < anew / 3

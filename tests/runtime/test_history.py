"""History and live calls: whichever way a call comes, and in whichever order, it counts once (C4)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest

from journeys import Evaluator, Journey, ManualClock
from journeys.codec import load_journey, load_space
from tests.support import Json, at, did, identify, journey, send, space, track

#: counts an audience over everything, and is in the store before anybody comes
SPACE = load_space(
    space(
        audiences=[{"key": "two", "condition": did("Order", count={"at_least": 2})}],
        computed_traits=[{"key": "orders", "type": "event_counter", "event": "Order"}],
    )
)


def winback(number: int, *, historical: bool = True) -> Journey:
    entry = {"type": "condition_entry", "condition": did("Order", count={"at_least": number}), "historical": historical}
    return load_journey({**journey({"mail": send()}, key="back"), "entry": entry})


def order(number: int, user: str = "u1") -> Json:
    return track("Order", f"PT{number}M", user, id=f"o{number}")


STORES = pytest.mark.parametrize("where", ["memory", "sqlite"])


def made(where: str, path: Path) -> Evaluator:
    return Evaluator(
        SPACE, store=None if where == "memory" else f"sqlite:///{path}/a.db", clock=ManualClock(at("PT10H"))
    )


def entered(evaluator: Evaluator) -> int:
    return sum(record["kind"] == "entered" for record in evaluator.trace())


@STORES
def test_live_before_the_publication_and_backfilled_after_it(where: str, tmp_path: Path) -> None:
    """C4: the entry has not seen it live, so it sees it in the history; who had counted it does not again."""
    with made(where, tmp_path) as evaluator:
        evaluator.feed(order(1))
        evaluator.publish(winback(1))
        assert entered(evaluator) == 0
        assert evaluator.backfill([order(1)]) == {"duplicates": 1}
        assert entered(evaluator) == 1
        evaluator.backfill([order(1)])
        evaluator.feed(order(1))
        profile = evaluator.profile("u1")
        assert profile is not None
        assert (profile.computed_traits["orders"], profile.audiences, entered(evaluator)) == (1, (), 1)


@STORES
@pytest.mark.parametrize("when", ["0", "PT10H"])
def test_live_after_the_publication_and_backfilled_too(where: str, tmp_path: Path, when: str) -> None:
    """C4: also at the very instant of the publication."""
    with made(where, tmp_path) as evaluator:
        evaluator.feed(identify("PT1M"))
        evaluator.publish(winback(2))
        call = track("Order", when, "u1", id="same")
        evaluator.feed(call)
        evaluator.backfill([call])
        assert entered(evaluator) == 0
        evaluator.backfill([order(7)])
        assert entered(evaluator) == 1


@STORES
def test_a_journey_that_is_not_historical_sees_no_history(where: str, tmp_path: Path) -> None:
    with made(where, tmp_path) as evaluator:
        evaluator.feed(order(1))
        evaluator.publish(winback(1, historical=False))
        evaluator.backfill([order(1), order(2)])
        assert entered(evaluator) == 0


def ways(steps: Iterable[str]) -> list[tuple[str, ...]]:
    return sorted(set(itertools.permutations(steps)))


@pytest.mark.parametrize("steps", ways(["live a", "past a", "live b", "past b", "publish"]), ids=" ".join)
def test_in_every_order(steps: tuple[str, ...], tmp_path: Path) -> None:
    """C4, 3.6: of two calls that come both ways the entry has seen two, no more and no less."""
    for least in (2, 3):
        evaluator = made("memory", tmp_path)
        evaluator.feed(identify("PT1M"))
        for step in steps:
            if step == "publish":
                evaluator.publish(winback(least))
                continue
            way, name = step.split()
            call = track("Order", f"PT{ord(name)}M", "u1", id=name)
            evaluator.feed(call) if way == "live" else evaluator.backfill([call])
        assert entered(evaluator) == (least == 2), steps
        profile = evaluator.profile("u1")
        assert profile is not None and profile.computed_traits["orders"] == 2


@STORES
def test_merged_people_have_missed_what_neither_has_seen(where: str, tmp_path: Path) -> None:
    """P2, C4"""
    with made(where, tmp_path) as evaluator:
        anonymous: Any = {**order(1), "anonymousId": "a1"}
        del anonymous["userId"]
        evaluator.feed(anonymous)
        evaluator.feed(order(2))
        evaluator.publish(winback(3))
        evaluator.feed(order(3))
        evaluator.feed(identify("PT5M", "u1", anon="a1"))
        evaluator.backfill([order(1), order(2), order(3)])
        assert entered(evaluator) == 1
        assert attrs.asdict(evaluator.profile("u1"))["computed_traits"] == {"orders": 3}  # type: ignore[arg-type]

"""In memory, what a destination takes at once never was in the outbox; what it does not take is there as ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from journeys import Delivery, Evaluator, ManualClock
from journeys.errors import Retry
from journeys.runtime.delivery import DestinationPolicy, RateLimit
from tests.support import at, journey, on, send, space, track

SPACE = space(journey({"mail": send()}, entry=on("Start", identifier="n")))


class Told:
    """Does with each delivery what it is told to, and notes what it was given."""

    def __init__(self, act: Callable[[Delivery], None] = lambda delivery: None) -> None:
        self.act = act
        self.given: list[tuple[Any, int]] = []

    def deliver(self, delivery: Delivery) -> None:
        self.given.append((delivery.payload["properties"]["journey_context"]["Start"]["n"], delivery.attempt))
        self.act(delivery)


def opened(told: Told, **options: Any) -> Evaluator:
    return Evaluator(SPACE, destinations={"email": told}, clock=ManualClock(at("0")), **options)


def start(number: int) -> dict[str, Any]:
    return track("Start", f"PT{number}S", n=number)


def numbers(told: Told) -> list[Any]:
    return [number for number, _ in told.given]


def test_what_is_taken_leaves_nothing_behind() -> None:
    told = Told()
    evaluator = opened(told)
    evaluator.feed_many([start(1), start(2)])
    assert told.given == [(1, 1), (2, 1)]
    assert evaluator.store.next_delivery() is None
    assert evaluator._deliverer.status()["email"].delivered == 2


def test_what_is_refused_was_tried_once_and_the_rest_is_tried_once() -> None:
    """D2: the try that failed is the first; nothing is called twice for it."""
    fails = {2}

    def act(delivery: Delivery) -> None:
        if told.given[-1][0] in fails:
            raise Retry

    told = Told(act)
    evaluator = opened(told)
    evaluator.feed_many([start(1), start(2), start(3)])
    assert told.given == [(1, 1), (2, 1), (3, 1)]
    status = evaluator._deliverer.status()["email"]
    assert (status.delivered, status.retried) == (2, 1)
    fails.clear()
    evaluator.advance(hours=1)
    assert told.given[3:] == [(2, 2)]
    assert evaluator.store.next_delivery() is None


def test_what_a_destination_brings_about_comes_after_what_is_under_way() -> None:
    """D4: also if the one after it is refused."""

    def act(delivery: Delivery) -> None:
        if told.given == [(1, 1)]:
            evaluator.feed(start(9))
        if told.given[-1] == (2, 1):
            raise Retry

    told = Told(act)
    evaluator = opened(told)
    evaluator.feed_many([start(1), start(2), start(3)])
    assert numbers(told) == [1, 2, 3, 9]


def test_what_is_interrupted_is_not_lost() -> None:
    """D3"""

    def act(delivery: Delivery) -> None:
        if told.given == [(1, 1)]:
            raise KeyboardInterrupt

    told = Told(act)
    evaluator = opened(told)
    with pytest.raises(KeyboardInterrupt):
        evaluator.feed_many([start(1), start(2)])
    evaluator.deliver()
    assert numbers(told) == [1, 1, 2]


def test_limits_and_breakers_are_kept() -> None:
    told = Told()
    evaluator = opened(told, policies={"email": DestinationPolicy(rate=RateLimit(1))})
    evaluator.feed_many([start(1), start(2)])
    assert numbers(told) == [1]
    evaluator.advance(seconds=1)
    assert numbers(told) == [1, 2]


def test_while_another_thread_delivers_the_outbox_is_used() -> None:
    """What it has begun goes on; what comes meanwhile is delivered by it, in order."""
    begun, may_end = threading.Event(), threading.Event()

    def act(delivery: Delivery) -> None:
        if told.given == [(1, 1), (1, 2)]:
            begun.set()
            assert may_end.wait(30)
        elif told.given == [(1, 1)]:
            raise Retry

    told = Told(act)
    evaluator = opened(told)
    evaluator.feed(start(1))
    evaluator.clock.advance(hours=1)  # type: ignore[attr-defined]
    other = threading.Thread(target=evaluator.deliver)
    other.start()
    assert begun.wait(30)
    evaluator.feed(start(2))
    assert numbers(told) == [1, 1]
    may_end.set()
    other.join(30)
    assert numbers(told) == [1, 1, 2]

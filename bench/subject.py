"""What is measured: the evaluator, through its public names, with a destination that keeps what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench.harness import Variant
from bench.journey import cart
from bench.workload import Call, Send
from journeys import Delivery, Evaluator, Journey, ManualClock, Settings, Space

#: after the last deadline of workload W; the clock stands there from the start, as when a week of calls is caught up
END = "2026-01-09T00:00:00Z"


class Collected:
    """A destination that keeps the deliveries."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def deliver(self, delivery: Delivery) -> None:
        """Keeps it."""
        self.deliveries.append(delivery)


def evaluator(
    journeys: Sequence[Journey] | None = None, *, trace: bool = False, settings: Settings | None = None, **more: Any
) -> tuple[Evaluator, Collected]:
    """An evaluator of workload W and where its deliveries go."""
    collected = Collected()
    chosen = tuple(journeys) if journeys is not None else (cart(),)
    space = Space(journeys=chosen, settings=settings or Settings())
    clock = more.pop("clock", None) or ManualClock(END)
    return Evaluator(space, destinations={"email": collected}, clock=clock, trace=trace, **more), collected


def sends_of(deliveries: Iterable[Delivery]) -> list[Send]:
    """(user, cart, instant) of each delivery."""
    return [
        (each.profile, each.payload["properties"]["journey_context"]["Cart Modified"]["cart_id"], each.at)
        for each in deliveries
    ]


def many(calls: Sequence[Call], name: str = "feed_many", **options: Any) -> Variant:
    """All calls through ``feed_many``, then time passes to the end."""

    def prepare() -> Callable[[], Any]:
        subject, collected = evaluator(**options)

        def run() -> Collected:
            subject.feed_many(calls)
            subject.advance()
            return collected

        return run

    return Variant(name, prepare, _sends)


def one_by_one(calls: Sequence[Call], name: str = "feed", **options: Any) -> Variant:
    """Each call by a ``feed`` of its own."""

    def prepare() -> Callable[[], Any]:
        subject, collected = evaluator(**options)

        def run() -> Collected:
            feed = subject.feed
            for call in calls:
                feed(call)
            subject.advance()
            return collected

        return run

    return Variant(name, prepare, _sends)


def _sends(collected: Collected) -> list[Send]:
    return sends_of(collected.deliveries)

"""The journey of workload W, and as many more of its kind as wanted, written with the library's public names."""

from __future__ import annotations

from bench.workload import THRESHOLD
from journeys import Activation, Branch, EventEntry, HoldUntil, Journey, SendToDestination, prop


def cart(key: str = "cart-abandonment", changed: str = "Cart Modified", hold: str = "PT2H") -> Journey:
    """Enter on a cart of some worth; hold until it is ordered, at most two hours since its last change; else send."""
    return Journey(
        key=key,
        entry=EventEntry(changed, where=[prop("value") >= THRESHOLD], identifier="cart_id"),
        start="hold",
        steps={
            "hold": HoldUntil(
                branches=[
                    Branch("bought", event="Order Completed"),
                    Branch("changed", event=changed, restart=True),
                ],
                max_duration=hold,
                timeout="nudge",
            ),
            "nudge": SendToDestination([Activation("email", event="Cart Abandoned")]),
        },
    )


def unconcerned(number: int) -> list[Journey]:
    """Journeys of the same shape that no event of workload W concerns."""
    return [_other(index) for index in range(number)]


def _other(index: int) -> Journey:
    return Journey(
        key=f"other-{index}",
        entry=EventEntry(f"Started {index}", where=[prop("value") >= THRESHOLD], identifier="cart_id"),
        start="hold",
        steps={
            "hold": HoldUntil(
                branches=[
                    Branch("bought", event=f"Ended {index}"),
                    Branch("changed", event=f"Started {index}", restart=True),
                ],
                max_duration="PT2H",
                timeout="nudge",
            ),
            "nudge": SendToDestination([Activation("email", event="Cart Abandoned")]),
        },
    )

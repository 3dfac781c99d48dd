"""How deliveries are handed to a destination, from a thread or from an event loop."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import anyio.to_thread

from journeys._time import described
from journeys.ports import Delivery

_LIST_CALLS = frozenset(("add", "remove"))


def takes_batches(destination: object) -> bool:
    """Whether it keeps a list (S9)."""
    return hasattr(destination, "deliver_batch") or hasattr(destination, "deliver_batch_async")


def takes_single(destination: object) -> bool:
    """Whether it takes one delivery at a time."""
    return hasattr(destination, "deliver") or hasattr(destination, "deliver_async")


def is_batched(destination: object, delivery: Delivery) -> bool:
    """Whether the delivery goes in a batch: adds and removals to what keeps a list."""
    return takes_batches(destination) and (delivery.call in _LIST_CALLS or not takes_single(destination))


def check(name: str, destination: object, *, awaits: bool) -> None:
    """TypeError if deliveries cannot be handed to it in this way."""
    if isinstance(destination, type) or not (takes_single(destination) or takes_batches(destination)):
        raise TypeError(
            f"destination {name!r}: expected one with a method deliver(delivery), got {described(destination)}: "
            f"{_right(destination)}"
        )
    if awaits:
        return
    for method in ("deliver", "deliver_batch"):
        found = getattr(destination, method, None)
        twin = hasattr(destination, f"{method}_async")
        if inspect.iscoroutinefunction(found) or (found is None and twin):
            raise TypeError(
                f"destination {name!r} has to be awaited: use AsyncEvaluator or AsyncDeliverer, "
                f"or give it a sync {method}()"
            )


def _right(destination: object) -> str:
    if isinstance(destination, type):
        return f"make one, {destination.__name__}(…)"
    if isinstance(destination, str):
        return "a URL goes into journeys.destinations.Webhook(url, secret=…)"
    if callable(destination):
        return "wrap it, journeys.destinations.Function(…)"
    return "give it that method, or wrap a callable in journeys.destinations.Function"


def hand_over(destination: Any, deliveries: Sequence[Delivery], batched: bool) -> None:
    """Hands over what goes in one call."""
    if batched:
        destination.deliver_batch(deliveries)
    else:
        destination.deliver(deliveries[0])


async def hand_over_async(destination: Any, deliveries: Sequence[Delivery], batched: bool) -> None:
    """The same, awaiting. A sync destination goes to a thread."""
    name = "deliver_batch" if batched else "deliver"
    argument = deliveries if batched else deliveries[0]
    twin = getattr(destination, f"{name}_async", None)
    method = getattr(destination, name) if twin is None else twin
    if twin is not None or inspect.iscoroutinefunction(method):
        await method(argument)
    else:
        await anyio.to_thread.run_sync(method, argument)

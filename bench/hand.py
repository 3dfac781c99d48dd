"""By hand: the fastest special-purpose Python for exactly the journey of workload W.

One dict of live carts and one heap of their deadlines. A cart has one heap entry: when it comes up and the cart has
been changed since, it goes back with the later deadline. Nothing is checked that workload W does not contain.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from heapq import heappop, heappush, heapreplace
from typing import Any

from bench.workload import EPOCH, HOLD, THRESHOLD, Call, Send


def run(calls: Iterable[Call]) -> list[tuple[str, str, datetime]]:
    """The sends (user, cart, deadline) of the journey, in the order in which they are due."""
    hold, threshold, parse = HOLD, THRESHOLD, datetime.fromisoformat
    live: dict[tuple[str, str], datetime] = {}
    heap: list[tuple[datetime, tuple[str, str]]] = []
    seen: set[str] = set()
    sends: list[tuple[str, str, datetime]] = []
    for call in calls:
        event = call["event"]
        if event == "Cart Modified":
            is_change = True
        elif event == "Order Completed":
            is_change = False
        else:
            continue
        message = call["messageId"]
        if message in seen:
            continue
        seen.add(message)
        at = parse(call["timestamp"])
        while heap and heap[0][0] < at:
            due, key = heap[0]
            deadline = live.get(key)
            if deadline is None:  # it was ordered
                heappop(heap)
            elif deadline is due:
                heappop(heap)
                del live[key]
                sends.append((*key, due))
            else:  # it was changed since, or ordered and begun again: it is due later
                heapreplace(heap, (deadline, key))
        properties = call["properties"]
        key = (call["userId"], properties["cart_id"])
        if is_change:
            if key in live:
                live[key] = at + hold
            elif properties["value"] >= threshold:
                live[key] = due = at + hold
                heappush(heap, (due, key))
        elif key in live:
            del live[key]
    _drain(live, heap, sends)
    return sends


def _drain(live: dict[tuple[str, str], datetime], heap: list[Any], sends: list[tuple[str, str, datetime]]) -> None:
    """What is still due when the last call has been seen."""
    for due, key in sorted((due, key) for key, due in live.items()):
        sends.append((*key, due))


def sends_of(sends: Iterable[tuple[str, str, datetime]]) -> list[Send]:
    """The sends with their instants in microseconds."""
    return [(user, cart, (due - EPOCH) // timedelta(microseconds=1)) for user, cart, due in sends]


def open_carts(calls: Iterable[Call]) -> object:
    """What it keeps of calls that all begin a cart: the dict, the heap and the message ids."""
    live: dict[tuple[str, str], datetime] = {}
    heap: list[tuple[datetime, tuple[str, str]]] = []
    seen: set[str] = set()
    for call in calls:
        seen.add(call["messageId"])
        key = (call["userId"], call["properties"]["cart_id"])
        live[key] = due = datetime.fromisoformat(call["timestamp"]) + HOLD
        heappush(heap, (due, key))
    return live, heap, seen


def condition(properties: dict[str, int]) -> bool:
    """Three comparisons as one writes them."""
    return properties["value"] >= 50 and properties["quantity"] >= 2 and properties["discount"] <= 30

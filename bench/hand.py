"""By hand: the fastest special-purpose Python for exactly the journey of workload W.

One dict of live carts and one heap of their deadlines. A cart has one heap entry: when it comes up and the cart has
been changed since, it goes back with the later deadline. Nothing is checked that workload W does not contain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def run_checked(calls: Sequence[Call]) -> list[tuple[str, str, datetime]]:
    """The same, and of every call it is known that it is one: what a library must that answers its callers."""
    for call in calls:
        if not is_call(call):
            raise ValueError(call)
    return run(calls)


def is_call(call: Call) -> bool:
    """Whether it is a call of the common form: all of its parts are there, are of their types, and can be stored."""
    user, message, text, properties = call["userId"], call["messageId"], call["timestamp"], call["properties"]
    if (
        call["type"] != "track"
        or "anonymousId" in call
        or type(user) is not str
        or not 0 < len(user) < 4097
        or not user.isprintable()
        or type(message) is not str
        or not 0 < len(message) < 4097
        or not message.isascii()
        or "\0" in message
        or type(text) is not str
        or text[7:11:3] != "-T"
        or text[-1] != "Z"
        or type(properties) is not dict
        or type(call["event"]) is not str
    ):
        return False
    for name, value in properties.items():
        kind = type(value)
        if kind is str:
            if len(value) > 1000 or not (value.isascii() or value.isprintable()):
                return False
        elif kind is int or kind is float:
            if not -1e18 < value < 1e18:
                return False
        elif value is not None and kind is not bool:
            return False
        if type(name) is not str or not name.isascii():
            return False
    return datetime.fromisoformat(text) >= EPOCH


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

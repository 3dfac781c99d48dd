"""The peers: the same journey on `transitions` and on `python-statemachine`, under the same driver and timers.

The driver is what an application would have to write around them: it picks the calls out, tells duplicates, parses
timestamps and keeps the deadlines in a heap. The state machines do the rest: which event leads where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from heapq import heappop, heappush, heapreplace
from typing import Any

from bench import hand, subject
from bench.harness import Figure, Variant, compare, figure, skipped
from bench.options import Options
from bench.workload import HOLD, THRESHOLD, Call, Send, make

Sends = list[tuple[str, str, datetime]]
#: makes the machine of a cart, in the state in which it waits; it has the methods changed, bought and timeout,
#: and says when it has ended
Begin = Callable[[], Any]


def drive(calls: Sequence[Call], begin: Begin, ended: Callable[[Any], bool]) -> Sends:
    """The calls through one state machine per live cart; gives the sends in the order of their deadlines."""
    live: dict[tuple[str, str], list[Any]] = {}  # [deadline, machine]
    heap: list[tuple[datetime, tuple[str, str]]] = []
    seen: set[str] = set()
    sends: Sends = []

    def fire(until: datetime | None) -> None:
        while heap and (until is None or heap[0][0] < until):
            due, key = heap[0]
            cart = live.get(key)
            if cart is None:
                heappop(heap)
            elif cart[0] == due:
                heappop(heap)
                cart[1].timeout()
                if ended(cart[1]):
                    sends.append((*key, due))
                    del live[key]
            else:
                heapreplace(heap, (cart[0], key))

    for call in calls:
        event = call["event"]
        if event not in ("Cart Modified", "Order Completed") or call["messageId"] in seen:
            continue
        seen.add(call["messageId"])
        at = datetime.fromisoformat(call["timestamp"])
        if heap and heap[0][0] < at:
            fire(at)
        properties = call["properties"]
        key = (call["userId"], properties["cart_id"])
        cart = live.get(key)
        if event == "Order Completed":
            if cart is not None:
                cart[1].bought()
                if ended(cart[1]):
                    del live[key]
        elif cart is not None:
            cart[1].changed()
            cart[0] = at + HOLD
        elif properties["value"] >= THRESHOLD:
            due = at + HOLD
            live[key] = [due, begin()]
            heappush(heap, (due, key))
    fire(None)
    return sends


def transitions_shared(calls: Sequence[Call]) -> Sends:
    """`transitions`: one machine, and a model per cart that hands its events to it."""
    from transitions import Machine

    table = [
        {"trigger": "changed", "source": "waiting", "dest": "waiting"},
        {"trigger": "bought", "source": "waiting", "dest": "ordered"},
        {"trigger": "timeout", "source": "waiting", "dest": "nudged"},
    ]
    states = ["waiting", "ordered", "nudged"]
    machine = Machine(model=None, states=states, transitions=table, initial="waiting", auto_transitions=False)
    changed, bought, timeout = (machine.events[name].trigger for name in ("changed", "bought", "timeout"))

    class Cart:
        def __init__(self) -> None:
            self.state = "waiting"

        def changed(self) -> bool:
            return bool(changed(self))

        def bought(self) -> bool:
            return bool(bought(self))

        def timeout(self) -> bool:
            return bool(timeout(self))

    return drive(calls, Cart, lambda cart: cart.state != "waiting")


def transitions_models(calls: Sequence[Call]) -> Sends:
    """`transitions` as its documentation has it: each cart is a model of the machine."""
    from transitions import Machine

    class Cart:
        pass

    machine = Machine(model=None, states=["waiting", "ordered", "nudged"], initial="waiting", auto_transitions=False)
    machine.add_transition("changed", "waiting", "waiting")
    machine.add_transition("bought", "waiting", "ordered")
    machine.add_transition("timeout", "waiting", "nudged")

    def begin() -> Cart:
        model = Cart()
        machine.add_model(model)
        return model

    def ended(model: Any) -> bool:
        if model.state == "waiting":
            return False
        machine.remove_model(model)
        return True

    return drive(calls, begin, ended)


def python_statemachine(calls: Sequence[Call]) -> Sends:
    """`python-statemachine`: a machine per cart."""
    from statemachine import State, StateMachine

    class Cart(StateMachine):
        waiting = State(initial=True)
        ordered = State(final=True)
        nudged = State(final=True)
        changed = waiting.to(waiting)
        bought = waiting.to(ordered)
        timeout = waiting.to(nudged)

    waiting = Cart.waiting.value
    return drive(calls, Cart, lambda cart: cart.current_state_value != waiting)


PEERS: dict[str, Callable[[Sequence[Call]], Sends]] = {
    "transitions, shared machine": transitions_shared,
    "transitions, a model per cart": transitions_models,
    "python-statemachine": python_statemachine,
}


def peers(options: Options) -> list[Figure]:
    """How much faster than the fastest of them the evaluator is, per call, on a subset of W."""
    goal = 8.0
    name = "faster than the fastest peer"
    try:
        import statemachine  # noqa: F401
        import transitions  # noqa: F401
    except ImportError:
        return [skipped(name, goal, "not installed: pip install 'journeys[bench]'")]
    calls = make(min(options.scale, 0.02), options.seed).calls
    options.say(f"peers: {len(calls):,} calls")

    def variant(title: str, run: Callable[[Sequence[Call]], Sends]) -> Variant:
        return Variant(title, lambda: lambda: run(calls), sends_of)

    timings = compare(
        subject.many(calls, "evaluator"), [variant(title, run) for title, run in PEERS.items()], options.runs
    )
    fastest = min((timings[title] for title in PEERS), key=lambda timing: timing.ratio)
    found = figure(name, fastest, goal, note=f"the fastest is {fastest.name}", calls=len(calls))
    found.more = True
    found.details |= {title: timings[title].ratio for title in PEERS}
    return [found]


def sends_of(sends: Sends) -> list[Send]:
    """The sends with their instants in microseconds."""
    return hand.sends_of(sends)

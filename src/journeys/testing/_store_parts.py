"""Small change sets for the conformance suite, and calls that are made at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from journeys.errors import Conflict
from journeys.ports import ChangeSet, Delivery, Loaded, StateChange, Store, Stored, TraceRow, Waiting


def state(key: str, expected: int = 0, content: bytes | None = b"{}", **fields: Any) -> StateChange:
    """A change of a profile's state."""
    return StateChange(key=key, state=content, expected=expected, **fields)


def delivery(number: int, **fields: Any) -> Delivery:
    """A delivery of the user 1."""
    given: dict[str, Any] = {
        "destination": "mail",
        "call": "track",
        "body": b"{}",
        "at": 0,
        "profile": "1",
        "user_id": "1",
    }
    return Delivery(id=f"d{number:06}", **(given | fields))


def record(seq: int, at: int = 0, key: str = "u:1", **fields: Any) -> TraceRow:
    """A record of the trace."""
    given: dict[str, Any] = {"journey": None, "instance": None, "kind": "step", "record": f"{key} {at} {seq}"}
    return TraceRow(at=at, profile=key[2:], key=key, seq=seq, **(given | fields))


def waiting(
    arrival: int, timestamp: int = 0, message_id: str = "", id_key: str = "u:1", others: tuple[str, ...] = ()
) -> Waiting:
    """An input that waits."""
    return Waiting(timestamp=timestamp, message_id=message_id, arrival=arrival, id_key=id_key, call="{}", others=others)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls answer, or raise, when they are made at the same time."""
    barrier = threading.Barrier(len(calls))

    def call(each: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return each()
        except Conflict as conflict:
            return conflict

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def conflicts(answers: Sequence[Any]) -> int:
    """How many of the answers are conflicts."""
    return sum(isinstance(answer, Conflict) for answer in answers)


def until_committed(store: Store, keys: Sequence[str], make: Callable[[Loaded], ChangeSet]) -> None:
    """Loads and commits until nobody was faster: what a worker does."""
    while True:
        try:
            store.commit(make(store.load(keys)))
        except Conflict:
            continue
        return


def increased(stored: Stored | None, key: str) -> StateChange:
    """A profile whose state is a number that grows by one."""
    if stored is None:
        return state(key, content=b"1")
    return state(key, stored.version, b"%d" % (int(stored.state) + 1))

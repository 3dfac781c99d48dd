"""A worker in a process of its own: commits numbered change sets, and says which are durable.

python worker.py URL numbered      until it is killed
python worker.py URL shared COUNT  adds to profiles that other workers add to as well
"""

from __future__ import annotations

import os
import sys

from journeys.errors import Conflict
from journeys.ports import ChangeSet, Delivery, StateChange, Store, TraceRow
from journeys.runtime.stores import open_store


def increased(store: Store, keys: list[str]) -> list[StateChange]:
    profiles = store.load(keys).profiles
    return [
        StateChange(key=key, state=b"%d" % (int(profiles[key].state) + 1), expected=profiles[key].version)
        if key in profiles
        else StateChange(key=key, state=b"1", expected=0)
        for key in keys
    ]


def numbered(store: Store, number: int) -> ChangeSet:
    return ChangeSet(
        states=increased(store, ["u:all", f"u:{number % 7}"]),
        deliveries=[
            Delivery(id=f"d{number}", destination="mail", call="track", body=b"x" * 300, at=number, profile="all")
        ],
        records=[
            TraceRow(
                at=number, profile="all", key="u:all", seq=number, journey=None, instance=None, kind="step",
                record=str(number),
            )
        ],
        counters={"n": 1},
        notes={"n": str(number)},
    )  # fmt: skip


def found(store: Store) -> int:
    """How many numbered change sets are there; each wholly, and all before it too."""
    number = int(store.notes().get("n", "0"))
    profiles = store.load(["u:all", *(f"u:{n}" for n in range(7))]).profiles
    figures = store.figures()
    assert store.counters().get("n", 0) == figures["outbox"] == figures["records"] == number
    assert [int(each) for each in store.trace()] == list(range(1, number + 1))
    counts = {key: int(stored.state) for key, stored in profiles.items()}
    assert counts.get("u:all", 0) == number == sum(counts.values()) - counts.get("u:all", 0)
    return number


def main(url: str, task: str, count: str = "0") -> None:
    store = open_store(url)
    if task == "numbered":
        number = int(store.notes().get("n", "0"))
        while True:
            number += 1
            store.commit(numbered(store, number))
            os.write(1, b"%d\n" % number)
    done = 0
    while done < int(count):
        try:
            store.commit(ChangeSet(states=increased(store, ["u:all", f"u:{os.getpid()}"])))
            done += 1
        except Conflict:
            pass
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What one live instance of W costs beyond its own strings, everything included that is there because of it.

Measured in a process of its own: the strings of all calls (user, cart, message id, timestamp) are made first, then
the resident memory of the process is read before and after one entry per user; the calls themselves are made as they
are fed and are gone afterwards. The profile of the user, its duplicate marks and the entry in the queue of deadlines
are all part of the figure. `tracemalloc` says the same at a smaller number, without what the allocator rounds up.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.harness import Figure, skipped
from bench.options import Options
from bench.workload import Call, iso

GOAL = 400
Strings = tuple[str, str, str, str]


def memory(options: Options) -> list[Figure]:
    """Bytes of one live instance, by resident memory."""
    name = "memory of one live instance"
    count = options.sized(1_000_000, 10_000)
    options.say(f"memory: {count:,} live instances in a process of their own")
    measured = {kind: _measure(kind, count, options) for kind in ("evaluator", "hand")}
    if not measured["evaluator"]:
        return [skipped(name, GOAL, "resident memory cannot be read on this system")]
    traced = _measure("evaluator", min(count, 100_000), options, "--tracemalloc")
    found = Figure(name, measured["evaluator"], GOAL, unit="bytes", note=f"{count:,} profiles with one each")
    found.details = {"count": count, "hand_bytes": measured["hand"], "tracemalloc_bytes": traced}
    return [found]


def _measure(kind: str, count: int, options: Options, *more: str) -> float:
    here = Path(__file__).resolve().parent.parent
    path = os.pathsep.join([str(here), str(here / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory", kind, str(count), *more],
        env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": str(options.seed)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"bench.memory {kind} failed:\n{done.stderr}")
    return float(json.loads(done.stdout))


def resident() -> int:
    """The resident memory of this process in bytes; 0 where it cannot be read."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def strings(count: int) -> list[Strings]:
    """User, cart, message id and timestamp of one entry each, a tenth of a second apart at most."""
    step = max(1, min(100, 3_600_000 // count))  # all within an hour, so that nobody's hold ends
    return [
        (f"u{index}", f"c{index}", f"{index:08x}-0000-4000-8000-000000000000", iso(index * step % 3_600_000))
        for index in range(count)
    ]


def entries(made: Iterable[Strings]) -> Iterator[Call]:
    """A call per entry, made when it is asked for."""
    for user, cart, message, at in made:
        yield {
            "type": "track",
            "event": "Cart Modified",
            "userId": user,
            "messageId": message,
            "timestamp": at,
            "properties": {"cart_id": cart, "value": 80.5},
        }


def _fill(kind: str, calls: Iterable[Call]) -> Any:
    if kind == "hand":
        from bench import hand

        return hand.open_carts(calls)
    from bench import subject

    kept, _ = subject.evaluator()
    group: list[Call] = []
    for call in calls:
        group.append(call)
        if len(group) == 1000:
            kept.feed_many(group)
            group.clear()
    kept.feed_many(group)
    return kept


def main(kind: str, count: int, *, traced: bool) -> float:
    """Bytes per live instance, in this process."""
    made = strings(count)
    # what is loaded or cached once
    warm = _fill(kind, entries(("w" + user, cart, "w" + message, at) for user, cart, message, at in strings(1_000)))
    gc.collect()
    if traced:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
    else:
        before = resident()
    kept = _fill(kind, entries(made))
    gc.collect()
    after = tracemalloc.get_traced_memory()[0] if traced else resident()
    del kept, warm
    return (after - before) / count if before or traced else 0.0


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), traced="--tracemalloc" in sys.argv)))

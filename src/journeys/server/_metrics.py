"""What the server counts, in OpenMetrics text: numbers and codes, never an id or a value of a property."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from journeys.ports import Backlog

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

#: label names and values, and the number
Sample = tuple[Mapping[str, str], float]


class Metrics:
    """Counts of one app, since it was made. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[tuple[str, str]] = Counter()
        self._rejected: Counter[str] = Counter()
        self._commits: Counter[str] = Counter()
        self._committed_calls = 0
        self._seconds = 0.0

    def request(self, path: str, status: int) -> None:
        """A request was answered."""
        with self._lock:
            self._requests[path, str(status)] += 1

    def calls(self, source: str, statuses: Iterable[str], reasons: Iterable[str]) -> None:
        """Calls were answered."""
        with self._lock:
            for status in statuses:
                self._calls[source, status] += 1
            self._rejected.update(reasons)

    def commit(self, calls: int, seconds: float, outcome: str) -> None:
        """A group of calls was committed, or was not."""
        with self._lock:
            self._commits[outcome] += 1
            self._seconds += seconds
            if outcome == "done":
                self._committed_calls += calls

    def families(self) -> Iterator[str]:
        """The lines of all families."""
        with self._lock:
            requests, calls, rejected = dict(self._requests), dict(self._calls), dict(self._rejected)
            commits, committed, seconds = dict(self._commits), self._committed_calls, self._seconds
        yield from family(
            "journeys_requests",
            "counter",
            "Requests by path and status.",
            [({"path": path, "status": status}, count) for (path, status), count in requests.items()],
        )
        yield from family(
            "journeys_calls",
            "counter",
            "Calls by source and answer.",
            [({"source": source, "answer": answer}, count) for (source, answer), count in calls.items()],
        )
        yield from family("journeys_rejected", "counter", "Rejected calls by reason.", labelled("reason", rejected))
        yield from family("journeys_commits", "counter", "Groups of calls by outcome.", labelled("outcome", commits))
        yield from family("journeys_committed_calls", "counter", "Calls in groups that are done.", [({}, committed)])
        yield from family("journeys_commit_seconds", "counter", "Time spent on groups.", [({}, seconds)], "seconds")


def outbox(backlog: Mapping[str, Backlog]) -> Iterator[str]:
    """The lines about deliveries that are not done, by destination."""
    counts = [
        ({"destination": name, "state": state}, getattr(of, state))
        for name, of in backlog.items()
        for state in ("waiting", "in_flight", "dead")
    ]
    oldest = [({"destination": name}, of.oldest / 1_000_000) for name, of in backlog.items() if of.oldest is not None]
    yield from family("journeys_outbox_deliveries", "gauge", "Deliveries that are not done.", counts)
    yield from family("journeys_outbox_oldest_seconds", "gauge", "The instant of the oldest.", oldest, "seconds")


def labelled(name: str, numbers: Mapping[str, float]) -> list[Sample]:
    """A sample for each number, its name being the value of a label."""
    return [({name: key}, number) for key, number in numbers.items()]


def family(name: str, kind: str, text: str, samples: Sequence[Sample], unit: str = "") -> Iterator[str]:
    """The lines of one family, its samples in the order of their labels."""
    yield f"# TYPE {name} {kind}"
    if unit:
        yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {text}"
    suffix = "_total" if kind == "counter" else ""
    for labels, number in sorted(samples, key=lambda sample: sorted(sample[0].items())):
        inner = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
        yield f"{name}{suffix}{'{' + inner + '}' if inner else ''} {number}"


def exposition(lines: Iterable[str]) -> str:
    """A whole document."""
    return "\n".join([*lines, "# EOF"]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""Journey coverage: which steps, branches, timeouts and exits of which journeys the tests have taken."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from hashlib import blake2b
from typing import Any

import attrs

from journeys.codec import dump_journey, load_journey
from journeys.model.journey import Journey
from journeys.model.steps import RandomizedSplit
from journeys.runtime.render.counts import Counts
from journeys.runtime.render.graph import graph_of
from journeys.runtime.render.links import links_of

#: the counters of ``Counts`` that add up over tests; what waits does not
_COUNTERS = ("arrived", "taken", "restarted", "moved", "sent", "skipped", "added", "removed", "exited", "ended")
_NUMBERS = ("entered", "migrated_in", "migrated_out", "goals")


@attrs.frozen
class Item:
    """Something that a test can take: a ``step``, a ``branch``, a ``restart``, an ``exit`` or the ``goal``."""

    kind: str
    step: str | None = None
    branch: str | None = None

    def __str__(self) -> str:
        match self.kind:
            case "step":
                return f"{self.step}"
            case "branch":
                return f"{self.step} → {self.branch}"
            case "restart":
                return f"{self.step} ↺ {self.branch}"
            case "exit":
                return f"exit: {self.branch or 'exit_after'}"
        return self.kind

    def count(self, counts: Counts) -> int:
        """How often it was taken."""
        step, branch = self.step or "", self.branch or ""
        match self.kind:
            case "step":
                return counts.arrived[step]
            case "branch":
                return counts.taken[step, branch]
            case "restart":
                return counts.restarted[step, branch]
            case "exit":
                return counts.exited[self.branch]
        return counts.goals


def items_of(journey: Journey) -> tuple[Item, ...]:
    """Everything of a journey that a test can take, in reading order; a branch of no per cent is nothing to take."""
    return tuple(dict.fromkeys(_items(journey)))  # a branch may be named as the timeout is: a trace says no more either


def _items(journey: Journey) -> Iterator[Item]:
    for node in graph_of(journey).nodes:
        step = journey.steps.get(node.key)
        if step is None:
            continue
        yield Item("step", node.key)
        never = {each.name for each in step.branches if not each.percent} if isinstance(step, RandomizedSplit) else ()
        for link in links_of(step):
            if link.branch is not None and link.branch not in never:
                yield Item("restart" if link.kind == "restart" else "branch", node.key, link.branch)
    for rule in journey.exit_rules:
        yield Item("exit", branch=rule.key)
    if journey.exit_after is not None:
        yield Item("exit")
    if journey.goal is not None:
        yield Item("goal")


class JourneyCoverage:
    """How often each item of one journey was taken."""

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.items = items_of(journey)
        self.counts = Counts(journey)
        #: of the test that runs, if it has anything to do with this journey
        self._current: Counts | None = None

    def record(self, record: Mapping[str, Any]) -> None:
        """Something happened in the journey."""
        if self._current is None:
            self._current = Counts(self.journey)
        self._current.add(record)

    def settle(self) -> None:
        """A test has ended: its counts are added, and what it knew of its people is forgotten."""
        if self._current is not None:
            self.add(figures(self._current))
            self._current = None

    def add(self, more: Mapping[str, Any]) -> None:
        """Adds the figures of another count."""
        for name in _COUNTERS:
            getattr(self.counts, name).update({_key(key): number for key, number in more[name]})
        for name in _NUMBERS:
            setattr(self.counts, name, getattr(self.counts, name) + more[name])

    @property
    def missing(self) -> tuple[Item, ...]:
        """The items that no test has taken."""
        return tuple(item for item in self.items if not item.count(self.counts))

    @property
    def reached(self) -> int:
        """How many items were taken."""
        return len(self.items) - len(self.missing)

    @property
    def name(self) -> str:
        """The key of the journey, with its version if that is not the first."""
        return self.journey.key if self.journey.version == 1 else f"{self.journey.key} v{self.journey.version}"


def figures(counts: Counts) -> dict[str, Any]:
    """What is counted, as JSON values."""
    counted = {name: [[key, number] for key, number in getattr(counts, name).items()] for name in _COUNTERS}
    return {**counted, **{name: getattr(counts, name) for name in _NUMBERS}}


def _key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


class Coverage:
    """The coverage of all journeys that ran, each told apart by its definition; of those that ``only`` names."""

    def __init__(self, only: Iterable[str] = ()) -> None:
        self._only = tuple(only)
        self._journeys: dict[str, JourneyCoverage] = {}

    def of(self, journey: Journey) -> JourneyCoverage:
        """The coverage of a journey; its status makes no other journey of it."""
        journey = attrs.evolve(journey, status="live")
        digest = _digest(journey)
        found = self._journeys.get(digest)
        if found is None:
            found = self._journeys[digest] = JourneyCoverage(journey)
        return found

    @property
    def journeys(self) -> list[JourneyCoverage]:
        """By key and version."""
        chosen = [
            each
            for each in self._journeys.values()
            if not self._only or any(fnmatch(each.journey.key, pattern) for pattern in self._only)
        ]
        return sorted(chosen, key=lambda each: (each.journey.key, each.journey.version))

    def settle(self) -> None:
        """A test has ended."""
        for each in self._journeys.values():
            each.settle()

    @property
    def total(self) -> int:
        """How many items there are."""
        return sum(len(each.items) for each in self.journeys)

    @property
    def reached(self) -> int:
        """How many of them were taken."""
        return sum(each.reached for each in self.journeys)

    @property
    def percent(self) -> float:
        """The share that was taken; 0 where no journey ran."""
        return 100 * self.reached / self.total if self.total else 0.0

    def shortfall(self, least: float | None) -> str:
        """What is said where less was taken than is asked for; nothing if it is enough."""
        if least is None or self.percent >= least:
            return ""
        found = 10_000 * self.reached // max(self.total, 1) / 100  # cut: what is rounded may look like enough
        return f"journey coverage is {found:g} %, and {least:g} % is asked for"

    def as_document(self) -> list[dict[str, Any]]:
        """All that is known, as JSON values: what a worker of pytest-xdist sends."""
        return [
            {"journey": dump_journey(each.journey), "figures": figures(each.counts)} for each in self._journeys.values()
        ]

    def add(self, document: Iterable[Mapping[str, Any]]) -> None:
        """Adds what another process has counted."""
        for each in document:
            self.of(load_journey(each["journey"])).add(each["figures"])

    def table(self, width: int = 80) -> list[str]:
        """A line for each journey, with the items that are missing by name."""
        rows = [(each.name, len(each.items), each.reached, [*map(str, each.missing)]) for each in self.journeys]
        doubles = Counter(name for name, *_ in rows)
        name_width = max(len("journey"), len("TOTAL"), *(len(name) for name in doubles))
        lines = [f"{'journey':<{name_width}}  items  reached  cover  missing"]
        for name, items, reached, missing in rows:
            start = f"{name:<{name_width}}  {items:>5}  {reached:>7}  {share(reached, items):>5}  "
            lines += _hung(start, missing, width)
        whole = share(self.reached, self.total)
        lines.append(f"{'TOTAL':<{name_width}}  {self.total:>5}  {self.reached:>7}  {whole:>5}")
        return lines


def _hung(start: str, items: list[str], width: int) -> list[str]:
    """The start, then the items with commas between them, on as many lines as they need; none is cut in two."""
    kept = ", ".join(item.replace(" ", "\xa0") for item in items)
    wrapped = textwrap.wrap(kept, max(width - len(start), 30), break_on_hyphens=False, break_long_words=False) or [""]
    first, *others = (line.replace("\xa0", " ") for line in wrapped)
    return [(start + first).rstrip(), *(" " * len(start) + line for line in others)]


def percentage(text: str) -> float:
    """A number from 0 to 100; ValueError if it is none."""
    number = float(text)
    if not 0 <= number <= 100:
        raise ValueError(f"{text} is no percentage: expected a number from 0 to 100")
    return number


def share(reached: int, total: int) -> str:
    """Whole per cents, cut: 100 % is said of everything only."""
    return f"{100 * reached // total}%" if total else "-"


def _digest(journey: Journey) -> str:
    document = json.dumps(dump_journey(journey), sort_keys=True)
    return blake2b(document.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

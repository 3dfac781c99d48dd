"""How things are timed: variants take turns in one process, and a figure is a ratio to a reference of the same round.

Before each timed stretch everything that exists is taken out of the garbage collector's sight (``gc.freeze``), so that
nobody pays for the workload or for what the one before left behind; the collector itself stays on for all of them.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.workload import Send

#: gives what is timed; what it does before that is not
Prepare = Callable[[], Callable[[], Any]]


@dataclass(frozen=True)
class Variant:
    """One way to do the work; ``sends`` reads from what the timed call gave which sends there were."""

    name: str
    prepare: Prepare
    sends: Callable[[Any], Iterable[Send]] | None = None


@dataclass
class Timing:
    """What was measured of one variant; ``ratios`` are to the reference of the same round."""

    name: str
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    cpu_ratios: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of its seconds."""
        return statistics.median(self.seconds)

    @property
    def ratio(self) -> float:
        """The median of its ratios."""
        return statistics.median(self.ratios)


@dataclass
class Figure:
    """A figure against its goal. Times are in seconds of one run, values are ratios unless ``unit`` says otherwise."""

    name: str
    value: float | None
    goal: float | None
    low: float | None = None
    high: float | None = None
    unit: str = "x"
    #: whether more is better
    more: bool = False
    #: what was done, in a few words; why there is no value, if there is none
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``met``, ``missed``, ``skipped``, or nothing where there is no goal."""
        if self.value is None:
            return "skipped"
        if self.goal is None:
            return ""
        return "met" if (self.value >= self.goal if self.more else self.value <= self.goal) else "missed"


class SendsDiffer(AssertionError):
    """A variant does not do what the reference does: its time means nothing."""


@contextmanager
def timed(seconds: list[float], cpu: list[float] | None = None) -> Iterator[None]:
    """Adds how long the block takes, on the clock and in processor time."""
    gc.collect()
    gc.freeze()
    begun, begun_cpu = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        ended, ended_cpu = time.perf_counter(), time.process_time()
        gc.unfreeze()
        seconds.append(ended - begun)
        if cpu is not None:
            cpu.append(ended_cpu - begun_cpu)


def compare(reference: Variant, variants: Sequence[Variant], runs: int) -> dict[str, Timing]:
    """Times the variants against the reference, in turns; a first, untimed turn checks that the sends are the same."""
    everyone = [reference, *variants]
    if reference.sends is not None:
        check(everyone)
    timings = {variant.name: Timing(variant.name) for variant in everyone}
    for turn in range(runs):
        for variant in everyone if turn % 2 == 0 else reversed(everyone):
            run = variant.prepare()
            timing = timings[variant.name]
            with timed(timing.seconds, timing.cpu):
                result = run()
            del run, result
        base = timings[reference.name]
        for timing in timings.values():
            timing.ratios.append(timing.seconds[-1] / base.seconds[-1])
            timing.cpu_ratios.append(timing.cpu[-1] / max(base.cpu[-1], 1e-9))
    return timings


def check(variants: Sequence[Variant]) -> int:
    """Runs each once and compares the sends: how many, and each (user, cart, deadline). Says how many there are."""
    wanted: Counter[Send] | None = None
    for variant in variants:
        if variant.sends is None:
            continue
        got = Counter(variant.sends(variant.prepare()()))
        if wanted is None:
            wanted = got
        elif got != wanted:
            example = next(iter((wanted - got) or (got - wanted)))
            raise SendsDiffer(
                f"{variant.name}: {got.total()} sends, {variants[0].name}: {wanted.total()}; for example {example}"
            )
    return wanted.total() if wanted is not None else 0


def figure(name: str, timing: Timing, goal: float | None, note: str = "", **details: Any) -> Figure:
    """The ratio of a timing against a goal, with its spread."""
    return Figure(
        name=name,
        value=timing.ratio,
        goal=goal,
        low=min(timing.ratios),
        high=max(timing.ratios),
        note=note,
        details={
            "median_s": timing.median,
            "min_s": min(timing.seconds),
            "max_s": max(timing.seconds),
            "cpu_ratio": statistics.median(timing.cpu_ratios),
            "runs": len(timing.seconds),
        }
        | details,
    )


def skipped(name: str, goal: float | None, why: str) -> Figure:
    """A figure that could not be measured, and why."""
    return Figure(name, None, goal, note=why)

"""The small vocabulary that random spaces and calls share, so that they meet often."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Random(Protocol):
    """The part of random.Random that the generators use; Hypothesis may stand behind it."""

    def random(self) -> float: ...
    def randrange(self, start: int, stop: int, /) -> int: ...
    def shuffle(self, x: list[Any], /) -> None: ...


EVENTS = ["Cart Modified", "Checkout Started", "Order Completed", "Plan Changed", "Signed Up"]
VIEWS = ["Page Viewed", "Screen Viewed"]
LONG = "x" * 151
IDENTIFIERS = ["c1"] * 4 + ["c2"] * 3 + ["1", 1, 1.0, True, False, 1.5, None, {"a": 1}, ["c1"], LONG, "y" * 150, ""]
NUMBERS = [5, 20, 50, 80.5, 120, 1, 1.0, 0, -3]
PLANS = ["free", "pro", "team"]
TAGS = ["red", "blue", "pro", "c1", 1]
SKUS = ["red-1", "p-2", "c1"]
ZONES = ["UTC", "America/New_York", "Asia/Tokyo", "Not/AZone", "Europe/Berlin", "Asia/Kathmandu", 7]
LISTED = ["P1M", "P1Y", "P1M2DT3H"]
SHORT = ["PT10M", "PT30M", "PT1H", "PT2H", "PT6H"]
DAYS = ["P1D", "PT36H", "P2D", "P3D", "P5D", "P7D", "P10D"]
DATES = ["2026-01-02", "2026-01-09", "2026-01-31", "2026-02-28", "2026-01-03T00:00:00Z", "2026-01-04T05:20:00+02:00"]
NO_DATES = ["never", "2026-01-09T10:00:00", 1767225600, "2026-02-30", ""]


def chance(rng: Random, probability: float) -> bool:
    return rng.random() < probability


def pick(rng: Random, values: list[T] | tuple[T, ...]) -> T:
    return values[rng.randrange(0, len(values))]


def some(rng: Random, values: list[T], least: int, most: int) -> list[T]:
    """Between `least` and `most` different ones, in any order."""
    shuffled = list(values)
    rng.shuffle(shuffled)
    return shuffled[: rng.randrange(least, min(most, len(values)) + 1)]


class Vocabulary:
    """What one space prefers: few events and few durations, so that things coincide to the microsecond."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.events = some(rng, EVENTS, 2, 3)
        self.durations = some(rng, SHORT + DAYS[:3], 2, 3) + ([pick(rng, LISTED)] if chance(rng, 0.25) else [])
        self.loyalty = pick(rng, [0.3, 0.7, 0.9])
        self.theme = pick(rng, ["plain", "plain", "plain", "holds", "calendar"])
        if self.theme == "calendar":
            self.durations, self.loyalty = ["P1M", *some(rng, [*LISTED, "P1D"], 1, 2)], 0.8
        if self.theme == "holds":
            self.durations, self.loyalty = some(rng, ["PT6H", *DAYS[:4]], 2, 3), 0.9

    def event(self, views: float = 0.05) -> str:
        if chance(self.rng, views):
            return pick(self.rng, VIEWS)
        return pick(self.rng, self.events if chance(self.rng, self.loyalty) else EVENTS)

    def wait(self) -> str:
        """How long a step waits: mostly short, now and then by the calendar."""
        if chance(self.rng, self.loyalty):
            return pick(self.rng, self.durations)
        return pick(self.rng, pick(self.rng, [SHORT, SHORT, SHORT, DAYS, DAYS, ["P1M", "P1D"]]))

    def window(self) -> str:
        """A window of a condition."""
        if chance(self.rng, self.loyalty):
            return pick(self.rng, self.durations)
        return pick(self.rng, pick(self.rng, [SHORT, SHORT, DAYS, DAYS, LISTED]))

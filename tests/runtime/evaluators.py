"""Evaluators for tests."""

from __future__ import annotations

import threading
from typing import Any

from journeys import Evaluator, ManualClock
from tests.support import at, instant, journey, send, space


class FakeClock:
    """A wall clock, as far as the evaluator can tell; ``sleep`` moves it."""

    def __init__(self, when: str = "0") -> None:
        self.at = instant(when)
        self.slept: list[int] = []

    def now(self) -> int:
        return self.at

    def sleep(self, until: int, wake: threading.Event) -> None:
        self.slept.append(until - self.at)
        self.at = max(self.at, until)


def evaluator(document: Any = None, **fields: Any) -> Evaluator:
    fields.setdefault("clock", ManualClock(at("0")))
    return Evaluator(space(journey({"mail": send()})) if document is None else document, **fields)


def live(document: Any = None, **fields: Any) -> tuple[Evaluator, FakeClock]:
    clock = FakeClock("P10D")
    return Evaluator(space(journey({"mail": send()})) if document is None else document, clock=clock, **fields), clock


def kinds(made: Evaluator, *wanted: str, **fields: Any) -> list[str]:
    return [each["kind"] for each in made.trace(**fields) if not wanted or each["kind"] in wanted]

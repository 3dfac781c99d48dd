"""A store that fails before or after any single call, and a worker that begins again: nothing is lost or done twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeys.runtime.stores import SQLiteStore
from tests.runtime.crash.campaign import (
    DOCUMENT,
    LATE,
    Json,
    Sent,
    Step,
    check,
    evaluator,
    outcome,
    script,
    uncrashed,
    work,
)


class Failure(OSError):
    """The disk is gone for a moment."""


class FailingOnce:
    """A store one of whose calls fails, before it has had its effect or after."""

    def __init__(self, store: Any, at: int, *, after: bool) -> None:
        self.store = store
        self.left = at
        self.after = after
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        return self._watched(method) if callable(method) and name != "close" else method

    def _watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Failure(f"before {method.__name__}")
            answer = method(*args, **kwargs)
            if self.left == 0:
                raise Failure(f"after {method.__name__}")
            return answer

        return call


def lives(folder: Path, name: str, document: Json, steps: list[Step], at: int, *, after: bool) -> tuple[Any, Sent, int]:
    """One worker after another until the script is done; what there is then, and how many store calls it took."""
    sent = Sent(folder / f"{name}.sent")
    store = SQLiteStore(folder / f"{name}.db", synchronous="OFF")
    failing = FailingOnce(store, at, after=after)
    done = [0]
    for life in itertools.count():
        try:
            made = evaluator(failing, document, sent, f"w{life}")
            work(made, steps, begin=done[0], reached=lambda step: done.__setitem__(0, step))
            found = outcome(made, sent)
        except Failure:
            continue
        store.close()
        return found, sent, failing.calls
    raise AssertionError


def campaign(folder: Path, document: Json, seed: int, batches: int, stride: int) -> int:
    """Every ``stride``-th call of the script fails, once before and once after; how many that were."""
    steps = script(seed, batches)
    expected = uncrashed(document, steps, folder / "expected")
    found, sent, calls = lives(folder, "whole", document, steps, 0, after=False)
    check(found, expected, sent)
    failures = 0
    for at in range(1 + seed % stride, calls + 1, stride):
        for after in (False, True):
            found, sent, _ = lives(folder, f"{at}-{after}", document, steps, at, after=after)
            check(found, expected, sent)
            failures += 1
            for path in folder.glob(f"{at}-{after}*"):
                path.unlink()
    return failures


@pytest.mark.parametrize("document", [DOCUMENT, LATE], ids=["plain", "late"])
def test_some_store_calls_fail(tmp_path: Path, document: Json) -> None:
    assert campaign(tmp_path, document, seed=1, batches=4, stride=15) > 6


@pytest.mark.soak
@pytest.mark.parametrize("document", [DOCUMENT, LATE], ids=["plain", "late"])
@pytest.mark.parametrize("seed", range(4))
def test_every_store_call_fails(tmp_path: Path, document: Json, seed: int) -> None:
    assert campaign(tmp_path, document, seed, batches=14, stride=1) > 200

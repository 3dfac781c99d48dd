"""What is older than its retention is forgotten by ``run``, by one worker at a time, and no answer depends on it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from journeys import AsyncEvaluator, Duration, Evaluator, ManualClock
from journeys.codec import load_space
from journeys.runtime import _tidying
from tests.support import at, branch, hold, instant, journey, on, send, space, track

KEEP = {"dedupe_window": "P2D", "retention": {"trace": "P3D", "instances": "P4D"}}
DOCUMENT = space(
    journey(
        {"hold": hold("PT2H", branch("x", "Order", "mail"), timeout="mail"), "mail": send()},
        key="cart",
        entry=on("Start", identifier="cart"),
        goal={"event": "Paid", "within": "P30D"},
    ),
    settings=KEEP,
)
STORES = pytest.mark.parametrize("where", ["memory", "sqlite"])


def made(where: str, path: Path, clock: ManualClock, document: Any = DOCUMENT) -> Evaluator:
    return Evaluator(load_space(document), store=None if where == "memory" else f"sqlite:///{path}/a.db", clock=clock)


def kept(evaluator: Evaluator, user: str = "u1") -> tuple[int, int, int]:
    """How many marks, ends and instances a profile has."""
    [profile] = evaluator._drive(evaluator._core.states_of([f"u:{user}"]))
    return len(profile.marks), len(profile.ends), len(profile.instances)


class Until(ManualClock):
    """Stops an evaluator when it gets there."""

    def __init__(self, start: str, end: str) -> None:
        super().__init__(start)
        self.end = instant(end)
        self.evaluator: Any = None

    def sleep(self, until: int, wake: Any) -> None:
        super().sleep(until, wake)
        if self.now() >= self.end:
            self.evaluator.stop()


@STORES
def test_nothing_is_forgotten_before_its_time_and_all_of_it_after(where: str, tmp_path: Path) -> None:
    """O2, E8, S11: marks and ends by the window, instances and trace by their retention; of profiles that are idle."""
    clock = ManualClock(at("0"))
    with made(where, tmp_path, clock) as evaluator:
        evaluator.feed_many(
            [track("Start", "0", "u1", id="m1", cart="a"), track("Order", "PT1M", "u1", id="m2", cart="a")]
        )
        for when, marks, ends, instances, records in (
            ("P1D", 2, 1, 1, 6),
            ("P2D", 1, 1, 1, 6),
            ("P2DT1H", 0, 0, 1, 6),
            ("P3DT1H", 0, 0, 1, 0),
            ("P4DT1H", 0, 0, 0, 0),
        ):
            evaluator.advance(at(when))
            evaluator.prune()
            found = [each["kind"] for each in evaluator.trace()]
            assert (when, *kept(evaluator), len(found)) == (when, marks, ends, instances, records), found


@pytest.mark.parametrize("runs", ["run", "async"])
def test_run_forgets_at_its_pace(runs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in every ``prune``, in small parts, deadlines between them."""
    monkeypatch.setattr(_tidying, "ADVANCE_BATCH", 2)
    monkeypatch.setattr(_tidying, "RECORDS", 3)
    clock = Until(at("0"), "P6D")
    with made("sqlite", tmp_path, clock) as evaluator:
        evaluator.feed_many([track("Start", "0", f"u{n}", id="m", cart="a") for n in range(9)])
    begun: list[int] = []
    begin = _tidying.begin

    def noted(core: Any, now: int, pause: Any) -> Any:
        begins, again = yield from begin(core, now, pause)
        begun.extend([now] * begins)
        return begins, again

    monkeypatch.setattr(_tidying, "begin", noted)
    if runs == "run":
        with made("sqlite", tmp_path, clock) as evaluator:
            clock.evaluator = evaluator
            evaluator.run(poll=3600, prune="PT36H")
    else:

        async def story() -> None:
            async with AsyncEvaluator(load_space(DOCUMENT), store=f"sqlite:///{tmp_path}/a.db", clock=clock) as there:
                clock.evaluator = there
                await there.run(poll=3600, prune="PT36H")

        asyncio.run(story())
    assert begun == [instant(f"PT{36 * n}H") for n in range(len(begun))] and len(begun) in (4, 5)
    with made("sqlite", tmp_path, clock) as evaluator:
        assert [kept(evaluator, f"u{n}") for n in range(9)] == [(0, 0, 0)] * 9
        assert list(evaluator.trace()) == []


def test_several_workers_take_turns(tmp_path: Path) -> None:
    clock = ManualClock(at("0"))
    pause = Duration.of("P1D")
    with made("sqlite", tmp_path, clock) as one, made("sqlite", tmp_path, clock) as other:
        begin = [each._drive(_tidying.begin(each._core, instant("PT1H"), pause)) for each in (one, other)]
        assert begin == [(True, instant("PT25H")), (False, instant("PT25H"))]
        assert other._drive(_tidying.begin(other._core, instant("PT25H"), pause))[0]


@STORES
@pytest.mark.parametrize("seed", range(2))
def test_no_answer_depends_on_when_something_is_forgotten(where: str, seed: int, tmp_path: Path) -> None:
    """I1: marks, ends and goals are as they would have been."""
    rng = random.Random(seed)
    document = {**DOCUMENT, "settings": {"dedupe_window": "PT5H", "retention": {"instances": "PT9H"}}}
    calls = []
    for n in range(150):
        when = f"PT{max(0, n * 20 - rng.choice([0, 0, 0, 200, 400]))}M"
        kind = rng.choice(["Start", "Start", "Order", "Paid"])
        calls.append(
            track(kind, when, f"u{rng.randrange(3)}", id=f"m{n if rng.random() < 0.7 else n // 9}", cart=f"c{n % 2}")
        )
    told = []
    for often in (0.0, 0.3):
        folder = tmp_path / str(often)
        folder.mkdir()
        with made(where, folder, ManualClock(at("P9D")), document) as evaluator:
            answers = []
            for n, call in enumerate(calls):
                answers.append(evaluator.feed(call).status)
                if n % 10 == 0:
                    evaluator._do(evaluator._core.advance(instant(f"PT{max(0, n * 20 - 60)}M")))
                if rng.random() < often:
                    evaluator.prune()
            evaluator.settle()
            told.append((answers, list(evaluator.trace())))
    assert told[0] == told[1]
    assert {"duplicate", "late", "accepted"} == set(told[0][0])
    assert any(record["kind"] == "goal" for record in told[0][1])

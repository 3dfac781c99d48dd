"""What a newer version of this package has written is left alone, and counted; the rest goes on (section V)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journeys import Evaluator, ManualClock
from journeys.codec import load_space
from journeys.engine import _encode
from journeys.errors import NewerState
from journeys.runtime import _core
from journeys.runtime._core import GENERATION
from journeys.runtime.clocks import SystemClock
from journeys.runtime.stores import open_store
from tests.support import at, delay, instant, journey, send, space, track

SPACE = load_space(space(journey({"wait": delay("PT1H", "mail"), "mail": send()})))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/a.db"


def worker(url: str, **more: Any) -> Evaluator:
    return Evaluator(SPACE, store=url, **{"clock": ManualClock(at("PT1M")), **more})


def told(evaluator: Evaluator, user: str) -> list[str]:
    return [record["kind"] for record in evaluator.trace(profile=user)]


def test_people_of_a_newer_version(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait for its workers, however many they are; an older worker lets everybody else go on, and leases none."""
    monkeypatch.setattr(_core, "ADVANCE_BATCH", 3)
    with worker(url) as older:
        older.feed_many([track("Start", "0", f"old{n}", id="m") for n in range(7)])
        with monkeypatch.context() as newer_package:
            newer_package.setattr(_encode, "VERSION", _encode.VERSION + 1)
            with worker(url) as newer:
                newer.feed_many([track("Start", "0", f"new{n}", id="m") for n in range(10)])
        older.advance(at("PT2H"))
        assert [told(older, f"old{n}")[-1] for n in range(7)] == ["completed"] * 7
        assert [told(older, f"new{n}") for n in range(10)] == [["entered", "step"]] * 10
        assert older.counters["newer_state"] == 10
        with pytest.raises(NewerState):
            older.feed_many([track("Start", "PT3H", "new3"), track("Start", "PT3H", "old3")])
        assert told(older, "old3").count("entered") == 1
        monkeypatch.setattr(_encode, "VERSION", _encode.VERSION + 1)
        with worker(url) as newer:  # at the same instant: nothing is leased to somebody else
            newer.advance(at("PT2H"))
            assert [told(newer, f"new{n}")[-1] for n in range(10)] == ["completed"] * 10


def published_by_a_newer_version(url: str) -> None:
    """A journey with a step of a kind that nobody knows here."""
    store: Any = open_store(url)
    document = {**journey(key="moon"), "steps": {"wait": {"type": "fly_to_the_moon"}}}
    note = {"journey": document, "status": "live", "scope": "+9"}
    store.commit(_core.ChangeSet(notes={"journey:moon@1": json.dumps(note), GENERATION: "99"}))
    store.close()


def test_definitions_of_a_newer_version(url: str) -> None:
    """An older worker moves nobody any more: whom it let pass, the newer journey would have missed."""
    with worker(url) as older:
        older.feed(track("Start", "0", "u1"))
        published_by_a_newer_version(url)
        for attempt in (
            lambda: older.feed(track("Start", "PT1M", "u2")),
            lambda: older.advance(at("PT2H")),
            lambda: older.pause("j"),
        ):
            with pytest.raises(NewerState, match=r"'moon' version 1.*use the newer version"):
                attempt()
        assert told(older, "u1") == ["entered", "step"] and told(older, "u2") == []
    with pytest.raises(NewerState):
        worker(url)


def test_run_goes_on_until_the_package_is_upgraded(url: str) -> None:
    """It polls, and sends what is in the outbox."""
    polls = []

    class Polled(SystemClock):
        def now(self) -> int:
            return instant("PT5H")

        def sleep(self, until: int, wake: Any) -> None:
            polls.append(until)
            if len(polls) == 3:
                one.stop()

    with worker(url, clock=Polled()) as one:
        one.feed(track("Start", "0", "u1"))
        published_by_a_newer_version(url)
        one.run(prune=None)
        assert len(polls) == 3
        assert one.counters["newer_definitions"] == 3
        assert told(one, "u1") == ["entered", "step"]

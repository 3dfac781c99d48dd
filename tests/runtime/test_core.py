"""Batches on a store: loaded, applied, committed; all of it or nothing (O1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journeys import Conflict
from journeys.codec import load_space
from journeys.runtime import _core
from journeys.runtime.simulation import Simulation
from journeys.runtime.stores.sqlite import SQLiteStore
from tests.support import (
    advance,
    alias,
    at,
    branch,
    delay,
    hold,
    identify,
    instant,
    journey,
    on,
    run,
    send,
    space,
    trace_of,
    track,
)


class Failing:
    """A store whose next commits fail, before or after they have happened."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.fail: list[tuple[BaseException, bool]] = []
        self.commits = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def commit(self, changes: Any) -> None:
        self.commits += 1
        if self.fail:
            error, after = self.fail.pop(0)
            if after:
                self.store.commit(changes)
            raise error
        self.store.commit(changes)


DOCUMENT = space(
    journey({"hold": hold("PT2H", branch("x", "Order", "mail")), "mail": send()}, entry=on("Start", identifier="n"))
)
CALLS = [track("Start", f"PT{n}M", f"u{n % 3}", id=f"m{n}", n=n) for n in range(9)] + [
    track("Order", "PT1H", f"u{n % 3}", id=f"o{n}", n=n) for n in range(5)
]


@pytest.fixture
def failing(tmp_path: Path) -> Any:
    store = Failing(SQLiteStore(tmp_path / "a.db"))
    yield store
    store.close()


def expected() -> Any:
    return run(DOCUMENT, CALLS, "P1D")


def test_a_conflict_is_repeated_with_what_is_there_now(failing: Failing) -> None:
    """I7: effects of the attempt that was refused are forgotten."""
    simulation = Simulation(load_space(DOCUMENT), failing)
    failing.fail = [(Conflict("moved"), False)] * 3
    answers = simulation.feed(CALLS)
    simulation.finish(instant("P1D"))
    assert [answer.status for answer in answers] == expected().answers
    assert trace_of(simulation) == expected().trace
    assert failing.counters() == expected().counters


def test_what_was_overtaken_by_the_watermark_is_late(failing: Failing, tmp_path: Path) -> None:
    """T5, I7: another worker has moved it between the load and the commit of this one."""

    class Overtaken(Failing):
        is_overtaken = True

        def commit(self, changes: Any) -> None:
            if not self.is_overtaken:
                self.is_overtaken = True
                with SQLiteStore(tmp_path / "a.db") as other:
                    advance(Simulation(load_space(DOCUMENT), other), instant("PT3H"))
            super().commit(changes)

    overtaken = Overtaken(failing.store)
    simulation = Simulation(load_space(DOCUMENT), overtaken)
    overtaken.is_overtaken, overtaken.commits = False, 0
    (answer,) = simulation.feed([track("Start", "PT1H", id="m", n=1)])
    assert (answer.status, overtaken.commits) == ("late", 2)
    assert trace_of(simulation)[0]["at"] == at("PT3H")


def test_a_conflict_does_not_move_time(failing: Failing) -> None:
    """T8: the attempt that was refused has seen the end of the batch; its beginning is no later for that."""
    document = {**DOCUMENT, "settings": {"allowed_lateness": "PT5M"}}
    simulation = Simulation(load_space(document), failing)
    failing.fail = [(Conflict("moved"), False), (OSError("broken"), False)]
    with pytest.raises(OSError, match="broken"):
        simulation.feed(CALLS)
    simulation.feed(CALLS)
    simulation.finish(instant("P1D"))
    whole = run(document, CALLS, "P1D", batch=len(CALLS))
    assert trace_of(simulation) == whole.trace
    assert failing.counters() == whole.counters


def test_a_conflict_that_does_not_end(failing: Failing) -> None:
    simulation = Simulation(load_space(DOCUMENT), failing)
    failing.fail = [(Conflict("moved"), False)] * (_core.MAX_CONFLICTS + 1)
    with pytest.raises(Conflict, match="times in a row"):
        simulation.feed(CALLS)
    failing.fail = []
    simulation.feed(CALLS)
    simulation.finish(instant("P1D"))
    assert trace_of(simulation) == expected().trace


@pytest.mark.parametrize("after", [False, True])
def test_an_unknown_outcome(failing: Failing, after: bool) -> None:
    """O1, I5: the commit failed, and nobody knows whether it happened: the same calls again change nothing more."""
    simulation = Simulation(load_space(DOCUMENT), failing)
    for begin in range(0, len(CALLS), 4):
        failing.fail = [(OSError("the disk is gone"), after)]
        with pytest.raises(OSError, match="disk"):
            simulation.feed(CALLS[begin : begin + 4])
        answers = simulation.feed(CALLS[begin : begin + 4])
        assert {answer.status for answer in answers} == ({"duplicate"} if after else {"accepted"})
    simulation.finish(instant("P1D"))
    assert trace_of(simulation) == expected().trace


def test_a_failed_advance_is_repeated(failing: Failing) -> None:
    """I4, D3: nothing is recorded for a state change that was not committed."""
    simulation = Simulation(load_space(DOCUMENT), failing)
    simulation.feed(CALLS)
    for _ in range(3):
        failing.fail = [(OSError("the disk is gone"), False)]
        with pytest.raises(OSError, match="disk"):
            simulation.finish(instant("P1D"))
    failing.fail = [(Conflict("another worker"), False)]
    simulation.finish(instant("P1D"))
    simulation.finish(instant("P1D"))
    assert trace_of(simulation) == expected().trace


def test_one_batch_is_one_commit(failing: Failing) -> None:
    """O1, I3"""
    simulation = Simulation(load_space(DOCUMENT), failing)
    before = failing.commits
    simulation.feed(CALLS, {"file": "14"})
    assert failing.commits == before + 1
    assert failing.notes("file") == {"file": "14"}


def test_deadlines_of_many_profiles_in_batches(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    """T5"""
    monkeypatch.setattr(_core, "ADVANCE_BATCH", 7)
    document = space(journey({"wait": delay("PT1H", "mail"), "mail": send()}))
    simulation = Simulation(load_space(document), failing)
    simulation.feed([track("Start", "0", f"u{n}") for n in range(40)])
    before = failing.commits
    simulation.finish(instant("PT1H"))
    assert len([1 for record in trace_of(simulation) if record["kind"] == "sent"]) == 40
    assert failing.commits - before >= 6


def test_loading_only_what_a_batch_concerns(failing: Failing) -> None:
    """P2: with everything that its ids are linked to."""
    simulation = Simulation(load_space(DOCUMENT), failing)
    simulation.feed([track("Start", "0", f"u{n}", n=1) for n in range(5)] + [identify("0", "u1", anon="a1")])
    simulation.feed([track("Order", "PT1H", None, anon="a1", n=1)])
    assert set(simulation.core.processor.states) == {"u:u1"}


class Counting:
    """How much a store was asked for."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.inputs = self.profiles = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def waiting(self, *args: Any, **kwargs: Any) -> Any:
        found = self.store.waiting(*args, **kwargs)
        self.inputs += len(found)
        return found

    def load(self, id_keys: Any) -> Any:
        self.profiles += len(id_keys)
        return self.store.load(id_keys)


def test_of_the_inputs_that_wait_only_those_are_read_whose_time_has_come(tmp_path: Path) -> None:
    """T8: and those that the batch repeats, however many wait."""
    document = {**DOCUMENT, "settings": {"allowed_lateness": "PT1H"}}
    for number in (50, 500):
        store = Counting(SQLiteStore(tmp_path / f"{number}.db"))
        simulation = Simulation(load_space(document), store)
        early = [track("Start", f"PT{n}M", f"u{n}", id=f"e{n}", n=1) for n in range(1, 6)]
        late = [track("Start", "PT30M", f"w{n}", id=f"w{n}", n=1) for n in range(number)]
        simulation.feed(early + late)
        assert store.figures()["waiting"] == number + 5
        store.inputs = store.profiles = 0
        answers = simulation.feed([late[0], track("Start", "PT1H5M", "u9", id="m", n=1)])
        assert [answer.status for answer in answers] == ["duplicate", "accepted"]
        assert store.figures()["waiting"] == number + 1
        # the watermark has moved by five minutes, and with it five inputs came; one was repeated
        assert (store.inputs, store.profiles) == (5 + 1, 5 + 1 + 1)
        store.close()


def test_an_erased_id_leaves_nothing_that_waits(tmp_path: Path) -> None:
    """V6, T8: an input of somebody else that would link it waits no more, in any store."""
    from journeys import Evaluator, ManualClock

    document = {**DOCUMENT, "settings": {"allowed_lateness": "PT1H"}}
    for where in ("memory:", f"sqlite:///{tmp_path}/a.db"):
        made = Evaluator(document, store=where, clock=ManualClock("2026-01-01T00:00:00Z"))
        made.feed_many(
            [
                track("Start", "PT1M", None, anon="visitor", id="m1", n=1),
                identify("PT2M", "u1", anon="visitor", id="m2"),
                alias("visitor", "u2", "PT2M", id="m3"),
                track("Start", "PT3M", "u1", id="m4", n=2),
            ]
        )
        assert made.erase(anonymous_id="visitor") == ("visitor",)
        assert made.figures()["waiting"] == 1
        assert made.feed(identify("PT4M", "u1", anon="visitor")).reason == "erased"
        made.advance("2026-01-02T00:00:00Z")
        assert [record["kind"] for record in made.trace(profile="u1")][:1] == ["entered"]
        assert "visitor" not in json.dumps(list(made.trace()))
        made.close()


def test_an_id_of_a_user_and_of_a_visitor_is_told_once(tmp_path: Path) -> None:
    """V6, P1: they are two id keys, and one id."""
    from journeys import Evaluator, ManualClock

    for where in ("memory:", f"sqlite:///{tmp_path}/a.db"):
        with Evaluator(DOCUMENT, store=where, clock=ManualClock("2026-01-01T00:00:00Z")) as made:
            made.feed_many([alias("a1", "u1", "0"), identify("0", "u1", anon="a1"), track("Start", "0", "u1", n=1)])
            assert made.erase("u1") == ("a1", "u1")


def test_ids_that_no_store_could_keep_are_not_asked_for(failing: Failing) -> None:
    """O5"""
    simulation = Simulation(load_space(DOCUMENT), failing)
    bad = [{**track("Start"), "userId": each} for each in ("a\0b", "\ud800", "x" * 5000, 7)]
    assert {answer.status for answer in simulation.feed([*bad, 7, None])} == {"rejected"}


def test_erased_profiles_are_rejected(failing: Failing) -> None:
    """V6, O5"""
    from journeys import Evaluator, ManualClock

    for store in (failing, None):
        made = Evaluator(DOCUMENT, store=store, clock=ManualClock("2026-01-01T00:00:00Z"))
        made.feed(track("Start", "0", n=1))
        made.feed(identify("0", "u1", anon="a1"))
        assert made.erase("u1") == ("a1", "u1")
        assert made.profile("u1") is None and list(made.trace(profile="u1")) == []
        for call in (track("Start", "PT1H", n=1), track("Nobody", "PT1H"), identify("PT1H", None, anon="a1")):
            assert made.feed(call).reason == "erased"
        assert made.lift("u1")
        assert made.feed(track("Start", "PT2H", n=1)).status == "accepted"


@pytest.mark.parametrize("where", ["memory:", "sqlite:///"])
def test_a_store_never_lets_the_watermark_go_back(where: str, tmp_path: Path) -> None:
    """T5: also if somebody commits an earlier one."""
    from journeys.ports import ChangeSet
    from journeys.runtime.stores import open_store

    store = open_store(where if where == "memory:" else f"{where}{tmp_path}/a.db")
    for given, expected in ((5, 5), (3, 5), (0, 5), (7, 7)):
        store.commit(ChangeSet(watermark=given))
        assert store.watermark() == expected
    store.close()

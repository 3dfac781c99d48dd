"""A replay: what ``journeys simulate`` runs."""

from __future__ import annotations

import json
from pathlib import Path

from journeys.codec import load_space
from journeys.runtime.simulation import Simulation
from journeys.runtime.stores.sqlite import SQLiteStore
from tests.support import ad, at, delay, identify, instant, journey, run, send, space, story, trace_of, track, trait

WAIT = space(journey({"wait": delay("P3D", "mail"), "mail": send()}))


def test_without_an_end_it_goes_on_to_where_nothing_more_happens() -> None:
    """Format: at most ``max_age`` after the last call."""
    assert story(WAIT, [track("Start")], None, "sent") == ["P3D sent mail"]
    again = journey(
        {"wait": delay("PT1H")}, entry=trait("x", "exists"), exit_after="P1D", reentry_after="P1D", max_age="P10D"
    )
    done = run(space(again), [identify("0", x=1), identify("P2D")])
    assert done.story("entered")[-1] == "P12D entered"


def test_the_end_is_the_longest_age_of_what_is_published() -> None:
    document = space(
        journey({"ad": ad(remove_after="P20D")}, max_age="P10D"),
        journey(key="k", entry="Never", max_age="P15D"),
        journey(key="draft", status="draft", max_age="P99D"),
    )
    simulation = Simulation(load_space(document))
    simulation.feed([track("Start")])
    assert simulation.bound == instant("P15D")
    simulation.finish()
    assert "list_removed" not in [each["kind"] for each in trace_of(simulation)]


def test_all_calls_are_applied_also_those_after_the_end() -> None:
    """Format: ``--until`` sets the watermark to that very instant, whatever the lateness is."""
    for lateness in ("PT0S", "PT2H"):
        document = {**WAIT, "settings": {"allowed_lateness": lateness}}
        done = run(document, [track("Start"), track("Start", "P3DT1H", "u2")], "P3D")
        assert done.story("entered", "sent") == ["0 entered", "P3D sent mail", "P3DT1H entered"]
        assert done.simulation.core.processor.watermark == instant("P3D")


def test_an_empty_replay() -> None:
    simulation = Simulation(load_space(WAIT))
    assert simulation.feed([]) == []
    simulation.finish()
    assert list(simulation.trace()) == []


def test_looking_at_calls_that_were_applied_before() -> None:
    """I4: what a resumed replay needs to know of them: how late it is, and which were rejected."""
    simulation = Simulation(load_space({**WAIT, "settings": {"max_payload_bytes": 100}}))
    assert simulation.look(track("Start", "P1D")) is None
    assert simulation.core.processor.latest == instant("P1D")
    for bad in ({}, {**track("Start", "P2D"), "userId": ""}, track("Start", "P2D", a="x" * 200)):
        answer = simulation.look(bad)
        assert (
            answer is not None
            and answer == Simulation(load_space({**WAIT, "settings": {"max_payload_bytes": 100}})).feed([bad])[0]
        )
    assert simulation.core.processor.latest == instant("P1D")


def test_nothing_is_sent() -> None:
    """Format: a simulation delivers nothing; on a store the outbox is kept."""
    done = run(space(journey({"mail": send()})), [track("Start")])
    assert len(done.records("sent")) == 1
    assert done.simulation.store.next_delivery() is None


def test_a_store_goes_on_where_it_is(tmp_path: Path) -> None:
    """I4, I6"""
    calls = [track("Start", "0", f"u{n}") for n in range(4)]
    for part in (calls[:2], calls[2:]):
        simulation = Simulation(load_space(WAIT), SQLiteStore(tmp_path / "a.db"))
        simulation.feed(part)
        simulation.store.close()
    simulation = Simulation(load_space(WAIT), SQLiteStore(tmp_path / "a.db"))
    for call in calls:
        simulation.look(call)
    simulation.finish()
    assert trace_of(simulation) == run(WAIT, calls).trace
    assert json.loads(next(iter(simulation.trace())))["at"] == at("0")
    simulation.store.close()

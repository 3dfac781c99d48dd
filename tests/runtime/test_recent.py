"""Profiles are kept decoded between batches, and what comes out is the same (I4, I7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeys import Answer, Evaluator, ManualClock, load_space
from journeys.engine._encode import encode_state
from journeys.engine._state import ProfileState
from journeys.errors import Conflict
from journeys.ports import Stored
from journeys.runtime import _recent
from journeys.runtime._recent import LIMIT, RecentStates
from tests.support import branch, hold, journey, space

CART = space(journey({"hold": hold("PT2H", branch("bought", "Order"))}, key="cart", entry="Cart"))


def evaluator(path: Path, **more: Any) -> Evaluator:
    return Evaluator(load_space(CART), store=f"sqlite:///{path}", clock=ManualClock("2026-01-01T10:00:00Z"), **more)


def call(number: int, event: str = "Cart", user: str = "u") -> dict[str, Any]:
    return {
        "type": "track",
        "event": event,
        "userId": user,
        "messageId": f"m{number}",
        "timestamp": f"2026-01-01T09:00:{number:02}Z",
        "properties": {},
    }


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    seen: list[bytes] = []
    real = _recent.decode_state

    def decode(state: Any, plan: Any) -> ProfileState:
        seen.append(state)
        return real(state, plan)

    monkeypatch.setattr(_recent, "decode_state", decode)
    return seen


def test_what_nobody_else_has_changed_is_not_decoded_again(tmp_path: Path, decoded: list[bytes]) -> None:
    mine = evaluator(tmp_path / "x.db")
    for number in range(5):
        mine.feed(call(number))
    assert decoded == []
    assert evaluator(tmp_path / "x.db").feed(call(3)) == Answer("duplicate")
    assert len(decoded) == 1


def test_what_another_worker_has_changed_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I7: two workers take turns with one person, and each knows at once what the other was told."""
    one, two = (evaluator(tmp_path / "x.db", worker=name) for name in ("one", "two"))
    begun_again: list[str] = []
    for worker in (one, two):
        monkeypatch.setattr(worker._core, "begin_again", lambda: begun_again.append("again") or iter(()))
    for number in range(0, 20, 2):
        assert one.feed(call(number)).status == "accepted"
        assert two.feed(call(number)).status == "duplicate"
        assert two.feed(call(number + 1)).status == "accepted"
        assert one.feed(call(number + 1)).status == "duplicate"
    [person] = one._drive(one._core.states_of(["u:u"]))
    assert person.accepted == 20
    assert one.counters["duplicates"] == 20
    assert begun_again == []


def test_a_change_that_was_not_committed_does_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """O1"""
    mine = evaluator(tmp_path / "x.db")
    mine.feed(call(1))
    commit = mine.store.commit
    with monkeypatch.context() as patch:
        patch.setattr(mine.store, "commit", lambda changes: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            mine.feed(call(2))
    assert mine.feed(call(2)).status == "accepted"
    refusals = [Conflict("another was there")]

    def once(changes: Any) -> None:
        if refusals:
            raise refusals.pop()
        commit(changes)

    monkeypatch.setattr(mine.store, "commit", once)
    assert mine.feed(call(3)).status == "accepted"
    [person] = mine._drive(mine._core.states_of(["u:u"]))
    assert person.accepted == 3


def test_who_was_erased_by_another_worker_is_not_remembered(tmp_path: Path) -> None:
    """V6"""
    one, two = (evaluator(tmp_path / "x.db", worker=name) for name in ("one", "two"))
    one.feed(call(1))
    two.erase("u")
    assert one.feed(call(1)).reason == "erased"
    assert one.feed(call(2)).reason == "erased"
    two.lift("u")
    assert one.feed(call(1)).status == "accepted"


def test_a_state_of_another_plan_is_not_used(tmp_path: Path, decoded: list[bytes]) -> None:
    mine = evaluator(tmp_path / "x.db")
    mine.feed(call(1))
    mine.pause("cart")
    mine.feed(call(2, "Order"))
    assert decoded


def test_no_more_are_kept_than_the_limit() -> None:
    recent = RecentStates()
    for number in range(3 * LIMIT):
        recent.keep(ProfileState(f"u:{number}"))
        assert len(recent._young) + len(recent._old) <= LIMIT
    kept = recent._young | recent._old
    assert f"u:{3 * LIMIT - 1}" in kept and "u:0" not in kept


def test_who_takes_a_state_owns_it(decoded: list[bytes]) -> None:
    recent, profile = RecentStates(), ProfileState("u:x")
    profile.version = 4
    recent.keep(profile)
    stored = Stored("u:x", encode_state(profile), 4)
    plan: Any = None
    assert recent.take(stored, plan) is profile
    again = recent.take(stored, plan)
    assert again is not profile and (again.key, again.version) == ("u:x", 4)
    assert len(decoded) == 1

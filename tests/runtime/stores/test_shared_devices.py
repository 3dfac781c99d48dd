"""An anonymous id that is linked to an erased person is named nowhere, also where others used the device (V6, P2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeys import Conflict, Evaluator, ManualClock
from journeys.codec import load_space
from tests.support import at, delay, identify, journey, send, space, track

SPACE = load_space(
    space(
        journey(
            {
                "mail": send("wait", mapping={"device": {"profile": "anonymous_id"}}),
                "wait": delay("P1D", "again"),
                "again": send(),
            }
        ),
        key="shop",
    )
)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """What ``Evaluator`` takes."""
    if request.param == "memory":
        return None
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/a.db"
    new_schema: Callable[[], str] = request.getfixturevalue("new_schema")
    url = request.getfixturevalue("postgres_url")
    return f"{url}{'&' if '?' in url else '?'}schema={new_schema()}"


def everything(evaluator: Evaluator, *people: str) -> str:
    """All that can be read of a store."""
    states = evaluator._drive(evaluator._core.states_of([f"u:{each}" for each in people]))
    told = [str(list(evaluator.trace()))]
    for each in states:
        told.append(
            str({name: getattr(each, name, None) for name in ("traits", "marks", "linked", "anonymous_id", "shared")})
        )
    told += [str(each) for each in evaluator.store.claim_deliveries(1 << 60, 999, worker="reader", lease=0)]
    told += [str(each) for each in evaluator.store.dead_letters()]
    told += [str(each) for each in evaluator.store.waiting(1 << 60, 999)]
    told += [str(each) for each in evaluator._core.processor.waiting if evaluator._core.exclusive]
    return "\n".join(told)


def shared(store: Any, **more: Any) -> Evaluator:
    """u1's tablet, which u2 and u3 use after her."""
    clock = ManualClock(at("P2D"))
    evaluator = Evaluator(more.get("space", SPACE), store=store, clock=clock)
    evaluator.feed(identify("0", "u1", anon="tablet"))
    evaluator.feed(track("Start", "PT1H", "u2", anon="tablet", id="m1"))
    evaluator.feed(track("Start", "PT2H", "u3", anon="tablet", id="m2"))
    evaluator.feed(track("Start", "PT3H", "u3", anon="own phone", id="m3"))
    evaluator.feed(track("Start", "PT4H", "u4", anon="other tablet", id="m4"))
    return evaluator


def test_the_id_of_a_shared_device_is_erased_with_its_owner(store: Any) -> None:
    with shared(store) as evaluator:
        assert '"tablet"' in everything(evaluator, "u2", "u3").replace("'", '"')
        assert evaluator.erase("u1") == ("tablet", "u1")
        said = (
            everything(evaluator, "u2", "u3", "u4")
            .replace("'", '"')
            .replace("own phone", "")
            .replace("other tablet", "")
        )
        assert "tablet" not in said
        assert "u1" not in said
        assert [getattr(evaluator.profile(each), "anonymous_id", 0) for each in ("u2", "u3", "u4")] == [
            None,
            "own phone",
            "other tablet",
        ]
        assert evaluator.feed(track("Start", "PT9H", "u2", anon="tablet")).reason == "erased"
        assert evaluator.feed(track("Start", "PT9H", "u2")).status == "accepted"
        kinds = [record["kind"] for record in evaluator.trace(profile="u2")]
        assert "entered" in kinds and "sent" not in kinds  # that record named the device


def test_others_who_are_erased_leave_the_owner_alone(store: Any) -> None:
    with shared(store) as evaluator:
        assert evaluator.erase("u2") == ("u2",)
        owner = evaluator.profile("u1")
        assert owner is not None and owner.anonymous_id == "tablet"
        assert evaluator.erase(anonymous_id="tablet") == ("tablet", "u1")


def test_a_merged_owner_and_a_renamed_user_are_found(store: Any) -> None:
    """P2: the owner's tablet goes with her, and so does u2's name."""
    with shared(store) as evaluator:
        evaluator.feed({"type": "alias", "previousId": "u1", "userId": "u9", "timestamp": at("PT5H")})
        evaluator.feed({"type": "alias", "previousId": "u2", "userId": "u8", "timestamp": at("PT5H")})
        assert evaluator.erase("u9") == ("tablet", "u1", "u9")
        said = everything(evaluator, "u8", "u3", "u4").replace("own phone", "").replace("other tablet", "")
        assert "tablet" not in said


def test_an_input_that_waits_and_names_it(store: Any) -> None:
    """T8: it goes with the device that it names, as if it came later."""
    late = load_space(space(journey({"mail": send()}), settings={"allowed_lateness": "P30D"}, key="late"))
    clock = ManualClock(at("P2D"))
    with Evaluator(late, store=store, clock=clock) as evaluator:
        evaluator.feed(identify("0", "u1", anon="tablet"))
        evaluator.advance(at("P31D"))
        evaluator.feed(track("Start", "P20D", "u2", anon="tablet", id="m1"))
        evaluator.feed(track("Start", "P21D", "u3", id="m2"))
        assert "tablet" in everything(evaluator, "u2")
        evaluator.erase("u1")
        assert "tablet" not in everything(evaluator, "u2", "u3")
        evaluator.settle()
        assert [record["profile"] for record in evaluator.trace() if record["kind"] == "entered"] == ["u3"]


def test_somebody_who_takes_the_device_at_that_moment(tmp_path: Path) -> None:
    """V6: two workers; whoever commits later begins again."""
    url = f"sqlite:///{tmp_path}/a.db"
    with shared(url) as one, Evaluator(SPACE, store=url, clock=ManualClock(at("P2D"))) as other:
        erase, conflicts = one.store.erase, []

        def after_another(*args: Any, **kwargs: Any) -> Any:
            if not conflicts:
                other.feed(track("Start", "PT9H", "u5", anon="tablet", id="m5"))
            try:
                return erase(*args, **kwargs)
            except Conflict as conflict:
                conflicts.append(conflict)
                raise

        one.store.erase = after_another
        one.erase("u1")
        assert len(conflicts) == 1
        said = everything(one, "u2", "u3", "u4", "u5").replace("own phone", "").replace("other tablet", "")
        assert "tablet" not in said

"""Groups of calls, each applied while the one before is committed: what comes out is as if it had been waited for."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from journeys import Evaluator, ManualClock
from journeys.codec import load_space
from journeys.engine._encode import decode_state
from journeys.errors import StoreUnavailable
from journeys.runtime import _recent
from journeys.runtime.stores.sqlite import SQLiteStore
from tests.reference.compare import case
from tests.runtime.ahead import Ahead, Feeding, contents
from tests.support import START, alias, at, branch, delay, hold, identify, journey, on, send, space, track

DOCUMENT = space(
    journey({"hold": hold("PT2H", branch("x", "Order", "mail")), "mail": send()}, entry=on("Start", identifier="n")),
    journey({"wait": delay("PT1H", "mail"), "mail": send()}, key="k", entry="Order"),
)


def starts(*users: str, begin: int = 0) -> list[Any]:
    return [track("Start", f"PT{n}M", user, id=f"m{n}", n=n) for n, user in enumerate(users, begin)]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def new_store(tmp_path: Path) -> Iterator[Callable[..., Ahead]]:
    numbers = itertools.count()
    stores = []

    def made(**fields: Any) -> Ahead:
        stores.append(Ahead(SQLiteStore(tmp_path / f"{next(numbers)}.db", synchronous="OFF"), **fields))
        return stores[-1]

    yield made
    for store in stores:
        store.close()


@pytest.fixture
def store(new_store: Callable[..., Ahead]) -> Ahead:
    return new_store()


@pytest.fixture
def made(store: Ahead, is_async: bool) -> Iterator[Feeding]:
    """An evaluator that knows already that nobody is erased; nothing is counted so far."""
    with closing(Feeding(DOCUMENT, store, is_async=is_async, clock=ManualClock(at("0")))) as made:
        made.feed_many([track("Nothing", "0", "nobody")])
        store.plain.clear()
        store.begun.clear()
        yield made


def other(store: Ahead) -> Evaluator:
    """Another worker on the same store."""
    return Evaluator(DOCUMENT, store=SQLiteStore(store.store.path), clock=ManualClock(at("0")))


def alone(*groups: list[Any], until: str = "P1D") -> list[Any]:
    """The trace of one worker in memory that is fed these."""
    with Evaluator(DOCUMENT, clock=ManualClock(at("0"))) as memory:
        for group in groups:
            memory.feed_many(group)
        memory.advance(at(until))
        return list(memory.trace())


def trace_after(made: Feeding, until: str = "P1D") -> list[Any]:
    made.advance(at(until))
    with other(made.store) as evaluator:
        return list(evaluator.trace())


# what is applied, and how


def test_whoever_overrides_commit_alone_is_asked_to_commit(new_store: Callable[..., Ahead]) -> None:
    """A subclass of a store that goes ahead, from before it did, or a method that was replaced."""

    class Told(Ahead):
        def commit(self, changes: Any) -> None:
            super().commit(changes)

    class Untold(Told):
        def begin_commit(self, changes: Any) -> Any:
            return super().begin_commit(changes)

    for kind, begun in ((Ahead, 2), (Told, 0), (Untold, 2)):
        store = kind(new_store().store)
        made = Evaluator(DOCUMENT, store=store, clock=ManualClock(at("0")))  # type: ignore[arg-type]
        made.feed_many(starts("u1", "u1", "u1"), group=1)
        assert len(store.begun) == begun
        setattr(store, "commit", store.commit)  # noqa: B010
        made.feed_many(starts("u1", begin=3))
        assert len(store.begun) == begun


def test_one_profile_in_every_group_is_committed_once_by_each(made: Feeding) -> None:
    """I3: nothing is refused, although what was loaded is behind."""
    calls = starts(*["u1"] * 9)
    answers = made.feed_many(calls, group=1)
    assert [answer.status for answer in answers] == ["accepted"] * 9
    assert (len(made.store.begun), made.store.plain) == (9, [])
    assert made.store.load(["u:u1"]).profiles["u:u1"].version == 9
    assert trace_after(made) == alone(calls)


@pytest.mark.parametrize("is_early", [False, True])
def test_profiles_that_are_made_changed_and_left_alone(
    new_store: Callable[..., Ahead], is_async: bool, is_early: bool
) -> None:
    store = new_store(is_early=lambda: is_early)
    rng = random.Random(3)
    calls = starts(*(f"u{rng.randrange(25)}" for _ in range(120)))
    calls += [dict(each) for each in calls[::7]]
    with closing(Feeding(DOCUMENT, store, is_async=is_async, clock=ManualClock(at("0")))) as made:
        answers = made.feed_many(calls, group=8)
        assert (len(store.begun), len(store.plain)) == (17, 2)  # what is defined, and the first group
        assert trace_after(made) == alone(calls)
    assert {answer.status for answer in answers} == {"accepted", "duplicate"}


def test_what_was_just_sent_is_a_duplicate(made: Feeding) -> None:
    """I1: the message is in the group before, which the store does not show yet."""
    calls = starts("u1", "u2")
    answers = made.feed_many([*calls, *calls, *calls], group=2)
    assert [answer.status for answer in answers] == ["accepted"] * 2 + ["duplicate"] * 4
    assert made.counters["duplicates"] == 4


def test_a_group_that_links_ids_is_waited_for(made: Feeding) -> None:
    """P2: what comes after it finds the links."""
    calls = [
        track("Start", "0", None, anon="a1", id="1", n=1),
        identify("PT1M", "u1", anon="a1", id="2"),
        track("Start", "PT2M", None, anon="a1", id="3", n=2),
        track("Start", "PT3M", "u2", id="4", n=3),
        alias("u1", "u2", "PT4M", id="5"),
        track("Start", "PT5M", None, anon="a1", id="6", n=4),
    ]
    made.feed_many(calls, group=1)
    assert (len(made.store.begun), made.store.plain) == (6, [])
    assert made.store.load(["a:a1", "u:u1"]).links == {"a:a1": "u:u2", "u:u1": "u:u2"}
    assert trace_after(made) == alone(calls)


def test_never_more_than_one_is_under_way(made: Feeding) -> None:
    made.feed_many(starts(*(f"u{n}" for n in range(20))), group=2)
    assert made.store.most_at_once == 1


def test_it_has_begun_before_the_next_call_is_asked_for(made: Feeding) -> None:
    """A slow source of calls leaves nothing uncommitted."""

    def slow() -> Iterator[Any]:
        for number, call in enumerate(starts(*["u1"] * 7)):
            assert len(made.store.begun) == number // 2
            yield call

    assert len(made.feed_many(slow(), group=2)) == 7
    assert made.feed_many([], group=2) == []


def test_whatever_else_is_asked_of_the_evaluator_finds_all_of_it(store: Ahead) -> None:
    """What is under way is waited for by every other operation."""
    made = Evaluator(DOCUMENT, store=store, clock=ManualClock(at("0")))  # type: ignore[arg-type]
    made.feed_many(starts("u1"))

    def asking() -> Iterator[Any]:
        for number in range(1, 6):
            yield track("Start", f"PT{number}M", "u1", id=f"m{number}", n=number)
            profile = made.profile("u1")
            assert profile is not None
            assert f'"m{number}"'.encode() in store.load(["u:u1"]).profiles["u:u1"].state
            if number == 3:
                assert made.erase("u1") == ("u1",)
                assert made.lift("u1")

    assert [answer.status for answer in made.feed_many(asking(), group=1)] == ["accepted"] * 5


# what goes wrong


def another_feeds(made: Feeding, when: int, calls: Sequence[Any]) -> Callable[[int], None]:
    """While the commit of this number is under way, another worker feeds these calls."""

    def meanwhile(number: int) -> None:
        if number == when:
            with other(made.store) as evaluator:
                evaluator.feed_many(calls)

    return meanwhile


def test_a_conflict_undoes_what_was_built_on_it(made: Feeding) -> None:
    """I7: another worker is faster; both groups are done again on what it left, in their order."""
    mine, others = starts("u1", "u2", "u1", "u3"), [track("Start", "0", "u1", id="o", n=7)]

    made.store.meanwhile = another_feeds(made, 1, others)
    answers = made.feed_many(mine, group=2)
    assert [answer.status for answer in answers] == ["accepted"] * 4
    # refused; done again; and the second group, whose first try was never sent
    assert (len(made.store.begun), len(made.store.plain)) == (2, 1)
    assert trace_after(made) == alone(others, mine)
    assert made.counters == {"unwanted": 1}


def test_a_conflict_of_the_second_group_leaves_the_first(made: Feeding) -> None:
    mine, others = starts("u1", "u2", "u1", "u3"), [track("Start", "0", "u3", id="o", n=7)]

    made.store.meanwhile = another_feeds(made, 2, others)
    made.feed_many(mine, group=2)
    assert (len(made.store.begun), len(made.store.plain)) == (2, 1)
    assert trace_after(made) == alone(mine[:3], others, mine[3:])


def test_what_another_worker_has_made_of_it_since_is_the_state(new_store: Callable[..., Ahead], is_async: bool) -> None:
    """I7: it is loaded with the next group, and nothing has to be done again."""
    store = new_store(is_early=lambda: True)
    mine, others = starts("u1", "u2", "u1"), [track("Start", "0", "u1", id="o", n=7)]

    def afterwards(number: int) -> None:
        if number == 1:
            with other(store) as evaluator:
                evaluator.feed_many(others)

    with closing(Feeding(DOCUMENT, store, is_async=is_async, clock=ManualClock(at("0")))) as made:
        made.feed_many([track("Nothing", "0", "nobody")])
        store.plain.clear()
        store.afterwards = afterwards
        made.feed_many(mine, group=1)
        assert (len(store.begun), store.plain) == (3, [])
        assert trace_after(made) == alone(mine[:1], others, mine[1:])


def test_what_was_committed_is_not_read_again(made: Feeding, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    monkeypatch.setattr(_recent, "decode_state", lambda state, plan: read.append(state) or decode_state(state, plan))
    made.feed_many(starts("u1", "u2", "u1", "u3", "u2", "u1", "u2"), group=1)
    assert read == []


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("has_happened", [False, True])
def test_after_a_failure_nothing_more_is_committed(made: Feeding, failing: int, has_happened: bool) -> None:
    """O1, I5: the outcome of one group is unknown, the next never was begun, and the same calls again lose nothing."""
    calls = starts("u1", "u2", "u1", "u3", "u2", "u4")

    def meanwhile(number: int) -> None:
        if number == failing:
            if has_happened:
                made.store.store.commit(made.store.begun[-1])
            raise StoreUnavailable("the server is gone")

    made.store.meanwhile = meanwhile
    with pytest.raises(StoreUnavailable, match="is gone"):
        made.feed_many(calls, group=2)
    assert (len(made.store.begun), made.store.plain) == (failing, [])
    done = 2 * (failing - 1 + has_happened)
    answers = made.feed_many(calls, group=2)
    assert [answer.status for answer in answers] == ["duplicate"] * done + ["accepted"] * (6 - done)
    assert trace_after(made) == alone(calls)
    assert made.counters == {"unwanted": 1} | ({"duplicates": done} if done else {})


def test_a_failure_that_another_operation_meets_is_told_to_whom_it_concerns(store: Ahead) -> None:
    made = Evaluator(DOCUMENT, store=store, clock=ManualClock(at("0")))  # type: ignore[arg-type]
    made.feed_many(starts("u9"))

    def meanwhile(number: int) -> None:
        raise StoreUnavailable("the server is gone")

    def asking() -> Iterator[Any]:
        yield track("Start", "PT1M", "u1", id="a", n=1)
        store.meanwhile = meanwhile
        assert made.profile("u9") is not None
        store.meanwhile = lambda _: None
        yield track("Start", "PT2M", "u1", id="b", n=2)

    with pytest.raises(StoreUnavailable, match="is gone"):
        made.feed_many(asking(), group=1)
    assert made.profile("u1") is None


def test_an_error_that_no_store_should_raise(made: Feeding) -> None:
    calls = starts("u1", "u2", "u1")

    def meanwhile(number: int) -> None:
        if number == 2:
            raise OSError("broken")

    made.store.meanwhile = meanwhile
    with pytest.raises(OSError, match="broken"):
        made.feed_many(calls, group=1)
    answers = made.feed_many(calls, group=1)
    assert [answer.status for answer in answers] == ["duplicate", "accepted", "accepted"]
    assert trace_after(made) == alone(calls)


def test_a_source_of_calls_that_fails(made: Feeding) -> None:
    """What it gave before, as far as it makes whole groups, is committed when its error comes out."""

    def failing() -> Iterator[Any]:
        yield from starts("u1", "u2", "u3")
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        made.feed_many(failing(), group=2)
    assert list(made.store.walk(None, 9)) == ["u:u1", "u:u2"]
    made.store.meanwhile = lambda _: (_ for _ in ()).throw(StoreUnavailable("the server is gone"))
    with pytest.raises(StoreUnavailable, match="is gone"):
        made.feed_many(failing(), group=2)


def test_a_source_of_calls_that_is_broken_off(made: Feeding) -> None:
    """The commit has begun; whoever comes next waits for it."""

    def interrupted() -> Iterator[Any]:
        yield from starts("u1", "u2")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.feed_many(interrupted(), group=2)
    assert made.figures()["profiles"] == 2


# who is erased


@pytest.mark.parametrize("number", [1, 2, 3])
def test_another_worker_erases_meanwhile(made: Feeding, number: int) -> None:
    """V6: nothing of the person comes back."""
    made.feed_many(starts("u1", "u2"))
    made.store.begun.clear()
    calls = starts("u1", "u2", "u1", "u3", "u1", "u4", begin=2)

    def meanwhile(begun: int) -> None:
        if begun == number:
            with other(made.store) as evaluator:
                evaluator.erase("u1")

    made.store.meanwhile = meanwhile
    answers = made.feed_many(calls, group=2)
    assert [answer.status for answer in answers[1::2]] == ["accepted"] * 3
    assert [answer.reason for answer in answers[::2]] == [""] * (number - 1) + ["erased"] * (4 - number)
    found = contents(made.store, ["u:u1"])
    assert list(found[0]) == ["u:u2", "u:u3", "u:u4"]
    assert "u1" not in repr(found)
    assert not made.store.plain or made.store.plain[0].states


def test_once_somebody_is_erased_every_group_is_waited_for(made: Feeding) -> None:
    """V6: a group is loaded when the one before is committed, so that nobody stays in memory."""
    made.feed_many(starts("u1", "u2"))
    made.erase("u1")
    made.store.begun.clear()
    assert made.feed_many(starts("u1", "u2", "u1", begin=2), group=1)[1].status == "accepted"
    assert made.store.begun == []


# whatever comes


def fed(made: Any, calls: list[Any], until: str | None, group: int) -> list[Any]:
    answers = made.feed_many(calls, group=group)
    if until is not None:
        made.advance(until)
    return [(answer.status, answer.reason) for answer in answers]


def all_alike(seed: int, new_store: Callable[..., Ahead], is_async: bool) -> int:
    """One random case in memory, waiting for each commit, and not waiting; how many commits were not waited for."""
    one, rng = case(seed), random.Random(seed)
    document, group = load_space(one.space), rng.choice((1, 3, 7, 20))
    store, plain = new_store(is_early=lambda: rng.random() < 0.5), new_store()
    ids = [f"{kind}:{call.get(field)}" for kind, field in (("u", "userId"), ("a", "anonymousId")) for call in one.calls]
    with closing(Feeding(document, store, is_async=is_async, clock=ManualClock(START))) as made:
        answers = fed(made, one.calls, one.until, group)
    with Evaluator(document, store=plain.store, clock=ManualClock(START)) as waiting:
        assert fed(waiting, one.calls, one.until, group) == answers
        assert contents(plain, ids) == contents(store, ids)
        trace = list(waiting.trace())
    with Evaluator(document, clock=ManualClock(START)) as memory:
        assert fed(memory, one.calls, one.until, group) == answers
        assert list(memory.trace()) == trace
    return len(store.begun)


def test_random_cases_are_as_if_each_commit_was_waited_for(new_store: Callable[..., Ahead], is_async: bool) -> None:
    assert sum(all_alike(seed, new_store, is_async) for seed in range(12)) > 40


@pytest.mark.soak
def test_many_random_cases(new_store: Callable[..., Ahead], is_async: bool) -> None:
    assert sum(all_alike(seed, new_store, is_async) for seed in range(12, 400)) > 1000

"""``AsyncEvaluator`` is ``Evaluator``, awaited: the same names, the same answers (house: written once)."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeys import (
    AsyncEvaluator,
    AsyncListDestination,
    AsyncStore,
    Evaluator,
    InvalidDefinition,
    ManualClock,
    PublishRefused,
    Store,
)
from journeys.codec import load_journey, load_space
from journeys.destinations import Record
from journeys.stores import InThreads, SQLiteStore, open_async_store
from tests.support import START, ad, at, branch, delay, did, hold, identify, journey, on, send, space, track

#: what only one of them has, and why
ONLY_THERE: dict[str, str] = {
    "__enter__": "an event loop enters with __aenter__",
    "__exit__": "an event loop exits with __aexit__",
    "__aenter__": "see __enter__",
    "__aexit__": "see __exit__",
}

CART = journey(
    {"hold": hold("PT2H", branch("x", "Order", "mail"), timeout="mail"), "mail": send()},
    key="cart",
    entry=on("Start", identifier="cart"),
)
BUYER = journey({"wait": delay("P1D", "mail"), "mail": send()}, key="buyer", entry=did("Order"))
SPACE = load_space(space(CART, BUYER))


# the surface


def public(cls: type[Any]) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")} | (ONLY_THERE.keys() & set(dir(cls)))


def test_both_have_the_same_names() -> None:
    assert public(Evaluator) ^ public(AsyncEvaluator) == ONLY_THERE.keys()


@pytest.mark.parametrize("name", sorted((public(Evaluator) & public(AsyncEvaluator)) | {"__init__"}))
def test_both_have_the_same_signatures(name: str) -> None:
    """Parameter by parameter; what the one answers, the other is awaited for."""
    one, other = inspect.getattr_static(Evaluator, name), inspect.getattr_static(AsyncEvaluator, name)
    assert isinstance(one, property) == isinstance(other, property)
    if isinstance(one, property):
        assert isinstance(other, property)
        one, other = one.fget, other.fget
    sync, awaited = inspect.signature(one), inspect.signature(other)
    if name != "__init__":  # whose stores and destinations may be async too
        assert sync.parameters == awaited.parameters
        assert sync.return_annotation == awaited.return_annotation.replace("AsyncIterator", "Iterator")
    assert [(each.name, each.kind, each.default) for each in sync.parameters.values()] == [
        (each.name, each.kind, each.default) for each in awaited.parameters.values()
    ]
    is_awaited = inspect.iscoroutinefunction(other) or inspect.isasyncgenfunction(other)
    assert is_awaited == (name not in {"__init__", "stop", *SEGMENT}), name
    assert (other.__doc__ or "").partition("\n")[0] == (one.__doc__ or "").partition("\n")[0] or name == "__init__"


SEGMENT = {"track", "identify", "page", "screen", "group", "alias"}  # one body: they answer what ``feed`` does


def test_the_ports_have_the_same_names() -> None:
    """What an author of an async store writes is what one of a sync store does."""
    names = {name for name in vars(Store) if not name.startswith("_")}
    assert names == {name for name in vars(AsyncStore) if not name.startswith("_")}
    for name in names:
        one, other = vars(Store)[name], vars(AsyncStore)[name]
        assert inspect.signature(one).parameters == inspect.signature(other).parameters


def test_the_reference_names_everything() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "evaluator.md").read_text("utf-8")
    told = set(re.findall(r"`(\w+)[(`]", text))
    assert {name for name in public(Evaluator) if name not in ONLY_THERE} <= told


# the same answers


def both(work: Callable[[Any], Any], tmp_path: Path, where: str, **arguments: Any) -> tuple[Any, Any]:
    """What a story comes to, told to the one and to the other; it is written once, with ``await`` through ``told``."""
    urls = [None, None] if where == "memory" else [f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "other")]
    one = Evaluator(SPACE, store=urls[0], clock=ManualClock(at("PT1H")), **arguments)
    with one:
        answers = asyncio.run(work(Told(one)))

    async def awaited() -> Any:
        async with AsyncEvaluator(SPACE, store=urls[1], clock=ManualClock(at("PT1H")), **arguments) as other:
            return await work(Told(other))

    return answers, asyncio.run(awaited())


class Told:
    """Either evaluator, awaited."""

    def __init__(self, evaluator: Any) -> None:
        self._evaluator = evaluator

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._evaluator, name)
        if not callable(found):
            return self._settled(found)

        async def call(*args: Any, **kwargs: Any) -> Any:
            answer = found(*args, **kwargs)
            if inspect.isasyncgen(answer):
                return [each async for each in answer]
            if inspect.isgenerator(answer):
                return list(answer)
            return await answer if inspect.isawaitable(answer) else answer

        return call

    async def _settled(self, found: Any) -> Any:
        return await found if inspect.isawaitable(found) else found


async def everything(told: Any) -> list[Any]:
    edited = load_journey({**CART, "steps": {"hold": CART["steps"]["hold"] | {"max_duration": "PT3H"}, "mail": send()}})
    said: list[Any] = [
        await told.track("u1", "Start", {"cart": "a"}, message_id="1"),
        await told.identify("u2", {"plan": "pro"}, anonymous_id="a2"),
        await told.page("u1", "docs", "Start"),
        await told.screen("u1", name="Start"),
        await told.group("u1", "g", {"size": 3}),
        await told.alias("a3", "u3"),
        await told.feed(track("Start", "PT1H", "u4", cart="b")),
        await told.feed_many([track("Order", "PT1H", f"u{n}", id=f"o{n}") for n in range(8)], group=3),
        await told.replay([track("Order", "PT2H", "u9", id="r")]),
        await told.backfill([track("Order", "0", "u8", id="b"), {"type": "track"}]),
        await told.next_due(),
        await told.advance(minutes=90),
        await told.watermark,
        await told.publish(edited),
        await told.pause("buyer"),
        await told.resume("buyer"),
        await told.clone("cart", "copy"),
        [each.key for each in await told.journeys],
        await told.profile("u1"),
        await told.profile(anonymous_id="a2"),
        (await told.explain("u1", journey="cart")).text,
        (await told.explain(anonymous_id="nobody", journey="buyer", at="2026-01-05T00:00:00Z")).text,
        await told.erase("u2"),
        (await told.track("u2", "Order")).reason,
        await told.lift(anonymous_id="a2"),
        await told.archive("buyer"),
        await told.settle("2026-01-09T00:00:00Z"),
        await told.prune(),
        await told.deliver(),
        await told.counters,
        await told.figures(),
        await told.trace(),
        await told.trace(profile="u1"),
        await told.trace(journey="buyer"),
    ]
    for wrong in (told.profile(), told.pause("nothing"), told.clone("nothing", "x"), told.advance(hours=-1)):
        with pytest.raises((TypeError, ValueError, KeyError, Exception)) as raised:
            await wrong
        said.append(repr(raised.value))
    return said


@pytest.mark.parametrize("where", ["memory", "sqlite"])
def test_both_give_the_same_answers(tmp_path: Path, where: str) -> None:
    one, other = both(everything, tmp_path, where)
    for n, (left, right) in enumerate(zip(one, other, strict=True)):
        assert left == right, n
    assert {record["kind"] for record in one[31]} > {"entered", "sent", "completed", "archived"}


def test_a_refused_migration_is_refused_by_both(tmp_path: Path) -> None:
    """V2"""

    async def story(told: Any) -> Any:
        await told.track("u1", "Start", {"cart": "a"})
        edited = load_journey({**CART, "start": "mail", "steps": {"mail": send()}, "on_previous": {"migrate": {}}})
        with pytest.raises(PublishRefused) as refused:
            await told.publish(edited)
        return [str(each) for each in refused.value.problems], await told.journeys

    one, other = both(story, tmp_path, "sqlite")
    assert one == other and "1 instance waits at 'hold'" in one[0][0]


def test_it_opens_with_its_first_use_and_says_what_is_wrong() -> None:
    async def story() -> None:
        made = AsyncEvaluator(SPACE, clock=ManualClock(START))
        assert (await made.track("u1", "Start", {"cart": "a"})).status == "accepted"
        assert [each["kind"] async for each in made.trace()] == ["entered", "step"]
        await made.close()
        with pytest.raises(InvalidDefinition):
            await AsyncEvaluator([load_journey({**CART, "start": "nowhere"})]).track("u1", "Start")

    asyncio.run(story())


# stores and destinations that are awaited


class Ads:
    """A list that is awaited."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def deliver_batch_async(self, deliveries: Any) -> None:
        self.calls += [each.call for each in deliveries]


def test_a_list_that_is_awaited() -> None:
    """S9"""
    made = load_journey(journey({"ad": ad("wait", remove_after="PT1H"), "wait": delay("PT2H")}))
    ads = Ads()
    assert isinstance(ads, AsyncListDestination)

    async def story() -> None:
        async with AsyncEvaluator(made, destinations={"ads": ads}, clock=ManualClock(START)) as evaluator:
            await evaluator.track("u1", "Start")
            await evaluator.advance(hours=3)

    asyncio.run(story())
    assert ads.calls == ["add", "remove"]


def test_a_url_of_postgresql_opens_the_async_store_and_others_run_in_threads(tmp_path: Path) -> None:
    assert type(open_async_store("postgresql://nobody@localhost/nothing?schema=x")).__name__ == "AsyncPostgresStore"
    with SQLiteStore(tmp_path / "a.db") as store:
        assert open_async_store(store) is store
        evaluator = AsyncEvaluator(SPACE, store=store)
        assert isinstance(evaluator.store, InThreads) and not evaluator.store.keeps_objects


def test_run_follows_its_clock_and_sends_until_it_is_stopped(tmp_path: Path) -> None:
    """T5, D1: and a stop before it begins is a stop."""

    async def story() -> None:
        clock, email = ManualClock(START), Record()
        url = f"sqlite:///{tmp_path}/a.db"
        async with AsyncEvaluator(SPACE, store=url, destinations={"email": email}, clock=clock) as evaluator:
            await evaluator.track("u1", "Start", {"cart": "a"})
            evaluator.stop()
            await evaluator.run()
            assert not email.payloads
            running = asyncio.create_task(evaluator.run(poll=3600))
            while not email.payloads:
                await asyncio.sleep(0.001)
            evaluator.stop()
            await running
            assert [record["kind"] async for record in evaluator.trace()][-1] == "completed"

    asyncio.run(story())


def test_run_may_be_cancelled() -> None:
    async def story() -> None:
        async with AsyncEvaluator(SPACE) as evaluator:
            running = asyncio.create_task(evaluator.run(poll=600))
            await asyncio.sleep(0.02)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert (await evaluator.feed(identify(user="u1"))).status in ("accepted", "late")

    asyncio.run(story())

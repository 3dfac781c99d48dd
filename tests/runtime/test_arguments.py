"""Mistakes in what is passed: each is told where it is made, with what was expected and what would be right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from journeys import (
    AsyncEvaluator,
    Delay,
    DestinationDefinition,
    Duration,
    Evaluator,
    EventEntry,
    InvalidDefinition,
    Journey,
    ManualClock,
    Space,
    dump_space,
    load_space,
    validate,
)
from journeys.destinations import HTTP, Record, Webhook, build_destination, check_destinations
from journeys.runtime.delivery import DestinationPolicy
from journeys.stores import InThreads, MemoryStore, SQLiteStore, open_async_store, open_store
from tests.support import journey, send, space

CART: Any = Journey(key="cart", entry=EventEntry("Cart"), start="wait", steps={"wait": Delay("PT1H")})
MAIL: Any = space(journey({"mail": send()}, key="mail"))
DOCUMENT = dump_space(Space(journeys=[CART]))
CART_DOCUMENT: Any = DOCUMENT["journeys"][0]  # type: ignore[call-overload, index]
NAIVE = datetime(2026, 1, 1)


class Sink:
    """Has no ``deliver``."""


class Awaited:
    async def deliver(self, delivery: Any) -> None:
        raise AssertionError("nobody awaits it")


def made(space: Any = CART, **arguments: Any) -> Evaluator:
    return Evaluator(space, **{"clock": ManualClock(), **arguments})


def mailing(destination: Any) -> Evaluator:
    return made(MAIL, destinations={"email": destination})


#: the mistake, its error, and what of the message matters
MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    # the space
    "nothing": (lambda: made(None), TypeError, "expected a Space, journeys or a JSON document, got None"),
    "a path": (lambda: made(Path("a.json")), TypeError, r"load_space\(path.read_bytes\(\)\) reads a file"),
    "a class": (lambda: made(Journey), TypeError, "got the class Journey"),
    "the name of a file": (lambda: made("space.json"), InvalidDefinition, "the text of a file, not its name"),
    "documents in a list": (lambda: made([CART_DOCUMENT]), TypeError, "expected a Journey, got a dict: .*load_journey"),
    "a journey's document": (lambda: made(CART_DOCUMENT), InvalidDefinition, "expected a space, got a journey"),
    "journeys by key": (lambda: made({"cart": CART}), TypeError, "expected journeys as a list"),
    "a document as a step": (
        lambda: made(Journey(key="a", entry=EventEntry("A"), start="s", steps={"s": {"type": "delay", "duration": "PT1H"}})),
        InvalidDefinition,
        r"\$\.journeys\[0\]\.steps\.s: expected an object of the class Delay, got a document",
    ),
    "steps in a list": (
        lambda: Journey(key="a", entry=EventEntry("A"), start="s", steps=[Delay("PT1H")]),  # type: ignore[arg-type]
        TypeError,
        "expected a mapping, each by its key, got a list",
    ),
    # what it runs with
    "a clock in words": (lambda: made(clock="2026-01-01"), TypeError, r"with now\(\) and sleep\(until, wake\), got the text"),
    "a class of clocks": (lambda: made(clock=ManualClock), TypeError, "got the class ManualClock"),
    "a datetime as clock": (lambda: made(clock=NAIVE), TypeError, "got a datetime: ManualClock"),
    "a number as store": (lambda: made(store=42), TypeError, "expected a store or its URL, got 42: write memory:"),
    "a path as store": (lambda: made(store=Path("/a.db")), TypeError, "write 'sqlite:////a.db'"),
    "a class of stores": (lambda: made(store=MemoryStore), TypeError, r"make one, MemoryStore\("),
    "an async store": (lambda: made(store=InThreads(MemoryStore())), TypeError, "has to be awaited: use AsyncEvaluator"),
    "destinations in a list": (lambda: made(MAIL, destinations=[Record()]), TypeError, "a mapping from key to destination, got a list"),
    "a URL as destination": (lambda: mailing("https://a.example"), TypeError, r"'email': expected .*deliver\(delivery\).*Webhook"),
    "a class of destinations": (lambda: mailing(Record), TypeError, r"got the class Record: make one"),
    "a function": (lambda: mailing(print), TypeError, r"got the function print: wrap it, .*Function"),
    "no deliver": (lambda: mailing(Sink()), TypeError, "got a Sink: give it that method"),
    "an async destination": (lambda: mailing(Awaited()), TypeError, "has to be awaited: use AsyncEvaluator"),
    "a definition": (lambda: mailing(DestinationDefinition("record")), TypeError, "got its definition"),
    "policies in a list": (lambda: made(policies=[]), TypeError, "policies: expected a mapping"),
    "a number as policy": (
        lambda: made(MAIL, destinations={"email": Record()}, policies={"email": 3}), TypeError,
        r"policies\['email'\]: expected a DestinationPolicy, got 3",
    ),
    "a policy for nobody": (
        lambda: made(MAIL, destinations={"email": Record()}, policies={"emial": DestinationPolicy()}), ValueError,
        "no destination 'emial'; did you mean 'email'",
    ),
    "a lease as a number": (lambda: made(lease=15), ValueError, "lease: expected a duration like 'PT2H'"),
    "a lease in the past": (lambda: made(lease=timedelta(-1)), ValueError, "lease: .* not negative"),
    "a number as worker": (lambda: made(worker=3), TypeError, "worker: expected a name"),
    "a text as trace": (lambda: made(trace="no"), TypeError, "trace: expected True or False"),
    # calls and journeys
    "one call for many": (lambda: made().feed_many({"type": "track"}), TypeError, r"got a dict: write \[call\]"),
    "a text for many": (lambda: made().feed_many("abc"), TypeError, "got the text 'abc'"),
    "one call as a replay": (lambda: made().replay({"type": "track"}), TypeError, r"write \[call\]"),  # type: ignore[arg-type]
    "one call as history": (lambda: made().backfill({"type": "track"}), TypeError, r"write \[call\]"),
    "no history": (lambda: made().backfill(None), TypeError, "expected several calls"),  # type: ignore[arg-type]
    "progress": (lambda: made().backfill([], progress=3), TypeError, "progress: expected a callable, got 3"),  # type: ignore[arg-type]
    "groups of none": (lambda: made().feed_many([], group=0), ValueError, "group: expected a whole number from 1"),
    "notes": (lambda: made().replay([], notes={"a": 1}), TypeError, "notes: expected a mapping from name to text"),  # type: ignore[dict-item]
    "a key to publish": (lambda: made().publish("cart"), TypeError, "got the text 'cart': give the journey itself"),  # type: ignore[arg-type]
    "a document to publish": (lambda: made().publish(CART_DOCUMENT), TypeError, "got a dict: .*load_journey"),
    "a space to publish": (lambda: made().publish(Space()), TypeError, "got a Space: publish its journeys"),  # type: ignore[arg-type]
    "a journey to pause": (lambda: made().pause(CART), TypeError, "got a Journey: write 'cart'"),
    "a number to resume": (lambda: made().resume(3), TypeError, "expected the key of a journey as text, got 3"),  # type: ignore[arg-type]
    "a journey to clone": (lambda: made().clone(CART, "copy"), TypeError, "write 'cart'"),
    "a number as name": (lambda: made().clone("cart", "copy", 3), TypeError, "name: expected a text"),  # type: ignore[arg-type]
    "a journey to explain": (lambda: made().explain("ada", journey=CART), TypeError, "write 'cart'"),
    "a profile to find": (lambda: made().profile({"id": "ada"}), TypeError, "user_id: expected an id as text, got a dict"),  # type: ignore[arg-type]
    # time
    "no instant": (lambda: ManualClock(None), TypeError, "None is no instant: expected ISO 8601 text"),  # type: ignore[arg-type]
    "a date": (lambda: ManualClock(date(2026, 1, 1)), TypeError, "a date is no instant"),  # type: ignore[arg-type]
    "a naive datetime": (lambda: ManualClock(NAIVE), ValueError, "give it a time zone"),
    "before 1970": (lambda: ManualClock(-1), ValueError, "instants run from 1970-01-01"),
    "back": (lambda: ManualClock().advance(hours=-1), ValueError, "time does not go back"),
    "hours in words": (lambda: ManualClock().advance(hours="3"), TypeError, "hours: expected a number"),  # type: ignore[arg-type]
    "very many hours": (lambda: ManualClock().advance(hours=1e300), ValueError, r"hours=1e\+300 is too long"),
    "by a number": (lambda: made().advance(by=3), ValueError, "expected a duration like 'PT2H'"),  # type: ignore[arg-type]
    "to a duration": (lambda: made().advance("PT2H"), TypeError, r"write advance\(by='PT2H'\)"),
    "to a timedelta": (lambda: made().advance(timedelta(hours=2)), TypeError, "a length of time and no instant"),  # type: ignore[arg-type]
    "to a Duration": (lambda: made().advance(Duration.of("PT2H")), TypeError, "a length of time and no instant"),  # type: ignore[arg-type]
    "to and by": (lambda: made().advance("2026-02-01T00:00:00Z", hours=2), TypeError, "not both"),
    "up to a timedelta": (lambda: made().settle(timedelta(1)), TypeError, "a timedelta is no instant"),  # type: ignore[arg-type]
    "as of a timedelta": (lambda: made().explain("ada", journey="cart", at=timedelta(1)), TypeError, "no instant"),  # type: ignore[arg-type]
    "figures from a date": (lambda: made().journey_figures(start=date(2026, 1, 1)), TypeError, "a date is no instant"),  # type: ignore[arg-type]
    "a poll in words": (lambda: made().run(poll="1"), ValueError, "poll: expected a number of seconds"),  # type: ignore[arg-type]
    # functions, stores and destinations alone
    "a file to load": (lambda: load_space(Path("a.json")), InvalidDefinition, "give what it contains"),  # type: ignore[arg-type]
    "a document to dump": (lambda: dump_space(DOCUMENT), TypeError, r"got a dict: load_space\(document\)"),  # type: ignore[arg-type]
    "a journey to validate": (lambda: validate(CART), TypeError, r"got a Journey: write Space\(journeys="),
    "no URL": (lambda: open_store(None), TypeError, "expected a store or its URL, got None"),  # type: ignore[arg-type]
    "no async URL": (lambda: open_async_store(42), TypeError, "expected a store or its URL, got 42"),  # type: ignore[arg-type]
    "no file": (lambda: SQLiteStore(42), TypeError, "path: expected the name of a file, got 42"),  # type: ignore[arg-type]
    "synchronous": (lambda: SQLiteStore("a.db", synchronous=3), ValueError, "unknown synchronous 3"),  # type: ignore[arg-type]
    "timeout": (lambda: SQLiteStore("a.db", timeout="3"), TypeError, "timeout: expected a number of seconds"),  # type: ignore[arg-type]
    "no store in threads": (lambda: InThreads("a"), TypeError, "expected a Store, got the text"),  # type: ignore[arg-type]
    "a secret": (lambda: Webhook("https://a.example", secret=3), TypeError, "expected a secret or its text, got int"),
    "no URL for HTTP": (lambda: HTTP(None), ValueError, "expected a URL, got None"),  # type: ignore[arg-type]
    "a document to build": (lambda: build_destination("a", {"type": "record"}), TypeError, "expected a DestinationDefinition, got a dict"),  # type: ignore[arg-type]
    "an object to check": (lambda: check_destinations({"a": Record()}), TypeError, "got a Record"),  # type: ignore[dict-item]
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_where_it_is_made(name: str) -> None:
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind, match=message):
        mistake()


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: AsyncEvaluator(3), "got 3"),
        (lambda: AsyncEvaluator(CART, clock="now"), "with now"),
        (lambda: AsyncEvaluator(CART, store=42), "a store or its URL"),
        (lambda: AsyncEvaluator(MAIL, destinations={"email": "a"}), "expected one with a method deliver"),
        (lambda: asyncio.run(AsyncEvaluator(CART).publish("cart")), "give the journey itself"),  # type: ignore[arg-type]
        (lambda: asyncio.run(AsyncEvaluator(CART).feed_many({"type": "track"})), r"write \[call\]"),
    ],
)
def test_so_it_is_with_an_event_loop(mistake: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        mistake()


def test_a_refused_mistake_has_changed_nothing() -> None:
    evaluator = made()
    for mistake in (lambda: evaluator.publish("cart"), lambda: evaluator.advance(timedelta(1))):  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            mistake()
    assert evaluator.track("ada", "Cart").status == "accepted"
    assert evaluator.watermark is None and [each.version for each in evaluator.journeys] == [1]


def test_what_is_meant_may_be_said_in_several_ways() -> None:
    evaluator = made(lease="PT15S")
    evaluator.track(7, "Cart")
    seven = evaluator.profile(7)  # type: ignore[arg-type]  # as in a call
    assert seven is not None and seven.instances
    assert [each["kind"] for each in evaluator.trace(profile=7)] == ["entered", "step"]  # type: ignore[arg-type]
    assert evaluator.page("ada", "shop", properties="none").reason == "wrong_properties"  # type: ignore[arg-type]

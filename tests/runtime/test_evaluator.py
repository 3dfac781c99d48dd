"""The evaluator as an application uses it."""

from __future__ import annotations

import gc
import inspect
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from journeys import (
    Activation,
    Answer,
    Branch,
    Evaluator,
    EventEntry,
    HoldUntil,
    InvalidDefinition,
    Journey,
    ManualClock,
    SendToDestination,
    Space,
    prop,
)
from journeys.destinations import Function, Record
from tests.runtime.evaluators import evaluator, kinds, live
from tests.support import (
    Json,
    ad,
    at,
    branch,
    delay,
    did,
    hold,
    identify,
    instant,
    journey,
    on,
    send,
    space,
    track,
    trait,
    wait,
)

CART = Journey(
    key="cart-abandonment",
    entry=EventEntry("Cart Modified", where=[prop("value") >= 50], identifier="cart_id"),
    start="hold",
    steps={
        "hold": HoldUntil(
            branches=[
                Branch("bought", event="Order Completed"),
                Branch("changed", event="Cart Modified", restart=True),
            ],
            max_duration="PT2H",
            timeout="nudge",
        ),
        "nudge": SendToDestination([Activation("email", event="Cart Abandoned", traits=["email"])]),
    },
)


def test_the_first_example() -> None:
    """The one of the documentation: two hours later the mail goes out."""
    email = Record()
    clock = ManualClock("2026-01-01T10:00:00Z")
    made = Evaluator([CART], destinations={"email": email}, clock=clock)
    assert made.identify("u1", {"email": "ada@example.com"}) == Answer("accepted")
    assert made.track("u1", "Cart Modified", {"cart_id": "c1", "value": 80}).status == "accepted"
    made.advance(hours=1, minutes=59)
    assert email.deliveries == []
    made.advance(minutes=1)
    (delivery,) = email.deliveries
    assert delivery.payload["event"] == "Cart Abandoned"
    assert delivery.payload["properties"]["email"] == "ada@example.com"
    assert delivery.payload["timestamp"] == "2026-01-01T12:00:00Z"
    assert made.watermark == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize("form", ["space", "journey", "journeys", "dict", "text"])
def test_a_definition_in_every_form(form: str) -> None:
    import json

    from journeys import dump_space

    whole = Space(journeys=[CART], destinations={})
    document = dump_space(whole) | {"destinations": {"email": {"type": "record"}}}
    given: Any = {"space": whole, "journey": CART, "journeys": [CART], "dict": document, "text": json.dumps(document)}[
        form
    ]
    made = Evaluator(given, destinations={"email": Record()}, clock=ManualClock())
    assert made.track("u1", "Cart Modified", {"cart_id": 1, "value": 50}).is_accepted
    assert kinds(made, "entered") == ["entered"]


def test_an_invalid_space_is_refused_with_all_its_problems() -> None:
    """L1"""
    broken = space(journey({"a": delay("PT1H", "nowhere")}), journey({"a": send(to="nobody")}, key="k"))
    with pytest.raises(InvalidDefinition) as refused:
        evaluator(broken)
    assert {problem.code for problem in refused.value.problems} >= {"unknown_step", "unknown_destination"}


# Segment's library


@pytest.mark.parametrize("name", ["track", "identify", "page", "screen", "group", "alias"])
def test_signatures_are_those_of_segments_own_library(name: str) -> None:
    """House: an application switches by changing an import."""
    from segment.analytics.client import Client

    theirs = inspect.signature(getattr(Client, name))
    ours = inspect.signature(getattr(Evaluator, name))
    assert list(ours.parameters) == list(theirs.parameters)
    for parameter in ours.parameters.values():
        assert parameter.kind == theirs.parameters[parameter.name].kind
        assert parameter.default == theirs.parameters[parameter.name].default


def test_calls_mean_what_segments_library_means() -> None:
    """P4: the same fields of the spec, by the position of the arguments."""
    seen: list[Json] = []

    class Spy(Evaluator):
        def feed(self, call: Any) -> Answer:
            seen.append(dict(call))
            return Answer("accepted")

    spy = Spy(space(journey()), clock=ManualClock())
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    spy.track("u1", "E", {"a": 1}, {"ip": "x"}, moment, "a1", {"All": False}, "m1")
    spy.identify("u1", {"t": 1}, {}, moment, "a1", {}, "m2")
    spy.page("u1", "Docs", "Home", {"a": 1}, {}, moment, "a1", {}, "m3")
    spy.screen("u1", None, "Home", {"a": 1})
    spy.group("u1", "g1", {"t": 1}, {}, moment, "a1", {}, "m4")
    spy.alias("old", "u1", {}, moment, {}, "m5")
    both = {"userId": "u1", "anonymousId": "a1", "timestamp": moment}
    assert seen == [
        {"type": "track", "event": "E", "properties": {"a": 1}, "messageId": "m1", **both},
        {"type": "identify", "traits": {"t": 1}, "messageId": "m2", **both},
        {"type": "page", "name": "Home", "properties": {"a": 1, "category": "Docs"}, "messageId": "m3", **both},
        {"type": "screen", "name": "Home", "properties": {"a": 1}, "userId": "u1"},
        {"type": "group", "groupId": "g1", "traits": {"t": 1}, "messageId": "m4", **both},
        {"type": "alias", "previousId": "old", "userId": "u1", "timestamp": moment, "messageId": "m5"},
    ]


def test_whole_number_ids_become_decimal_text() -> None:
    """House, P1: as in Segment's library; true is no number."""
    made = evaluator()
    assert made.track(7, "Start").is_accepted
    assert made.track(None, "Start", anonymous_id=-8).is_accepted
    assert made.alias(7, 10**30).is_accepted
    assert made.group(1, 2, {"a": 1}).is_accepted
    assert [each["profile"] for each in made.trace() if each["kind"] == "entered"] == ["-8", "7"]
    for wrong in (True, 1.5, b"7", ["7"]):
        assert made.track(wrong, "Start").reason == "wrong_id"  # type: ignore[arg-type]


def test_a_naive_datetime_raises() -> None:
    """T1, house: the one difference from Segment's library."""
    made = evaluator()
    for name, arguments in [("track", ("u1", "Start")), ("identify", ("u1",)), ("alias", ("a", "b"))]:
        with pytest.raises(ValueError, match="naive"):
            getattr(made, name)(*arguments, timestamp=datetime(2026, 1, 1))
    assert made.counters == {}


# answers and counters


def test_every_answer() -> None:
    """O5: accepted, duplicate, late, rejected."""
    made = evaluator()
    assert made.track("u1", "Start", timestamp=at("PT5H"), message_id="m") == Answer("accepted")
    assert made.track("u1", "Start", timestamp=at("PT5H"), message_id="m") == Answer("duplicate")
    assert made.track("u1", "Start", timestamp=at("PT1H")) == Answer("late")
    refused = made.track("", "Start")
    assert (refused.status, refused.reason, refused.message) == ("rejected", "wrong_id", "userId is empty")
    assert str(refused) == "rejected: userId is empty"
    assert str(Answer("late")) == "late"
    assert [Answer(status).is_accepted for status in ("accepted", "late", "duplicate", "rejected")] == [
        True,
        True,
        True,
        False,
    ]


def test_everything_that_is_counted() -> None:
    """T3, T5, E3, E8, E9, S2, S7, O2, O4, O5, O7: each by its name."""
    steps = {
        "hold": hold("PT1H", branch("again", "Again", restart=True), timeout="until", max_restarts=1),
        "until": {"type": "delay", "until": {"context": ["Start", "due"]}, "next": "end"},
        "end": delay("P1D"),
    }
    long = {
        f"s{n}": {"type": "true_false_split", "condition": {"type": "all", "conditions": []}, "if_true": f"s{n + 1}"}
        for n in range(4)
    }
    document = space(
        journey(steps, entry=on("Start", identifier="cart"), exit_rules=[{"key": "out", "event": "Out"}]),
        journey({**long, "s4": send()}, key="runaway", entry="Run"),
        settings={"max_live_instances": 2, "max_steps": 3},
    )
    made, clock = live(document)
    made.feed(track("Start", "P20D", cart=1))  # clamped
    made.feed(track("Start", "P10D"))  # missing_identifier
    made.feed(track("Start", "P10D", cart=2))
    made.feed(track("Start", "P10D", cart=3))  # too_many_instances
    made.feed(track("Again", "P10D", cart=1))
    made.feed(track("Again", "P10D", cart=1))  # max_restarts
    clock.at = instant("P10DT2H")
    made.advance()  # missing_value, twice
    clock.at = instant("P10DT5H")
    made.feed(identify("P10DT3H", id="m"))
    made.feed(identify("P10DT3H", id="m"))  # duplicates
    made.feed(track("Out", "P10DT4H"))
    made.feed(track("Start", "P10DT3H", cart=1))  # late, late_entries
    made.feed(track("Nobody Wants"))  # unwanted
    made.feed({})  # rejected
    made.feed(track("Run", "P10DT4H", "u2"))  # failed
    assert made.counters == {
        "clamped": 1,
        "missing_identifier": 1,
        "too_many_instances": 1,
        "max_restarts": 1,
        "missing_value": 2,
        "duplicates": 1,
        "late": 1,
        "late_entries": 1,
        "unwanted": 1,
        "rejected": 1,
        "failed": 1,
    }


# reading


def test_the_trace_of_one_profile_journey_or_instance() -> None:
    document = space(journey({"mail": send()}, key="a"), journey({"mail": send()}, key="b"))
    made = evaluator(document)
    for user in ("u1", "u2"):
        made.track(user, "Start")
    everything = list(made.trace())
    assert len(everything) == 16
    for field in ("profile", "journey", "instance"):
        for value in {each[field] for each in everything}:
            assert list(made.trace(**{field: value})) == [each for each in everything if each[field] == value]
    assert list(made.trace(profile="u1", journey="a")) == [
        each for each in everything if (each["profile"], each["journey"]) == ("u1", "a")
    ]
    assert list(made.trace(profile="nobody")) == []


def test_the_same_trace_from_a_store(tmp_path: Path) -> None:
    """I6"""
    document = space(journey({"mail": send()}, key="a"), journey({"mail": send()}, key="b"))
    memory, durable = evaluator(document), evaluator(document, store=f"sqlite:///{tmp_path}/a.db")
    for made in (memory, durable):
        for user in ("u2", "u1"):
            made.track(user, "Start", timestamp=at("0"))
    for filters in ({}, {"profile": "u1"}, {"journey": "b"}):
        assert list(memory.trace(**filters)) == list(durable.trace(**filters))
    durable.close()


def test_without_a_trace() -> None:
    """Deliveries go out all the same."""
    email = Record()
    made = evaluator(trace=False, destinations={"email": email})
    made.track("u1", "Start")
    assert list(made.trace()) == []
    assert len(email.deliveries) == 1


def test_reading_a_trace_stops_nobody() -> None:
    """A reader that has not finished must not keep others from feeding."""
    made = evaluator()
    for user in range(10):
        made.track(user, "Start")
    reader = made.trace()
    next(reader)
    fed: list[Answer] = []
    thread = threading.Thread(target=lambda: fed.append(made.track("later", "Start")), daemon=True)
    thread.start()
    thread.join(5)
    assert fed and fed[0].is_accepted
    assert len(list(reader)) >= 39


def test_what_is_known_of_a_person() -> None:
    document = space(
        journey({"ad": ad("hold"), "hold": hold("P1D", branch("x", "Order"))}, entry=on("Start", identifier="cart")),
        audiences=[{"key": "recent", "condition": did("Start", within="PT1H")}],
        computed_traits=[
            {"key": "n", "type": "event_counter", "event": "Start"},
            {"key": "s", "type": "sum", "event": "Start", "property": "v"},
        ],
    )
    made = evaluator(document)
    assert made.profile("u1") is None
    made.feed(identify("0", "u1", anon="a1", plan="pro"))
    made.feed(track("Start", "0", cart="c1"))
    seen = made.profile("u1")
    assert seen is not None
    assert seen == made.profile(anonymous_id="a1")
    assert (seen.id, seen.user_id, seen.anonymous_id, seen.linked_ids) == ("u1", "u1", "a1", ("a1",))
    assert (seen.traits, seen.computed_traits, seen.audiences, seen.lists) == (
        {"plan": "pro"},
        {"n": 1},
        ("recent",),
        ("ads",),
    )
    (instance,) = seen.instances
    assert (instance.journey, instance.status, instance.identifier) == ("j", "live", "c1")
    assert [(each.step, each.until) for each in instance.waits] == [("hold", at("P1D"))]
    assert seen.next_due == at("P1D")
    made.advance(hours=1)
    later = made.profile("u1")
    assert later is not None and later.audiences == () and later.at == at("PT1H")


# many


def test_feed_many_takes_a_generator() -> None:
    """I3: in groups; the answers are in the order of the calls."""
    made = evaluator()
    pulled: list[int] = []

    def calls() -> Iterator[Json]:
        for n in range(25):
            pulled.append(len(made.counters) and made.counters.get("unwanted", 0))
            yield track("Start" if n % 5 else "Nobody", "0", f"u{n}", id=f"m{n}") if n != 7 else {}

    answers = made.feed_many(calls(), group=10)
    assert [each.status for each in answers] == ["rejected" if n == 7 else "accepted" for n in range(25)]
    assert pulled[10] == 2 and pulled[20] == 4  # a group is applied before the next is pulled
    assert made.feed_many([]) == []
    assert made.feed_many(iter([track("Start", "0", id="m1", user="u1")][:0])) == []


def test_one_failing_generator_leaves_whole_groups() -> None:
    """O1"""
    made = evaluator()

    def calls() -> Iterator[Json]:
        yield from (track("Start", "0", f"u{n}") for n in range(15))
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        made.feed_many(calls(), group=10)
    assert len(kinds(made, "entered")) == 10
    assert made.track("u99", "Start").is_accepted


@pytest.mark.parametrize("where", ["memory", "sqlite"])
def test_several_threads_may_feed_one_evaluator(where: str, tmp_path: Path) -> None:
    """I2: whose calls come between does not matter."""
    store = f"sqlite:///{tmp_path}/a.db" if where == "sqlite" else None
    document = space(journey({"hold": hold("P1D", branch("x", "Order", "mail")), "mail": send()}))
    email = Record()
    made = evaluator(document, store=store, destinations={"email": email})
    count = 60 if where == "sqlite" else 300
    errors: list[BaseException] = []

    def feed(number: int) -> None:
        try:
            for n in range(count):
                user = f"t{number}-{n % 20}"
                assert made.track(user, "Start", timestamp=at(f"PT{n}S"), message_id=f"{number}-{n}").is_accepted
                made.feed_many([track("Order", f"PT{n}S", user, id=f"o{number}-{n}")])
                if n % 10 == 0:
                    assert made.profile(user) is not None
                    list(made.trace(profile=user))
                    _ = made.counters
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=feed, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    made.deliver()
    assert len(email.deliveries) == len(kinds(made, "sent")) == 4 * count
    assert len({each.id for each in email.deliveries}) == 4 * count
    made.close()


def test_threads_with_one_profile() -> None:
    """O1: one input is one unit."""
    document = space(
        journey(entry=on("Start", identifier="cart")),
        computed_traits=[{"key": "n", "type": "event_counter", "event": "Start"}],
    )
    made = evaluator(document)
    threads = [
        threading.Thread(
            target=lambda number=number: [made.track("u1", "Start", {"cart": f"{number}-{n}"}) for n in range(100)]
        )
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = made.profile("u1")
    assert seen is not None and seen.computed_traits == {"n": 400} and len(seen.instances) == 400


def test_unwanted_events_take_no_memory() -> None:
    """O7: neither of many people nor of many names."""
    made = evaluator(trace=True)
    made.feed_many(track(f"Nobody {n % 50}", "0", f"u{n}", id=f"m{n}") for n in range(2000))
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    made.feed_many(track(f"Nobody {n % 50}", "0", f"v{n}", id=f"n{n}", n=n) for n in range(20_000))
    for n in range(3000):
        made.track(f"w{n}", f"Other {n}", {"n": n})
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.counters["unwanted"] == 25_000
    assert len(made._core.processor.states) == 0
    assert after - before < 1_500_000


def test_marks_are_forgotten_after_the_window() -> None:
    """O2: a profile does not grow with every input."""
    made = evaluator(space(journey(), settings={"dedupe_window": "PT1H"}))
    made.feed_many(identify(f"PT{n}M", id=f"m{n}") for n in range(2000))
    (profile,) = made._core.processor.states.values()
    assert len(profile.marks) < 100
    assert made.feed(identify("PT1999M", id="m1999")).status == "duplicate"


def test_completed_instances_are_forgotten() -> None:
    made = evaluator(space(journey({"mail": send()}), settings={"dedupe_window": "PT1H"}))
    made.feed_many(track("Start", f"PT{n}M", n=n) for n in range(500))
    (profile,) = made._core.processor.states.values()
    assert not profile.instances


# stores


def test_an_evaluator_goes_on_where_its_store_is(tmp_path: Path) -> None:
    """I4"""
    document = space(journey({"wait": wait(trait("plan", "equals", "pro"), "mail"), "mail": send()}))
    url = f"sqlite:///{tmp_path}/a.db"
    with evaluator(document, store=url) as first:
        first.track("u1", "Start", timestamp=at("0"), message_id="m")
    with evaluator(document, store=url) as second:
        assert second.track("u1", "Start", timestamp=at("0"), message_id="m").status == "duplicate"
        second.identify("u1", {"plan": "pro"}, timestamp=at("PT1H"))
        assert kinds(second) == ["entered", "step", "step", "sent", "completed"]
        assert second.counters == {"duplicates": 1}


def test_a_store_may_be_given_as_an_object(tmp_path: Path) -> None:
    from journeys.runtime.stores import open_store

    store = open_store(f"sqlite:///{tmp_path}/a.db")
    made = evaluator(store=store)
    assert made.store is store
    made.close()
    with pytest.raises(ValueError, match="sqlite"):
        evaluator(store="sqllite:///x")


def test_in_memory_a_failing_destination_does_not_stop_the_application() -> None:
    """D1: an instance never waits for a destination."""

    def fails(delivery: Any) -> None:
        raise RuntimeError("down")

    made = evaluator(destinations={"email": Function(fails)})
    assert made.track("u1", "Start").is_accepted
    assert kinds(made)[-1] == "completed"

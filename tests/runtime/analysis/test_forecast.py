"""A forecast is a replay of what the people would do."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from journeys import Evaluator, ManualClock
from journeys._time import format_instant, parse_instant
from journeys.cli import _analyse
from journeys.cli._io import Failure
from journeys.codec import load_space
from journeys.destinations import Record
from journeys.errors import InvalidDefinition
from journeys.runtime.analysis.figures import Figures
from journeys.runtime.analysis.forecast import forecast
from journeys.runtime.analysis.forecast_notes import notes
from journeys.runtime.analysis.forecast_population import Behaviour, Population
from journeys.runtime.stores import open_store
from tests.support import Json, at, branch, delay, did, hold, journey, on, random_split, run, send, space, track

CART = journey(
    {
        "hold": hold("PT2H", branch("bought", "Order"), branch("more", "Cart", restart=True), timeout="split"),
        "split": random_split(("mail", 50, "nudge"), ("nothing", 50, "rest")),
        "nudge": send("rest"),
        "rest": delay("P1D"),
    },
    key="cart",
    entry=on("Cart", identifier="id"),
    goal={"event": "Order"},
)
QUIET = journey({"s": send()}, key="quiet", entry=did("Order", count={"exactly": 0}, within="P9D"))
DOCUMENT = space(CART, QUIET)
POPULATION: Json = {
    "size": 300,
    "arrivals": {"between": ["PT0S", "P10D"]},
    "during": "P30D",
    "traits": {"plan": {"choice": ["free", "pro"]}},
    "behaviours": [
        {"event": "Cart", "delay": {"mean": "PT1H"}, "properties": {"id": {"new": "c"}, "value": {"between": [1, 99]}}},
        {"event": "Cart", "after": "Cart", "probability": 0.3, "delay": "PT20M", "properties": {"id": {"same": "id"}}},
        {"event": "Order", "after": "Cart", "probability": 0.2, "delay": {"mean": "PT3H"},
         "properties": {"id": {"same": "id"}, "nothing": {"same": "nothing"}}},
        {"event": "Order", "after": "sent:nudge", "probability": 0.5, "delay": {"between": ["PT0S", "P2D"]}},
    ],
}  # fmt: skip


def test_a_forecast_is_a_replay_of_its_calls() -> None:
    """The calls that the people make, fed to a simulation, give the same figures."""
    population, calls = Population.from_json(POPULATION), []
    told = forecast(load_space(DOCUMENT), population, seed=7, people=True, calls=calls.append)
    calls.sort(key=lambda call: parse_instant(call["timestamp"]))
    trace = run(DOCUMENT, calls, format_instant(population.end)).trace
    replayed = Figures.of(load_space(DOCUMENT), trace, people=True)
    for people in (False, True):
        assert told.as_dict(people=people) == replayed.as_dict(people=people)
    cart = told.journey("cart")
    assert cart.entered >= 300 and 0 < cart.goals < 300
    mail, nothing = cart.splits[0].branches
    assert (mail.rate or 0) > (nothing.rate or 0) and nothing.differs


def test_the_same_seed_gives_the_same_figures() -> None:
    population = Population.from_json(POPULATION)
    one, again, other = (forecast(load_space(DOCUMENT), population, seed=seed).as_dict() for seed in (1, 1, 2))
    assert one == again != other
    done: list[int] = []
    forecast(load_space(DOCUMENT), Population(3), progress=done.append)
    assert done == [1, 2, 3]


def test_a_person_costs_about_what_her_calls_cost_and_no_more_among_many() -> None:
    """On a quiet machine a hundred thousand people of three calls take a quarter of a minute of one core."""
    loaded, calls = load_space(DOCUMENT), list[Json]()
    few, many = (Population.from_json(POPULATION | {"size": size}) for size in (50, 200))
    forecast(loaded, many, calls=calls.append)
    calls.sort(key=lambda call: parse_instant(call["timestamp"]))
    evaluator = partial(Evaluator, loaded, destinations={"email": Record()})

    def fed() -> None:
        made = evaluator(clock=ManualClock(at()))
        made.feed_many(calls)
        made.advance(many.end)
        Figures.of(loaded, made.trace())

    costs = [float("inf")] * 3
    for _ in range(3):
        for place, run_ in enumerate((partial(forecast, loaded, few), partial(forecast, loaded, many), fed)):
            begun = process_time()
            run_()
            costs[place] = min(costs[place], process_time() - begun)
    assert costs[1] < 8 * costs[0]
    assert costs[1] < 4 * costs[2]


def test_behaviours_that_set_off_each_other_end() -> None:
    calls: list[Any] = []
    forever = Population(1, [Behaviour("Cart"), Behaviour("Cart", "Cart")], most=10)
    forecast(load_space(DOCUMENT), forever, calls=calls.append)
    assert len(calls) == 10
    late = Population(2, [Behaviour("Cart", delay="P9D")], during="P1D")
    assert forecast(load_space(DOCUMENT), late).journey("cart").entered == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 1, "behaviors": []}, "unknown field 'behaviors' of a population; did you mean 'behaviours'"),
        (
            {"size": 1, "behaviours": [{"event": "A", "probability": 2}]},
            r"behaviours\[0\]: probability is between 0 and 1",
        ),
        ({"size": 1, "behaviours": [{"event": "A", "delay": {"median": "PT1H"}}]}, "expected a duration"),
        ({"size": 1, "arrivals": "P1M"}, "expected weeks, days"),
        ({"size": 1, "arrivals": {"between": ["P2D", "P1D"]}}, "shorter duration first"),
        ({"size": 1, "arrivals": {"between": ["P1D"]}}, "between takes two durations"),
        ({"size": 1.5}, "size is a whole number"),
        ({"size": 1, "most": -1}, "most is a whole number"),
        ({"size": 1, "traits": {"plan": {"choice": []}}}, r"traits.plan: choice takes a list of values"),
        (
            {"size": 1, "traits": {"age": {"between": [5, 1]}}},
            r"traits.age: between takes two numbers, the lower first",
        ),
        ({"size": 1, "traits": {"age": {"between": ["a", "b"]}}}, r"traits.age: between takes two numbers"),
        ({"size": 1, "traits": {"age": {"between": [1, float("inf")]}}}, r"traits.age: between takes two numbers"),
        ({"size": 1, "behaviours": 5}, "behaviours: expected a list"),
        ({"size": 1, "behaviours": [{"event": 5}]}, r"behaviours\[0\]: event is a text"),
        ({"size": 1, "behaviours": [{"event": "A", "properties": {"a": {"same": 7}}}]}, "properties.a: same takes the"),
        ({"size": 1, "behaviours": [{"event": "A", "after": "arival"}]}, "nobody does 'arival'.*mean 'arrival'"),
        (
            {"size": 1, "behaviours": [{"after": "arrival"}]},
            r"behaviours\[0\]: a behaviour must have the field 'event'",
        ),
        (
            {"size": 1, "traits": {"x": {"chioce": [1]}}},
            r"^traits.x: nothing is drawn by 'chioce'; did you mean 'choice'\?$",
        ),
        (
            {"siez": 1, "arrivals": "soon", "behaviours": [{"event": "A", "probability": 2}, {"event": 5}]},
            "(?s)^unknown field 'siez'.*\na population must have .*\narrivals: .*"
            r"\nbehaviours\[0\]: probability .*\nbehaviours\[1\]: event is a text",
        ),
        ({}, "size"),
        ([], "a population is a JSON object"),
    ],
)
def test_what_is_wrong_with_a_population(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Population.from_json(wrong)


def test_a_constant_may_be_an_object() -> None:
    traits = {"one": {"name": "x"}, "two": {"currency": "EUR"}}
    assert Population.from_json({"size": 1, "traits": traits}).traits == traits


def test_what_comes_to_nothing_is_noted() -> None:
    """Noughts that are not meant are told beside them; what has a purpose is not."""
    told = load_space(DOCUMENT)
    assert notes(told, Population.from_json(POPULATION)) == []
    assert notes(told, Population(9)) == ["nobody does anything: the population has neither behaviours nor traits"]
    slips = [Behaviour("Browsed"), Behaviour("Ordr", "Browsed"), Behaviour("Order", "sent:nugde"), Behaviour("Tea")]
    assert notes(told, Population(9, slips)) == [
        "behaviours[1] comes to nothing: no live journey names 'Ordr'; did you mean 'Order'?",
        "behaviours[2] never happens: no step 'nugde' sends anything; did you mean 'nudge'?",
        "behaviours[3] comes to nothing: no live journey names 'Tea'; one of Cart, Order",
    ]


def test_an_invalid_space() -> None:
    with pytest.raises(InvalidDefinition):
        forecast(load_space(space(journey({"d": delay("P1D", "nowhere")}))), Population(1))


# the command line


def command(*arguments: str) -> int:
    root = argparse.ArgumentParser()
    _analyse.add_commands(root.add_subparsers())
    options = root.parse_args(arguments)
    return int(options.run(options))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("space.json").write_text(json.dumps(DOCUMENT))
    Path("population.json").write_text(json.dumps(POPULATION | {"size": 20}))
    calls = [track("Cart", "0", id="m1") | {"properties": {"id": "c1"}}]
    store = open_store("sqlite:///store.db")
    trace = run(DOCUMENT, calls, at("PT1H"), store=store).trace
    store.close()
    Path("trace.ndjson").write_text("".join(json.dumps(each) + "\n" for each in trace))
    return tmp_path


def test_commands(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("forecast", "space.json", "population.json", "--seed", "3") == 0
    assert capsys.readouterr().out.startswith("cart: entered 20, ")
    assert command("forecast", "space.json", "population.json", "--json", "--people") == 0
    assert json.loads(capsys.readouterr().out)["journeys"][0]["entered"] == 20
    assert command("figures", "space.json", "trace.ndjson") == 0
    both = capsys.readouterr().out
    assert both.startswith("cart: entered 1, in progress 1")
    assert command("figures", "space.json", "--store", "sqlite:///store.db") == 0
    assert capsys.readouterr().out == both
    assert command("figures", "space.json", "cart", "--store", "sqlite:///store.db", "--json", "--to", at()) == 0
    assert json.loads(capsys.readouterr().out)["entered"] == 0
    assert command("explain", "space.json", "--store", "sqlite:///store.db", "u1", "cart", "--at", at("PT1H")) == 0
    assert capsys.readouterr().out.startswith("u1 is in cart at ")
    assert command("explain", "space.json", "--store", "sqlite:///store.db", "u1", "quiet", "--json") == 0
    assert json.loads(capsys.readouterr().out)["inside"] is True
    sent = next(line for line in Path("trace.ndjson").read_text().splitlines() if '"sent"' in line)
    delivery = json.loads(sent)["delivery"]
    assert command("explain", "space.json", "--store", "sqlite:///store.db", "u1", "quiet", "--delivery", delivery) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("sent to email")
    for asked, wrong in (
        (("u2", "quiet"), "went to 'u1', and not to 'u2'"),
        (("u1", "cart"), "is from the journey 'quiet', and not from 'cart'"),
    ):
        with pytest.raises(Failure, match=f"--delivery: {delivery} {wrong}"):
            command("explain", "space.json", "--store", "sqlite:///store.db", *asked, "--delivery", delivery)


@pytest.mark.parametrize(
    "arguments",
    [
        ("figures", "space.json"),
        ("figures", "space.json", "trace.ndjson", "nope"),
        ("figures", "space.json", "space.json"),
        ("figures", "space.json", "trace.ndjson", "--from", "yesterday"),
        ("figures", "space.json", "--store", "nope://"),
        ("forecast", "space.json", "space.json"),
        ("explain", "space.json", "--store", "sqlite:///store.db", "u1", "nope"),
        ("explain", "space.json", "--store", "sqlite:///store.db", "u1", "cart", "--delivery", "x"),
    ],
)
def test_commands_that_fail(files: Path, arguments: tuple[str, ...]) -> None:
    with pytest.raises(Failure):
        command(*arguments)

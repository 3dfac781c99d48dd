"""The chain that led to a send."""

from __future__ import annotations

import pytest

from journeys._time import parse_instant
from journeys.codec import load_journey
from journeys.runtime.analysis.explain_why import why
from tests.reference.compare import case
from tests.support import Json, branch, branches, delay, did, hold, journey, on, run, send, space, track


def chain(document: Json, calls: list[Json], number: int = 0, *, defined: bool = True) -> list[str]:
    trace = run(space(document), calls).trace
    delivery = [each for each in trace if each["kind"] == "sent"][number]["delivery"]
    said = why(trace, delivery, load_journey(document) if defined else None)
    assert said.chain[-1].record["delivery"] == delivery and said.text.count("\n") == len(said.chain)
    return [each.text for each in said.chain]


CART = journey(
    {"h": hold("PT2H", branch("more", "Cart", restart=True), branch("bought", "Order"), timeout="d"),
     "d": delay("P1D", "n"), "n": send()},
    entry=on("Cart", identifier="id"),
)  # fmt: skip


@pytest.mark.parametrize("defined", [True, False])
def test_the_chain_of_a_nudge(defined: bool) -> None:
    told = chain(CART, [track("Cart", id=None) | {"properties": {"id": "c"}},
                        track("Cart", "PT1H") | {"properties": {"id": "c"}}], defined=defined)  # fmt: skip
    told = [each.split(" (")[0] for each in told]
    assert told == ["entered with 'c'", "came to h", "h began again by more", "h took the branch timeout",
                    "came to d", "came to n", "sent to email"]  # fmt: skip


def test_two_tokens() -> None:
    """Another token moved in between: the chain is that of the token that sent."""
    split = branches(("a", did("A"), "da"), ("b", did("B"), "db"))
    two = journey({"s": split, "da": delay("P2D", "na"), "db": delay("P3D", "nb"), "na": send(), "nb": send()})
    calls = [track("Start"), track("A", "PT1H"), track("B", "PT2H")]
    plain = [[each.split(" (")[0] for each in chain(two, calls, number)] for number in (0, 1)]
    assert plain[0] == ["entered", "came to s", "s took the branch a", "came to da", "came to na", "sent to email"]
    assert plain[1] == ["entered", "came to s", "s took the branch b", "came to db", "came to nb", "sent to email"]


def test_an_exit_send_and_an_audience() -> None:
    document = journey(exit_rules=[{"key": "out", "event": "Out"}],
                       exit_send={"rules": ["out"], "activation": {"destination": "email"}})  # fmt: skip
    assert chain(document, [track("Start"), track("Out", "PT1H")]) == [
        "entered", "exited by the rule out", "sent to email",
    ]  # fmt: skip
    vip = {"key": "vip", "condition": did("A"), "destinations": ["crm"]}
    trace = run(space(audiences=[vip]), [track("A")]).trace
    assert why(trace, trace[0]["delivery"]).chain[0].text == "sent to crm, because vip changed"
    with pytest.raises(KeyError, match="no delivery 'x'"):
        why(trace, "x")


@pytest.mark.parametrize("seed", range(25))
def test_every_send_of_a_generated_space_has_a_chain_from_the_entry(seed: int) -> None:
    one = case(seed)
    trace = run(one.space, one.calls, one.until).trace
    models = {each["key"]: load_journey(each) for each in one.space["journeys"]}
    for record in trace:
        if record["kind"] == "sent" and "journey" in record:
            said = why(trace, record["delivery"], models[record["journey"]])
            assert said.chain[0].kind == "entered"
            instants = [parse_instant(each.at) for each in said.chain]
            assert instants == sorted(instants)

"""The chain that led to a send."""

from __future__ import annotations

import pytest

from journeys import Evaluator, ManualClock
from journeys._time import parse_instant
from journeys.codec import load_journey
from journeys.runtime.analysis.explain_why import why
from tests.reference.compare import case
from tests.support import Json, at, branch, branches, delay, did, hold, identify, journey, on, run, send, space, track


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
    on_cart = ", on Cart" if defined else ""
    assert told == [f'entered with "c"{on_cart}', "came to h", f"h began again by more{on_cart}",
                    "h took the branch timeout", "came to d", "came to n", "sent to email"]  # fmt: skip


def test_two_tokens() -> None:
    """Another token moved in between: the chain is that of the token that sent."""
    split = branches(("a", did("A"), "da"), ("b", did("B"), "db"))
    two = journey({"s": split, "da": delay("P2D", "na"), "db": delay("P3D", "nb"), "na": send(), "nb": send()})
    calls = [track("Start"), track("A", "PT1H"), track("B", "PT2H")]
    plain = [[each.split(" (")[0] for each in chain(two, calls, number)] for number in (0, 1)]
    assert plain[0] == [
        "entered, on Start",
        "came to s",
        "s took the branch a",
        "came to da",
        "came to na",
        "sent to email",
    ]
    assert plain[1] == [
        "entered, on Start",
        "came to s",
        "s took the branch b",
        "came to db",
        "came to nb",
        "sent to email",
    ]


def test_an_exit_send_and_an_audience() -> None:
    document = journey(exit_rules=[{"key": "out", "event": "Out"}],
                       exit_send={"rules": ["out"], "activation": {"destination": "email"}})  # fmt: skip
    assert chain(document, [track("Start"), track("Out", "PT1H")]) == [
        "entered, on Start", "exited by the rule out, on Out", "sent to email",
    ]  # fmt: skip
    vip = {"key": "vip", "condition": did("A"), "destinations": ["crm"]}
    trace = run(space(audiences=[vip]), [track("A")]).trace
    assert why(trace, trace[0]["delivery"]).chain[0].text == "sent to crm, because vip changed"
    with pytest.raises(KeyError, match="no delivery 'x'"):
        why(trace, "x")


def test_of_two_waits_that_lead_to_a_step_it_is_the_one_that_was_over() -> None:
    """And not the one that was reached last."""
    split = branches(("a", did("A"), "da"), ("b", did("B"), "db"))
    both = journey({"s": split, "da": delay("P1D", "n"), "db": delay("P5D", "n"), "n": send()})
    told = chain(both, [track("Start"), track("A", "PT1H"), track("B", "PT2H")])
    assert [each.split(" (")[0] for each in told][2:] == ["s took the branch a", "came to da", "came to n",
                                                          "sent to email"]  # fmt: skip


@pytest.mark.parametrize("visitor", ["aa", "zz"])
@pytest.mark.parametrize("defined", [True, False])
def test_a_merge_at_the_same_instant(visitor: str, defined: bool) -> None:
    """A trace sorts the records of one instant by profile: who she was before comes first (P2)."""
    document = journey({"h": hold("PT2H", branch("x", "X", "n")), "n": send()})
    calls = [track("Start", "0", None, anon=visitor), identify("0", "mm", anon=visitor), track("X", "0", "mm")]
    told = [each.split(",")[0].split(" (")[0] for each in chain(document, calls, defined=defined)]
    assert told == ["entered", "came to h", "h took the branch x", "came to n", "sent to email"]


@pytest.mark.parametrize("steps", [{"d": delay("P2D", "n")}, {"d": hold("P2D", branch("x", "X", "n"), timeout="n")}])
@pytest.mark.parametrize("known", ["none", "latest", "all"])
def test_a_step_that_a_migration_has_renamed(steps: Json, known: str) -> None:
    """The chain goes on behind the migration, under the old name (V2)."""
    old = journey({**steps, "n": send()}, key="m")
    new = journey({"e": steps["d"], "n": send()}, key="m", on_previous={"migrate": {"d": "e"}})
    one = Evaluator(space(old), clock=ManualClock(at()))
    one.track("u1", "Start")
    one.advance(at("P1D"))
    one.publish(load_journey(new))
    one.advance(at("P2D"))
    trace = list(one.trace())
    definitions = {"none": None, "latest": load_journey(new), "all": one.journeys}[known]
    said = why(trace, next(each["delivery"] for each in trace if each["kind"] == "sent"), definitions)
    told = [each.text.split(",")[0].split(" (")[0] for each in said.chain]
    assert [each for each in told if each != "e took the branch timeout"] == [
        "entered", "came to d", "moved from version 1 to 2", "came to n", "sent to email",
    ]  # fmt: skip
    assert [each.event for each in said.inputs] == ([] if known == "none" else ["Start"])


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


def test_without_any_of_its_inputs_it_is_not_sent_so() -> None:
    """Each input of the chain is necessary; the others are not."""
    calls = [track("Cart", "0", id="a"), track("Cart", "PT1H", id="b"), track("Noise", "PT2H", id="c")]
    calls = [call | {"properties": {"id": "x"}} for call in calls]
    trace = run(space(CART), calls).trace
    sent = next(each for each in trace if each["kind"] == "sent")
    inputs = [each.at for each in why(trace, sent["delivery"], load_journey(CART)).inputs]
    assert inputs == [at(), at("PT1H")]
    for left_out in calls:
        others = [call for call in calls if call is not left_out]
        assert (sent in run(space(CART), others).trace) == (left_out["timestamp"] not in inputs)

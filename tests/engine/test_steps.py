"""What steps do that wait, split and join (section S); those that hold and send have tests of their own."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from tests.support import (
    ALWAYS,
    NEVER,
    Json,
    at,
    branches,
    data_split,
    delay,
    did,
    every,
    identify,
    if_else,
    journey,
    negated,
    random_split,
    run,
    send,
    space,
    story,
    track,
    trait,
    until_time,
    wait,
)

ENDS = {name: send() for name in ("a", "b", "c")}


# S1


def test_a_wait_passes_at_once_if_it_is_true_on_arrival() -> None:
    """S1"""
    document = space(journey({"wait": wait(did("Start"), "a"), "a": send()}))
    assert story(document, [track("Start")]) == ["0 entered", "0 step wait", "0 step a", "0 sent a", "0 completed"]


def test_a_wait_passes_at_the_first_instant_it_is_true() -> None:
    """S1, C1: by an event, by a trait, by time alone."""
    for condition, calls, when in [
        (did("Order"), [track("Order", "PT3H")], "PT3H"),
        (trait("plan", "equals", "pro"), [identify("PT2H", plan="pro")], "PT2H"),
        (negated(did("Start", within="P1D")), [], "P1D"),
        (trait("renewal", "within_next", "P2D"), [identify("PT1H", renewal=at("P9D"))], "P7D"),
    ]:
        document = space(journey({"wait": wait(condition, "a"), "a": send()}))
        assert story(document, [track("Start"), *calls], None, "sent") == [f"{when} sent a"]


# S2


def test_a_delay_passes_its_duration_after_arrival() -> None:
    """S2, T2: by the calendar if it is a month."""
    for duration, when in [("PT5M", "PT5M"), ("P1M", "P31D"), ("P1M1D", "P32D"), ("PT0.000001S", "0+1")]:
        document = space(journey({"wait": delay(duration, "a"), "a": send()}))
        assert story(document, [track("Start")], None, "sent") == [f"{when} sent a"]


@pytest.mark.parametrize(
    ("fields", "arrival", "passes"),
    [
        ({}, "0", "PT9H"),
        ({}, "PT9H", "PT9H"),
        ({}, "PT9H+1", "P1DT9H"),
        ({"weekdays": ["mon", "fri"]}, "0", "P1DT9H"),
        ({"weekdays": ["thu"]}, "PT10H", "P7DT9H"),
        ({"timezone": "Asia/Tokyo"}, "0", "0"),
        ({"timezone": "America/New_York"}, "0", "PT14H"),
        ({"timezone": {"trait": "timezone"}}, "0", "PT8H"),
        ({"timezone": {"trait": "missing", "default": "Asia/Tokyo"}}, "0", "0"),
        ({"timezone": {"trait": "age", "default": "America/New_York"}}, "0", "PT14H"),
        ({"timezone": {"trait": "nonsense", "default": "America/New_York"}}, "0", "PT14H"),
        ({"timezone": {"trait": "nonsense"}}, "0", "PT9H"),
    ],
)
def test_a_delay_until_a_local_time(fields: Json, arrival: str, passes: str) -> None:
    """S2: the next such local time not before arrival; 1 January 2026 is a Thursday."""
    document = space(journey({"wait": until_time("09:00", "a", **fields), "a": send()}))
    traits = identify("0", timezone="Europe/Berlin", age=7, nonsense="Not/AZone")
    assert story(document, [traits, track("Start", arrival)], None, "sent") == [f"{passes} sent a"]


def test_a_local_time_in_a_gap_and_in_an_overlap() -> None:
    """S2: 02:30 does not exist on 29 March and exists twice on 25 October."""
    for arrival, passes in [
        ("2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"),
        ("2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
    ]:
        document = space(journey({"wait": until_time("02:30", "a", timezone="Europe/Berlin"), "a": send()}))
        assert run(document, [track("Start", arrival)]).records("sent")[0]["at"] == passes


def test_a_duration_comes_first_and_the_zone_is_read_after_it() -> None:
    """S2: both may be given; zone and context are read when the duration has passed."""
    steps = {"wait": {**until_time("09:00", "a", timezone={"trait": "tz"}), "duration": "PT2H"}, "a": send()}
    calls = [identify("0", tz="Asia/Tokyo"), track("Start"), identify("PT1H", tz="America/New_York")]
    assert story(space(journey(steps)), calls, None, "sent") == ["PT14H sent a"]
    assert story(space(journey(steps)), calls[:2], None, "sent") == ["P1D sent a"]


@pytest.mark.parametrize(
    ("value", "offset", "passes"),
    [
        (at("PT5H"), None, "PT5H"),
        (at("PT5H"), "-PT1H", "PT4H"),
        (at("PT5H"), "P1D", "P1DT5H"),
        ("2026-01-03", None, "P2D"),
        ("2026-01-01T02:00:00+02:00", None, "0"),
        (at("-PT1H"), None, "0"),
        (at("PT5H"), "-PT6H", "0"),
        (at("P30DT20H"), "-P1M", "0"),  # 31 December
        (at("P31D"), "-P1M", "0"),
    ],
)
def test_a_delay_until_an_instant_of_the_context(value: str, offset: str | None, passes: str) -> None:
    """S2: at that instant plus the offset, at once if it is past."""
    until: Json = {"context": ["Start", "due"]} | ({"offset": offset} if offset else {})
    document = space(journey({"wait": {"type": "delay", "until": until, "next": "a"}, "a": send()}))
    done = run(document, [track("Start", due=value)])
    assert done.story("sent") == [f"{passes} sent a"]
    assert "missing_value" not in done.counters


@pytest.mark.parametrize("value", [None, "soon", 1767225600, "2026-01-02T00:00:00", ["2026-01-02"], True, "2026-02-30"])
def test_a_context_value_that_is_no_instant(value: object) -> None:
    """S2: it passes at once and is counted."""
    until = {"context": ["Start", "due"]}
    document = space(journey({"wait": {"type": "delay", "until": until, "next": "a"}, "a": send()}))
    done = run(document, [track("Start", due=value), track("Start", "PT1H")])
    assert done.story("sent") == ["0 sent a", "PT1H sent a"]
    assert done.counters["missing_value"] == 2


# S3, S5


def test_a_split_is_evaluated_once_on_arrival() -> None:
    """S3: exclusive, and later changes do not matter."""
    document = space(
        journey(
            {
                "split": if_else(trait("plan", "equals", "pro"), "a", "b"),
                "a": send(),
                "b": delay("PT1H", "c"),
                "c": send(),
            }
        )
    )
    assert story(document, [identify("0", plan="pro"), track("Start")], None, "branch", "sent") == [
        "0 branch split true",
        "0 sent a",
    ]
    calls = [track("Start"), identify("PT1M", plan="pro")]
    assert story(document, calls, None, "branch", "sent") == ["0 branch split false", "PT1H sent c"]


def test_the_first_true_branch_of_a_data_split() -> None:
    """S5: on arrival, in order, else ``everyone_else``."""
    steps = {"split": data_split(("no", NEVER, "a"), ("yes", trait("n", "exists"), "b"), ("also", ALWAYS, "c")), **ENDS}
    document = space(journey(steps))
    assert story(document, [identify("0", n=1), track("Start")], None, "branch") == ["0 branch split yes"]
    assert story(document, [track("Start")], None, "branch") == ["0 branch split also"]
    steps["split"] = data_split(("no", NEVER, "a"), ("yes", trait("n", "exists"), "b"), everyone_else="c")
    assert story(space(journey(steps)), [track("Start")], None, "branch", "sent") == [
        "0 branch split everyone_else",
        "0 sent c",
    ]


# S4


def test_branches_do_not_exclude_each_other() -> None:
    """S4: every branch waits for its own condition from arrival on; an instance may hold several tokens."""
    steps = {"split": branches(("x", did("A"), "a"), ("y", did("B"), "b"), ("z", ALWAYS, "c")), **ENDS}
    done = run(space(journey(steps)), [track("Start"), track("B", "PT1H"), track("A", "PT2H"), track("B", "PT3H")])
    assert done.story("branch", "completed") == [
        "0 branch split z",
        "PT1H branch split y",
        "PT2H branch split x",
        "PT2H completed",
    ]


def test_an_exclusive_split_takes_the_first() -> None:
    """S4: of several that are true at once the first in order, and it cancels the others."""
    steps = {"split": branches(("x", did("A"), "a"), ("y", did("B"), "b"), exclusive=True), "a": send(), "b": send()}
    document = space(journey(steps))
    calls = [track("Start"), track("B", "PT1H"), track("A", "PT2H")]
    assert story(document, calls, None, "branch", "completed") == ["PT1H branch split y", "PT1H completed"]
    calls = [track("B"), track("A"), track("Start")]
    assert story(document, calls, None, "branch") == ["0 branch split x"]


def test_both_true_at_one_event() -> None:
    """S4: in branch order; with ``exclusive`` only the first."""
    for exclusive, taken in ((False, ["x", "y"]), (True, ["x"])):
        steps = {
            "split": branches(("x", did("A"), "a"), ("y", did("A"), "b"), exclusive=exclusive),
            "a": send(),
            "b": send(),
        }
        done = run(space(journey(steps)), [track("Start"), track("A", "PT1H")])
        assert [record["branch"] for record in done.records("branch")] == taken


# S6


def chosen(journey_key: str, step: str, subject: str, parts: list[tuple[str, float]]) -> str:
    """The branch by the formula of the contract, written anew."""
    digest = hashlib.blake2b(f"{journey_key}\x1f{step}\x1f{subject}".encode(), digest_size=64).digest()
    h = int.from_bytes(digest[:8], "big")
    cumulated = 0
    for name, percent in parts:
        cumulated += round(percent * 100)
        if h * 10_000 < cumulated * 2**64:
            return name
    raise AssertionError


PARTS = [("a", 33.33), ("b", 0.07), ("c", 66.6)]


@pytest.mark.parametrize("sticky", [False, True])
def test_a_random_branch_is_a_pure_function(sticky: bool) -> None:
    """S6: of journey key, step key and the instance id, or the profile id if ``sticky``."""
    steps = {"split": random_split(*((name, percent, name) for name, percent in PARTS), sticky=sticky), **ENDS}
    document = space(journey(steps, key="lottery"))
    done = run(document, [track("Start", f"PT{n}M", f"ü{n % 40}") for n in range(200)])
    instances = {record["instance"]: record["profile"] for record in done.records("entered")}
    assert len(instances) == 200
    for record in done.records("branch"):
        subject = record["profile"] if sticky else record["instance"]
        assert record["branch"] == chosen("lottery", "split", subject, PARTS)


def test_in_a_condition_journey_a_random_split_is_always_sticky() -> None:
    """S6"""
    steps = {"split": random_split(("a", 50, "a"), ("b", 50, "b")), "a": send(), "b": send()}
    document = space(journey(steps, entry=trait("x", "exists"), exit_after="PT1H", reentry_after="PT1H"))
    done = run(document, [identify("0", f"u{n}", x=1) for n in range(30)], until="P1D")
    for record in done.records("branch"):
        assert record["branch"] == chosen("j", "split", record["profile"], [("a", 50), ("b", 50)])
    assert len(done.records("branch")) > 300


def test_the_shares_are_what_was_asked_for() -> None:
    """S6"""
    counts = Counter(chosen("k", "s", str(n), [("a", 12.5), ("b", 87.5)]) for n in range(8000))
    assert 900 < counts["a"] < 1100


@pytest.mark.parametrize(("percents", "taken"), [([100], "a"), ([0, 100], "b"), ([100, 0], "a")])
def test_branches_of_nothing_and_of_everything(percents: list[int], taken: str) -> None:
    """S6"""
    parts = [(name, percent, name) for name, percent in zip("abc", percents, strict=False)]
    steps = {"split": random_split(*parts), **{name: send() for name, _, _ in parts}}
    done = run(space(journey(steps)), [track("Start", "0", f"u{n}") for n in range(40)])
    assert {record["branch"] for record in done.records("branch")} == {taken}


# S8


def test_each_step_acts_once_per_instance() -> None:
    """S8: a token that reaches a step where the instance has been is recorded, and ends there."""
    steps = {"fork": branches(("one", ALWAYS, "a"), ("two", ALWAYS, "a")), "a": send("b"), "b": send()}
    assert story(space(journey(steps)), [track("Start")]) == [
        "0 entered",
        "0 step fork",
        "0 branch fork one",
        "0 step a",
        "0 sent a",
        "0 step b",
        "0 sent b",
        "0 branch fork two",
        "0 step a",
        "0 completed",
    ]


def test_a_token_runs_depth_first() -> None:
    """S8: what follows a branch is done before the next branch and the next activation's step."""
    steps = {
        "fork": branches(("one", ALWAYS, "c"), ("two", ALWAYS, "a")),
        "c": {
            "type": "send_to_destination",
            "activations": [{"destination": "email"}, {"destination": "crm"}],
            "next": "b",
        },
        "b": send(),
        "a": send(),
    }
    done = run(space(journey(steps)), [track("Start")])
    assert [(each["step"], each["destination"]) for each in done.records("sent")] == [
        ("c", "email"),
        ("c", "crm"),
        ("b", "email"),
        ("a", "email"),
    ]


def test_a_join_that_comes_later_ends_its_token() -> None:
    """S8: the step is recorded once more and nothing else happens."""
    steps = {
        "fork": branches(("now", ALWAYS, "a"), ("later", did("Order"), "a")),
        "a": send("w"),
        "w": delay("PT1H", "b"),
        "b": send(),
    }
    done = run(space(journey(steps)), [track("Start"), track("Order", "PT10M")])
    assert done.story("step") == ["0 step fork", "0 step a", "0 step w", "PT10M step a", "PT1H step b"]
    assert len(done.records("sent")) == 2


# S10


def test_an_instance_is_completed_when_its_last_token_ends() -> None:
    """S10"""
    steps = {"fork": branches(("one", ALWAYS, "w1"), ("two", ALWAYS, "w2")), "w1": delay("PT1H"), "w2": delay("PT3H")}
    assert story(space(journey(steps)), [track("Start")], None, "completed") == ["PT3H completed"]


def test_waits_for_a_condition_are_tokens() -> None:
    """S10"""
    steps = {"fork": branches(("one", ALWAYS, "a"), ("two", every(did("A"), did("B")), "b")), "a": send(), "b": send()}
    document = space(journey(steps))
    assert story(document, [track("Start"), track("A")], "P9D", "completed") == []
    assert story(document, [track("Start"), track("A"), track("B", "P1D")], "P9D", "completed") == ["P1D completed"]

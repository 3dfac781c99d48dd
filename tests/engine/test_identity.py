"""Who a person is, and two that become one (section P)."""

from __future__ import annotations

from typing import Any

import pytest

from journeys.engine._state import derived_id
from tests.support import (
    ALWAYS,
    Advance,
    Run,
    ad,
    alias,
    at,
    branch,
    branches,
    call,
    delay,
    did,
    hold,
    identify,
    if_else,
    journey,
    on,
    random_split,
    run,
    send,
    space,
    track,
    trait,
    wait,
)

IMMEDIATE = {"mail": send()}
WAIT = {"wait": delay("P30D", "a"), "a": send()}


def profile_of(done: Run, key: str = "u:u1") -> Any:
    """The state of a profile."""
    return done.simulation.core.processor.states[key]


# P1


def test_a_user_id_before_an_anonymous_id() -> None:
    """P1: a trace shows the id alone."""
    done = run(
        space(journey(IMMEDIATE)), [track("Start", "0", "u1", anon="a1"), track("Start", "PT1H", None, anon="a2")]
    )
    assert [record["profile"] for record in done.records("entered")] == ["u1", "a2"]


def test_users_and_strangers_are_two_name_spaces() -> None:
    """P1"""
    done = run(space(journey(WAIT)), [track("Start", "0", "x"), track("Start", "0", None, anon="x")], until="PT1H")
    assert [record["profile"] for record in done.records("entered")] == ["x", "x"]
    assert set(done.simulation.core.processor.states) == {"u:x", "a:x"}


@pytest.mark.parametrize("other", ["U1", "u1 ", "u１", "u1\u0301", "\u00e91"])
def test_ids_are_opaque(other: str) -> None:
    """P1: compared code point by code point, nothing is normalised or trimmed."""
    done = run(space(journey(WAIT)), [track("Start", "0", "u1"), track("Start", "0", other)], until="PT1H")
    assert len(done.records("entered")) == 2


@pytest.mark.parametrize(
    "ids",
    [
        {},
        {"userId": ""},
        {"userId": None},
        {"anonymousId": ""},
        {"userId": 7},
        {"userId": "u1", "anonymousId": ""},
        {"userId": ["u1"]},
        {"userId": True},
        {"userId": "a\0b"},
        {"userId": "\ud800"},
        {"userId": "x" * 4097},
    ],
)
def test_an_empty_missing_or_wrong_id_is_an_error(ids: dict[str, Any]) -> None:
    """P1, O5: rejected before anything is touched."""
    document = space(journey(IMMEDIATE))
    done = run(document, [{"type": "track", "event": "Start", "timestamp": at(), **ids}])
    assert done.answers == ["rejected"]
    assert done.counters == {"rejected": 1}
    assert done.trace == []


# P2: linking


def test_a_stranger_becomes_the_user() -> None:
    """P2: later records show the user id, the instance goes on."""
    done = run(space(journey(WAIT)), [track("Start", "0", None, anon="a1"), identify("PT1H", "u1", anon="a1")])
    assert [record["profile"] for record in done.trace] == ["a1", "a1", "u1", "u1", "u1"]
    assert len({record["instance"] for record in done.trace}) == 1
    assert done.trace[0]["instance"] == derived_id("j", "1", "a1", "#0", "")


def test_inputs_under_the_anonymous_id_reach_the_user_from_then_on() -> None:
    """P2"""
    calls = [identify("0", "u1", anon="a1"), track("Start", "PT1H", None, anon="a1")]
    assert run(space(journey(IMMEDIATE)), calls).records("entered")[0]["profile"] == "u1"


def test_a_shared_device_links_nothing() -> None:
    """P2: an anonymous id stays with its first user; an input with another user id belongs to that one."""
    calls = [
        track("Start", "0", "u1", anon="a1"),
        track("Start", "PT1H", "u2", anon="a1"),
        identify("PT2H", None, anon="a1", whose="u1"),
    ]
    done = run(space(journey(WAIT)), calls, until="PT3H")
    entered = [(record["profile"], record["at"]) for record in done.records("entered")]
    assert entered == [("u1", at()), ("u2", at("PT1H"))]
    assert profile_of(done, "u:u1").traits == {"whose": "u1"}
    assert profile_of(done, "u:u2").traits == {}


def test_an_alias_of_a_known_user() -> None:
    """P2"""
    calls = [track("Start", "0", "old"), alias("old", "new", "PT1H"), track("Start", "PT2H", "old")]
    done = run(space(journey(WAIT)), calls, until="PT3H")
    assert [record["profile"] for record in done.records("entered")] == ["old"]
    assert set(done.simulation.core.processor.states) == {"u:new"}


def test_an_alias_of_a_known_stranger() -> None:
    """P2: a known user id comes first, else a known anonymous id."""
    both = [identify("0", "x", a=1), identify("0", None, anon="x", b=1), alias("x", "u1", "PT1H")]
    assert set(run(space(journey(IMMEDIATE)), both).simulation.core.processor.states) == {"u:u1", "a:x"}
    stranger = [identify("0", None, anon="x", b=1), alias("x", "u1", "PT1H")]
    done = run(space(journey(IMMEDIATE)), stranger)
    assert profile_of(done).traits == {"b": 1}


def test_an_alias_of_an_id_not_yet_known() -> None:
    """P2: then it is a user id."""
    calls = [alias("later", "u1", "0"), track("Start", "PT1H", "later"), track("Start", "PT2H", None, anon="later")]
    done = run(space(journey(IMMEDIATE)), calls)
    assert [record["profile"] for record in done.records("entered")] == ["u1", "later"]


def test_a_chain_ends_at_its_last_user() -> None:
    """P2: however it is made, and a link to oneself does nothing."""
    for links in ([("a", "b"), ("b", "c")], [("b", "c"), ("a", "b")], [("a", "b"), ("a", "c")]):
        calls = [alias(*link, f"PT{n}H") for n, link in enumerate(links)]
        calls += [
            alias("c", "c", "PT5H"),
            alias("a", "c", "PT6H"),
            track("Start", "PT7H", "a"),
            track("Start", "PT8H", "b"),
        ]
        done = run(space(journey(IMMEDIATE)), calls)
        assert [record["profile"] for record in done.records("entered")] == ["c", "c"], links


def test_links_in_a_circle_do_nothing() -> None:
    """P2"""
    calls = [alias("a", "b", "0"), alias("b", "a", "PT1H"), track("Start", "PT2H", "a"), track("Start", "PT3H", "b")]
    done = run(space(journey(WAIT)), calls, until="PT4H")
    assert len(done.records("entered")) == 1


def test_linking_is_per_link_not_per_event() -> None:
    """P2: the same link again changes nothing."""
    calls = [identify("0", "u1", anon="a1"), identify("PT1H", "u1", anon="a1"), alias("a1", "u1", "PT2H")]
    done = run(space(journey(IMMEDIATE)), [*calls, track("Start", "PT3H", None, anon="a1")])
    assert profile_of(done).linked == ("a:a1",)


# P2: merging


def merged(document: Any, user: list[Any], stranger: list[Any], later: list[Any] = (), when: str = "PT9H") -> Run:
    """Calls of u1, calls of a1, the link, and what comes after."""
    made = [{**each, "userId": "u1"} for each in user]
    anonymous = [{**{k: v for k, v in each.items() if k != "userId"}, "anonymousId": "a1"} for each in stranger]
    calls = sorted([*made, *anonymous], key=lambda each: each["timestamp"])
    return run(document, [*calls, identify(when, "u1", anon="a1"), *later])


def test_both_let_their_deadlines_happen_first() -> None:
    """P2: those before the instant of the link, each under its own id."""
    document = space(journey({"wait": delay("PT2H", "mail"), "mail": send()}, entry=on("Start", identifier="n")))
    done = merged(document, [track("Start", n=1)], [track("Start", "PT1H", n=2), track("Start", "PT7H", n=3)])
    assert [(record["profile"], record["at"]) for record in done.records("sent")] == [
        ("u1", at("PT2H")),
        ("a1", at("PT3H")),
        ("u1", at("PT9H")),
    ]


def test_the_clock_is_the_later_of_the_two() -> None:
    """P2, T4"""
    document = space(journey(IMMEDIATE))
    done = merged(document, [identify()], [identify("PT8H")], [track("Start", "PT1H")], when="PT2H")
    assert done.story("entered") == ["PT8H entered"]


def test_of_each_trait_the_later_write_wins() -> None:
    """P2: on a tie the user's; a removal is a write."""
    done = merged(
        space(journey(IMMEDIATE)),
        [identify("PT1H", both="u", tie="u", mine=1, gone="u"), identify("PT2H", late="u")],
        [identify("PT1H", tie="a", theirs=1), identify("PT2H", both="a", gone=None), identify("PT1H", late="a")],
    )
    assert profile_of(done).traits == {"both": "a", "tie": "u", "mine": 1, "theirs": 1, "late": "u"}


def test_events_are_the_union() -> None:
    """P2: also those that both had at one instant."""
    document = space(
        journey(IMMEDIATE),
        computed_traits=[{"key": "n", "type": "event_counter", "event": "Start"}],
        audiences=[{"key": "three", "condition": did("Start", count={"at_least": 3}, within="PT9H")}],
    )
    done = merged(document, [track("Start", "PT1H")], [track("Start", "PT1H"), track("Start", "PT2H")])
    plan = done.simulation.core.plan
    profile = profile_of(done)
    assert plan.computed["n"].value(profile, profile.clock) == 3
    assert plan.audiences["three"].holds(profile, None, profile.clock)


def test_of_events_with_one_timestamp_the_merged_ones_come_first() -> None:
    """P2"""
    computed = [{"key": kind, "type": kind, "event": "Start", "property": "n"} for kind in ("first", "last")]
    done = merged(space(journey(IMMEDIATE), computed_traits=computed), [track("Start", n="u")], [track("Start", n="a")])
    values = {key: each.value(profile_of(done), 0) for key, each in done.simulation.core.plan.computed.items()}
    assert values == {"first": "a", "last": "u"}


def test_instances_are_kept_in_the_order_in_which_they_entered() -> None:
    """P2: among those entered at one instant the user's own come first."""
    document = space(
        *(journey({"wait": wait(did("Go"), "a"), "a": send()}, key=key, entry=key.upper()) for key in "abcd")
    )
    done = merged(
        document,
        [track("D", "PT1H"), track("B", "PT3H")],
        [track("A", "PT1H"), track("C", "PT2H")],
        [track("Go", "PT10H")],
    )
    assert [record["journey"] for record in done.records("sent")] == ["d", "a", "c", "b"]


def test_the_younger_of_two_in_one_journey_ends_as_merged() -> None:
    """P2: with one identifier value, or with none; the older stays, whoever had it."""
    for user, stranger, stays in (("0", "PT1H", "u1"), ("PT1H", "0", "a1"), ("PT1H", "PT1H", "u1")):
        done = merged(space(journey(WAIT)), [track("Start", user)], [track("Start", stranger)])
        owner = {record["instance"]: record["profile"] for record in done.records("entered")}
        assert [owner[record["instance"]] for record in done.records("sent")] == [stays]
        assert [owner[record["instance"]] for record in done.records("merged")] == [{"u1": "a1", "a1": "u1"}[stays]]
        assert done.story("merged") == ["PT9H merged"]


def test_instances_of_other_identifiers_are_all_kept() -> None:
    """P2, E3: 1 and 1.0 are one value, 1 and "1" are two."""
    document = space(journey(WAIT, entry=on("Start", identifier="n")))
    done = merged(
        document, [track("Start", n=1), track("Start", n="c")], [track("Start", n=1.0), track("Start", n="1")]
    )
    assert len(done.records("merged")) == 1
    assert len(done.records("sent")) == 3


def test_a_merged_instance_leaves_its_lists() -> None:
    """P2, X3"""
    document = space(journey({"ad": ad("wait"), **WAIT}))
    done = merged(document, [track("Start")], [track("Start", "PT1H")])
    assert done.story("merged", "list_removed") == ["PT9H merged", "PT9H list_removed ad"]


def test_once_counts_either_entry() -> None:
    """P2, E2"""
    document = space(journey(IMMEDIATE, entry=on("Start", reentry="once")))
    done = merged(document, [], [track("Start")], [track("Start", "PT10H")])
    assert done.story("entered") == ["0 entered"]


def test_branches_already_taken_stay_taken() -> None:
    """P2, S6"""
    steps = {
        "split": random_split(("a", 50, "a"), ("b", 50, "b"), sticky=True),
        "a": delay("P1D", "c"),
        "b": delay("P1D", "d"),
        "c": send(),
        "d": send(),
    }
    for stranger in ("a1", "x7", "q3", "w9"):
        calls = [track("Start", "0", None, anon=stranger), identify("PT1H", "u1", anon=stranger)]
        done = run(space(journey(steps)), calls)
        (branch_taken,) = (record["branch"] for record in done.records("branch"))
        assert done.records("sent")[0]["step"] == {"a": "c", "b": "d"}[branch_taken]


def test_standing_with_a_condition_entry() -> None:
    """P2: in the journey on either side wins; else the later re-arming."""
    fields = {"entry": trait("plan", "equals", "pro"), "exit_after": "PT2H", "reentry_after": "P1D"}
    document = space(journey(WAIT, **fields))
    # the stranger is inside: the user, whose condition comes true by the merge, does not enter as well
    done = merged(document, [identify()], [identify("PT8H", plan="pro")])
    assert done.story("entered")[:1] == ["PT8H entered"]
    assert "PT9H entered" not in done.story("entered")
    # exits at PT2H and PT6H: armed again a day after the later one
    done = merged(document, [identify("0", plan="pro")], [identify("PT4H", plan="pro")])
    assert done.story("entered")[:3] == ["0 entered", "PT4H entered", "P1DT6H entered"]


def test_never_again_on_either_side_wins() -> None:
    """P2, E6"""
    document = space(journey(IMMEDIATE, entry=trait("plan", "equals", "pro"), exit_after="PT1H"))
    done = merged(document, [identify()], [identify("PT1H", plan="pro")])
    assert done.story("entered") == ["PT1H entered"]


def test_how_many_inputs_a_merged_profile_has_accepted() -> None:
    """O6: a merge adds up; so an entry without messageId has this cause."""
    done = merged(space(journey(IMMEDIATE)), [identify(), identify()], [identify()], [track("Start", "PT10H")])
    # 2 of the user, 1 of the stranger, the link itself
    assert done.records("entered")[0]["instance"] == derived_id("j", "1", "u1", "#4", "")


def test_marks_of_both_count() -> None:
    """O2, P2: what either has accepted is a duplicate for the merged profile."""
    document = space(journey(WAIT))
    done = merged(
        document,
        [track("Start", id="m1")],
        [identify("0", id="m2")],
        [identify("PT10H", id="m1"), identify("PT10H", id="m2")],
    )
    assert done.counters["duplicates"] == 2


def test_a_duplicate_links_nothing() -> None:
    """O2 (1): the whole input is ignored."""
    calls = [
        identify("0", "u1", id="m"),
        identify("0", None, anon="a1", id="m2"),
        identify("PT1H", "u1", anon="a1", id="m"),
    ]
    done = run(space(journey(IMMEDIATE)), calls)
    assert done.answers[2] == "duplicate"
    assert set(done.simulation.core.processor.states) == {"u:u1", "a:a1"}


def test_an_entry_late_for_a_merged_end() -> None:
    """E8, P2: the ends of both sides are remembered, the later of the two."""
    document = space(journey(WAIT, exit_rules=[{"key": "out", "event": "Out"}]))
    done = merged(
        document,
        [track("Start"), track("Out", "PT3H")],
        [track("Start"), track("Out", "PT5H")],
        [track("Start", "PT4H")],
    )
    assert done.counters["late_entries"] == 1
    assert len(done.records("entered")) == 2


@pytest.mark.parametrize("order", ["early", "late", "twice", "by alias", "before anything"])
def test_it_does_not_matter_when_two_are_linked(order: str) -> None:
    """P2: where the two do nothing in between that depends on it, the end is the same."""
    document = space(
        journey({"wait": wait(did("Order", count={"at_least": 3}), "mail"), "mail": send()}, entry="Start")
    )
    link = identify("PT5H", "u1", anon="a1")
    first = [track("Start", "PT1H", "u1"), track("Order", "PT2H", "u1")]
    more = [track("Order", "PT6H", None, anon="a1"), track("Order", "PT7H", None, anon="a1")]
    calls = {
        "early": [first[0], {**link, "timestamp": at("PT1H")}, first[1], *more],
        "late": [*first, *more, {**link, "timestamp": at("PT7H")}],
        "twice": [*first, link, *more, {**link, "timestamp": at("PT7H")}],
        "by alias": [*first, identify("PT3H", None, anon="a1"), alias("a1", "u1", "PT5H"), *more],
        "before anything": [{**link, "timestamp": at("0")}, *first, *more],
    }[order]
    done = run(document, calls)
    assert done.story("entered", "sent") == ["PT1H entered", "PT7H sent mail"]
    assert {record["profile"] for record in done.trace} == {"u1"}


def test_the_anonymous_id_it_was_last_seen_with() -> None:
    """Format: what ``{"profile": "anonymous_id"}`` sends."""
    mapping = {"who": {"profile": "anonymous_id"}, "id": {"profile": "id"}, "user": {"profile": "user_id"}}
    document = space(journey({"mail": send(mapping=mapping)}))
    done = run(document, [identify("0", "u1", anon="a1"), identify("PT1H", "u1", anon="a2"), track("Start", "PT2H")])
    assert done.payloads() == [{"who": "a2", "id": "u1", "user": "u1"}]
    done = run(document, [track("Start", "0", None, anon="a1")])
    assert done.payloads() == [{"who": "a1", "id": "a1"}]
    watched = space(
        journey({"mail": send(mapping=mapping)}),
        journey({"wait": delay("P1D")}, key="k", entry=trait("plan", "exists")),
    )
    unwanted = track("Nobody Wants", "0", None, anon="a1")  # it makes a profile (O7)
    done = run(watched, [identify("0", "u1"), unwanted, alias("a1", "u1", "PT1H"), track("Start", "PT2H")])
    assert done.payloads() == [{"who": "a1", "id": "u1", "user": "u1"}]


# P3


def test_the_latest_write_of_a_trait_wins() -> None:
    """P3: by timestamp, on a tie the later arrival."""
    calls = [identify("PT5H", a="late", b="first"), identify("PT1H", a="early"), identify("PT5H", b="second")]
    assert profile_of(run(space(journey(IMMEDIATE)), calls)).traits == {"a": "late", "b": "second"}


def test_null_removes_a_trait() -> None:
    """P3: and an older write does not bring it back."""
    calls = [identify("0", a=1, b=2), identify("PT2H", a=None), identify("PT1H", a=3)]
    assert profile_of(run(space(journey(IMMEDIATE)), calls)).traits == {"b": 2}


def test_nested_objects_are_replaced() -> None:
    """P3: and ``a.b`` addresses into them."""
    document = space(journey({"split": if_else(trait("address.city", "equals", "Ulm"))}))
    calls = [identify("0", address={"city": "Ulm", "zip": 1}), track("Start"), identify("PT1H", address={"zip": 2})]
    done = run(document, [*calls, track("Start", "PT2H")])
    assert done.story("branch") == ["0 branch split true", "PT2H branch split false"]
    assert profile_of(done).traits == {"address": {"zip": 2}}


# P4


@pytest.mark.parametrize(
    ("kind", "event", "title"), [("page", "Page Viewed", "page_name"), ("screen", "Screen Viewed", "screen_name")]
)
def test_pages_and_screens_are_events(kind: str, event: str, title: str) -> None:
    """P4: their name becomes a property, and beats one of that name."""
    document = space(
        journey(
            {"mail": send(mapping={"title": {"context": [event, title]}, "n": {"context": [event, "n"]}})}, entry=event
        )
    )
    done = run(
        document,
        [call(kind, name="Home", properties={title: "own", "n": 1}), call(kind, "PT1H", properties={title: "own"})],
    )
    assert done.payloads() == [{"title": "Home", "n": 1}, {"title": "own"}]


def test_a_group_is_one_trait() -> None:
    """P4: named ``groups.<groupId>``, replaced as a whole, addressed like any."""
    document = space(journey({"split": if_else(trait("groups.g.1.size", "greater_than", 2))}))
    calls = [call("group", groupId="g.1", traits={"size": 3, "plan": "x"}), track("Start")]
    done = run(document, [*calls, call("group", "PT1H", groupId="g.1", traits={"plan": "y"}), track("Start", "PT2H")])
    assert profile_of(done).traits == {"groups.g.1": {"plan": "y"}}
    assert done.story("branch") == ["0 branch split true", "PT2H branch split false"]


# P6 and C6: audiences


def test_membership_is_exact_at_every_instant() -> None:
    """P6, C6: also when only time passes; audiences may refer to audiences and computed traits."""
    document = space(
        journey({"wait": wait({"type": "audience", "audience": "lapsed"}, "mail"), "mail": send()}),
        audiences=[
            {"key": "buyer", "condition": trait("orders", "greater_than", 0)},
            {"key": "lapsed", "condition": {"type": "not", "condition": {"type": "audience", "audience": "buyer"}}},
        ],
        computed_traits=[{"key": "orders", "type": "event_counter", "event": "Order", "within": "P2D"}],
    )
    done = run(document, [track("Order"), track("Start", "PT1H"), track("Order", "P1D"), Advance("P9D")])
    assert done.story("sent") == ["P3D sent mail"]


def test_changes_of_membership_are_sent() -> None:
    """P6 (format): each change, when it happens, with an id derived from (key, profile, instant)."""
    document = space(
        journey(IMMEDIATE),
        audiences=[{"key": "recent", "condition": did("Order", within="P1D"), "destinations": ["email", "crm"]}],
        computed_traits=[{"key": "n", "type": "event_counter", "event": "Order", "destinations": ["crm"]}],
    )
    done = run(document, [track("Order"), track("Order", "PT1H"), Advance("P3D")], until="P3D")
    assert done.story("sent") == [
        "0 sent n",
        "0 sent recent",
        "0 sent recent",
        "PT1H sent n",
        "P1DT1H sent recent",
        "P1DT1H sent recent",
    ]
    last = done.records("sent")[-2]
    assert last["delivery"] == derived_id("recent", "u1", at("P1DT1H"))
    assert last["payload"]["event"] == "Audience Exited"
    assert last["payload"]["properties"] == {"recent": False}
    assert "journey" not in last and "step" not in last
    counted = done.records("sent")[0]["payload"]
    assert (counted["event"], counted["properties"]) == ("Trait Computed", {"trait_key": "n", "n": 1})


# O6


def test_derived_ids() -> None:
    """O6: instance and delivery ids can be computed by anybody."""
    import hashlib

    def derived(*parts: str) -> str:
        return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()

    document = space(journey({"mail": send("more"), "more": send()}, entry=on("Start", identifier="n"), version=3))
    calls = [
        track("Start", "0", "ü1", id="m-1", n=1.0),
        track("Start", "PT1H", "ü1", n="x"),
        track("Start", "PT2H", "ü1", n=True),
    ]
    done = run(document, calls)
    instances = [
        derived("j", "3", "ü1", "m-1", "1"),
        derived("j", "3", "ü1", "#1", '"x"'),
        derived("j", "3", "ü1", "#2", "true"),
    ]
    assert [record["instance"] for record in done.records("entered")] == instances
    assert [record["delivery"] for record in done.records("sent")][:2] == [
        derived(instances[0], "mail", "0", "0"),
        derived(instances[0], "more", "0", "0"),
    ]


def test_the_derived_id_of_a_condition_entry_and_of_an_exit_send() -> None:
    """O6: the cause of a condition entry is the instant as in traces; an exit send has an empty step."""
    activation = {"destination": "email"}
    document = space(
        journey(
            {"wait": hold("P9D", branch("x", "Never"))},
            entry=trait("x", "exists"),
            exit_rules=[{"key": "out", "event": "Out"}],
            exit_send={"rules": ["out"], "activation": activation},
        )
    )
    done = run(document, [identify("PT1H+250000", x=1, id="m"), track("Out", "PT2H")])
    instance = derived_id("j", "1", "u1", "2026-01-01T01:00:00.25Z", "")
    assert done.records("entered")[0]["instance"] == instance
    assert done.records("sent")[0]["delivery"] == derived_id(instance, "", "0", "0")


def test_ids_of_list_changes() -> None:
    """O6: an add and a remove are deliveries with activation index 0 and 1."""
    from journeys.codec import load_space
    from journeys.engine._effects import Effects
    from journeys.plan.compile import compile_space
    from journeys.runtime._processor import Processor

    document = space(journey({"fork": branches(("x", ALWAYS, "ad")), "ad": ad(remove_after="PT1H")}))
    processor = Processor(compile_space(load_space(document)), Effects())
    processor.feed(track("Start", id="m"))
    processor.advance(10**17)
    instance = derived_id("j", "1", "u1", "m", "")
    assert [each.id for each in processor.effects.deliveries] == [derived_id(instance, "ad", n, "0") for n in "01"]

"""The neutral graph: every step, every way out, every end."""

import attrs
import pytest

import journeys.model.steps as steps_module
from journeys.model.entries import EventEntry
from journeys.model.journey import Journey
from journeys.model.steps import Delay, HoldUntil, Step
from journeys.runtime.render import Counts, Edge, graph_of, kind_of
from journeys.runtime.render.graph import EDGE_KINDS, OTHER_KINDS
from journeys.runtime.render.theme import ACCENTS, ICONS, TINTS
from tests.runtime.render.samples import CART, WELCOME, WINBACK

STEP_TYPES = {cls for cls in vars(steps_module).values() if isinstance(cls, type) and issubclass(cls, Step)} - {Step}


def test_the_sample_has_every_type_of_step() -> None:
    assert {type(step) for step in WELCOME.steps.values()} == STEP_TYPES


def test_every_kind_has_its_colours_and_its_icon() -> None:
    kinds = {kind_of(step) for step in WELCOME.steps.values()} | set(OTHER_KINDS)
    assert set(ACCENTS) == set(TINTS) == kinds
    assert set(ICONS) == kinds - {"end", "exited"}


def test_cart_abandonment() -> None:
    graph = graph_of(CART)
    assert [(node.key, node.kind, node.title) for node in graph.nodes] == [
        (":entry", "entry", "Cart Modified (value is at least 50)"),
        ("hold", "hold_until", "Buys within two hours?"),
        ("nudge", "send_to_destination", "Send Cart Abandoned to email"),
        (":end:hold:0", "end", "End"),
        (":end:nudge:0", "end", "End"),
        (":exit:gone", "exit_rule", "Account Deleted"),
        (":exited", "exited", "Exited"),
    ]
    assert graph.edges == (
        Edge(":entry", "hold"),
        Edge("hold", ":end:hold:0", "bought", "branch", "bought"),
        Edge("hold", "hold", "changed", "restart", "changed"),
        Edge("hold", "nudge", "after 2 hours", "timeout", "timeout"),
        Edge("nudge", ":end:nudge:0"),
        Edge(":exit:gone", ":exited", kind="exit"),
    )
    assert graph.node("hold").lines == ("Hold for up to 2 hours", "bought: Order Completed", "changed: Cart Modified")
    with pytest.raises(KeyError):
        graph.node("nowhere")


def test_every_edge_of_every_step_is_there() -> None:
    edges = {(edge.source, edge.branch, edge.target, edge.kind) for edge in graph_of(WELCOME).edges}
    assert {
        ("greet", None, "morning", "normal"),
        ("active", "set up", "size", "branch"),
        ("active", "came back", "active", "restart"),
        ("active", "looked around", "active", "restart"),
        ("active", "timeout", "test", "timeout"),
        ("test", "none", ":end:test:2", "branch"),
        ("size", "everyone_else", "tips", "branch"),
        ("signals", "uses reports", "ready", "branch"),
        ("signals", "is a fan", ":end:signals:1", "branch"),
        ("paid", "true", ":end:paid:0", "branch"),
        ("paid", "false", "last-call", "branch"),
        ("ad", None, "last-call", "normal"),
        ("tips", None, "ready", "normal"),
        (":exit:cancelled", None, ":exit-send", "exit"),
        (":exit-send", None, ":exited", "exit"),
        (":exit:deleted", None, ":exited", "exit"),
    } <= edges
    assert {edge.kind for edge in graph_of(WELCOME).edges} == set(EDGE_KINDS)
    assert len(edges) == len(graph_of(WELCOME).edges) == 29


def test_what_may_happen_at_any_time_stands_aside() -> None:
    aside = [(node.kind, node.title) for node in graph_of(WELCOME).nodes if node.aside]
    assert aside == [
        ("goal", "Order Completed (revenue is greater than 0) within 30 days"),
        ("exit_rule", 'Trial Cancelled (by is "user"), same identifier'),
        ("exit_rule", "Account Deleted"),
        ("exit_send", "Send Trial Lost to crm, with email"),
        ("exited", "Exited"),
    ]
    assert graph_of(WELCOME).notes == ("expires after 90 days",)


def test_condition_based_journeys() -> None:
    graph = graph_of(WINBACK)
    assert graph.node(":exit-after").title == "30 days after the entry"
    assert Edge(":exit-after", ":exited", kind="exit") in graph.edges
    assert graph.notes == ("may enter again 60 days after the exit",)


def test_drafts_are_drawn_as_they_are() -> None:
    draft = Journey(
        key="draft",
        entry=EventEntry("A"),
        start="one",
        steps={
            "one": HoldUntil([], max_duration="PT1H", timeout="two"),
            "two": Delay(duration="PT1H", next="one"),
            "far": Delay(duration="PT1H", next="gone", description="A note."),
        },
        status="draft",
    )
    graph = graph_of(draft)
    assert [node.key for node in graph.nodes] == [":entry", "one", "two", "far", "gone"]
    assert graph.node("gone").kind == "missing"
    assert graph.node("far").description == "A note."
    assert graph_of(attrs.evolve(draft, start="nowhere")).node("nowhere").kind == "missing"


def test_counts_reach_nodes_and_edges() -> None:
    def record(kind: str, **more: object) -> dict[str, object]:
        common = {"at": "2026-01-01T00:00:00Z", "profile": "u1", "journey": "cart-abandonment", "version": 1}
        return {**common, "instance": "i", "kind": kind, **more}

    trace = [
        record("entered"),
        record("step", step="hold"),
        record("restarted", step="hold", branch="changed"),
        record("branch", step="hold", branch="timeout"),
        record("step", step="nudge"),
        record("sent", step="nudge"),
        record("completed"),
        {**record("entered"), "instance": "j"},
        {**record("step", step="hold"), "instance": "j"},
        {**record("entered"), "instance": "k"},
        {**record("step", step="hold"), "instance": "k"},
        {**record("exited", rule="gone"), "instance": "k"},
    ]
    graph = graph_of(CART).with_counts(Counts.of(CART, trace))
    assert graph.figures == (("entered", 3), ("active", 1), ("completed", 1), ("exited", 1))
    assert {node.key: node.count for node in graph.nodes} == {
        ":entry": 3, "hold": 3, "nudge": 1, ":end:hold:0": 0, ":end:nudge:0": 1, ":exit:gone": 1, ":exited": 1,
    }  # fmt: skip
    assert graph.node("hold").stats == (("waiting", 1),)
    assert graph.node("nudge").stats == (("sent", 1),)
    assert [edge.count for edge in graph.edges] == [3, 0, 1, 1, 1, 1]

"""A journey as a neutral graph: what is drawn, before anyone decides how.

Keys of steps stand for themselves; everything else begins with a colon, which no key of a step may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from journeys.model.entries import ExitSend
from journeys.model.journey import Journey
from journeys.model.steps import Step
from journeys.runtime.render.counts import Counts
from journeys.runtime.render.links import Link, links_of
from journeys.runtime.render.phrases import (
    Phrase,
    describe_activation,
    describe_exit_rule,
    describe_goal,
    describe_journey_ends,
    entry_phrase,
    phrase_of,
)
from journeys.runtime.render.words import describe_duration

ENTRY, EXITED, EXIT_SEND, EXIT_AFTER, GOAL = ":entry", ":exited", ":exit-send", ":exit-after", ":goal"

#: what a node may be, besides the type of a step
OTHER_KINDS = ("entry", "end", "missing", "exit_rule", "exit_send", "exited", "goal")
EDGE_KINDS = ("normal", "branch", "timeout", "exit", "restart")


@attrs.frozen
class Node:
    """Something to draw: a step, the entry, the end of a path, or something that may happen at any time."""

    key: str
    kind: str
    label: str
    title: str
    lines: tuple[str, ...] = ()
    description: str | None = None
    #: whether it stands beside the flow, because it may happen at any time
    aside: bool = False
    #: how many arrived; None as long as nobody has counted
    count: int | None = None
    #: further figures, like ``("waiting", 3)``
    stats: tuple[tuple[str, int], ...] = ()


@attrs.frozen
class Edge:
    """A way from node to node; ``branch`` is the name that traces use for it."""

    source: str
    target: str
    label: str = ""
    kind: str = "normal"
    branch: str | None = None
    count: int | None = None


@attrs.frozen
class Graph:
    """A journey to draw; nodes and edges are in the order of a reader who follows each path to its end."""

    key: str
    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    version: int = 1
    status: str = "live"
    description: str | None = None
    #: what holds for the journey as a whole
    notes: tuple[str, ...] = ()
    #: figures of the journey as a whole, like ``("entered", 12)``
    figures: tuple[tuple[str, int], ...] = ()

    def node(self, key: str) -> Node:
        """The node of that key; KeyError if there is none."""
        for node in self.nodes:
            if node.key == key:
                return node
        raise KeyError(key)

    def with_counts(self, counts: Counts) -> Graph:
        """The same graph with the figures of a trace."""
        edges = tuple(_counted_edge(edge, counts) for edge in self.edges)
        into = {edge.target: edge.count for edge in edges}
        nodes = tuple(_counted_node(node, counts, into.get(node.key)) for node in self.nodes)
        return attrs.evolve(self, nodes=nodes, edges=edges, figures=counts.figures)


def graph_of(journey: Journey) -> Graph:
    """The graph of a journey, also of a draft: a step that is not there becomes a node of the kind ``missing``."""
    entry = _node(ENTRY, "entry", entry_phrase(journey.entry))
    nodes, edges = {ENTRY: entry}, []
    for key, step in _in_reading_order(journey):
        nodes[key] = _step_node(key, step)
        edges += [_edge(key, link, number) for number, link in enumerate(links_of(step))]
    edges.insert(0, Edge(ENTRY, _target(journey.start)))
    for edge in edges:
        if edge.target not in nodes:
            nodes[edge.target] = _end(edge.target)
    aside_nodes, aside_edges = _aside(journey)
    return Graph(
        key=journey.key,
        title=journey.name,
        nodes=(*nodes.values(), *aside_nodes),
        edges=(*edges, *aside_edges),
        version=journey.version,
        status=journey.status,
        description=journey.description,
        notes=describe_journey_ends(journey),
    )


def kind_of(step: Step) -> str:
    """The type of a step as definitions write it: ``hold_until``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(step).__name__).lower()


def _in_reading_order(journey: Journey) -> Iterator[tuple[str, Step]]:
    """Depth first from the start, as a token runs; steps that nothing leads to come last."""
    seen: set[str] = set()
    for root in (journey.start, *journey.steps):
        stack = [root]
        while stack:
            key = stack.pop()
            if key in seen or key not in journey.steps:
                continue
            seen.add(key)
            yield key, journey.steps[key]
            stack += [link.target for link in reversed(links_of(journey.steps[key])) if link.target is not None]


def _node(key: str, kind: str, phrase: Phrase, *, aside: bool = False) -> Node:
    return Node(key, kind, phrase.label, phrase.text, phrase.details, aside=aside)


def _step_node(key: str, step: Step) -> Node:
    phrase = phrase_of(step)
    plain = _node(key, kind_of(step), phrase)
    if step.name is None:
        return attrs.evolve(plain, description=step.description)
    return attrs.evolve(plain, title=step.name, lines=(phrase.text, *phrase.details), description=step.description)


def _edge(source: str, link: Link, number: int) -> Edge:
    if link.kind == "restart":
        return Edge(source, source, link.label, link.kind, link.branch)
    target = _target(link.target) if link.target is not None else f":end:{source}:{number}"
    return Edge(source, target, link.label, link.kind, link.branch)


def _target(key: str) -> str:
    return key or ":missing:"


def _end(key: str) -> Node:
    if key.startswith(":end:"):
        return Node(key, "end", "End", "End")
    return Node(key, "missing", "Missing", key.removeprefix(":missing:"), ("there is no such step",))


def _aside(journey: Journey) -> tuple[list[Node], list[Edge]]:
    """What may happen at any time: the goal, and the ways out."""
    nodes, edges = [], []
    sends = journey.exit_send
    for rule in journey.exit_rules:
        key = f":exit:{rule.key}"
        nodes.append(Node(key, "exit_rule", "Exits on", describe_exit_rule(rule), aside=True))
        by_send = sends is not None and rule.key in sends.rules
        edges.append(Edge(key, EXIT_SEND if by_send else EXITED, kind="exit"))
    if journey.exit_after is not None:
        text = f"{describe_duration(journey.exit_after)} after the entry"
        nodes.append(Node(EXIT_AFTER, "exit_rule", "Exits", text, aside=True))
        edges.append(Edge(EXIT_AFTER, EXITED, kind="exit"))
    if sends is not None:
        nodes.append(_exit_send(sends))
        edges.append(Edge(EXIT_SEND, EXITED, kind="exit"))
    if nodes:
        nodes.append(Node(EXITED, "exited", "Exited", "Exited", aside=True))
    if journey.goal is not None:
        nodes.insert(0, Node(GOAL, "goal", "Goal", describe_goal(journey.goal), aside=True))
    return nodes, edges


def _exit_send(sends: ExitSend) -> Node:
    return Node(EXIT_SEND, "exit_send", "Exit send", describe_activation(sends.activation), aside=True)


def _counted_edge(edge: Edge, counts: Counts) -> Edge:
    return attrs.evolve(edge, count=_edge_count(edge, counts))


def _edge_count(edge: Edge, counts: Counts) -> int:
    if edge.source == ENTRY:
        return counts.entered
    if edge.kind == "restart":
        return counts.restarted[edge.source, edge.branch or ""]
    if edge.kind == "exit":
        return _exits(edge.source, counts)
    if edge.branch is not None:
        return counts.taken[edge.source, edge.branch]
    return counts.moved[edge.source, None if edge.target.startswith(":end:") else edge.target]


def _exits(key: str, counts: Counts) -> int:
    if key == EXIT_AFTER:
        return counts.exited[None]
    return counts.sent[None] if key == EXIT_SEND else counts.exited[key.removeprefix(":exit:")]


def _counted_node(node: Node, counts: Counts, arrived_by_edge: int | None) -> Node:
    match node.kind:
        case "entry":
            return attrs.evolve(node, count=counts.entered)
        case "end" | "missing":
            return attrs.evolve(node, count=arrived_by_edge)
        case "exit_rule" | "exit_send":
            return attrs.evolve(node, count=_exits(node.key, counts))
        case "exited":
            return attrs.evolve(node, count=counts.ended["exited"])
        case "goal":
            return attrs.evolve(node, count=counts.goals)
    by_step = (("waiting", counts.waiting), ("sent", counts.sent), ("added", counts.added), ("skipped", counts.skipped))
    stats = tuple((name, figures.get(node.key, 0)) for name, figures in by_step)
    return attrs.evolve(node, count=counts.arrived[node.key], stats=tuple(stat for stat in stats if stat[1]))

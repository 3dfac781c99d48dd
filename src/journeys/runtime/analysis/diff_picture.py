"""The picture of a new version in which what was added, removed and changed is marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import attrs

from journeys.model.journey import Journey
from journeys.runtime.analysis.diff import diff
from journeys.runtime.analysis.diff_findings import Difference
from journeys.runtime.render import Graph, Node, graph_of, to_mermaid, to_svg, to_text
from journeys.runtime.render.graph import ENTRY, EXIT_AFTER, EXIT_SEND, GOAL

#: what each mark looks like in Mermaid
STYLES: Mapping[str, str] = {
    "new": "stroke:#2b8a3e,stroke-width:4px",
    "gone": "stroke:#c92a2a,stroke-width:2px,stroke-dasharray:6 4",
    "changed": "stroke:#e67700,stroke-width:4px",
}
_MARK = " · "
_PLACES = {"entry": ENTRY, "goal": GOAL, "exit_send": EXIT_SEND, "exit_after": EXIT_AFTER}
_FIELD = re.compile(r"\$\.(\w+)(?:\[(\d+)\])?")


def marked_graph(old: Journey, new: Journey) -> Graph:
    """The graph of the new version; steps that are gone stand in it with nothing that leads to them.

    The label of a node ends with ``new``, ``gone`` or ``changed``, and the node says what has changed.
    """
    graph, before = graph_of(new), graph_of(old)
    nodes = {node.key: node for node in graph.nodes}
    told: dict[str, list[str]] = {}
    added: set[str] = set()
    gone = []
    for each in diff(old, new).differences:
        if each.kind == "removed" and each.area == "steps" and each.step is not None:
            key = each.step if each.step not in nodes else f"{each.step} (old)"
            gone.append(_marked(attrs.evolve(before.node(each.step), key=key), "gone"))
            continue
        place = _place(each, new)
        if place not in nodes:
            continue
        if each.kind == "added" and re.fullmatch(r"\$\.\w+(\[\d+\]|\.[\w-]+|\[\"[^\"]*\"\])?", each.path):
            added.add(place)
        told.setdefault(place, []).append(each.text.partition(": ")[2] if each.step == place else each.text)
    shown = [
        node if node.key not in told
        else _marked(node, "new") if node.key in added
        else _marked(node, "changed", told[node.key])
        for node in graph.nodes
    ]  # fmt: skip
    return attrs.evolve(graph, nodes=(*shown, *gone))


def _place(each: Difference, new: Journey) -> str:
    """The node at which a difference is told."""
    if each.step is not None:
        return each.step
    field = _FIELD.match(each.path)
    if field is None:
        return ""
    if field[1] == "exit_rules" and field[2] is not None and each.new_path is not None:
        return f":exit:{new.exit_rules[int(field[2])].key}"
    return _PLACES.get(field[1], "")


def _marked(node: Node, mark: str, lines: list[str] | None = None) -> Node:
    return attrs.evolve(node, label=node.label + _MARK + mark, lines=(*node.lines, *(lines or ())))


def _mermaid(graph: Graph) -> str:
    """Mermaid with a frame in the colour of each mark."""
    styles = (
        f"    style n{number} {STYLES[mark]}\n"
        for number, node in enumerate(graph.nodes)
        for mark in STYLES
        if node.label.endswith(_MARK + mark)
    )
    return to_mermaid(graph) + "".join(styles)


DRAWN: Mapping[str, Callable[[Graph], str]] = {"mermaid": _mermaid, "svg": to_svg, "text": to_text}


def draw_diff(old: Journey, new: Journey, form: str = "mermaid") -> str:
    """The picture of both as ``mermaid``, ``svg`` or ``text``."""
    return DRAWN[form](marked_graph(old, new))

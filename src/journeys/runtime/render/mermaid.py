"""Mermaid text of a graph: a flowchart that GitHub, GitLab and many editors draw."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from journeys.runtime.render.cards import grouped
from journeys.runtime.render.graph import Edge, Graph, Node
from journeys.runtime.render.measure import cells, clean, wrap
from journeys.runtime.render.theme import ACCENTS, TINTS

#: about as wide as Mermaid makes a box
_WIDTH, _TITLE_LINES, _LINE_LINES = 26, 5, 4

_SPLITS = ("true_false_split", "multi_branch_split", "data_split", "randomized_split")
_WAITS = ("wait_for_condition", "delay", "hold_until")
_SHAPES = {
    **dict.fromkeys(("entry", "end", "exited"), ("([", "])")),
    **dict.fromkeys(_SPLITS, ("{{", "}}")),
    **dict.fromkeys(_WAITS, ("(", ")")),
}
_ARROWS = {"timeout": "-.->", "restart": "-.->", "exit": "-.->"}

#: a title knows no character codes and is read as HTML: letters that look alike
_LOOKALIKES = str.maketrans("<>&", "‹›＆")
#: what Mermaid, its markdown or HTML may read as more than a letter: brackets and marks anywhere, some only in places
_SPECIAL = re.compile(
    r"[\"#&<>`*~|\\\[\]{}@$;]|:(?! )|%(?=[%{])|(?<=%)%|(?<!\w)_|_(?!\w)|(?<=^www)\.|(?<=\bwww)\.|^[-+=]|(?<=^\d)[.)]|"
    r"(?<=^\d\d)[.)]|(?<=^\d\d\d)[.)]"
)


#: what is replaced only after the codes are letters again: an unseen letter between keeps it apart
_LATE = re.compile(r"(?<=\\)(?=n)|(?<=:)(?=fa-)")
_APART = "\u200c"


def to_mermaid(graph: Graph) -> str:
    """A flowchart from the top down; every text is quoted so that nothing in it can be taken for syntax."""
    names = {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}
    return "\n".join(
        (
            "---",
            f"title: {json.dumps(clean(graph.title).translate(_LOOKALIKES), ensure_ascii=False)}",
            "---",
            "flowchart TD",
            *(f"    {_node(names, node)}" for node in graph.nodes if not node.aside),
            *_aside(names, graph),
            *(f"    {line}" for line in _edges(names, graph.edges)),
            *_classes(names, graph.nodes),
            "",
        )
    )


def _aside(names: dict[str, str], graph: Graph) -> Iterator[str]:
    nodes = [node for node in graph.nodes if node.aside]
    if nodes:
        yield '    subgraph aside["At any time"]'
        yield from (f"        {_node(names, node)}" for node in nodes)
        yield "    end"
        yield "    style aside fill:#eff1f5,stroke:#d5dae2,color:#5d6878"


def _node(names: dict[str, str], node: Node) -> str:
    opening, closing = _SHAPES.get(node.kind, ("[", "]"))
    return f'{names[node.key]}{opening}"{_label(node)}"{closing}'


def _label(node: Node) -> str:
    title = node.title if node.label == node.title else f"{node.label}: {node.title}"
    lines = [*_wrapped(title, _TITLE_LINES)]
    for line in node.lines:
        lines += _wrapped(line, _LINE_LINES)
    if node.count is not None:
        lines.append(" · ".join((_counted(node), *(f"{grouped(number)} {name}" for name, number in node.stats))))
    return "<br/>".join(lines)


def _counted(node: Node) -> str:
    if node.kind == "entry":
        return f"{grouped(node.count or 0)} entered"
    return f"{grouped(node.count or 0)} arrived" if not node.key.startswith(":") else grouped(node.count or 0)


def _wrapped(text: str, lines: int) -> Iterable[str]:
    return map(quoted, wrap(clean(text), _WIDTH, cells, lines))


def _edges(names: dict[str, str], edges: Iterable[Edge]) -> Iterator[str]:
    """A line each; the restarts of a step share one, because Mermaid draws all loops at the same place."""
    restarts: dict[str, list[str]] = {}
    for edge in edges:
        label = _edge_label(edge)
        if edge.kind == "restart":
            restarts.setdefault(names[edge.source], []).append(label)
        else:
            arrow = _ARROWS.get(edge.kind, "-->") + (f'|"{label}"|' if label else "")
            yield f"{names[edge.source]} {arrow} {names[edge.target]}"
    for name, labels in restarts.items():
        yield f'{name} -.->|"{"<br/>".join(labels)}"| {name}'


def _edge_label(edge: Edge) -> str:
    count = grouped(edge.count) if edge.count is not None else ""
    text = "<br/>".join(_wrapped(edge.label, 2)) if edge.label else ""
    return " · ".join(filter(None, (text, count)))


def quoted(text: str) -> str:
    """Text for between Mermaid's quotes: what has a meaning there is written as a character code."""
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", _LATE.sub(_APART, text))


def _classes(names: dict[str, str], nodes: Iterable[Node]) -> Iterator[str]:
    by_kind: dict[str, list[str]] = {}
    for node in nodes:
        by_kind.setdefault(node.kind, []).append(names[node.key])
    for kind, members in by_kind.items():
        # a class may not be called `end`
        yield f"    classDef k_{kind} fill:{TINTS[kind]},stroke:{ACCENTS[kind]},color:#1c2430"
        yield f"    class {','.join(members)} k_{kind}"

"""A graph as an indented tree for a terminal, with its figures in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from journeys.runtime.render.cards import grouped
from journeys.runtime.render.graph import ENTRY, Edge, Graph, Node
from journeys.runtime.render.measure import cells, clean, wrap

_MARKS = {"entry": "▶", "end": "■", "missing": "?", "exit_rule": "✕", "exit_send": "●", "exited": "✕", "goal": "★"}
_LEAST = 24


@attrs.frozen
class _Row:
    """A line to be: ``start`` stands before its text, ``hang`` before what does not fit on the first line."""

    start: str
    text: str
    hang: str = ""
    figures: tuple[tuple[str, int], ...] = ()


@attrs.frozen
class _Path:
    """A path that is still to be followed, from this node on."""

    key: str
    indent: str


def to_text(graph: Graph, *, width: int = 100) -> str:
    """The tree; a step that several paths lead to is drawn once and named by the others."""
    rows = [*_flow(graph), *_aside(graph)]
    columns = list(dict.fromkeys(name for row in rows for name, _ in row.figures))
    widths = [max(len(name), 6) for name in columns]
    room = max(width - sum(each + 2 for each in widths), _LEAST)
    lines = [line for row in rows for line in _lines(row, columns, widths, room)]
    heading = _heading(graph, width)
    if columns:
        longest = max(cells(text) for text, _ in lines)
        names = "".join(f"  {name:>{size}}" for name, size in zip(columns, widths, strict=True))
        heading.append(" " * longest + names)
        lines = [(text + " " * (longest - cells(text)) if figures else text, figures) for text, figures in lines]
    return "\n".join([*heading, *(f"{text}{figures}".rstrip() for text, figures in lines), ""])


def _heading(graph: Graph, width: int) -> list[str]:
    facts = " · ".join((graph.key, f"version {graph.version}", graph.status, *graph.notes))
    lines = [*wrap(clean(graph.title), width, cells), *wrap(clean(facts), width, cells)]
    if graph.description:
        lines += wrap(clean(graph.description), width, cells)
    if graph.figures:
        lines += wrap(" · ".join(f"{grouped(number)} {name}" for name, number in graph.figures), width, cells)
    return [*lines, ""]


def _lines(row: _Row, columns: list[str], widths: list[int], room: int) -> Iterator[tuple[str, str]]:
    figures = dict(row.figures)
    text = "".join(
        f"  {grouped(figures[name]) if name in figures else '':>{size}}"
        for name, size in zip(columns, widths, strict=True)
    )
    indent = max(cells(row.start), cells(row.hang))
    first, *rest = wrap(clean(row.text), max(room - indent, _LEAST), cells)
    yield row.start + first, text if figures else ""
    for line in rest:
        yield (row.hang or row.start) + line, ""


def _flow(graph: Graph) -> Iterator[_Row]:
    nodes = {node.key: node for node in graph.nodes if not node.aside}
    ways: dict[str, list[Edge]] = {key: [] for key in nodes}
    for edge in graph.edges:
        if edge.source in ways:
            ways[edge.source].append(edge)
    drawn: set[str] = set()
    yield from _follow(ENTRY, nodes, ways, drawn)
    for key in nodes:
        if key not in drawn:
            yield _Row("", "")
            yield _Row("", "nothing leads here:")
            yield from _follow(key, nodes, ways, drawn)


def _follow(key: str, nodes: dict[str, Node], ways: dict[str, list[Edge]], drawn: set[str]) -> Iterator[_Row]:
    """All paths from a node on, each to its end before the next begins."""
    todo: list[_Path | _Row] = [_Path(key, "")]
    while todo:
        task = todo.pop()
        if isinstance(task, _Row):
            yield task
            continue
        node, out = nodes[task.key], ways[task.key]
        if task.key in drawn:
            yield _Row(f"{task.indent}→ ", f"see {_named(node)}")
            continue
        drawn.update((task.key, *(edge.target for edge in out if nodes[edge.target].kind == "end" and edge.label)))
        yield from _node_rows(node, task.indent, goes_on=bool(out))
        if len(out) == 1 and not out[0].label:
            todo.append(_Path(out[0].target, task.indent))
        else:
            todo += reversed([each for edge in out for each in _branch(edge, edge is out[-1], nodes, task.indent)])


def _node_rows(node: Node, indent: str, *, goes_on: bool) -> Iterator[_Row]:
    hang = f"{indent}{'│' if goes_on else ' '}   "
    text = node.title.lower() if node.kind == "end" else f"{node.label}: {_named(node)}"
    yield _Row(f"{indent}{_MARKS.get(node.kind, '●')} ", text, hang, _figures(node))
    for line in node.lines:
        yield _Row(hang, line)


def _named(node: Node) -> str:
    return node.title if node.key.startswith(":") else f"{node.title}  ({node.key})"


def _figures(node: Node) -> tuple[tuple[str, int], ...]:
    return (("count", node.count), *node.stats) if node.count is not None else ()


def _branch(edge: Edge, is_last: bool, nodes: dict[str, Node], indent: str) -> list[_Path | _Row]:
    start, below = (f"{indent}└─ ", f"{indent}   ") if is_last else (f"{indent}├─ ", f"{indent}│  ")
    figures = (("count", edge.count),) if edge.count is not None else ()
    if edge.kind == "restart":
        return [_Row(start, f"{edge.label} ↺ starts again", below, figures)]
    if nodes[edge.target].kind == "end":
        return [_Row(start, f"{edge.label} → end", below, figures)]
    return [_Row(start, edge.label, below, figures), _Path(edge.target, below)]


def _aside(graph: Graph) -> Iterator[_Row]:
    nodes = {node.key: node for node in graph.nodes if node.aside}
    if not nodes:
        return
    to = {edge.source: edge.target for edge in graph.edges}
    starts = [node for node in nodes.values() if node.key not in to.values()]
    yield _Row("", "")
    yield _Row("", "at any time:")
    for node in starts:
        start, hang = ("└─ ", "   ") if node is starts[-1] else ("├─ ", "│  ")
        chain = " → ".join(each.title for each in _chain(node, nodes, to))
        yield _Row(f"{start}{_MARKS[node.kind]} ", f"{node.label}: {chain}", f"{hang}  ", _figures(node))


def _chain(node: Node, nodes: dict[str, Node], to: dict[str, str]) -> Iterable[Node]:
    yield node
    while node.key in to:
        node = nodes[to[node.key]]
        yield node

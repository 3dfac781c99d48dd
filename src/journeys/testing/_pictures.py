"""Coverage as pictures: every journey with its counts, marked where no test has been, and a page with all of them."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path

import attrs

from journeys.runtime.render.graph import Edge, Graph, Node, graph_of
from journeys.runtime.render.svg import to_svg
from journeys.testing.coverage import Coverage, JourneyCoverage, share

#: stands before the label of what was not reached
MARK = "✗"

_STYLE = """
.journey-picture .missed .card{fill:#fdecec;stroke:#dc3d43;stroke-width:2;stroke-dasharray:6 4}
.journey-picture .missed .label,.journey-picture .missed .tag-text,.journey-picture .missed .number{fill:#dc3d43}
.journey-picture .missed .title{fill:#7a1d22}
.journey-picture .missed .tag{fill:#fdecec;stroke:#dc3d43}
.journey-picture .missed .tag-tint{stroke:none}
.journey-picture .edge.missed{stroke:#dc3d43;stroke-dasharray:2 5}
"""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Journey coverage</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2430 }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ padding: .35rem .8rem; text-align: left; border-bottom: 1px solid #e2e6ec; vertical-align: top }}
td.number, th.number {{ text-align: right; white-space: nowrap }}
meter {{ width: 7rem }}
section {{ margin-top: 3rem }}
img {{ max-width: 100% }}
li.missed {{ color: #b3262c }}
</style>
<h1>Journey coverage: {percent}</h1>
<table>
<tr><th>journey<th class="number">items<th class="number">reached<th class="number">cover<th><th>missing</tr>
{rows}
</table>
{sections}
</html>
"""


def write_report(coverage: Coverage, directory: Path) -> Path:
    """Writes a picture of each journey, ``coverage.json`` and ``index.html``; answers the page."""
    directory.mkdir(parents=True, exist_ok=True)
    names = _file_names(coverage.journeys)
    for each, name in zip(coverage.journeys, names, strict=True):
        (directory / name).write_text(picture(each), encoding="utf-8")
    (directory / "coverage.json").write_text(json.dumps(_document(coverage), indent=2) + "\n", encoding="utf-8")
    page = directory / "index.html"
    page.write_text(_page(coverage, names), encoding="utf-8")
    return page


def picture(coverage: JourneyCoverage) -> str:
    """The SVG of a journey with the counts of the tests; what none of them has taken is marked."""
    graph = graph_of(coverage.journey).with_counts(coverage.counts)
    missed_edges = {id(edge) for edge in graph.edges if _is_missed_edge(edge)}
    missed_nodes = {node.key for node in graph.nodes if _is_missed(node)}
    marked = attrs.evolve(
        graph,
        nodes=tuple(_marked(node) if node.key in missed_nodes else node for node in graph.nodes),
        edges=tuple(
            attrs.evolve(edge, label=f"{MARK} {edge.label}") if id(edge) in missed_edges and edge.label else edge
            for edge in graph.edges
        ),
        figures=(
            ("entered", coverage.counts.entered),
            (f"of {len(coverage.items)} reached", coverage.reached),
        ),
    )
    return _styled(to_svg(marked, theme="light"), marked, missed_nodes)


def _is_missed(node: Node) -> bool:
    return not node.count and node.kind not in ("end", "exited", "missing")


def _is_missed_edge(edge: Edge) -> bool:
    return not edge.count


def _marked(node: Node) -> Node:
    return attrs.evolve(node, label=f"{MARK} {node.label}, not reached")


def _styled(svg: str, graph: Graph, missed: set[str]) -> str:
    """The picture with classes on what was missed: all that the renderer says of a node in SVG is its key."""
    taken: dict[tuple[str, str], int] = {}
    for edge in graph.edges:
        ends = (escape(edge.source), escape(edge.target))
        taken[ends] = taken.get(ends, 0) + (edge.count or 0)
    keys = {escape(key) for key in missed}

    def node(match: re.Match[str]) -> str:
        return f'<g class="node {match[1]} missed" data-key="{match[2]}">' if match[2] in keys else match[0]

    def edge_path(match: re.Match[str]) -> str:
        if taken.get((match[2], match[3])):
            return match[0]
        return f'class="edge {match[1]} missed" data-source="{match[2]}" data-target="{match[3]}"'

    svg = re.sub(r'<g class="node ([^"]*)" data-key="([^"]*)">', node, svg)
    svg = re.sub(r'class="edge ([^"]*)" data-source="([^"]*)" data-target="([^"]*)"', edge_path, svg)
    svg = re.sub(rf'<g class="tag-of ([^"]*)"><title>{MARK}', rf'<g class="tag-of \1 missed"><title>{MARK}', svg)
    return svg.replace("</style>", f"{_STYLE}</style>", 1)


def _file_names(journeys: list[JourneyCoverage]) -> list[str]:
    names: list[str] = []
    for each in journeys:
        stem = each.name.replace(" ", "-")
        number = sum(name.removesuffix(".svg").partition("~")[0] == stem for name in names)
        names.append(f"{stem}~{number + 1}.svg" if number else f"{stem}.svg")
    return names


def _document(coverage: Coverage) -> dict[str, object]:
    journeys = [
        {
            "journey": each.journey.key,
            "version": each.journey.version,
            "items": [
                {"kind": item.kind, "step": item.step, "branch": item.branch, "count": item.count(each.counts)}
                for item in each.items
            ],
        }
        for each in coverage.journeys
    ]
    return {"percent": coverage.percent, "total": coverage.total, "reached": coverage.reached, "journeys": journeys}


def _page(coverage: Coverage, names: list[str]) -> str:
    rows, sections = [], []
    for each, name in zip(coverage.journeys, names, strict=True):
        part = each.reached / len(each.items) if each.items else 0.0
        missing = ", ".join(escape(str(item)) for item in each.missing)
        anchor = name.removesuffix(".svg")
        rows.append(
            f'<tr><td><a href="#{anchor}">{escape(each.name)}</a><td class="number">{len(each.items)}'
            f'<td class="number">{each.reached}<td class="number">{share(each.reached, len(each.items))}'
            f'<td><meter value="{part:.3f}"></meter><td>{missing}</tr>'
        )
        title = escape(each.journey.name)
        sections.append(
            f'<section id="{anchor}"><h2>{title}</h2>\n<img src="{name}" alt="the journey, with counts">\n</section>'
        )
    return _PAGE.format(
        percent=share(coverage.reached, coverage.total), rows="\n".join(rows), sections="\n".join(sections)
    )

"""Mermaid, SVG and text: complete, well-formed and the same every time, also with hostile texts."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import attrs
import pytest

from journeys.model.journey import Journey
from journeys.runtime.render import Counts, Graph, graph_of, to_mermaid, to_svg, to_text
from journeys.runtime.render.measure import cells, clean, cut, pixels, wrap
from journeys.runtime.render.mermaid import quoted
from tests.runtime.render.samples import CART, HOSTILE, WELCOME, WINBACK, hostile

JOURNEYS = [CART, WELCOME, WINBACK, *map(hostile, HOSTILE), hostile(" ".join(HOSTILE))]
SVG = "{http://www.w3.org/2000/svg}"
RENDERERS = [to_mermaid, to_svg, to_text]

each_journey = pytest.mark.parametrize("journey", JOURNEYS, ids=[f"{number}" for number in range(len(JOURNEYS))])


def counted(journey: Journey) -> Graph:
    trace = [
        {"at": "2026-01-01T00:00:00Z", "profile": str(number), "journey": journey.key, "version": 1}
        | {"instance": str(number), "kind": "entered"}
        for number in range(1204)
    ]
    return graph_of(journey).with_counts(Counts.of(journey, trace))


@each_journey
def test_svg_is_well_formed_and_complete(journey: Journey) -> None:
    for graph in (graph_of(journey), counted(journey)):
        root = ElementTree.fromstring(to_svg(graph).encode())
        assert {each.get("data-key") for each in root.iter(f"{SVG}g")} - {None} == {node.key for node in graph.nodes}
        edges = [(each.get("data-source"), each.get("data-target")) for each in root.iter(f"{SVG}path")]
        assert [edge for edge in edges if edge[0]] == [(edge.source, edge.target) for edge in graph.edges]
        tags = {each.tag.removeprefix(SVG) for each in root.iter()}
        assert tags <= {"svg", "title", "style", "g", "rect", "path", "text", "tspan"}
        assert not any(name.startswith("on") or "href" in name for each in root.iter() for name in each.attrib)


@each_journey
def test_mermaid_is_quoted_and_complete(journey: Journey) -> None:
    for graph in (graph_of(journey), counted(journey)):
        lines = to_mermaid(graph).splitlines()
        assert lines[0] == lines[2] == "---"
        assert lines[1].startswith('title: "')
        assert lines[3] == "flowchart TD"
        nodes = [line for line in lines if re.match(r" +n\d+[\[({]", line)]
        assert len(nodes) == len(graph.nodes)
        edges = [line.split() for line in lines if re.match(r" +n\d+ -", line)]
        names = {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}
        drawn = {(edge[0], edge[-1]) for edge in edges}
        assert drawn == {(names[edge.source], names[edge.target]) for edge in graph.edges}
        for line in lines[4:]:
            text = re.sub(r'^[^"]*"|"[^"]*$', "", line) if '"' in line else ""
            text = text.replace("<br/>", "\n")
            assert not re.search(r'["<>`*~|\\\[\]{}@$&]|%%|^[-+=#]|:fa-', re.sub(r"#\d+;", "", text))
            assert "#" not in re.sub(r"#\d+;", "", text)


@each_journey
def test_text_is_clean_and_fits(journey: Journey) -> None:
    for graph in (graph_of(journey), counted(journey)):
        lines = to_text(graph, width=80).split("\n")
        assert all(cells(line) <= 80 for line in lines)
        assert all(letter.isprintable() or letter in "\u200d" for line in lines for letter in line)


@pytest.mark.parametrize("render", RENDERERS)
@pytest.mark.parametrize("journey", [CART, WELCOME, WINBACK], ids=lambda journey: journey.key)
def test_every_node_is_named_in_every_format(render: object, journey: Journey) -> None:
    drawn = " ".join(re.sub(r"<br/>|<[^>]*>|[│├└─●▶★✕]", " ", render(graph_of(journey))).split())  # type: ignore[operator]
    for node in graph_of(journey).nodes:
        if node.kind not in ("end", "exited"):
            text = quoted(node.title) if render is to_mermaid else node.title
            assert text.split(" (")[0].replace('"', "&quot;" if render is to_svg else '"') in drawn, node


@pytest.mark.parametrize("render", RENDERERS)
def test_every_picture_is_the_same_every_time(render: object) -> None:
    assert render(graph_of(WELCOME)) == render(graph_of(WELCOME))  # type: ignore[operator]


def test_pictures_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "from tests.runtime.render.samples import WELCOME; from journeys.runtime.render import *; import hashlib;"
        "g = graph_of(WELCOME); print(hashlib.sha1((to_svg(g) + to_mermaid(g) + to_text(g)).encode()).hexdigest())"
    )
    path = [entry for entry in sys.path if entry]
    runs = {
        subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {program}"],
            env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(runs) == 1


def test_themes() -> None:
    auto, light, dark = (to_svg(graph_of(CART), theme=theme) for theme in ("auto", "light", "dark"))
    assert "prefers-color-scheme:dark" in auto
    assert "prefers-color-scheme" not in light + dark
    assert "#11151c" in dark
    assert "#11151c" not in light
    with pytest.raises(ValueError, match="unknown theme 'pink'"):
        to_svg(graph_of(CART), theme="pink")


def test_text_of_cart_abandonment() -> None:
    assert (
        to_text(graph_of(CART))
        == """\
Cart abandonment
cart-abandonment · version 1 · live

▶ Enters on: Cart Modified (value is at least 50)
│   one at a time for each cart_id
● Hold until: Buys within two hours? (hold)
│   Hold for up to 2 hours
│   bought: Order Completed
│   changed: Cart Modified
├─ bought → end
├─ changed ↺ starts again
└─ after 2 hours
   ● Send: Send Cart Abandoned to email (nudge)
   │   with email
   ■ end

at any time:
└─ ✕ Exits on: Account Deleted → Exited
"""
    )


def test_text_with_counts_is_aligned() -> None:
    lines = to_text(counted(CART)).splitlines()
    head = next(line for line in lines if line.endswith(" count"))
    numbers = [line for line in lines if re.search(r" [\d,]+$", line)]
    assert {len(line) for line in numbers} == {len(head)}
    assert numbers[0].endswith("  1,204")


def test_a_join_is_drawn_once_and_named_by_the_others() -> None:
    text = to_text(graph_of(WELCOME))
    assert text.count("● Message: Send a WhatsApp message by texter (last-call)") == 1
    assert text.count("→ see Send a WhatsApp message by texter (last-call)") == 3
    assert "nothing leads here" not in text


def test_what_nothing_leads_to_is_drawn_too() -> None:
    stray = attrs.evolve(CART, start="nudge")
    assert "nothing leads here:\n● Hold until" in to_text(graph_of(stray))
    assert len(re.findall("data-key", to_svg(graph_of(stray)))) == len(graph_of(stray).nodes)


def test_long_paths_need_no_recursion() -> None:
    delay = WELCOME.steps["appointment"]
    steps = {f"s{number}": attrs.evolve(delay, next=f"s{number + 1}") for number in range(400)}
    long = attrs.evolve(WELCOME, start="s0", steps={**steps, "s400": attrs.evolve(delay, next=None)})
    for render in RENDERERS:
        assert render(graph_of(long)).count("kickoff") >= 401


def test_measures() -> None:
    assert clean("a\n\tb \x00\x1b c\u202e\ud800\uffff") == "a b c\ufffd\ufffd"
    assert cells("漢字👩‍🚀é") == 9
    assert cut("abcdef", 4, cells) == "abc…"
    assert wrap("one two three", 7, cells) == ("one two", "three")
    assert wrap("one two three four", 7, cells, 2) == ("one two", "three…")
    assert wrap("abcdefghij", 4, cells) == ("abcd", "efgh", "ij")
    assert wrap("", 4, cells) == ("",)
    assert pixels("iiii", 13) < pixels("WWWW", 13) < pixels("WWWW", 13, bold=True)

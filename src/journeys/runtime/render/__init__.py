"""Pictures of journeys: a neutral graph, then Mermaid, SVG or text; and what a journey says in plain words."""

from journeys.runtime.render.counts import Counts
from journeys.runtime.render.graph import Edge, Graph, Node, graph_of, kind_of
from journeys.runtime.render.layout import Box, Layout, Route, layout
from journeys.runtime.render.mermaid import to_mermaid
from journeys.runtime.render.phrases import (
    Phrase,
    describe_activation,
    describe_audience,
    describe_computed_trait,
    describe_entry,
    describe_exit_rule,
    describe_goal,
    describe_step,
    entry_phrase,
    phrase_of,
)
from journeys.runtime.render.svg import to_svg
from journeys.runtime.render.text import to_text
from journeys.runtime.render.words import (
    describe,
    describe_count,
    describe_duration,
    describe_event,
    describe_filter,
    describe_value,
)

__all__ = [
    "Box",
    "Counts",
    "Edge",
    "Graph",
    "Layout",
    "Node",
    "Phrase",
    "Route",
    "describe",
    "describe_activation",
    "describe_audience",
    "describe_computed_trait",
    "describe_count",
    "describe_duration",
    "describe_entry",
    "describe_event",
    "describe_exit_rule",
    "describe_filter",
    "describe_goal",
    "describe_step",
    "describe_value",
    "entry_phrase",
    "graph_of",
    "kind_of",
    "layout",
    "phrase_of",
    "to_mermaid",
    "to_svg",
    "to_text",
]

"""``validate``, ``schema``, ``draw``: what can be said of a definition without running it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from journeys.cli._destinations import add_network_options, network
from journeys.cli._io import Failure, counted, journey_argument, listed, read_bytes, read_space, space_argument
from journeys.codec.schema import json_schema
from journeys.codec.strict_json import InvalidJSON, parse_json
from journeys.destinations import check_destinations, own_variables
from journeys.errors import nearest
from journeys.plan.validate import examine
from journeys.runtime.render import Counts, graph_of, to_mermaid, to_svg, to_text

_RENDER = {"mermaid": to_mermaid, "svg": to_svg, "text": to_text}


def add_commands(commands: Any) -> None:
    """Adds the commands of this module."""
    check = commands.add_parser(
        "validate",
        help="every problem of a space, its path and the remedy",
        description="Every problem of a space, its path and the remedy. Exit code 1 if there is one.",
    )
    space_argument(check)
    check.add_argument("--json", action="store_true", help="the problems as JSON lines")
    check.add_argument("--secrets", action="store_true", help="also whether the secrets of destinations are set here")
    add_network_options(check)
    check.set_defaults(run=run_validate)

    schema = commands.add_parser(
        "schema",
        help="the JSON Schema of a space (draft 2020-12)",
        description="The JSON Schema of a space (draft 2020-12).",
    )
    schema.set_defaults(run=run_schema)

    draw = commands.add_parser(
        "draw",
        help="the picture of a journey, with counts if a trace is given",
        description="The picture of a journey, with counts if a trace is given.",
    )
    space_argument(draw)
    journey_argument(draw, "the key of a journey; without it, all of them", required=False)
    draw.add_argument("--trace", metavar="TRACE", help="a trace as NDJSON, - for standard input")
    draw.add_argument("--format", choices=sorted(_RENDER), default="mermaid", help="mermaid if not given")
    draw.set_defaults(run=run_draw)


def run_validate(options: argparse.Namespace) -> int:
    """Exit code 1 if there is a problem."""
    found = examine(read_bytes(options.space))
    environ = own_variables() if options.secrets else None
    of_destinations = check_destinations(found.destinations, environ=environ, network=network(options))
    problems = [*found.problems, *of_destinations]
    if options.json:
        for each in problems:
            print(json.dumps({name: getattr(each, name) for name in ("code", "path", "message", "hint")}))
    elif problems:
        print(f"{options.space}: {counted(len(problems), 'problem')}\n{listed(problems)}")
    else:
        print(f"{options.space}: no problems")
    return 1 if problems else 0


def run_schema(options: argparse.Namespace) -> int:
    """Prints the schema."""
    print(json.dumps(json_schema(), indent=2))
    return 0


def run_draw(options: argparse.Namespace) -> int:
    """Prints the pictures, one after the other; an SVG is one document, so it needs the key of a journey."""
    space = read_space(options.space)
    journeys = [each for each in space.journeys if options.journey in (None, each.key)]
    if not journeys:
        keys = [each.key for each in space.journeys]
        raise Failure(f"no journey {options.journey!r} in {options.space}; {nearest(options.journey, keys)}")
    if options.format == "svg" and len(journeys) > 1:
        raise Failure(f"an SVG shows one journey: name one of {', '.join(each.key for each in journeys)}")
    records = _records(options.trace) if options.trace else None
    for number, journey in enumerate(journeys):
        graph = graph_of(journey)
        if records is not None:
            graph = graph.with_counts(Counts.of(journey, records))
        print("\n" * (number > 0) + _RENDER[options.format](graph).rstrip("\n"))
    return 0


def _records(path: str) -> list[Any]:
    records = []
    for number, line in enumerate(read_bytes(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = parse_json(line)
        except InvalidJSON as error:
            raise Failure(f"{path}:{number}: {error}") from None
        if not isinstance(record, dict) or not isinstance(record.get("kind"), str):
            raise Failure(f"{path}:{number}: no record of a trace")
        records.append(record)
    return records

"""What whoever runs a command allows destinations, which no definition can."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from journeys.cli._io import Failure, listed
from journeys.destinations import Network, build_destinations
from journeys.errors import InvalidDefinition
from journeys.model.space import Space


def add_network_options(command: Any) -> None:
    """Adds the options that say where destinations may send to."""
    command.add_argument(
        "--allow-network",
        metavar="NETWORK",
        action="append",
        default=[],
        help="destinations may send to these private addresses too, like 10.1.2.0/24; may be given several times",
    )
    command.add_argument(
        "--allow-http", action="store_true", help="the URLs of destinations may be http, and their mail in the clear"
    )


def add_options(command: Any) -> None:
    """Adds the options of a command that sends deliveries."""
    command.add_argument(
        "--lists",
        metavar="DIRECTORY",
        help="where the files of csv and sql destinations are kept; without it nowhere",
    )
    add_network_options(command)


def network(options: argparse.Namespace) -> Network:
    """Where destinations may send to."""
    try:
        return Network(http=options.allow_http, networks=options.allow_network)
    except ValueError as error:
        raise Failure(f"--allow-network: {error}") from None


def built(space: Space, options: argparse.Namespace, name: str) -> Mapping[str, Any]:
    """The destinations of a space; all problems of those in ``name`` at once and exit code 1 if some cannot be made."""
    if options.lists is not None and not Path(options.lists).is_dir():
        raise Failure(f"--lists: there is no directory {options.lists}")
    try:
        return build_destinations(space.destinations, network=network(options), directory=options.lists)
    except InvalidDefinition as error:
        raise Failure(f"{name}:\n{listed(list(error.problems))}", 1) from None

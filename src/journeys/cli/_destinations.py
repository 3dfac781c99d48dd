"""What whoever runs a command allows destinations, which no definition can."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from journeys.cli._io import Failure, listed
from journeys.destinations import Network, build_destinations
from journeys.errors import InvalidDefinition, nearest
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
        "--destinations",
        metavar="MODULE:NAME",
        help="a mapping of destinations made in Python, or a function that gives one: they take the places of those "
        "of the space",
    )
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
    made = _from_python(options.destinations, space) if options.destinations else {}
    others = {key: each for key, each in space.destinations.items() if key not in made}
    try:
        return {**build_destinations(others, network=network(options), directory=options.lists), **made}
    except InvalidDefinition as error:
        raise Failure(f"{name}:\n{listed(list(error.problems))}", 1) from None


def _from_python(name: str, space: Space) -> Mapping[str, Any]:
    """What ``module:name`` gives, seen from the directory in which the command runs."""
    module, colon, path = name.partition(":")
    if not (module and colon and path):
        raise Failure(f"--destinations: {name!r} is not MODULE:NAME, like shop.destinations:made")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
        if callable(found):
            found = found()
    except Exception as error:  # whatever their code does
        raise Failure(f"--destinations {name}: {type(error).__name__}: {error}") from error
    if not isinstance(found, Mapping):
        raise Failure(f"--destinations {name}: expected a mapping of destinations, got {type(found).__name__}")
    for key, each in found.items():
        if key not in space.destinations:
            close = nearest(str(key), [*space.destinations])
            raise Failure(f"--destinations {name}: the space has no {key!r}" + (f"; {close}" if close else ""))
        if not callable(getattr(each, "deliver", None)):
            raise Failure(f"--destinations {name}: {key!r} is no destination but {type(each).__name__}")
    return found

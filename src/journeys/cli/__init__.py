"""The command line: ``journeys simulate | validate | schema | draw | …``."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

from journeys.cli import _analyse, _change, _definitions, _explore, _operate, _serve, _simulate, _test
from journeys.cli._io import Failure
from journeys.errors import JourneysError, StoreUnavailable, nearest

Command = Callable[[argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    root = argparse.ArgumentParser(prog="journeys", description="Customer journeys, from definition to trace.")
    root.add_argument("--version", action="version", version=f"journeys {version('journeys')}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (_simulate, _definitions, _test, _explore, _operate, _analyse, _change, _serve):
        module.add_commands(commands)
    root.set_defaults(commands=commands.choices)
    return root


def _parsed(arguments: list[str]) -> argparse.Namespace:
    root = parser()
    commands: dict[str, argparse.ArgumentParser] = root.get_default("commands")
    name = arguments[0] if arguments else "-"
    if name.startswith("-"):
        return root.parse_args(arguments)
    if name not in commands:
        root.error(f"there is no command {name!r}; {nearest(name, [*commands]) or 'see journeys --help'}")
    command = commands[name]  # not through the root, whose usage is no help, and so that options may stand anywhere
    options = command.parse_intermixed_args(arguments[1:], argparse.Namespace(command=name))
    if command.get_default("needs_journey") and options.journey is None:
        command.error("the following arguments are required: JOURNEY")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code is 0 if all went well, see each command for the others."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() not in ("utf-8", "utf8"):
            stream.reconfigure(encoding="utf-8")  # a trace is UTF-8 wherever it is written
    options = _parsed(sys.argv[1:] if arguments is None else list(arguments))
    run: Command = options.run
    try:
        code = run(options)
        sys.stdout.flush()
        return code
    except Failure as failure:
        print(failure, file=sys.stderr)
        return failure.code
    except StoreUnavailable as error:
        print(f"--store: {error}", file=sys.stderr)
        return 2
    except JourneysError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130

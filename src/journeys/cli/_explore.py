"""``paths`` and ``check``: every way through a journey, and what cannot be meant so."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

from journeys.cli._io import Failure, counted, journey_argument, read_space, space_argument, table
from journeys.model.space import Space
from journeys.runtime.analysis.check import Finding, check
from journeys.runtime.analysis.paths import REACHED, Bound, Path, Paths, paths
from journeys.runtime.analysis.paths_as_tests import as_tests
from journeys.runtime.render import describe_duration


def add_commands(commands: Any) -> None:
    """Adds the commands of this module."""
    text = "every path of a journey, with a witness for each"
    ways = commands.add_parser("paths", help=text, description=text[:1].upper() + text[1:] + ".")
    _options(ways)
    ways.add_argument("--as-tests", action="store_true", help="a file of tests for pytest, one for each path")
    ways.add_argument(
        "--most",
        metavar="N",
        type=int,
        default=Bound().most,
        help="so many paths of a journey at most; 200 if not given",
    )
    ways.set_defaults(run=run_paths)

    text = "what cannot be meant so: branches nobody takes, waits that never end, sends that come twice"
    found = commands.add_parser("check", help=text, description=text[:1].upper() + text[1:] + ".")
    _options(found)
    found.set_defaults(run=run_check)


def _options(command: Any) -> None:
    space_argument(command)
    journey_argument(command, "the key of a journey; without it, all of them", required=False)
    command.add_argument("--json", action="store_true", help="as one JSON document")


def run_paths(options: argparse.Namespace) -> int:
    """Prints the paths, as text, JSON or tests."""
    space = read_space(options.space)
    if options.most < 1:
        raise Failure("--most: at least one path")
    try:
        found = paths(space, options.journey, bound=Bound(most=options.most))
    except KeyError as error:
        raise Failure(f"{options.space}: {error.args[0]}") from None
    except ValueError as error:
        raise Failure(f"{options.space}: {error}") from None
    if options.as_tests:
        print(as_tests(found, space, _place(options.space)), end="")
    elif options.json:
        print(json.dumps([each.as_dict() for each in found], indent=2, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(_told(each)) for each in found))
    return 0


def _place(path: str) -> str:
    if path == "-":
        raise Failure("--as-tests: give the space as a file, for the tests read it again")
    return File(path).as_posix()


def _told(found: Paths) -> Iterator[str]:
    ends = f"all waits are over {describe_duration(found.longest)} after the entry at the latest"
    yield f"{found.journey} (version {found.version}): {counted(len(found.paths), 'path')}, {ends}"
    if found.stays is not None:
        yield f"who has completed stays in it until {describe_duration(found.stays)} after the entry"
    if found.paths:
        yield ""
        rows = [["#", "path", "end", "calls", "from first call"]]
        for path in found.paths:
            moves = " → ".join(map(str, path.moves))
            rows.append([str(path.number), moves, path.end, str(len(path.deeds)), _length(path)])
        yield table(rows, right=frozenset({0, 3, 4}))
    missing = [each for each in found.branches if each.answer != REACHED]
    yield ""
    if missing:
        yield table([["step", "branch", "", "why"], *([x.step, x.branch, x.answer, x.why] for x in missing)])
    else:
        yield "every branch is reached"
    if not found.complete:
        yield f"there may be more: looked for {found.bound}"


def _length(path: Path) -> str:
    """How long after the first call the path has ended."""
    seconds = (path.ends_at - path.deeds[0].at) // 1_000_000
    days, rest = divmod(seconds, 86_400)
    return f"{days}d {rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def run_check(options: argparse.Namespace) -> int:
    """Prints the findings; exit code 1 if there is one."""
    space: Space = read_space(options.space)
    try:
        found = check(space, options.journey)
    except KeyError as error:
        raise Failure(f"{options.space}: {error.args[0]}") from None
    except ValueError as error:
        raise Failure(f"{options.space}: {error}") from None
    if options.json:
        print(json.dumps([each.as_dict() for each in found], indent=2, ensure_ascii=False))
    elif found:
        print(f"{options.space}: {counted(len(found), 'finding')}")
        print("\n".join(_finding(each) for each in found))
    else:
        print(f"{options.space}: nothing found")
    return 1 if found else 0


def _finding(found: Finding) -> str:
    lines = [f"  {found.path}", f"      {found.message} [{found.code}]"]
    if found.hint:
        lines.append(f"      {found.hint}")
    if found.witness is not None:
        lines.append(f"      on the path {found.witness.text}, by")
        lines += [f"        {_call(call)}" for call in found.witness.calls]
    return "\n".join(lines)


def _call(call: dict[str, Any]) -> str:
    content = call.get("properties") or call.get("traits") or {}
    told = ", ".join(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in content.items())
    what = call["event"] if call["type"] == "track" else call["type"]
    return f"{call['timestamp']}  {what}" + (f" ({told})" if told else "")

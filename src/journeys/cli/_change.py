"""``diff``: what a change of a definition says, and what it would do to whom."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs

from journeys.cli._io import (
    Failure,
    Progress,
    call_lines,
    instant,
    journey_argument,
    listed,
    opened_store,
    read_space,
    store_option,
)
from journeys.errors import InvalidDefinition, JourneysError, nearest
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.runtime.analysis.blast import BlastRadius, blast_radius
from journeys.runtime.analysis.diff import Diff, diff
from journeys.runtime.analysis.diff_picture import DRAWN, draw_diff
from journeys.runtime.analysis.migration import MigrationPlan, propose
from journeys.runtime.analysis.replay import Replay, replay

#: exit codes, as those of diff(1)
SAME, DIFFERENT, TROUBLE = 0, 1, 2


def add_commands(commands: Any) -> None:
    """Adds the command of this module."""
    command = commands.add_parser(
        "diff",
        help="what is not the same in two spaces, and what that would do to whom",
        description="Compares two spaces by meaning. Nothing is changed. Exit code 0: they say the same; 1: they do "
        "not; 2: bad input.",
    )
    command.add_argument("old", metavar="OLD.json", help="the space as it was")
    command.add_argument("new", metavar="NEW.json", help="the space as it is to be")
    journey_argument(command, "this journey only, the latest version of each", required=False)
    store_option(command, required=False, text="what publishing would do to the people of this store")
    command.add_argument("--at", metavar="INSTANT", help="if it were published then; now if not given")
    command.add_argument("--plan", metavar="FILE", help="write the migration that is proposed, for one journey")
    command.add_argument("--events", metavar="FILE", help="calls as NDJSON, through both spaces side by side")
    command.add_argument("--until", metavar="INSTANT", help="let both go on to this instant after the last call")
    command.add_argument("--named", metavar="N", type=int, default=5, help="so many people by name; 5 if not given")
    command.add_argument(
        "--draw", choices=sorted(DRAWN), help="the picture of one journey, differences marked, instead"
    )
    command.add_argument("--json", action="store_true", help="as one JSON document")
    command.set_defaults(run=run_diff)


def run_diff(options: argparse.Namespace) -> int:
    """Prints the differences; with a store the blast radius, with events what would have been different."""
    try:
        old, new = (_chosen(_read(path), options.journey, path) for path in (options.old, options.new))
        found = diff(old, new)
        if options.draw is not None:
            print(draw_diff(*_pair(old, new, found, "--draw"), options.draw).rstrip("\n"))
            return SAME if found.same else DIFFERENT
        radii = list(_radii(options, new, found)) if options.store is not None else []
        if options.plan is not None:
            _write_plan(options.plan, _plan(old, new, found, radii))
        replayed = _replay(options, old, new) if options.events is not None else None
    except InvalidDefinition as error:
        raise Failure(listed(list(error.problems)), TROUBLE) from None
    except (ValueError, OSError, JourneysError, ImportError) as error:
        raise Failure(str(error), TROUBLE) from None
    _print(options, found, radii, replayed)
    return SAME if found.same else DIFFERENT


def _read(path: str) -> Space:
    try:
        return read_space(path)
    except Failure as failure:
        raise Failure(str(failure), TROUBLE) from None


def _chosen(space: Space, key: str | None, path: str) -> Space:
    """The space with the latest version of one journey and no other."""
    if key is None:
        return space
    found = [each for each in space.journeys if each.key == key]
    if not found:
        hint = nearest(key, sorted({each.key for each in space.journeys}))
        raise Failure(f"no journey {key!r} in {path}; {hint}", TROUBLE)
    return attrs.evolve(space, journeys=(max(found, key=lambda each: each.version),))


def _latest(space: Space, key: str) -> Journey | None:
    return max((each for each in space.journeys if each.key == key), key=lambda each: each.version, default=None)


def _changed(new: Space, found: Diff) -> list[str]:
    """The journeys that would be published: those that say something else."""
    keys = dict.fromkeys(each.key for each in new.journeys)
    return [key for key in keys if any(each.matters for each in found.of(key))]


def _pair(old: Space, new: Space, found: Diff, option: str) -> tuple[Journey, Journey]:
    """The two versions of the one journey that is another."""
    keys = [each.key for each in new.journeys]
    if len(set(keys)) > 1:
        keys = [key for key in dict.fromkeys(keys) if found.of(key)]
    if len(keys) != 1:
        which = f"of {', '.join(keys)}" if keys else "that is another"
        raise Failure(f"{option} is about one journey {which}: name it with --journey", TROUBLE)
    before, after = _latest(old, keys[0]), _latest(new, keys[0])
    if before is None or after is None:
        raise Failure(f"{option}: there are no two versions of {keys[0]!r}", TROUBLE)
    return before, after


def _radii(options: argparse.Namespace, new: Space, found: Diff) -> Iterator[BlastRadius]:
    at = instant(options.at, "--at")
    with closing(opened_store(options.store)) as store:
        for key in _changed(new, found):
            journey = _latest(new, key)
            assert journey is not None
            yield blast_radius(store, journey, at=at, space=new, named=options.named)


def _plan(old: Space, new: Space, found: Diff, radii: list[BlastRadius]) -> MigrationPlan:
    """With a store the plan for its people, else one from the definitions alone."""
    before, after = _pair(old, new, found, "--plan")
    for radius in radii:
        if radius.journey == after.key and radius.plan is not None:
            return radius.plan
    later = after if after.version > before.version else attrs.evolve(after, version=before.version + 1)
    return propose(before, later)


def _write_plan(path: str, plan: MigrationPlan) -> None:
    try:
        Path(path).write_text(plan.to_json(), encoding="utf-8")
    except OSError as error:
        raise Failure(f"--plan: {path}: {error.strerror or error}", TROUBLE) from None


def _replay(options: argparse.Namespace, old: Space, new: Space) -> Replay:
    until = instant(options.until, "--until")
    progress = Progress("calls")
    found = replay(old, new, _calls(options.events), until=until, named=options.named, progress=progress.show)
    progress.end()
    return found


def _calls(path: str) -> Iterator[Any]:
    for number, call, problem in call_lines(path):
        if problem:
            print(f"{path}:{number}: {problem}", file=sys.stderr)
        elif call is not None:
            yield call


def _print(options: argparse.Namespace, found: Diff, radii: list[BlastRadius], replayed: Replay | None) -> None:
    if options.json:
        document: dict[str, Any] = {"diff": found.as_dict()}
        if options.store is not None:
            document["blast"] = [each.as_dict() for each in radii]
        if replayed is not None:
            document["replay"] = replayed.as_dict()
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    parts = [found.text]
    for radius in radii:
        parts.append(radius.text)
        if radius.plan is not None and radius.plan.steps:
            parts.append(f"the migration that is proposed: {radius.plan.text}")
    if replayed is not None:
        parts.append(replayed.text)
    print("\n\n".join(parts))

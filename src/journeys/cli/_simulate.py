"""``simulate``: calls through a space, the trace on standard output."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from journeys.cli._io import (
    Failure,
    Progress,
    call_lines,
    instant,
    opened_store,
    read_space,
    space_argument,
    store_option,
)
from journeys.errors import Conflict, JourneysError, StoreUnavailable
from journeys.ports import ChangeSet
from journeys.runtime.partition import Partition
from journeys.runtime.simulation import Simulation

#: how many lines are applied as one unit
GROUP = 1000
#: exit codes: a line was no valid call; the same with --strict
SKIPPED, STRICT = 3, 2


def add_commands(commands: Any) -> None:
    """Adds the command of this module."""
    simulate = commands.add_parser(
        "simulate",
        help="calls through a space, the trace on standard output",
        description="Replays calls and prints the trace. Nothing is sent; with --store, deliveries stay in its "
        "outbox until `journeys deliver`. Exit code 1: the space is invalid; "
        "2: --strict stopped at a line; 3: lines that are no valid call were skipped.",
    )
    space_argument(simulate)
    simulate.add_argument(
        "events", metavar="EVENTS.ndjson", help="Segment calls, one JSON object a line; - is standard input"
    )
    simulate.add_argument("--until", metavar="INSTANT", help="advance to this instant at the end")
    store_option(simulate, required=False, text="run on this store, from where it is")
    simulate.add_argument("--workers", metavar="N", type=int, default=1, help="so many processes on one store")
    simulate.add_argument("--strict", action="store_true", help="stop at the first line that is no valid call")
    simulate.set_defaults(run=run_simulate)


def run_simulate(options: argparse.Namespace) -> int:
    """Prints the trace; says on standard error which lines were skipped."""
    space = read_space(options.space)
    until = instant(options.until, "--until")
    if options.workers > 1 and options.store is None:
        raise Failure("--workers needs a --store that they share")
    try:
        if options.store is None:
            return _run(Simulation(space), options, until, _Lines(options.events))
        digest = _digest(options.events)
        store = opened_store(options.store, anew=True)
        turn = _taken_over(store, digest)
        workers = _workers(store, options, digest, is_late=space.settings.allowed_lateness.is_positive)
        simulation = Simulation(space, store)
        if workers > 1:
            _run_workers(options, digest, turn, workers, simulation)
        lines = _Lines(options.events, simulation, digest=digest, turn=turn)
        try:
            return _run(simulation, options, until, lines)
        finally:
            simulation.store.close()
    except Conflict as error:
        raise Failure(f"{error}: is the same command running twice? Run again, it goes on from there") from None
    except JourneysError as error:
        raise Failure(f"{type(error).__name__}: {error}") from None
    except (ValueError, ImportError) as error:
        raise Failure(f"--store: {error}") from None


class _Lines:
    """The lines of a file, and how many of them this store has had."""

    def __init__(
        self,
        path: str,
        simulation: Simulation | None = None,
        *,
        digest: str = "",
        turn: Mapping[str, str] | None = None,
        share: Partition | None = None,
    ) -> None:
        self.path = path
        self.share = share
        #: what was noted when this file was taken over: nothing is applied after another process has done so
        self.turn = turn
        self.note = f"file:{digest}" + (f":{share.name}" if share is not None else "")
        self.done = 0
        if simulation is not None:
            self.done = int(simulation.store.notes(self.note).get(self.note, "0"))

    def notes(self, number: int) -> dict[str, str]:
        """What is stored with a commit after this line."""
        return {self.note: str(number)}

    def __iter__(self) -> Iterator[tuple[int, Any, str]]:
        return call_lines(self.path)


def _run(simulation: Simulation, options: argparse.Namespace, until: int | None, lines: _Lines) -> int:
    skipped = _feed(simulation, options, lines, quiet=False)
    if skipped is None:
        return STRICT
    simulation.finish(until)
    for line in simulation.trace():
        sys.stdout.write(line + "\n")
    return SKIPPED if skipped else 0


def _feed(simulation: Simulation, options: argparse.Namespace, lines: _Lines, *, quiet: bool) -> int | None:
    """Feeds all lines; answers how many were skipped, None if that stopped the run."""
    progress, skipped = Progress("lines"), 0
    store = None if simulation.core.exclusive else lines
    batch: list[tuple[int, Any]] = []
    wrong: list[tuple[int, str]] = []  # not told yet: lines before them may turn out to be wrong too

    def tell() -> None:
        for at, problem in sorted(wrong):
            _report(lines.path, at, problem, quiet)
        wrong.clear()

    def flush(number: int) -> int:
        calls = [call for _, call in batch]
        answers = simulation.feed(calls) if store is None else simulation.feed(calls, store.notes(number), store.turn)
        bad = 0
        for (at, _), answer in zip(batch, answers, strict=True):
            if answer.status == "rejected":
                bad += 1
                wrong.append((at, answer.message or answer.reason))
        batch.clear()
        tell()
        return bad

    number = 0
    for number, call, problem in lines:
        if problem:
            skipped += 1
            wrong.append((number, problem))
        elif call is not None:
            if number <= lines.done:
                answer = simulation.look(call)
                if answer is not None:
                    skipped += 1
                    wrong.append((number, answer.message))
            elif lines.share is None or lines.share.has(call):
                batch.append((number, call))
        if batch and len(batch) + len(wrong) >= (1 if options.strict else GROUP):
            skipped += flush(number)
        elif not batch:
            tell()
        if skipped and options.strict:
            return None
        progress.show(number)
    if batch or (store is not None and number > lines.done):
        skipped += flush(number)
    progress.end()
    return None if skipped and options.strict else skipped


def _report(path: str, number: int, problem: str, quiet: bool) -> None:
    if not quiet:
        print(f"{path}:{number}: {problem}", file=sys.stderr)


def _digest(path: str) -> str:
    if path == "-":
        raise Failure("with --store the events must be a file: how much of it was applied is known by its content")
    digest = hashlib.blake2b(digest_size=16)
    try:
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from None
    return digest.hexdigest()


def _taken_over(store: Any, digest: str) -> Mapping[str, str]:
    """From now on only this process and its workers apply the file: those of a killed one may still be alive (I4)."""
    name = f"turn:{digest}"
    while True:
        before = store.notes(name).get(name, "")
        turn = {name: str(int(before or "0") + 1)}
        with contextlib.suppress(Conflict):
            store.commit(ChangeSet(notes=turn, read_notes={name: before}))
            return turn


# several workers: each applies the calls of its own people


def _workers(store: Any, options: argparse.Namespace, digest: str, *, is_late: bool) -> int:
    """How many workers there are: a file that some have begun is finished by as many."""
    begun = {name.rpartition("/")[2] for name in store.notes(f"file:{digest}:")}
    if options.workers > 1 and is_late and not begun:
        print("--workers: with allowed_lateness the lines are applied by one worker, in order", file=sys.stderr)
        return 1
    if f"file:{digest}" in store.notes(f"file:{digest}"):
        return 1
    return int(begun.pop()) if begun else int(options.workers)


def _run_workers(
    options: argparse.Namespace, digest: str, turn: Mapping[str, str], workers: int, simulation: Simulation
) -> None:
    """So many processes apply the lines; people who are ever linked in this file belong to one of them."""
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_work, args=(options, digest, turn, number, workers)) for number in range(workers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if failed := sum(process.exitcode != 0 for process in processes):
        raise Failure(f"{failed} of {workers} workers failed; the same command goes on where they stopped")
    total = sum(1 for _ in call_lines(options.events))
    simulation.feed([], {f"file:{digest}": str(total)}, turn)


def _work(options: argparse.Namespace, digest: str, turn: Mapping[str, str], number: int, of: int) -> None:
    share = Partition.among((call for _, call, _ in call_lines(options.events)), number, of)
    simulation = Simulation(
        read_space(options.space), opened_store(options.store, anew=True), worker=f"simulate-{number}"
    )
    lines = _Lines(options.events, simulation, digest=digest, turn=turn, share=share)
    try:
        _feed(simulation, options, lines, quiet=True)
    except (Conflict, StoreUnavailable) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    finally:
        simulation.store.close()

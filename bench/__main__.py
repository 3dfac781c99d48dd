"""``python -m bench``: measures, shows a table, writes ``bench/results.json`` and the plots."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import docs, durable, inmemory, memory, peers, report, scaling, size
from bench.harness import Figure
from bench.options import Options

HERE = Path(__file__).resolve().parent
Part = Callable[[Options], list[Figure]]

PARTS: dict[str, Part] = {
    "in-memory": inmemory.workload_w,
    "bounds": inmemory.bounds,
    "journeys": scaling.journeys,
    "instances": scaling.instances,
    "profile": scaling.profile,
    "memory": memory.memory,
    "condition": inmemory.condition,
    "sqlite": durable.sqlite_batches,
    "commits": durable.sqlite_commits,
    "postgres": durable.postgres,
    "peers": peers.peers,
    "size-waiting": size.waiting_on_sqlite,
    "size-deadlines": size.deadlines_in_a_minute,
    "size-profile": size.one_profile,
    "size-journeys": size.many_journeys,
    "size-publish": size.publish_with_history,
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    made.add_argument("--quick", action="store_true", help="a small form of everything; its figures are no figures")
    made.add_argument("--only", action="append", default=[], metavar="NAME", help=f"parts: {', '.join(PARTS)}")
    made.add_argument("--runs", type=int, default=None, metavar="N", help="alternating runs (5; with --quick 3)")
    made.add_argument("--scale", type=float, default=None, metavar="S", help="share of the contract's sizes (1)")
    made.add_argument("--seed", type=int, default=1, metavar="N")
    made.add_argument("--output", type=Path, default=HERE, metavar="DIR", help="where results.json and plots go")
    made.add_argument("--folder", type=Path, default=None, metavar="DIR", help="where databases are made meanwhile")
    made.add_argument("--no-save", action="store_true", help="only show the table")
    made.add_argument("--docs", action="store_true", help="measure nothing: put results.json into the docs")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 1 if a part failed. A goal that is missed is a result, not a failure."""
    asked = parser().parse_args(arguments)
    if asked.docs:
        docs.write(HERE / "results.json")
        return 0
    unknown = [each for each in asked.only if each not in PARTS]
    if unknown:
        parser().error(f"no part {unknown[0]!r}: {', '.join(PARTS)}")
    options = Options(
        scale=asked.scale if asked.scale is not None else 0.01 if asked.quick else 1.0,
        runs=asked.runs or (3 if asked.quick else 5),
        seed=asked.seed,
        quick=asked.quick,
    )
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        options.folder = Path(folder)
        figures, failed = measure([each for each in PARTS if not asked.only or each in asked.only], options)
    print(report.table(figures))
    if not asked.no_save and not asked.quick and figures:
        path = asked.output / "results.json"
        old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        kept = report.merged(old, report.results(figures, options))
        report.save(kept, path)
        report.plots(kept, asked.output)
    return 1 if failed else 0


def measure(names: Sequence[str], options: Options) -> tuple[list[Figure], list[str]]:
    """The figures of these parts, and which parts failed; one that fails does not keep the others from being done."""
    figures: list[Figure] = []
    failed = []
    for name in names:
        try:
            figures += PARTS[name](options)
        except Exception as error:
            options.say(f"{name} FAILED: {type(error).__name__}: {error}")
            failed.append(name)
    return figures, failed


if __name__ == "__main__":
    sys.exit(main())

"""Applies mutants to a copy of the package, each by itself, and says which of them the tests notice.

python -m tests.mutants.runner [NAME …] [--area engine|people|stores|delivery] [--jobs 2]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.catalogue import CONTROLS, MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "journeys"

#: seconds that one test, and all of them, may take before the mutant is taken to hang
ONE_TEST, ALL_TESTS = 120, 1200

#: what is asked, the quickest first: it stops at the first test that fails
TESTS = {
    "engine": [
        "tests/engine/test_advance.py",
        "tests/engine/test_order.py",
        "tests/engine/test_entering.py",
        "tests/engine/test_steps.py",
        "tests/engine/test_holds.py",
        "tests/engine/test_sending.py",
        "tests/engine/test_leaving.py",
        "tests/engine/test_identity.py",
        "tests/engine/test_payloads.py",
        "tests/engine/test_encode.py",
        "tests/plan/test_values.py",
        "tests/plan/test_computed.py",
        "tests/plan/test_features.py",
        "tests/plan/test_compile.py",
        "tests/runtime/test_calls.py",
        "tests/runtime/test_processor.py",
        "tests/runtime/test_core.py",
        "tests/test_time.py",
        "tests/runtime/test_evaluator.py",
        "tests/runtime/test_evaluator_time.py",
        "tests/engine/test_crowd.py",
        "tests/plan/test_conditions.py",
        "tests/engine/test_same_answer.py",
    ],
    "people": ["tests/engine/test_rest.py", "tests/runtime/test_agenda.py", "tests/runtime/test_people.py"],
    "stores": [
        "tests/runtime/test_core.py",
        "tests/runtime/test_recent.py",
        "tests/runtime/stores/test_sqlite.py",
        "tests/runtime/stores/test_conformance.py",
        "-k",
        "not Postgres",
    ],
    "delivery": ["tests/runtime/delivery"],
}


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant."""

    mutant: Mutant
    caught: bool
    by: str
    seconds: float

    def __str__(self) -> str:
        outcome = f"caught by {self.by}" if self.caught else "NOT CAUGHT"
        return f"{self.mutant.rule:3} {self.mutant.name}: {outcome} ({self.seconds:.1f} s)"


def judge(mutant: Mutant) -> Verdict:
    """Runs the tests of the mutant's area on a copy of the package with the bug in it."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="journeys-mutant-") as name:
        folder = Path(name)
        shutil.copytree(SOURCE, folder / "journeys", ignore=shutil.ignore_patterns("__pycache__"))
        target = folder / "journeys" / mutant.file
        target.write_text(mutant.applied_to(target.read_text(encoding="utf-8")), encoding="utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
        }
        options = [
            "-x",
            "-q",
            "--no-header",
            "--tb=no",
            "-p",
            "no:cacheprovider",
            f"--timeout={ONE_TEST}",
            "--timeout-method=thread",
        ]
        command = [sys.executable, "-m", "pytest", *options, "-o", f"pythonpath={folder} {ROOT}", *TESTS[mutant.area]]
        try:
            asked = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=ALL_TESTS
            )
        except subprocess.TimeoutExpired:
            return Verdict(mutant, True, "tests that do not end", time.monotonic() - begin)
    failed = [line for line in asked.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    by = failed[0].split(" ", 1)[1].split(" - ")[0] if failed else f"exit code {asked.returncode}"
    if not failed and "Timeout" in asked.stdout + asked.stderr:
        failed, by = ["timeout"], "a test that does not end"
    # 1: tests failed; 2: not even collected, which a plan that cannot be compiled may bring about
    return Verdict(mutant, asked.returncode in (1, 2) and bool(failed), by, time.monotonic() - begin)


def judged(mutants: Iterable[Mutant], jobs: int) -> Iterator[Verdict]:
    """The verdicts, several at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(judge, mutants)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.runner", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part of the name; all if none is given")
    parser.add_argument("--area", choices=TESTS)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    chosen = [
        mutant
        for mutant in MUTANTS
        if (not asked.names or any(name in mutant.name for name in asked.names)) and asked.area in (None, mutant.area)
    ]
    for control in CONTROLS:
        if any(mutant.area == control.area for mutant in chosen) and (verdict := judge(control)).caught:
            print(f"the tests fail without any mutant: {verdict.by}")
            return 2
    verdicts = []
    for verdict in judged(chosen, asked.jobs):
        verdicts.append(verdict)
        print(verdict, flush=True)
    missed = [verdict.mutant.name for verdict in verdicts if not verdict.caught]
    print(f"{len(verdicts) - len(missed)} of {len(verdicts)} caught; not caught: {missed}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

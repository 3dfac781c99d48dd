"""Holds an implementation against the oracle on random spaces and calls.

python -m tests.reference.compare --command 'CMD {space} {events}' --seeds 0:1000 [--kind everything] [--keep DIR]
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .generate import KINDS, Kind, random_calls, random_space, random_until
from .interpreter import simulate

Json = dict[str, Any]
Simulate = Callable[[Json, list[Json], str | None], Sequence[Json]]


@dataclass(frozen=True)
class Case:
    """One random case and what the oracle says of it."""

    seed: int
    kind: Kind
    space: Json
    calls: list[Json]
    until: str | None

    def expected(self) -> list[Json]:
        return simulate(self.space, self.calls, self.until)

    def save(self, folder: Path, expected: Sequence[Json]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "space.json").write_text(json.dumps(self.space, indent=1), encoding="utf-8")
        (folder / "events.ndjson").write_text("".join(json.dumps(call) + "\n" for call in self.calls), encoding="utf-8")
        (folder / "expected.ndjson").write_text("".join(json.dumps(one) + "\n" for one in expected), encoding="utf-8")
        if self.until is not None:
            (folder / "until.txt").write_text(self.until, encoding="utf-8")


def case(seed: int, kind: Kind | None = None, count: int = 80) -> Case:
    """The case of a seed; without a kind the seed chooses it."""
    rng = random.Random(seed)
    chosen = kind or KINDS[0 if seed % 3 == 0 else 1]
    space = random_space(rng, kind=chosen)
    calls = random_calls(rng, space, count=count)
    return Case(seed, chosen, space, calls, random_until(rng, calls))


def canonical(value: Any) -> Any:
    """Numbers by value (1 and 1.0 equal, 9 digits), but true is not 1."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, 9)
    if isinstance(value, dict):
        return {key: canonical(one) for key, one in value.items()}
    return [canonical(one) for one in value] if isinstance(value, list) else value


def difference(want: Sequence[Json], got: Sequence[Json]) -> str | None:
    """The first record that differs, with a little before it; None if the traces are one."""
    for number in range(max(len(want), len(got))):
        a = want[number] if number < len(want) else None
        b = got[number] if number < len(got) else None
        if a is not None and b is not None and canonical(a) == canonical(b):
            continue
        lines = [f"record {number} of {len(want)} expected, {len(got)} got"]
        lines += [f"    before    {json.dumps(one)[:300]}" for one in want[max(0, number - 4) : number]]
        lines += [f"    expected  {json.dumps(a)[:900]}", f"    got       {json.dumps(b)[:900]}"]
        return "\n".join(lines)
    return None


def check(
    run: Simulate, seeds: Iterable[int], kind: Kind | None = None, count: int = 80
) -> Iterator[tuple[Case, str | None]]:
    """Each seed's case and its first difference, for a callable (space, calls, until) -> records."""
    for seed in seeds:
        one = case(seed, kind, count)
        yield one, difference(one.expected(), run(one.space, one.calls, one.until))


def command_runner(command: str, timeout: float) -> Simulate:
    """A callable that runs a command line with {space} and {events}."""

    def run(space: Json, calls: list[Json], until: str | None) -> list[Json]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "space.json").write_text(json.dumps(space), encoding="utf-8")
            (folder / "events.ndjson").write_text("".join(json.dumps(call) + "\n" for call in calls), encoding="utf-8")
            quoted = {
                key: shlex.quote(str(folder / file))
                for key, file in (("space", "space.json"), ("events", "events.ndjson"))
            }
            line = command.format(**quoted) + (f" --until {until}" if until is not None else "")
            done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"exit {done.returncode}: {(done.stderr or done.stdout).strip()[-1500:]}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    return run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reference.compare", description=__doc__)
    parser.add_argument("--command", required=True)
    parser.add_argument("--seeds", default="0:100", help="from:to, or one seed")
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--count", type=int, default=80, help="calls per case")
    parser.add_argument("--keep", type=Path, help="where cases that differ are saved")
    parser.add_argument("--stop", type=int, default=0, help="stop after so many differences")
    parser.add_argument("--timeout", type=float, default=120)
    asked = parser.parse_args()
    first, _, last = asked.seeds.partition(":")
    seeds = range(int(first), int(last) if last else int(first) + 1)
    run = command_runner(asked.command, asked.timeout)
    done, wrong, records = 0, [], 0
    for seed in seeds:
        one = case(seed, asked.kind, asked.count)
        expected = one.expected()
        try:
            found = difference(expected, run(one.space, one.calls, one.until))
        except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
            found = str(error)
        done, records = done + 1, records + len(expected)
        if found is not None:
            wrong.append(seed)
            print(f"seed {seed} ({one.kind}): {found}\n", flush=True)
            if asked.keep:
                one.save(asked.keep / f"{one.kind}-{seed}", expected)
            if asked.stop and len(wrong) >= asked.stop:
                break
    print(f"{done - len(wrong)} of {done} seeds agree, {records} records; differing: {wrong[:50]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

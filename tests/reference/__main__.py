"""`python -m tests.reference SPACE.json EVENTS.ndjson [--until INSTANT]`: the trace as NDJSON."""

from __future__ import annotations

import argparse
import json
import sys

from .calls import problem, read
from .interpreter import simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reference", description=__doc__)
    parser.add_argument("space")
    parser.add_argument("events")
    parser.add_argument("--until")
    asked = parser.parse_args()
    with open(asked.space, encoding="utf-8") as file:
        space = json.load(file)
    calls, bad = [], 0
    with open(asked.events, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                call = read(line)
                wrong = problem(call)
            except ValueError as error:
                wrong = str(error)
            if wrong is None:
                calls.append(call)
            else:
                bad += 1
                print(f"line {number}: {wrong}", file=sys.stderr)
    for record in simulate(space, calls, asked.until):
        print(json.dumps(record, ensure_ascii=False))
    return 3 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

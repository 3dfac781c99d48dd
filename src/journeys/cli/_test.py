"""``test``: the cases that lie beside a space as data, and what of its journeys they take."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from journeys.cli._io import Failure, counted, listed, table
from journeys.errors import InvalidDefinition, JourneysError
from journeys.testing.casebook import EXPECTED, Case, Outcome, cases_in
from journeys.testing.coverage import Coverage, percentage
from journeys.testing.golden import MOST_LINES

#: exit codes: something is not as it should be; there is nothing that could be tested
FAILED, NOTHING = 1, 2


def add_commands(commands: Any) -> None:
    """Adds the command of this module."""
    test = commands.add_parser(
        "test",
        help="the cases beside a space: their calls, and the trace that is expected",
        description="Runs every folder with events.ndjson below a place through the space.json there or above, and "
        "compares the trace with expected.ndjson. Nothing is sent. Exit code 1: a case failed, or coverage is below "
        "--cov-fail-under; 2: there is no case, or something cannot be read.",
    )
    test.add_argument("places", metavar="PLACE", nargs="+", help="a folder, or a space with cases beside it")
    test.add_argument("--only", metavar="TEXT", help="only cases whose name contains this")
    test.add_argument("--update", action="store_true", help="write the traces as what is expected from now on")
    test.add_argument("--cov", action="store_true", help="say which steps, branches and exits the cases have taken")
    test.add_argument(
        "--cov-fail-under",
        metavar="PERCENT",
        type=percentage,
        help="fail if less than this share of all journeys was taken",
    )
    test.add_argument("--cov-report", metavar="DIR", help="write a picture of each journey with its counts there")
    test.add_argument("--json", action="store_true", help="as one JSON document")
    test.set_defaults(run=run_test)


def run_test(options: argparse.Namespace) -> int:
    """Runs the cases and says what became of them."""
    cases = _cases(options)
    coverage = Coverage()
    done: list[tuple[Case, Outcome]] = []
    for case in cases:
        outcome = _run(case)
        _cover(coverage, case, outcome)
        if options.update and outcome.status != "passed" and not outcome.problems:
            case.update(outcome)
            outcome = Outcome(trace=outcome.trace, status="written")
        done.append((case, outcome))
    wants_coverage = options.cov or options.cov_fail_under is not None or options.cov_report is not None
    page = _report(coverage, options.cov_report)
    too_low = coverage.shortfall(options.cov_fail_under)
    if options.json:
        print(json.dumps(_document(done, coverage if wants_coverage else None), indent=2, ensure_ascii=False))
    else:
        _print(done)
        if wants_coverage:
            print("", *coverage.table(shutil.get_terminal_size().columns), sep="\n")
        if page is not None:
            print(f"pictures: {page}")
        if too_low:
            print(too_low)
    failed = any(outcome.status in ("failed", "new") for _, outcome in done)
    return FAILED if failed or too_low else 0


def _cases(options: argparse.Namespace) -> list[Case]:
    try:
        found = {case.folder.resolve(): case for place in options.places for case in cases_in(place)}
    except ValueError as error:
        raise Failure(str(error), NOTHING) from None
    if not found:
        places = ", ".join(options.places)
        raise Failure(f"{places}: no case here; a case is a folder with events.ndjson, at or below space.json", NOTHING)
    chosen = [case for case in found.values() if options.only is None or options.only in case.name]
    if not chosen:
        raise Failure(f"--only {options.only}: none of {', '.join(case.name for case in found.values())}", NOTHING)
    return chosen


def _run(case: Case) -> Outcome:
    try:
        return case.run()
    except InvalidDefinition as error:
        problems = list(error.problems)
        message = f"{case.space_file}: {counted(len(problems), 'problem')}\n{listed(problems)}"
        raise Failure(message, NOTHING) from None
    except (OSError, ValueError, JourneysError) as error:
        raise Failure(f"{case.name}: {error}", NOTHING) from None


def _cover(coverage: Coverage, case: Case, outcome: Outcome) -> None:
    journeys = {}
    for journey in case.space.journeys:
        if journey.status in ("live", "paused"):
            journeys[journey.key, journey.version] = coverage.of(journey)
    for record in outcome.trace:
        if (found := journeys.get((record.get("journey", ""), record.get("version", 0)))) is not None:
            found.record(record)
    coverage.settle()


def _report(coverage: Coverage, folder: str | None) -> Path | None:
    if folder is None:
        return None
    from journeys.testing._pictures import write_report

    return write_report(coverage, Path(folder))


def _print(done: list[tuple[Case, Outcome]]) -> None:
    rows = [["case", "records", ""]]
    rows += [[case.name, f"{len(outcome.trace):,}", outcome.status] for case, outcome in done]
    print(table(rows, right=frozenset({1})))
    for case, outcome in done:
        if outcome.status == "failed" or outcome.problems:
            print("", *_told(case, outcome), sep="\n")
    statuses = [outcome.status for _, outcome in done]
    named = [f"{statuses.count(each)} {each}" for each in ("passed", "failed", "new", "written") if each in statuses]
    print(f"\n{counted(len(done), 'case')}: {', '.join(named)}")
    open_ones = [outcome for _, outcome in done if outcome.status in ("failed", "new")]
    if bad := sum(bool(outcome.problems) for outcome in open_ones):
        print(
            f"{counted(bad, 'case')} with calls that nobody understands: nothing is written before they are corrected"
        )
    if bad < len(open_ones):
        which = "the others" if bad else "they"
        print(f"if {which} are right as they are, `journeys test --update` writes their {EXPECTED}")


def _told(case: Case, outcome: Outcome) -> list[str]:
    lines = [f"{case.name} (- expected, + got, ~ changed)", *(f"  {each}" for each in outcome.problems)]
    lines += [f"  {each}" for each in outcome.difference[:MOST_LINES]]
    if (left := len(outcome.difference) - MOST_LINES) > 0:
        lines.append(f"  … and {left} more lines")
    if outcome.story:
        lines += ["", *(f"  {line}".rstrip() for line in outcome.story.splitlines())]
    return lines


def _document(done: list[tuple[Case, Outcome]], coverage: Coverage | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "cases": [
            {
                "case": case.name,
                "folder": str(case.folder),
                "status": outcome.status,
                "records": len(outcome.trace),
                "problems": list(outcome.problems),
                "difference": list(outcome.difference),
                "story": outcome.story,
            }
            for case, outcome in done
        ]
    }
    if coverage is not None:
        document["coverage"] = {
            "percent": round(coverage.percent, 2),
            "journeys": [
                {"journey": each.name, "items": len(each.items), "reached": each.reached,
                 "missing": [str(item) for item in each.missing]}
                for each in coverage.journeys
            ],
        }  # fmt: skip
    return document

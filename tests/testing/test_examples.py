"""The stories of the examples take every step, branch, timeout and exit of every journey; a page shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.examples.golden import EXAMPLES, NAMES
from tests.testing.test_plugin import LOAD

pytest_plugins = "pytester"


def test_every_example_has_stories() -> None:
    for name in NAMES:
        file = EXAMPLES / name / f"test_{name.replace('-', '_')}.py"
        assert file.exists(), f"{file} is missing"


def test_their_journey_coverage_is_complete(pytester: pytest.Pytester) -> None:
    folders = [str(EXAMPLES / name) for name in NAMES]
    spaces = [f"--journeys-cov-space={EXAMPLES / name / 'space.json'}" for name in NAMES]
    options = ("--journeys-cov-fail-under=100", "--journeys-cov-report=cov", *spaces)
    result = pytester.runpytest_inprocess(
        *LOAD, "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *options, *folders
    )
    result.stdout.no_fnmatch_line("FAIL*")
    result.stdout.fnmatch_lines(["TOTAL*100%"])
    assert result.ret == 0
    report = json.loads(Path(pytester.path / "cov" / "coverage.json").read_text(encoding="utf-8"))
    assert (report["percent"], len(report["journeys"])) == (100, 13)
    for journey in report["journeys"]:
        assert [item for item in journey["items"] if not item["count"]] == []

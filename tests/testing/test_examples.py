"""The stories of the examples take every step, branch, timeout and exit of every journey; a page shows it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.examples.golden import EXAMPLES, NAMES
from tests.testing.test_plugin import LOAD, environment

ROOT = EXAMPLES.parent


def test_every_example_has_stories() -> None:
    for name in NAMES:
        file = EXAMPLES / name / f"test_{name.replace('-', '_')}.py"
        assert file.exists(), f"{file} is missing"


def test_their_journey_coverage_is_complete(tmp_path: Path) -> None:
    folders = [str(EXAMPLES / name) for name in NAMES]
    spaces = [f"--journeys-cov-space={EXAMPLES / name / 'space.json'}" for name in NAMES]
    options = ("--journeys-cov-fail-under=100", f"--journeys-cov-report={tmp_path / 'cov'}", *spaces)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *LOAD, "-q", "-p", "no:cacheprovider", *options, *folders],
        cwd=ROOT, env=environment(),
        capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^TOTAL +(\d+) +\1 +100%$", done.stdout, re.MULTILINE)
    report = json.loads((tmp_path / "cov" / "coverage.json").read_text(encoding="utf-8"))
    assert (report["percent"], len(report["journeys"])) == (100, 13)
    for journey in report["journeys"]:
        assert [item for item in journey["items"] if not item["count"]] == []

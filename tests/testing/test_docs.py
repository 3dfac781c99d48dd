"""The two pages on testing: what they show of pytest and unittest is what these print, and nothing is left out.

That their other blocks run is tested with those of all pages (`tests/docs`).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from journeys import testing
from journeys.testing import strategies
from tests.docs.blocks import ROOT, blocks_of, commands_of, matches
from tests.testing.test_plugin import LOAD, environment

HOW_TO = ROOT / "docs" / "how-to" / "test-your-journeys.md"
REFERENCE = ROOT / "docs" / "reference" / "testing.md"
COMMANDS = {"pytest": ("-m", "pytest", *LOAD, "-p", "no:cacheprovider"), "python": ()}


def test_what_pytest_and_unittest_print(tmp_path: Path) -> None:
    run = 0
    for block in blocks_of(HOW_TO.read_text(encoding="utf-8")):
        if block.file:
            (tmp_path / block.file).write_text(block.code, encoding="utf-8")
        for command, expected in commands_of(block.code) if block.language == "console" else ():
            program, *arguments = command.split()
            if program not in COMMANDS:
                continue  # that is run with the blocks of all pages
            done = subprocess.run(
                [sys.executable, *COMMANDS[program], *arguments], cwd=tmp_path, env=environment(COLUMNS="80"),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=60, check=False,
            )  # fmt: skip
            assert matches(done.stdout, expected), f"{command}\n\n{done.stdout}"
            run += 1
    assert run == 4


def public(cls: type) -> set[str]:
    ours = [each for each in cls.__mro__ if each.__module__.startswith("journeys.testing")]
    return {name for each in ours for name in vars(each) if not name.startswith("_")}


@pytest.mark.parametrize("name", testing.__all__)
def test_the_reference_names_everything(name: str) -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    assert f"`{name}" in page
    thing = getattr(testing, name)
    if isinstance(thing, type):
        missing = {each for each in public(thing) if not re.search(rf"[`, .]{each}\b", page)}
        assert missing <= {"key", "is_list"}  # what a recorder was made with


def test_the_reference_names_every_option_fixture_and_strategy() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    plugin = (ROOT / "src" / "_journeys_pytest.py").read_text(encoding="utf-8")
    for option in re.findall(r'"(--journeys-[a-z-]+)"', plugin):
        assert f"`{option}" in page
    for fixture in re.findall(r"@pytest\.fixture\ndef (\w+)", plugin):
        assert f"`{fixture}`" in page
    for strategy in strategies.__all__:
        assert f"`{strategy}(" in page

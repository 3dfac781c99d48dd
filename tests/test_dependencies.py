"""What the package imports is what it asks for: nothing comes by chance, with something else."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

#: whoever tests has these, and nothing but what is for tests imports them
OF_TESTERS = ("pytest", "hypothesis")
FOR_TESTS = ("_journeys_pytest.py", "journeys/testing/")


def imported(file: Path) -> Iterator[str]:
    """The packages of others that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            package = name.partition(".")[0]
            if package not in sys.stdlib_module_names and package not in ("journeys", "_journeys_pytest"):
                yield package


def named(requirements: Iterable[str], extra: str | None = None) -> set[str]:
    """The distributions that requirements name whatever is installed, or only with an extra."""
    conditions = ((each, each.partition(";")[2]) for each in requirements)
    wanted = [each for each, condition in conditions if (condition == "" if extra is None else extra in condition)]
    return {re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0].lower() for each in wanted}


CORE = named(PROJECT["dependencies"])
#: httpx asks for them unconditionally: with it they are there
WITH_HTTPX = named(importlib.metadata.requires("httpx") or ())
EXTRAS = {
    name: named(requirements) for name, requirements in PROJECT["optional-dependencies"].items()
    if name in ("postgres", "server")
}  # fmt: skip


def test_the_core_asks_for_little() -> None:
    assert {"attrs", "httpx", "python-dateutil"} == CORE
    assert {"anyio", "httpcore"} <= WITH_HTTPX


def test_everything_that_is_imported_is_asked_for() -> None:
    distributions = importlib.metadata.packages_distributions()
    seen: dict[str, set[str]] = {}
    for file in sorted((ROOT / "src").rglob("*.py")):
        for package in imported(file):
            for distribution in distributions.get(package, [package]):
                seen.setdefault(distribution.lower(), set()).add(file.relative_to(ROOT / "src").as_posix())
    places = {"postgres": ("journeys/runtime/stores/",), "server": ("journeys/server/", "journeys/cli/_serve.py")}
    for distribution, files in seen.items():
        if distribution in CORE or distribution in ("anyio", "httpcore"):
            continue
        if distribution in OF_TESTERS:
            assert all(each.startswith(FOR_TESTS) for each in files), (distribution, files)
            continue
        [extra] = [name for name, asked in EXTRAS.items() if distribution in asked]
        assert all(each.startswith(places[extra]) for each in files), (distribution, files)
    assert {"attrs", "httpx", "anyio", "httpcore", "psycopg", "starlette"} <= seen.keys()

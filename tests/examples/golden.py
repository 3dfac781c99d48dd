"""The examples, and how their golden files are written: `JOURNEYS_UPDATE_GOLDEN=1 pytest tests/examples`."""

from __future__ import annotations

import json
import os
import runpy
from pathlib import Path
from typing import Any

from journeys import Space

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(each.parent.name for each in EXAMPLES.glob("*/journey.py"))
UPDATES = bool(os.environ.get("JOURNEYS_UPDATE_GOLDEN"))


def space_of(name: str) -> Space:
    space = runpy.run_path(str(EXAMPLES / name / "journey.py"))["space"]
    assert isinstance(space, Space)
    return space


def until_of(name: str) -> str | None:
    file = EXAMPLES / name / "until.txt"
    return file.read_text(encoding="utf-8").strip() if file.exists() else None


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def readable(value: Any, indent: int = 0, width: int = 110) -> str:
    """JSON with whatever fits on one line on one line: it is read by people and compared in reviews."""
    flat = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, (dict, list)) or indent + len(flat) <= width:
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        items = [f"{json.dumps(key, ensure_ascii=False)}: {readable(each, indent + 2)}" for key, each in value.items()]
    else:
        items = [readable(each, indent + 2) for each in value]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}\n" + ",\n".join(inner + item for item in items) + f"\n{' ' * indent}{end}"

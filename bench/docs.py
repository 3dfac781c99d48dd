"""Puts the figures of ``results.json`` into the documentation, so that they cannot drift from what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.report import number

PAGE = Path(__file__).resolve().parent.parent / "docs" / "explanations" / "speed.md"
BEGIN, END = "<!-- figures: written by `python -m bench --docs` -->", "<!-- end of figures -->"


def figures(kept: Mapping[str, Any]) -> str:
    """The table of figures and the machine, as Markdown."""
    machine, options = kept["machine"], kept["options"]
    rows = ["| figure | measured | lowest to highest | goal | |", "|---|---:|---:|---:|---|"]
    for each in kept["figures"]:
        low, high, unit = each["low"], each["high"], each["unit"]
        spread = "" if low is None else f"{number(low, unit)} to {number(high, unit)}"
        goal = "" if each["goal"] is None else f"{'≥' if each['more'] else '≤'} {number(each['goal'], unit)}"
        said = "; ".join(part for part in (each["verdict"], each["note"]) if part)
        rows.append(f"| {each['name']} | {number(each['value'], unit)} | {spread} | {goal} | {said} |")
    where = (
        f"Measured on {kept['date']} at scale {options['scale']:g}, median of {options['runs']} runs, seed "
        f"{options['seed']}: {machine['implementation']} {machine['python']}, {machine['system']}, "
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GiB."
    )
    return "\n".join([where, "", *rows])


def write(results: Path, page: Path = PAGE) -> None:
    """Renews the part of the page between the marks."""
    text = page.read_text(encoding="utf-8")
    page.write_text(with_figures(text, json.loads(results.read_text(encoding="utf-8"))), encoding="utf-8")


def with_figures(text: str, kept: Mapping[str, Any]) -> str:
    """The page with these figures."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{figures(kept)}\n\n{END}{after}"

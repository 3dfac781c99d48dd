"""What is shown and kept: a table on the terminal, ``results.json``, and plots."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.harness import Figure
from bench.options import Options

MARKS = {"met": "met", "missed": "MISSED", "skipped": "skipped", "": ""}


def number(value: float | None, unit: str = "x") -> str:
    """A value as the table shows it."""
    if value is None:
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}" if unit == "x" else f"{value:,.4g}"
    return text + ("x" if unit == "x" else f" {unit}" if unit else "")


def table(figures: Sequence[Figure]) -> str:
    """The figures, aligned: what, measured, lowest and highest run, goal, verdict."""
    rows = [("figure", "measured", "spread", "goal", "verdict", "")]
    for each in figures:
        spread = "" if each.low is None else f"{number(each.low, each.unit)} to {number(each.high, each.unit)}"
        sign = ">=" if each.more else "<="
        goal = "" if each.goal is None else f"{sign} {number(each.goal, each.unit)}"
        measured = number(each.value, each.unit)
        rows.append((each.name, measured, spread, goal, MARKS[each.verdict], each.note))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2]), row[3].rjust(widths[3])]
        lines.append("  ".join([*cells, row[4].ljust(widths[4]), row[5]]).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines[:1]))
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """What it ran on, without names of people or places."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    except OSError:
        return platform.processor() or "unknown"


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def results(figures: Sequence[Figure], options: Options) -> dict[str, Any]:
    """Everything that is kept of a run."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "options": {"scale": options.scale, "runs": options.runs, "seed": options.seed, "quick": options.quick},
        "figures": [asdict(each) | {"verdict": each.verdict} for each in figures],
    }


def save(kept: dict[str, Any], path: Path) -> None:
    """Writes ``results.json``."""
    path.write_text(json.dumps(kept, indent=1, sort_keys=False) + "\n", encoding="utf-8")


def merged(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """A run of some figures only renews these, if the rest came from a run with the same options and machine."""
    if old is None or old.get("options") != new["options"]:
        return new
    if {**old["machine"], "load": 0} != {**new["machine"], "load": 0}:
        return new
    fresh = {each["name"]: each for each in new["figures"]}
    kept = [fresh.pop(each["name"], each) for each in old["figures"]]
    return new | {"figures": [*kept, *fresh.values()]}


def plots(kept: dict[str, Any], folder: Path) -> list[Path]:
    """Ratios against their goals, and how costs grow, as SVG; nothing without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        print("no plots: pip install 'journeys[bench]'", file=sys.stderr)
        return []
    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "bench", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    written = []
    with_goal = [each for each in kept["figures"] if each["value"] is not None and each["goal"]]
    if with_goal:
        written.append(folder / "goals.svg")
        _plot_goals(plt, with_goal, written[-1])
    growing = [each for each in kept["figures"] if each["details"].get("growth")]
    if growing:
        written.append(folder / "growth.svg")
        _plot_growth(plt, growing, written[-1])
    return written


def _plot_goals(plt: Any, figures: list[dict[str, Any]], path: Path) -> None:
    """How much of its allowance each figure uses: 1 is the goal, less is better."""
    figures = figures[::-1]
    used = [each["goal"] / each["value"] if each["more"] else each["value"] / each["goal"] for each in figures]
    chart, axes = plt.subplots(figsize=(8, 0.8 + 0.36 * len(figures)))
    axes.barh([each["name"] for each in figures], used, color=["#2a7f62" if one <= 1 else "#b5483a" for one in used])
    axes.axvline(1, color="black", linewidth=1)
    for place, (one, each) in enumerate(zip(used, figures, strict=True)):
        axes.text(one, place, " " + number(each["value"], each["unit"]), va="center")
    axes.set_xlabel("share of what the goal allows")
    if max(used) > 5:
        axes.set_xscale("log")
    chart.tight_layout()
    chart.savefig(path, metadata={"Date": None})
    plt.close(chart)


def _plot_growth(plt: Any, figures: list[dict[str, Any]], path: Path) -> None:
    """The cost of one event, relative to the smallest size."""
    chart, all_axes = plt.subplots(1, len(figures), figsize=(4 * len(figures), 3.2), squeeze=False)
    for axes, each in zip(all_axes[0], figures, strict=True):
        sizes = [int(size) for size in each["details"]["growth"]]
        ratios = list(each["details"]["growth"].values())
        axes.plot(sizes, ratios, marker="o", color="#2a7f62")
        axes.axhline(each["goal"], color="#b5483a", linewidth=1, linestyle="--")
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_title(each["name"], fontsize=8)
        axes.set_ylabel("cost of one event")
    chart.tight_layout()
    chart.savefig(path, metadata={"Date": None})
    plt.close(chart)

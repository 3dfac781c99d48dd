"""The figures of journeys, from a trace: who entered, is in progress, completed or left, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Self

import attrs

from journeys._time import format_instant, instant_of, parse_instant
from journeys.errors import nearest
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.model.steps import RandomizedSplit
from journeys.runtime.analysis.figures_rates import BranchFigures, branch_figures
from journeys.runtime.analysis.figures_tally import ELSEWHERE, ENTRY, WATCHED, Shown, Tally
from journeys.runtime.render import Graph, graph_of, kind_of

#: how a journey is left other than by completing it
OTHER_ENDS = ("expired", "archived", "merged", "failed")


@attrs.frozen(kw_only=True)
class StepFigures:
    """One step: who arrived, who waits there at the end of the range, who went on or left it.

    ``previous`` says from where they came: a step, ``step: branch``, ``entry``, or ``elsewhere`` where the trace does
    not say; ``branches`` by which way they went on.
    """

    step: str
    kind: str
    name: str | None
    arrived: int
    waiting: int
    left: int
    previous: Mapping[str, int]
    branches: Mapping[str, int]
    restarted: int
    sent: int
    skipped: int


@attrs.frozen(kw_only=True)
class SplitFigures:
    """A randomized split: how many of each branch reached the goal afterwards."""

    step: str
    branches: tuple[BranchFigures, ...]


@attrs.frozen(kw_only=True)
class JourneyFigures:
    """One journey, or one version of it; ``people`` says whether each profile counts once.

    ``in_progress`` are those who have neither completed nor left at the end of the range. Who completed and then
    exited counts as exited (S10). ``exited_by`` has the exit rules, and ``exit_after``.
    """

    journey: str
    version: int | None
    people: bool
    entered: int
    in_progress: int
    completed: int
    exited: int
    exited_by: Mapping[str, int]
    expired: int
    archived: int
    merged: int
    failed: int
    migrated_in: int
    migrated_out: int
    goals: int
    steps: tuple[StepFigures, ...]
    splits: tuple[SplitFigures, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return attrs.asdict(self)

    def as_table(self) -> str:
        """Aligned text: the journey, its steps, its randomized splits."""
        version = f" version {self.version}" if self.version is not None else ""
        usual = ("entered", "in_progress", "completed", "exited")
        names = [
            *usual,
            *(each for each in (*OTHER_ENDS, "migrated_in", "migrated_out", "goals") if getattr(self, each)),
        ]
        told = ", ".join(f"{name.replace('_', ' ')} {getattr(self, name):,}" for name in names)
        lines = [f"{self.journey}{version}: {told}" + (" (profiles)" if self.people else "")]
        lines += [f"  exited by {rule}: {number:,}" for rule, number in sorted(self.exited_by.items())]
        rows = [["step", "arrived", "waiting", "left", "from"]]
        for each in self.steps:
            origins = ", ".join(f"{name} {number:,}" for name, number in each.previous.items())
            rows.append([each.step, f"{each.arrived:,}", f"{each.waiting:,}", f"{each.left:,}", origins])
        lines += _aligned(rows, right=(1, 2, 3))
        for split in self.splits:
            rows = [[split.step, "entered", "conversions", "rate", "95 %", "difference", "95 %", "uplift"]]
            rows += [_split_row(branch) for branch in split.branches]
            lines += ["", *_aligned(rows, right=(1, 2, 3, 4, 5, 6, 7))]
        return "\n".join(lines)


class Figures:
    """Figures of all journeys of a space, from the records of a trace, added one by one.

    ``start`` and ``end`` (not included) are a range: what happened in it is counted, how it stands is said of its end.
    With ``people`` figures can also be had with each profile counted once; that keeps every profile's id. The records
    of one profile must come in the order in which they happened, those of different profiles in any order.
    """

    def __init__(
        self,
        space: Space | Journey | Iterable[Journey],
        *,
        start: str | datetime | int | None = None,
        end: str | datetime | int | None = None,
        people: bool = False,
    ) -> None:
        self.start = None if start is None else instant_of(start)
        self.end = None if end is None else instant_of(end)
        self._has_range = self.start is not None or self.end is not None
        self._whole: dict[str, Tally] = {}
        self._versions: dict[tuple[str, int], Tally] = {}
        self._all: dict[str, list[Tally]] = {}
        given = space.journeys if isinstance(space, Space) else [space] if isinstance(space, Journey) else space
        for journey in sorted(given, key=lambda each: (each.key, each.version)):
            self._whole[journey.key] = Tally(journey, None, people=people)
            self._versions[journey.key, journey.version] = Tally(journey, journey.version, people=people)
        for key, tally in self._whole.items():
            versions = [each for (journey_key, _), each in self._versions.items() if journey_key == key]
            self._all[key] = [tally, *versions]

    @classmethod
    def of(
        cls, space: Space | Journey | Iterable[Journey], records: Iterable[Mapping[str, Any]], **range_: Any
    ) -> Self:
        """Counts a trace."""
        figures = cls(space, **range_)
        for record in records:
            figures.add(record)
        return figures

    def add(self, record: Mapping[str, Any]) -> None:
        """Counts a record; those of no journey, or of one that the space does not have, are passed over."""
        tallies = self._all.get(record.get("journey", ""))
        if tallies is None:
            return
        in_range = True
        if self._has_range:
            at = parse_instant(record["at"])
            if self.end is not None and at >= self.end:
                return
            in_range = self.start is None or at >= self.start
        for tally in tallies:
            tally.add(record, in_range)

    def forget(self) -> None:
        """Forgets who is under way, when nothing more will be added of them; the figures stay, memory is freed."""
        for tallies in self._all.values():
            for tally in tallies:
                tally.forget()

    @property
    def journeys(self) -> tuple[str, ...]:
        """The keys of the journeys."""
        return tuple(self._whole)

    def versions(self, key: str) -> tuple[int, ...]:
        """The versions of a journey that the space has."""
        return tuple(version for journey, version in self._versions if journey == key)

    def journey(self, key: str, version: int | None = None, *, people: bool = False) -> JourneyFigures:
        """The figures of a journey over all versions, or of one version; KeyError if there is none."""
        return _figures(self._tally(key, version), people=people)

    def graph(self, key: str, version: int | None = None) -> Graph:
        """The picture of the journey with its figures."""
        tally = self._tally(key, version)
        shown = Shown(tally.journey, version, tally.number("active"))
        shown.entered, shown.goals = tally.number("entered"), tally.number("goal")
        shown.migrated_in, shown.migrated_out = tally.number("migrated_in"), tally.number("migrated_out")
        for name in WATCHED:
            getattr(shown, name).update({key: tally.number(name, key) for key in tally.keys(name)})
        return graph_of(tally.journey).with_counts(shown)

    def as_dict(self, *, people: bool = False) -> dict[str, Any]:
        """All journeys as plain data, each over all its versions and by version."""
        return {
            "start": None if self.start is None else format_instant(self.start),
            "end": None if self.end is None else format_instant(self.end),
            "journeys": [
                self.journey(key, people=people).as_dict()
                | {"versions": [self.journey(key, each, people=people).as_dict() for each in self.versions(key)]}
                for key in self.journeys
            ],
        }

    def as_table(self, *, people: bool = False) -> str:
        """All journeys as aligned text; by version where there are several."""
        parts = []
        for key in self.journeys:
            parts.append(self.journey(key, people=people).as_table())
            if len(versions := self.versions(key)) > 1:
                parts += [self.journey(key, each, people=people).as_table() for each in versions]
        return "\n\n".join(parts)

    def _tally(self, key: str, version: int | None) -> Tally:
        found = self._whole.get(key) if version is None else self._versions.get((key, version))
        if found is None:
            hint = nearest(key, list(self._whole)) if key not in self._whole else f"versions {self.versions(key)}"
            raise KeyError(f"no figures of {key!r}{'' if version is None else f' version {version}'}; {hint}")
        return found


def _figures(tally: Tally, *, people: bool) -> JourneyFigures:
    if people and tally.people is None:
        raise ValueError("profiles were not counted: say people=True when the figures are made")

    def number(name: str, key: Any = None) -> int:
        return tally.number(name, key, people=people)

    has_goal = tally.journey.goal is not None
    return JourneyFigures(
        journey=tally.journey.key,
        version=tally.version,
        people=people,
        entered=number("entered"),
        in_progress=number("active"),
        completed=number("ended", "completed"),
        exited=number("ended", "exited"),
        exited_by={rule or "exit_after": number("exited", rule) for rule in tally.keys("exited")},
        expired=number("ended", "expired"),
        archived=number("ended", "archived"),
        merged=number("ended", "merged"),
        failed=number("ended", "failed"),
        migrated_in=number("migrated_in"),
        migrated_out=number("migrated_out"),
        goals=number("goal"),
        steps=tuple(_steps(tally, number)),
        splits=tuple(
            SplitFigures(
                step=key,
                branches=branch_figures(
                    [
                        (each.name, number("split", (key, each.name)), number("converted", (key, each.name)))
                        for each in step.branches
                    ],
                    has_goal=has_goal,
                ),
            )
            for key, step in tally.journey.steps.items()
            if isinstance(step, RandomizedSplit)
        ),
    )


def _steps(tally: Tally, number: Any) -> Iterator[StepFigures]:
    steps = tally.journey.steps
    nodes = [node.key for node in graph_of(tally.journey).nodes if node.key in steps]
    strangers = sorted({step for step in tally.keys("arrived") if step not in steps})
    previous = tally.keys("previous")
    for key in [*nodes, *strangers]:
        step = steps.get(key)
        origins = sorted(origin for arrived, origin in previous if arrived == key)
        yield StepFigures(
            step=key,
            kind="unknown" if step is None else kind_of(step),
            name=None if step is None else step.name,
            arrived=number("arrived", key),
            waiting=number("waiting", key),
            left=number("left", key),
            previous={_origin(each): number("previous", (key, each)) for each in origins},
            branches={branch: number("taken", (at, branch)) for at, branch in tally.keys("taken") if at == key},
            restarted=sum(number("restarted", (at, name)) for at, name in tally.keys("restarted") if at == key),
            sent=number("sent", key),
            skipped=number("skipped", key),
        )


def _origin(key: str) -> str:
    return key.removeprefix(":") if key in (ENTRY, ELSEWHERE) else key


def _split_row(figures: BranchFigures) -> list[str]:
    row = [figures.branch, f"{figures.entered:,}"]
    row.append("-" if figures.conversions is None else f"{figures.conversions:,}")
    row.append(_percent(figures.rate))
    row.append(_interval(figures.interval))
    row += [_percent(figures.difference, sign="+"), _interval(figures.difference_interval, sign="+")]
    row.append(_percent(figures.uplift, sign="+"))
    return row


def _percent(share: float | None, sign: str = "") -> str:
    return "-" if share is None else f"{100 * share:{sign}.2f} %"


def _interval(interval: tuple[float, float] | None, sign: str = "") -> str:
    return "-" if interval is None else f"{100 * interval[0]:{sign}.2f} to {100 * interval[1]:{sign}.2f}"


def _aligned(rows: list[list[str]], right: tuple[int, ...]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(["", *cells]).rstrip())
    return lines

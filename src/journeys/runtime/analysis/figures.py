"""The figures of journeys, from a trace: who entered, is in progress, completed or left, step by step."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Self

import attrs

from journeys._time import format_instant, instant_of, parse_instant
from journeys.errors import nearest
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.model.steps import RandomizedSplit, Step
from journeys.ports import Store
from journeys.runtime.analysis.figures_rates import BranchFigures, branch_figures
from journeys.runtime.ledger import ELSEWHERE, ENTRY, STOCKS, WATCHED, Ledger
from journeys.runtime.render import Counts, Graph, graph_of, kind_of
from journeys.runtime.render.links import links_of
from journeys.runtime.render.order import Order
from journeys.runtime.tallies import DAY, Kept, by_days, is_whole, read_figure
from journeys.runtime.unique import PEOPLE

#: how a journey is left other than by completing it
OTHER_ENDS = ("expired", "archived", "merged", "failed")


#: the name of a figure, and the step, branch or rule that it is of
Figure = tuple[str, Any]
#: journey and version
Page = tuple[str, int]


@attrs.frozen(kw_only=True)
class StepFigures:
    """One step: who arrived, who waits there at the end of the range, who went on or left it.

    ``previous`` says from where they came: a step, ``step: branch``, ``entry``, or ``elsewhere`` where the trace does
    not say; ``branches`` by which way they went on. ``of_entered`` is their share of those who entered the journey,
    ``of_previous`` that of those who arrived at each step before; None and left out where there is nothing to share.
    """

    step: str
    kind: str
    name: str | None
    arrived: int
    of_entered: float | None
    waiting: int
    left: int
    previous: Mapping[str, int]
    of_previous: Mapping[str, float]
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
        rows = [["step", "arrived", "of entered", "waiting", "left", "from"]]
        for each in self.steps:
            origins = ", ".join(_told_origin(name, number, each) for name, number in each.previous.items())
            numbers = [f"{each.arrived:,}", _percent(each.of_entered), f"{each.waiting:,}", f"{each.left:,}"]
            rows.append([each.step, *numbers, origins])
        lines += _aligned(rows, right=(1, 2, 3, 4))
        for split in self.splits:
            rows = [[split.step, "entered", "conversions", "rate", "95 %", "difference", "95 %", "uplift"]]
            rows += [_split_row(branch) for branch in split.branches]
            lines += ["", *_aligned(rows, right=(1, 2, 3, 4, 5, 6, 7))]
        return "\n".join(lines)


class Figures:
    """Figures of all journeys of a space, from the records of a trace, added one by one.

    ``start`` and ``end`` (not included) are a range: what happened in it is counted, how it stands is said of its end.
    With ``people`` figures can also be had with each profile counted once; that keeps every profile's id. The records
    must come in the order of a trace, or profile by profile where no two profiles are linked; an instant is over when
    figures are read, so read them between two instants.
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
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError(
                f"the range ends before it begins: {format_instant(self.end)} is before {format_instant(self.start)}"
            )
        self._people = people
        #: (journey, version) -> figure -> number; the same by profile; how many profiles, where that is known already
        self._numbers: dict[Page, Counter[Figure]] = {}
        self._of_people: dict[Page, dict[Figure, Counter[str]]] = {}
        self._unique: dict[Page, Counter[Figure]] | None = None
        self._owners: dict[str, str] = {}
        self._owner = ""
        self._in_range = True
        self._ledger = Ledger(self._definition, self._note)
        given = space.journeys if isinstance(space, Space) else [space] if isinstance(space, Journey) else space
        ordered = sorted(given, key=lambda each: (each.key, each.version))
        self._definitions = {(each.key, each.version): each for each in ordered}
        self._latest = {each.key: each for each in ordered}
        self._order = Order(ordered)

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
        if record.get("journey") in self._latest:
            self._count(self._order.add(record))

    def _count(self, records: Iterable[Mapping[str, Any]]) -> None:
        for record in records:
            self._count_one(record)

    def _count_one(self, record: Mapping[str, Any]) -> None:
        at = 0
        if self.start is not None or self.end is not None:
            at = parse_instant(record["at"])
            if self.end is not None and at >= self.end:
                return
            self._in_range = self._is_in_range(at)
        if self._people:
            self._owner = self._owners.setdefault(record["instance"], record["profile"])
        self._ledger.add(record, at)

    @classmethod
    def kept(
        cls,
        space: Space | Journey | Iterable[Journey],
        rows: Iterable[Kept],
        *,
        start: str | datetime | int | None = None,
        end: str | datetime | int | None = None,
        people: bool = False,
    ) -> Self:
        """From what a store keeps of every day: the same figures, and no trace is read.

        ``start`` and ``end`` are midnights UTC, as ``by_days`` says; ``is_whole`` says whether all is in the rows.
        """
        figures = cls(space, start=start, end=end, people=people)
        if not by_days(figures.start, figures.end):
            raise ValueError("figures are kept by days: start and end are midnights UTC; the trace has the hours")
        figures._unique = {}
        for key, version, day, text, number in rows:
            at = day * DAY
            if key not in figures._latest or (figures.end is not None and at >= figures.end):
                continue
            figures._in_range = figures._is_in_range(at)
            name, part, since = read_figure(text)
            if not name.startswith(PEOPLE):
                figures._note(key, version, name, part, number, since)
            elif people:
                figures._note_unique((key, version), name.removeprefix(PEOPLE), part, number, since)
        return figures

    @classmethod
    def of_store(
        cls,
        space: Space | Journey | Iterable[Journey],
        store: Store,
        *,
        start: str | datetime | int | None = None,
        end: str | datetime | int | None = None,
        people: bool = False,
    ) -> Self:
        """From what a store keeps, or from its trace where that is not all: within a day, or of an older version."""
        first, last = (None if each is None else instant_of(each) for each in (start, end))
        if by_days(first, last):
            rows = store.tallies()
            if is_whole(rows, people=people):
                return cls.kept(space, rows, start=first, end=last, people=people)
        return cls.of(space, map(json.loads, store.trace()), start=first, end=last, people=people)

    def _is_in_range(self, at: int) -> bool:
        return self.start is None or at >= self.start

    def _definition(self, key: str, version: int) -> Journey:
        """The version, or the latest that the space has in its place."""
        return self._definitions.get((key, version), self._latest[key])

    def _counts(self, name: str, since: int | None) -> bool:
        return name in STOCKS or (self._in_range and (since is None or self._is_in_range(since)))

    def _note_unique(self, page: Page, name: str, key: Any, delta: int, since: int | None) -> None:
        assert self._unique is not None
        if self._counts(name, since):
            self._unique.setdefault(page, Counter())[name, key] += delta

    def _note(self, journey: str, version: int, name: str, key: Any, delta: int, since: int | None) -> None:
        if not self._counts(name, since):
            return
        page = (journey, version)
        numbers = self._numbers.get(page)
        if numbers is None:
            numbers = self._numbers[page] = Counter()
        numbers[name, key] += delta
        if self._people and self._unique is None:
            owners = self._of_people.setdefault(page, {}).setdefault((name, key), Counter())
            owners[self._owner] += delta

    def forget(self) -> None:
        """Forgets who is under way, when nothing more will be added of them; the figures stay, memory is freed."""
        self._count(self._order.rest())
        self._order.forget()
        self._ledger.forget()
        self._owners.clear()

    @property
    def journeys(self) -> tuple[str, ...]:
        """The keys of the journeys."""
        return tuple(self._latest)

    def versions(self, key: str) -> tuple[int, ...]:
        """The versions of a journey that the space has."""
        return tuple(version for journey, version in self._definitions if journey == key)

    def journey(self, key: str, version: int | None = None, *, people: bool = False) -> JourneyFigures:
        """The figures of a journey over all versions, or of one version; KeyError if there is none."""
        if people and not self._people:
            raise ValueError("profiles were not counted: say people=True when the figures are made")
        return _figures(self._sum(key, version, people=people))

    def graph(self, key: str, version: int | None = None) -> Graph:
        """The picture of the journey with its figures."""
        figures = self._sum(key, version)
        shown = _Shown(figures.journey, version, figures.number("active"))
        shown.entered, shown.goals = figures.number("entered"), figures.number("goal")
        shown.migrated_in, shown.migrated_out = figures.number("migrated_in"), figures.number("migrated_out")
        for name in WATCHED:
            getattr(shown, name).update({key: figures.number(name, key) for key in figures.keys(name)})
        return graph_of(figures.journey).with_counts(shown)

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

    def _sum(self, key: str, version: int | None, *, people: bool = False) -> _Sum:
        found = self._latest.get(key) if version is None else self._definitions.get((key, version))
        if found is None:
            hint = nearest(key, list(self._latest)) if key not in self._latest else f"versions {self.versions(key)}"
            raise KeyError(f"no figures of {key!r}{'' if version is None else f' version {version}'}; {hint}")
        self._count(self._order.rest())
        pages = [page for page in self._numbers if page[0] == key and version in (None, page[1])]
        numbers = [self._numbers[page] for page in pages]
        if not people:
            return _Sum(found, version, numbers, _Total(numbers))
        if self._unique is None:
            return _Sum(found, version, numbers, _Owners([self._of_people[page] for page in pages]), people=True)
        unique = [self._unique[page] for page in self._unique if page[0] == key and version in (None, page[1])]
        return _Sum(found, version, numbers, _Total(unique), people=True)


class _Total:
    """Figures that add up."""

    def __init__(self, pages: list[Counter[Figure]]) -> None:
        self._pages = pages

    def __call__(self, figure: Figure) -> int:
        return sum(page[figure] for page in self._pages)


class _Owners:
    """Figures by profile: how many have any."""

    def __init__(self, pages: list[dict[Figure, Counter[str]]]) -> None:
        self._pages = pages

    def __call__(self, figure: Figure) -> int:
        owners: Counter[str] = Counter()
        for page in self._pages:
            owners.update(page.get(figure, {}))
        return sum(number > 0 for number in owners.values())


class _Sum:
    """What was counted of one version of a journey, or of all."""

    def __init__(
        self,
        journey: Journey,
        version: int | None,
        pages: list[Counter[Figure]],
        count: Callable[[Figure], int],
        *,
        people: bool = False,
    ) -> None:
        self.journey = journey
        self.version = version
        self.people = people
        self._pages = pages
        self._count = count

    def number(self, name: str, key: Any = None) -> int:
        """A figure: how often, or how many profiles."""
        if self.version is None and name.startswith("migrated"):
            return 0  # it stays in the journey
        return self._count((name, key))

    def keys(self, name: str) -> list[Any]:
        """For which steps, branches or rules there is such a figure."""
        return list(dict.fromkeys(key for page in self._pages for each, key in page if each == name))


class _Shown(Counts):
    """Counts that were made elsewhere, to be drawn."""

    def __init__(self, journey: Journey, version: int | None, active: int) -> None:
        super().__init__(journey, version)
        self._active = active

    @property
    def active(self) -> int:
        return self._active


def _figures(figures: _Sum) -> JourneyFigures:
    number = figures.number
    has_goal = figures.journey.goal is not None
    return JourneyFigures(
        journey=figures.journey.key,
        version=figures.version,
        people=figures.people,
        entered=number("entered"),
        in_progress=number("active"),
        completed=number("ended", "completed"),
        exited=number("ended", "exited"),
        exited_by=dict(sorted((rule or "exit_after", number("exited", rule)) for rule in figures.keys("exited"))),
        expired=number("ended", "expired"),
        archived=number("ended", "archived"),
        merged=number("ended", "merged"),
        failed=number("ended", "failed"),
        migrated_in=number("migrated_in"),
        migrated_out=number("migrated_out"),
        goals=number("goal"),
        steps=tuple(_steps(figures)),
        splits=tuple(
            SplitFigures(
                step=key,
                branches=branch_figures(
                    [
                        (each.name, number("taken", (key, each.name)), number("converted", (key, each.name)))
                        for each in step.branches
                    ],
                    has_goal=has_goal,
                ),
            )
            for key, step in figures.journey.steps.items()
            if isinstance(step, RandomizedSplit)
        ),
    )


def _steps(figures: _Sum) -> Iterator[StepFigures]:
    number, steps = figures.number, figures.journey.steps
    nodes = [node.key for node in graph_of(figures.journey).nodes if node.key in steps]
    strangers = sorted({step for step in figures.keys("arrived") if step not in steps})
    previous = figures.keys("previous")
    entered = number("entered")
    for key in [*nodes, *strangers]:
        step, arrived = steps.get(key), number("arrived", key)
        came = {
            _origin(origin): number("previous", (key, origin))
            for origin in sorted(origin for arrived_at, origin in previous if arrived_at == key)
        }
        before = {name: number("arrived", name.partition(": ")[0]) for name in came}
        yield StepFigures(
            step=key,
            kind="unknown" if step is None else kind_of(step),
            name=None if step is None else step.name,
            arrived=arrived,
            of_entered=arrived / entered if entered else None,
            waiting=number("waiting", key),
            left=number("left", key),
            previous=came,
            of_previous={name: came[name] / number_ for name, number_ in before.items() if number_},
            branches={name: number("taken", (key, name)) for name in _branches(step, figures.keys("taken"), key)},
            restarted=sum(number("restarted", (at, name)) for at, name in figures.keys("restarted") if at == key),
            sent=number("sent", key),
            skipped=number("skipped", key),
        )


def _branches(step: Step | None, taken: Iterable[tuple[str, str]], key: str) -> list[str]:
    """The branches of a step that were taken, in the order of the definition; then those that it does not have."""
    found = {branch for at, branch in taken if at == key}
    named = [] if step is None else [link.branch for link in links_of(step) if link.branch in found]
    return [*dict.fromkeys(name for name in named if name is not None), *sorted(found.difference(named))]


def _told_origin(name: str, number: int, step: StepFigures) -> str:
    share = step.of_previous.get(name)
    return f"{name} {number:,}" + ("" if share is None else f" ({100 * share:.0f} %)")


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

"""The demo: a week of a small coffee shop runs through all examples at once. `make demo`, or `python examples/demo.py`.

It needs the library and nothing else: no server, no database, no network. What it shows is drawn from a seed and the
same on every machine. The pictures go to `build/demo`, or to the folder that is named on the command line.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import demo_page
import demo_story
import shop

from journeys import Evaluator, Journey, ManualClock, Space
from journeys.destinations import Record
from journeys.runtime.render import Counts

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "build" / "demo"
#: how often time is told to move on, and how often the terminal is told how far it is
TICK = timedelta(minutes=5)
COLUMNS = ("entered", "waiting", "sent", "completed", "exited", "goal")


def gallery() -> Space:
    """All examples as one space: what one of them brings is there for all."""
    spaces = [runpy.run_path(str(each))["space"] for each in sorted(HERE.glob("*/journey.py"))]
    return Space(
        key="shop",
        name="A small coffee shop",
        audiences=[each for space in spaces for each in space.audiences],
        computed_traits=[each for space in spaces for each in space.computed_traits],
        destinations={key: each for space in spaces for key, each in sorted(space.destinations.items())},
        journeys=[each for space in spaces for each in space.journeys],
    )


class Terminal:
    """Prints, with colour and a moving line where somebody is looking, and plainly where nobody is."""

    def __init__(self) -> None:
        self.is_live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 120)
        self.is_coloured = self.is_live and not os.environ.get("NO_COLOR")
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")

    def styled(self, text: str, style: str) -> str:
        """The text in a style: ``1`` is bold, ``2`` dim, ``32`` green, …"""
        return f"\x1b[{style}m{text}\x1b[0m" if self.is_coloured else text

    def say(self, text: str = "") -> None:
        """One line."""
        print(("\r\x1b[K" if self.is_live else "") + text)

    def title(self, text: str) -> None:
        """A heading."""
        self.say()
        self.say(self.styled(text, "1"))
        self.say(self.styled("─" * len(text), "2"))

    def moving(self, done: float, text: str) -> None:
        """How far it is, on a terminal only; the next line takes its place."""
        if self.is_live:
            bar = "━" * round(done * 40)
            rest = "━" * (40 - len(bar))
            print(f"\r\x1b[K{self.styled(bar, '32')}{self.styled(rest, '2')} {text}", end="", flush=True)

    def table(self, heading: Sequence[str], rows: Iterable[Sequence[str]], strong: Iterable[int] = ()) -> None:
        """Aligned columns: the first to the left, the others to the right."""
        rows = [list(row) for row in rows]
        widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading))]
        strong = set(strong)
        self.say(self.styled(_line(heading, widths), "2"))
        for number, row in enumerate(rows):
            self.say(self.styled(_line(row, widths), "1") if number in strong else _line(row, widths))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (f"{cell:<{width}}" if n == 0 else f"{cell:>{width}}" for n, (cell, width) in _pairs(row, widths))
    return "  ".join([first, *others]).rstrip()


def _pairs(row: Sequence[str], widths: Sequence[int]) -> Iterable[tuple[int, tuple[str, int]]]:
    return enumerate(zip(row, widths, strict=True))


class Week:
    """The shop's week, fed to an evaluator as it arrives."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.space = gallery()
        self.shop, self.calls = shop.week()
        self.sinks = {key: Record(list=each.list) for key, each in self.space.destinations.items()}
        self.clock = ManualClock(self.calls[0][0])
        self.evaluator = Evaluator(self.space, destinations=self.sinks, clock=self.clock)
        self.answers: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        #: what was applied: the instant up to which time had been told to pass before, the answer, the call
        self.fed: list[tuple[datetime, str, shop.Call]] = []
        self.seconds = 0.0

    def run(self) -> None:
        """History first, then the week, a day at a time."""
        started = time.perf_counter()
        history = sum(arrival < shop.MONDAY for arrival, _ in self.calls)
        self._feed(self.calls[:history], self.calls[0][0])
        self.evaluator.advance(shop.MONDAY)
        first = self.calls[0][0]
        since = f"since {first.day} {first:%B}, when the first of the regulars began to order"
        self.terminal.say(f"  {'before':<14}{history:>7,} calls   {since}")
        place, now = history, shop.MONDAY
        for _ in range(7):
            place, now = self._day(place, now)
        self.seconds = time.perf_counter() - started

    def _day(self, place: int, now: datetime) -> tuple[int, datetime]:
        end = now + timedelta(days=1)
        start, before = place, self._totals()
        while now < end:
            now += TICK
            stop = place
            while stop < len(self.calls) and self.calls[stop][0] < now:
                stop += 1
            self._feed(self.calls[place:stop], now - TICK)
            place = stop
            self.evaluator.advance(now)
            self.terminal.moving(place / len(self.calls), f"{now:%A %H:%M}  {place:,} calls")
        news = {key: number - before[key] for key, number in self._totals().items()}
        self.terminal.say(
            f"  {now - timedelta(days=1):%a} {(now - timedelta(days=1)).day} {now - timedelta(days=1):%B}".ljust(16)
            + f"{place - start:>7,} calls   {news['entered']:>5,} entered   {news['deliveries']:>5,} deliveries"
        )
        return place, end

    def _feed(self, calls: Sequence[tuple[datetime, shop.Call]], watermark: datetime) -> None:
        for (_, call), answer in zip(calls, self.evaluator.feed_many(call for _, call in calls), strict=True):
            self.answers[answer.status] += 1
            if answer.reason:
                self.reasons[answer.reason] += 1
            self.fed.append((watermark, answer.status, call))

    def _totals(self) -> dict[str, int]:
        entered = sum(record["kind"] == "entered" for record in self.evaluator.trace())
        return {"entered": entered, "deliveries": sum(len(each.deliveries) for each in self.sinks.values())}


class Figures:
    """What became of the people of one journey, as a whole and step by step."""

    def __init__(self, journey: Journey, trace: Iterable[dict[str, Any]]) -> None:
        self.journey = journey
        records = [record for record in trace if record.get("journey") == journey.key]
        self.counts = Counts.of(journey, records)
        #: where people were when they completed or left
        self.ended: Counter[tuple[str, str]] = Counter()
        at: dict[str, str] = {}
        done: set[str] = set()
        for record in records:
            instance, kind = record["instance"], record["kind"]
            if kind == "step":
                at[instance] = record["step"]
            elif kind == "completed":
                done.add(instance)
                self.ended[at[instance], kind] += 1
            elif kind in ("exited", "merged", "expired"):
                if instance in done:
                    self.ended[at[instance], "completed"] -= 1
                self.ended[at[instance], "exited"] += 1

    def whole(self) -> list[int]:
        """The figures of the journey, in the order of the columns."""
        counts = self.counts
        sent = sum(counts.sent.values()) + sum(counts.added.values())
        gone = counts.ended["exited"] + counts.ended["merged"] + counts.ended["expired"]
        return [counts.entered, counts.active, sent, counts.ended["completed"], gone, counts.goals]

    def of_step(self, step: str) -> list[int]:
        """The same for those who came to the step."""
        counts = self.counts
        sent = counts.sent[step] + counts.added[step]
        ended = [self.ended[step, kind] for kind in ("completed", "exited")]
        return [counts.arrived[step], counts.waiting[step], sent, *ended, 0]


def show_tables(terminal: Terminal, figures: Sequence[Figures]) -> None:
    """Every journey, and every step of it."""
    rows: list[list[str]] = []
    strong: list[int] = []
    for each in figures:
        if rows:
            rows.append([""] * (len(COLUMNS) + 1))
        strong.append(len(rows))
        rows.append([each.journey.name, *map(_number, each.whole())])
        for key, step in each.journey.steps.items():
            rows.append([f"  {step.name or key}", *map(_number, each.of_step(key))])
    terminal.title("Who went where")
    terminal.table(["", *COLUMNS], rows, strong)
    terminal.say()
    note = "waiting: at the end of the week · completed and exited: the step where people were"
    terminal.say(terminal.styled(note, "2"))


def _number(number: int) -> str:
    return f"{number:,}" if number else "·"


def show_story(terminal: Terminal, story: demo_story.Story) -> None:
    """What somebody did, and below it what the journeys made of it."""
    person = story.person
    terminal.title(f"The week of {person.name}")
    devices = " and ".join([person.device, *person.others])
    terminal.say(terminal.styled(f"{person.user_id}, first seen as {devices}", "2"))
    for line in story.lines():
        if line.kind == "day":
            terminal.say(terminal.styled(line.text, "1"))
            continue
        start = f"  {line.time}  " + "   ▸ " * (line.kind == "journey")
        style = "36" if line.kind == "journey" else "2" if line.text.endswith("duplicate") else ""
        for text in textwrap.wrap(start + line.text, terminal.width, subsequent_indent=" " * (len(start) + 2)):
            terminal.say(terminal.styled(text, style) if style else text)


def show_counters(terminal: Terminal, week: Week) -> None:
    """What was answered, what was counted, what was sent where."""
    terminal.title("What arrived, and what was counted")
    answers = week.answers
    said = {
        "accepted": "applied in time",
        "late": "accepted, and applied later than they happened",
        "duplicate": "had been accepted before",
        "rejected": "no valid calls: " + ", ".join(sorted(week.reasons)),
    }
    for status, meaning in said.items():
        terminal.say(f"  {answers[status]:>7,}  {status:<10}{meaning}")
    terminal.say()
    counters = week.evaluator.counters
    for name, meaning in {
        "late_entries": "calls too late to open what had ended after they happened (E8)",
        "missing_identifier": "orders and carts without the id that tells them apart (E3)",
        "unwanted": "calls that no journey asks for: page after page (O7)",
    }.items():
        terminal.say(f"  {counters.get(name, 0):>7,}  {name:<20}{meaning}")
    terminal.title("What was sent")
    rows = []
    for key, sink in sorted(week.sinks.items()):
        members = f"{len(sink.members):,} on the list" if week.space.destinations[key].list else ""
        rows.append([key, f"{len(sink.deliveries):,}", members])
    terminal.table(["destination", "deliveries", ""], rows)


def main(arguments: Sequence[str]) -> int:
    """Runs the week, tells of it, draws it."""
    folder = Path(arguments[0]) if arguments else FOLDER
    terminal = Terminal()
    week = Week(terminal)
    space = week.space
    terminal.title("A week of a small coffee shop")
    terminal.say(
        f"{len(space.journeys)} journeys, {len(space.audiences)} audiences, {len(space.computed_traits)} computed "
        f"traits; {len(week.shop.people):,} people; {len(week.calls):,} calls, in the order in which they arrive."
    )
    terminal.say()
    week.run()
    trace = [*week.evaluator.trace()]
    figures = [Figures(journey, trace) for journey in space.journeys]
    show_tables(terminal, figures)
    story = demo_story.Story(week.shop, week.fed, trace, space)
    show_story(terminal, story)
    show_counters(terminal, week)
    page = demo_page.write(folder, week, figures, story)
    terminal.title("Pictures")
    terminal.say(f"Every journey with its figures, and {story.person.first}'s week: {_short(page)}")
    rate = len(week.calls) / week.seconds
    speed = f"{week.seconds:.1f} seconds: {rate:,.0f} calls a second, in memory, with the whole trace"
    terminal.say(f"The week took {speed}.")
    week.evaluator.close()
    return 0


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

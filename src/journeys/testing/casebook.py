"""Cases as data: a folder with a space, the calls of a story, and the trace that somebody has read with care.

``journeys test`` runs them, and so can a test: ``for case in cases_in("examples"): assert not case.run().difference``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from journeys._time import parse_instant
from journeys.codec.strict_json import InvalidJSON, parse_json
from journeys.errors import InvalidCall, JourneysError
from journeys.model.space import Space
from journeys.runtime.simulation import Simulation
from journeys.testing.golden import compared, read_trace, write_trace
from journeys.testing.scenario import Scenario
from journeys.testing.spaces import space_from
from journeys.testing.verdicts import MOST_PEOPLE

#: the files of a case; the space may lie in a folder above it
SPACE, EVENTS, EXPECTED, UNTIL = "space.json", "events.ndjson", "expected.ndjson", "until.txt"


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of a case: ``status`` is ``passed``, ``failed``, or ``new`` where nothing is expected yet.

    ``difference`` has a line for each record that was added, left out or changed; ``problems`` are calls that nobody
    understands; ``story`` tells the timelines of the people concerned.
    """

    trace: tuple[dict[str, Any], ...] = attrs.field(repr=False)
    status: str
    difference: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    story: str = ""


@attrs.frozen
class Case:
    """One case: where it is, and the file of its space."""

    name: str
    folder: Path
    space_file: Path

    @property
    def space(self) -> Space:
        """Its space; InvalidDefinition if it is none."""
        return space_from(self.space_file)

    def run(self) -> Outcome:
        """Lets the calls happen as ``journeys simulate`` does, and compares the trace with what is expected."""
        simulation = Simulation(self.space)
        calls, problems = self._calls()
        for number, call in calls:
            (answer,) = simulation.feed([call])
            if answer.status == "rejected":
                problems.append(f"{EVENTS}:{number}: {answer.message or answer.reason}")
        until = self._until()
        simulation.finish(until)
        trace = tuple(json.loads(line) for line in simulation.trace())
        expected = self._expected()
        if expected is None:
            return Outcome(trace=trace, status="new", problems=tuple(problems))
        difference = tuple(compared(expected, list(trace)))
        if not difference and not problems:
            return Outcome(trace=trace, status="passed")
        people = _concerned(expected, trace)
        story = self._story([call for _, call in calls], people, simulation.bound if until is None else until, until)
        return Outcome(trace=trace, status="failed", difference=difference, problems=tuple(problems), story=story)

    def update(self, outcome: Outcome) -> None:
        """Writes the trace as what is expected from now on."""
        write_trace(self.folder / EXPECTED, outcome.trace)

    def _calls(self) -> tuple[list[tuple[int, Any]], list[str]]:
        calls: list[tuple[int, Any]] = []
        problems: list[str] = []
        for number, line in enumerate((self.folder / EVENTS).read_bytes().splitlines(), 1):
            try:
                if line.strip():
                    calls.append((number, parse_json(line)))
            except (InvalidJSON, JourneysError, ValueError) as error:
                problems.append(f"{EVENTS}:{number}: {str(error).partition(chr(10))[0]}")
        return calls, problems

    def _until(self) -> int | None:
        file = self.folder / UNTIL
        if not file.exists():
            return None
        try:
            return parse_instant(file.read_text(encoding="utf-8").strip())
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None

    def _expected(self) -> list[dict[str, Any]] | None:
        file = self.folder / EXPECTED
        return read_trace(file) if file.exists() else None

    def _story(self, calls: Sequence[Any], people: Sequence[str], bound: int, until: int | None) -> str:
        """The same once more as a scenario, which can tell it."""
        scenario = Scenario(self.space, start=0)
        for call in calls:
            if not isinstance(call, dict) or "timestamp" not in call:
                continue
            try:
                scenario.feed(call)
            except InvalidCall:
                continue
            for add, name in ((scenario.user, "userId"), (scenario.anonymous, "anonymousId")):
                if name in call:
                    add(call[name])
        if until is None:
            scenario.settle(bound)
        else:
            scenario.evaluator.advance(until)
        known = {each for person in scenario.people for each in person.ids}
        shown = [person for person in people if person in known]
        told = [scenario.timeline(person) for person in shown[:MOST_PEOPLE]]
        if len(shown) > MOST_PEOPLE:
            told.append(f"and {len(shown) - MOST_PEOPLE} more people")
        return "\n\n".join(told)


def _concerned(expected: Sequence[Any], got: Sequence[Any]) -> list[str]:
    """Who has a record on one side that the other has not."""
    lines = [Counter(json.dumps(record, sort_keys=True) for record in side) for side in (expected, got)]
    different = [*(lines[0] - lines[1]), *(lines[1] - lines[0])]
    return list(dict.fromkeys(str(json.loads(line).get("profile")) for line in different))


def cases_in(place: Path | str) -> Iterator[Case]:
    """The cases of a folder, at any depth, by name; or those of a space file, in its folder.

    A case is a folder with ``events.ndjson``; its space is the ``space.json`` there or in the nearest folder above.
    ValueError if there is no such place.
    """
    start = Path(place)
    only = None
    if start.is_file():
        only, start = start.resolve(), start.parent
    elif not start.is_dir():
        raise ValueError(f"{place}: no such file or folder")
    for events in sorted(start.rglob(EVENTS), key=lambda each: each.parent):
        folder = events.parent
        space = only if only is not None and only.parent == folder.resolve() else _space_above(folder)
        if only is not None and (space is None or space.resolve() != only):
            continue
        if space is None:
            raise ValueError(f"{folder}: there is no {SPACE} here or in a folder above")
        name = folder.relative_to(start).as_posix()
        yield Case(folder.resolve().name if name == "." else name, folder, space)


def _space_above(folder: Path) -> Path | None:
    here = folder.resolve()
    return next((each / SPACE for each in (here, *here.parents) if (each / SPACE).is_file()), None)

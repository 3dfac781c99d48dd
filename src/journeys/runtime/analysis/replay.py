"""History through a new version beside the old one: what would have been different, for whom."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from typing import Any

import attrs

from journeys._time import instant_of
from journeys.model.space import Space
from journeys.runtime.analysis.diff import diff
from journeys.runtime.analysis.replay_compare import KINDS, ProfileReplay, Record, Renames, compare_profile
from journeys.runtime.simulation import Simulation

#: how many calls are applied at a time
GROUP = 1000
#: people are compared in so many portions: one portion of both traces is in memory at a time
PORTIONS = 64
#: how much of a portion is kept in memory before it goes to disk, in bytes
SPOOL = 1 << 18
#: how many people are named, unless more are asked for
NAMED = 20


@attrs.frozen(kw_only=True)
class Replay:
    """What would have been different.

    ``counts`` has, by journey (None: audiences and computed traits), how often each kind of difference there is;
    ``totals`` how many entered and how much was sent under the old and under the new. ``profiles`` are the first of
    those whose story would have been another.
    """

    calls: int
    rejected: int
    people: int
    differing: int
    counts: Mapping[str | None, Mapping[str, int]]
    totals: Mapping[str, tuple[int, int]]
    profiles: tuple[ProfileReplay, ...]

    @property
    def same(self) -> bool:
        """Whether nobody's story would have been another."""
        return not self.differing

    def count(self, kind: str) -> int:
        """How often there is this kind of difference, over all journeys."""
        return sum(each.get(kind, 0) for each in self.counts.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            **{name: getattr(self, name) for name in ("calls", "rejected", "people", "differing")},
            "counts": [{"journey": journey, **each} for journey, each in self.counts.items()],
            "totals": {name: {"old": old, "new": new} for name, (old, new) in self.totals.items()},
            "profiles": [attrs.asdict(each) for each in self.profiles],
        }

    @property
    def text(self) -> str:
        """It in words and columns."""
        return "\n".join(_lines(self))


def replay(
    old: Space,
    new: Space,
    calls: Iterable[Any],
    *,
    until: str | datetime | int | None = None,
    named: int = NAMED,
    each: Callable[[ProfileReplay], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Replay:
    """Simulates calls under both spaces and holds the two stories of every person against each other.

    Both go on to ``until``, by default to where nothing more happens in either. Instances belong together by journey,
    identifier and entry; versions, ids and the new keys of renamed steps make no difference. ``each`` is given
    everybody whose story would have been another, ``progress`` how many calls are done. The traces are on disk, and
    compared a portion at a time. The profiles are in memory as in any simulation, once under each space: some 5 kB for
    a person with one live instance. InvalidDefinition carries what is wrong with a space.
    """
    simulations = Simulation(old), Simulation(new)
    fed = rejected = 0
    source = iter(calls)
    while group := list(islice(source, GROUP)):
        answers = zip(*(simulation.feed(group) for simulation in simulations), strict=True)
        rejected += sum(any(answer.status == "rejected" for answer in pair) for pair in answers)
        fed += len(group)
        if progress is not None:
            progress(fed)
    end = None if until is None else instant_of(until)
    bound = max(simulation.bound for simulation in simulations)
    for simulation in simulations:
        simulation.finish(end, bound=bound)
    tally = _Tally(Renames(diff(old, new).renames), named, each)
    with _Portions(simulations) as portions:
        for portion in portions:
            for profile, (before, after) in portion.items():
                tally.add(profile, before, after)
    return tally.result(fed, rejected)


Stories = dict[str, tuple[list[Record], list[Record]]]


class _Portions:
    """The traces of two simulations, by person: a share of the people at a time."""

    def __init__(self, simulations: tuple[Simulation, Simulation]) -> None:
        self._simulations = simulations
        self._links: dict[str, str] = {}
        for simulation in simulations:
            self._links |= simulation.core.processor.links
        self._stack = ExitStack()

    def __enter__(self) -> Iterator[Stories]:
        files = [self._file() for _ in range(PORTIONS)]
        for side, simulation in enumerate(self._simulations):
            for line in simulation.trace():
                profile = self._home(json.loads(line)["profile"])
                digest = blake2b(profile.encode("utf-8", "surrogatepass"), digest_size=4).digest()
                row = json.dumps([side, profile])
                files[int.from_bytes(digest) % PORTIONS].write(f"{row}\t{line}\n")
        return map(_read, files)

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _file(self) -> Any:
        file: Any = tempfile.SpooledTemporaryFile(SPOOL, "w+", encoding="utf-8", errors="surrogatepass")  # noqa: SIM115
        return self._stack.enter_context(file)

    def _home(self, shown: str) -> str:
        """The person that an id leads to in the end, so that what came before a link is hers too (P2)."""
        seen = {shown}
        while True:
            key = self._links.get(f"a:{shown}", self._links.get(f"u:{shown}"))
            if key is None or key[2:] in seen:
                return shown
            shown = key[2:]
            seen.add(shown)


def _read(file: Any) -> Stories:
    found: Stories = {}
    file.seek(0)
    for row in file:
        head, _, line = row.rstrip("\n").partition("\t")
        side, profile = json.loads(head)
        found.setdefault(profile, ([], []))[side].append(json.loads(line))
    return found


class _Tally:
    """Counts differences, and keeps the first people in the order of their ids."""

    def __init__(self, renames: Renames, named: int, each: Callable[[ProfileReplay], None] | None) -> None:
        self.renames = renames
        self.named = named
        self.each = each
        self.people = self.differing = 0
        self.counts: dict[str | None, Counter[str]] = {}
        self.totals = {name: [0, 0] for name in ("entered", "sent", "goals")}
        self.profiles: list[ProfileReplay] = []

    def add(self, profile: str, old: list[Record], new: list[Record]) -> None:
        self.people += 1
        for side, records in enumerate((old, new)):
            for record in records:
                if name := _TOTALS.get(record["kind"]):
                    self.totals[name][side] += 1
        found = compare_profile(profile, old, new, self.renames)
        if found is None:
            return
        self.differing += 1
        for each in found.differences:
            self.counts.setdefault(each.journey, Counter())[each.kind] += 1
        if self.each is not None:
            self.each(found)
        self.profiles.append(found)
        if len(self.profiles) > 2 * self.named + 64:
            self._keep()

    def _keep(self) -> None:
        self.profiles = sorted(self.profiles, key=lambda each: each.profile)[: self.named]

    def result(self, calls: int, rejected: int) -> Replay:
        self._keep()
        order = sorted(self.counts, key=lambda journey: (journey is None, journey or ""))
        return Replay(
            calls=calls,
            rejected=rejected,
            people=self.people,
            differing=self.differing,
            counts={
                journey: {kind: self.counts[journey][kind] for kind in KINDS if self.counts[journey][kind]}
                for journey in order
            },
            totals={name: (old, new) for name, (old, new) in self.totals.items()},
            profiles=tuple(self.profiles),
        )


_TOTALS = {"entered": "entered", "sent": "sent", "goal": "goals"}


def _lines(found: Replay) -> Iterator[str]:
    rejected = f", {found.rejected:,} rejected" if found.rejected else ""
    yield f"{found.calls:,} calls{rejected}, {found.people:,} people: {found.differing:,} would have another story"
    for name, (old, new) in found.totals.items():
        if old or new:
            yield f"  {name.ljust(9)}{old:,} before, {new:,} now"
    for journey, kinds in found.counts.items():
        yield f"  {journey if journey is not None else 'audiences and computed traits'}"
        width, digits = max(len(KINDS[kind]) for kind in kinds), max(len(f"{number:,}") for number in kinds.values())
        for kind, number in kinds.items():
            yield f"    {KINDS[kind].ljust(width)}  {number:>{digits},}"
    for each in found.profiles:
        yield "  " + each.text.replace("\n", "\n  ")
    if more := found.differing - len(found.profiles):
        yield f"  and {more:,} more"

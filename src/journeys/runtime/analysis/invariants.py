"""What an author wants to be true of everybody, whatever they do: stated, tried on all paths and on random people.

violations(space, [never(two_sends_within("P1D")), always_ends_within("P30D")])

A counterexample is as small as it can be made: no call of it can be left out. An empty answer is no proof: it says that
nothing was found on the paths within the bound, and among so many random people.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import combinations, pairwise
from typing import Any

import attrs

from journeys._time import DAY, HOUR, MAX, MINUTE, Duration, format_instant, parse_instant
from journeys.engine._effects import Record
from journeys.errors import InvalidDefinition
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.plan import Plan
from journeys.plan.validate import validate
from journeys.runtime.analysis.paths import Bound, explore, live_journeys
from journeys.runtime.analysis.paths_chance import Chance
from journeys.runtime.analysis.paths_run import ENDS, Deed, can_be, in_order, play
from journeys.runtime.analysis.paths_search import ENTERS

DurationLike = Duration | str | timedelta
#: of no more calls than this every selection is tried, to find the fewest
FEW = 8
#: so many of the shortest counterexamples are shrunk, and the smallest is told
KEPT = 5


@attrs.frozen
class Story:
    """What one person did and what came of it, up to ``until``."""

    calls: tuple[dict[str, Any], ...]
    until: str
    _records: Sequence[Record] = attrs.field(repr=False)

    @property
    def records(self) -> list[dict[str, Any]]:
        """Her finished trace."""
        return [record.as_dict() for record in self._records]

    @property
    def instances(self) -> dict[str, list[dict[str, Any]]]:
        """Her trace by instance, in the order in which they entered."""
        found: dict[str, list[dict[str, Any]]] = {}
        for record in self.records:
            if "instance" in record:
                found.setdefault(record["instance"], []).append(record)
        return found

    def kept(self, kind: str, journey: str | None = None) -> list[Record]:
        """The records of a kind, of one journey or of all."""
        return [each for each in self._records if each.kind == kind and journey in (None, each.journey)]


@attrs.frozen
class Pattern:
    """Something that may be in a story: ``seen`` says in words what of it is there, None if nothing is."""

    name: str
    seen: Callable[[Story], str | None]


@attrs.frozen
class Invariant:
    """Something that is to be true of every story; ``broken`` says in words how it is not, None if it is.

    ``watch`` is how long after the last call a story must go on for it.
    """

    name: str
    broken: Callable[[Story], str | None]
    watch: Duration = attrs.field(factory=Duration)


def never(pattern: Pattern) -> Invariant:
    """The pattern is in no story."""
    return Invariant(f"never {pattern.name}", pattern.seen)


def holds(predicate: Callable[[Story], bool], name: str | None = None) -> Invariant:
    """An invariant of one's own: the predicate is true of every finished story."""
    told = name or str(getattr(predicate, "__name__", predicate)).replace("_", " ")
    return Invariant(told, lambda story: None if predicate(story) else "it does not hold")


def two_sends_within(duration: DurationLike, *, journey: str | None = None) -> Pattern:
    """One person is sent something twice less than ``duration`` apart, by one journey or by all of them together."""
    span = Duration.of(duration)
    return Pattern(f"two sends within {span}{_of(journey)}", lambda story: _crowded(story, 1, span, journey))


def more_sends_than(number: int, within: DurationLike, *, journey: str | None = None) -> Pattern:
    """One person is sent something more than ``number`` times in less than ``within``."""
    span = Duration.of(within)
    name = f"more than {number} sends within {span}{_of(journey)}"
    return Pattern(name, lambda story: _crowded(story, number, span, journey))


def _crowded(story: Story, number: int, span: Duration, journey: str | None) -> str | None:
    sends = [each.at for each in story.kept("sent", journey)]
    for first, last in zip(sends, sends[number:], strict=False):
        if last < span.after(first):
            return f"{number + 1} sends from {format_instant(first)} to {format_instant(last)}"
    return None


def always_ends_within(duration: DurationLike, *, journey: str | None = None) -> Invariant:
    """Every instance has completed or ended, in whatever way, ``duration`` after its entry at the latest."""
    span = Duration.of(duration)

    def broken(story: Story) -> str | None:
        ends: dict[int, int] = {}
        for record in story._records:
            if record.kind in ENDS and record.of is not None:
                ends.setdefault(id(record.of), record.at)
        until = parse_instant(story.until)  # who has entered shortly before may still end in time
        for entered in story.kept("entered", journey):
            if until >= (latest := span.after(entered.at)) and ends.get(id(entered.of), MAX) > latest:
                return f"who entered {entered.journey} at {format_instant(entered.at)} is still in it {span} later"
        return None

    return Invariant(f"always ends within {span}{_of(journey)}", broken, span)


def _of(journey: str | None) -> str:
    return "" if journey is None else f" in {journey}"


@attrs.frozen(kw_only=True)
class Violation:
    """An invariant that does not hold, and the fewest calls that break it."""

    invariant: str
    found: str
    story: Story

    @property
    def calls(self) -> tuple[dict[str, Any], ...]:
        """What she does: Segment calls, as ``journeys simulate`` and ``Scenario.feed_many`` take them."""
        return self.story.calls

    @property
    def text(self) -> str:
        """What is broken, and the timeline of the counterexample."""
        return "\n".join([f"{self.invariant}: {self.found}", *_timeline(self.story)])


def violations(
    space: Space,
    invariants: Iterable[Invariant | Callable[[Story], bool]],
    *,
    bound: Bound | None = None,
    people: int = 300,
    seed: int = 0,
    watch: DurationLike = "P30D",
) -> list[Violation]:
    """The invariants that do not hold, each with a counterexample; a plain predicate counts as ``holds(predicate)``.

    Tried are the witnesses of all paths within ``bound``, each also twice in a row, and ``people`` random persons: half
    of them do what the witnesses do, in any order and at any time, the others anything that the space names. Each story
    goes on for ``watch`` after the last call. The same ``seed`` gives the same people. InvalidDefinition carries the
    problems of the space.
    """
    if problems := validate(space):
        raise InvalidDefinition(problems)
    stated = [each if isinstance(each, Invariant) else holds(each) for each in invariants]
    trial = _Trial(compile_space(space), Duration.of(watch), stated)
    for deeds in _attempts(space, trial.plan, bound or Bound(), people, seed):
        trial.on(deeds)
    return [trial.smallest(place) for place in sorted(trial.broken)]


class _Trial:
    def __init__(self, plan: Plan, watch: Duration, invariants: Sequence[Invariant]) -> None:
        self.plan = plan
        self.watch = watch
        self.invariants = invariants
        #: the shortest deeds that break an invariant, by its place
        self.broken: dict[int, list[tuple[Deed, ...]]] = {}

    def on(self, deeds: tuple[Deed, ...]) -> None:
        """Tries the deeds on all invariants for which nothing as short is known."""
        if not can_be(self.plan, deeds):
            return
        for place, each in enumerate(self.invariants):
            known = self.broken.get(place, [])
            if len(known) >= KEPT and len(known[-1]) <= len(deeds):
                continue
            if self.breaks(each, deeds) is not None:
                self.broken[place] = sorted([*known, deeds], key=len)[:KEPT]

    def smallest(self, place: int) -> Violation:
        """The smallest counterexample that is made of those that are known."""
        invariant = self.invariants[place]
        smaller = [(self._shrunk(invariant, deeds), deeds) for deeds in self.broken[place]]
        best, deeds = min(smaller, key=lambda each: (len(each[0]), sum(len(deed.content) for deed in each[0])))
        broken = self.breaks(invariant, best) or self.breaks(invariant, best, self._until(invariant, deeds))
        assert broken is not None
        return Violation(invariant=invariant.name, found=broken[0], story=broken[1])

    def _until(self, invariant: Invariant, deeds: Sequence[Deed]) -> int:
        return min(invariant.watch.after(self.watch.after(deeds[-1].at)), MAX)

    def breaks(self, invariant: Invariant, deeds: Sequence[Deed], until: int | None = None) -> tuple[str, Story] | None:
        """What an invariant has against some deeds, and their story."""
        if not deeds:
            return None
        until = self._until(invariant, deeds) if until is None else until
        run = play(self.plan, "u1", deeds, until)
        calls = tuple(deed.call("u1", number) for number, deed in enumerate(deeds, 1))
        story = Story(calls, format_instant(until), run.records)
        found = invariant.broken(story)
        return None if found is None else (found, story)

    def _shrunk(self, invariant: Invariant, deeds: tuple[Deed, ...]) -> tuple[Deed, ...]:
        """The fewest of the deeds, with the fewest properties, that break it still."""
        until = self._until(invariant, deeds)
        # ids stay: a random split, by the id of an instance, is not to be drawn again
        best = tuple(attrs.evolve(deed, number=number) for number, deed in enumerate(deeds, 1))

        def broken(fewer: Sequence[Deed]) -> bool:  # as long as before: no call is kept only for the time after it
            return self.breaks(invariant, fewer, until) is not None

        for place in reversed(range(len(deeds))):
            fewer = (*best[:place], *best[place + 1 :])
            best = fewer if broken(fewer) else best
        if len(best) <= FEW:
            several = (some for size in range(1, len(best)) for some in combinations(best, size))
            best = next(filter(broken, several), best)
        for place, deed in enumerate(best):
            for name in deed.content:
                now = best[place]
                left = attrs.evolve(now, content={key: value for key, value in now.content.items() if key != name})
                fewer = (*best[:place], left, *best[place + 1 :])
                best = fewer if broken(fewer) else best
        return best


# who is tried


def _attempts(space: Space, plan: Plan, bound: Bound, people: int, seed: int) -> Iterator[tuple[Deed, ...]]:
    witnesses = [
        (path.deeds, path.ends_at)
        for journey in live_journeys(space)
        for path in explore(space, plan, journey, bound).paths
    ]
    pool: list[Deed] = []
    for deeds, ends_at in witnesses:
        yield deeds
        again = max(ends_at, deeds[-1].at) + MINUTE - deeds[0].at
        yield in_order((*deeds, *(attrs.evolve(each, at=each.at + again) for each in deeds)))
        pool += [each for each in deeds if each not in pool]
    gaps, known = _gaps(witnesses), [deeds for deeds, _ in witnesses]
    chances = [Chance(space, journey, ENTERS) for journey in live_journeys(space)]
    for number in range(people if chances else 0):
        rng = random.Random(f"{seed}/{number}")
        yield _random(rng, pool, gaps) if pool and number % 2 else rng.choice(chances).story(rng, known)


def _gaps(witnesses: Iterable[tuple[Sequence[Deed], int]]) -> list[int]:
    """How long after one call the next may come: soon, or as long as the witnesses waited."""
    found = {MINUTE, HOUR, DAY}
    for deeds, ends_at in witnesses:
        times = [*(each.at for each in deeds), ends_at]
        found |= {later - earlier for earlier, later in pairwise(times) if later > earlier}
    return sorted(found)


def _random(rng: random.Random, pool: Sequence[Deed], gaps: Sequence[int]) -> tuple[Deed, ...]:
    at, deeds = ENTERS, list[Deed]()
    for _ in range(rng.randrange(2, 13)):
        deeds.append(attrs.evolve(rng.choice(pool), at=at))
        at += rng.choice(gaps) + rng.choice((0, 0, -1, 1)) * rng.choice((0, MINUTE))
    return in_order(deeds)


# how it is shown


def _timeline(story: Story) -> Iterator[str]:
    lines: list[tuple[str, int, str]] = []
    for call in story.calls:
        content = call.get("properties") or call.get("traits") or {}
        told = ", ".join(f"{name} {value!r}" for name, value in content.items())
        what = f"does {call['event']}" if call["type"] == "track" else "is"
        lines.append((call["timestamp"], 0, f"{what} {told}".rstrip()))
    for record in story.records:
        place = record.get("step") or record.get("rule") or record.get("audience") or record.get("computed_trait") or ""
        told = f"{record['kind']} {place}" + (f": {record['branch']}" if "branch" in record else "")
        of = f"  {record['journey']}: " if "journey" in record else "  "
        lines.append((record["at"], 1, of + told.rstrip()))
    # a call and what came of it share an instant; a deadline may be a microsecond off, so text order is not enough
    for at, _, text in sorted(lines, key=lambda line: (parse_instant(line[0]), line[1])):
        yield f"  {at}  {text}"

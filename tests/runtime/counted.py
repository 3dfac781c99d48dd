"""What a store keeps of its figures, held against a count of its trace: of all time, and of random days."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.runtime.analysis.figures import Figures
from journeys.runtime.tallies import DAY, Kept, is_whole


def told(figures: Figures, *, people: bool = False) -> str:
    """All figures, in one order: those of a trace come in the order of time."""
    return json.dumps(figures.as_dict(people=people), sort_keys=True)


def ranges(rows: Iterable[Kept], seed: int = 0, count: int = 6) -> Iterator[dict[str, Any]]:
    """All time, and ranges of the days on which something happened, also open ones and empty ones."""
    yield {}
    rng = random.Random(seed)
    days = sorted({day + more for _, _, day, _, _ in rows for more in (0, 1)})
    for _ in range(count if days else 0):
        start, end = sorted(rng.choices(days, k=2))
        yield rng.choice(
            ({"start": start * DAY, "end": end * DAY}, {"start": start * DAY}, {"end": end * DAY}, {"end": start * DAY})
        )


def assert_kept_is_counted(
    journeys: Space | Iterable[Journey], rows: Sequence[Kept], records: Sequence[Mapping[str, Any]], seed: int = 0
) -> None:
    """The figures that are kept are those of the trace, of ways and of people."""
    definitions = journeys if isinstance(journeys, Space) else list(journeys)
    assert is_whole(rows, people=True)
    for range_ in ranges(rows, seed):
        kept = Figures.kept(definitions, rows, people=True, **range_)
        counted = Figures.of(definitions, records, people=True, **range_)
        for people in (False, True):
            assert told(kept, people=people) == told(counted, people=people), (seed, range_, people)

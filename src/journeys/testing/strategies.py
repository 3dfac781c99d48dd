"""Hypothesis strategies for Segment calls, made of what a space names: its events, properties, traits and durations.

from hypothesis import given
from journeys.testing.strategies import populations

@given(populations(space))
def test_nobody_gets_two_vouchers(calls):
    scenario = Scenario(space)
    scenario.feed_many(calls)
    scenario.settle()
    ...
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError("journeys.testing.strategies needs Hypothesis: pip install hypothesis") from error

from journeys._time import DAY, HOUR, MINUTE, format_instant, instant_of
from journeys.runtime.evaluator import as_space
from journeys.testing._alphabet import Alphabet, bodies_of, dated
from journeys.testing._compiled import Definition
from journeys.testing.scenario import START

__all__ = ["calls", "populations"]

Call = dict[str, Any]

#: mostly a call comes soon after the one before
_SOON = (0, 1, MINUTE, 10 * MINUTE, HOUR)
#: now and then later, besides what the durations of the space say
_LATER = (5 * HOUR, DAY)
#: no gap is longer: a population spans weeks or months, not years
_LONGEST = 60 * DAY


def calls(
    space: Definition, *, people: int = 3, start: str | datetime | int = START, links: bool = True
) -> st.SearchStrategy[Call]:
    """Single valid Segment calls in the weeks from ``start`` on; with ``links`` also visitors, logins and aliases."""
    alphabet = Alphabet(as_space(space))
    begin = instant_of(start)

    def made(who: Call, body: Call, gap: int) -> Call:
        return _timed(_by(who, body), begin + gap)

    return st.builds(made, _people(people, links), _bodies(alphabet, people, links), st.sampled_from(_gaps(alphabet)))


def populations(
    space: Definition,
    *,
    people: int = 3,
    max_size: int = 30,
    start: str | datetime | int = START,
    late: bool = True,
    duplicates: bool = True,
    links: bool = True,
) -> st.SearchStrategy[list[Call]]:
    """What a few people do, as valid Segment calls in the order of their arrival.

    Time goes on from call to call, often by just what a step of the space waits, or by a microsecond less or more.
    There are at most ``max_size`` calls, not counting those that come twice. With ``late`` some calls are older than
    those before them, with ``duplicates`` some come twice under one messageId, with ``links`` there are visitors who
    log in, and aliases.
    """
    alphabet = Alphabet(as_space(space))
    begin = instant_of(start)
    # three choices a call, the simplest first: that is what Hypothesis shrinks well
    move = st.tuples(
        _people(people, links),
        _bodies(alphabet, people, links),
        st.sampled_from(_timings(_gaps(alphabet), late=late, duplicates=duplicates)),
    )
    # several short lists: of one list Hypothesis would make five calls on average
    parts = st.tuples(*(st.lists(move, max_size=max_size) for _ in range(3)))
    return parts.map(lambda several: _arranged([each for part in several for each in part][:max_size], begin))


def _arranged(moves: Sequence[tuple[Call, Call, tuple[int, int, int]]], begin: int) -> list[Call]:
    """The moves as calls; one that comes again does so after so many others."""
    now, arrivals = begin, []
    for number, (who, body, (gap, back, again)) in enumerate(moves):
        now += gap
        call = _timed(_by(who, body), max(now - back, begin)) | {"messageId": f"m-{number + 1}"}
        arrivals.append((number, 0, call))
        if again:
            arrivals.append((number + again, 1, dict(call)))
    return [call for *_, call in sorted(arrivals, key=lambda arrival: arrival[:2])]


def _by(who: Call, body: Call) -> Call:
    """The call of a person; an alias names its people itself."""
    return dict(body) if body["type"] == "alias" else {**body, **who}


def _timed(body: Call, at: int) -> Call:
    """The call at an instant, to which the moments in its values are relative."""
    return {**dated(body, at), "timestamp": format_instant(at)}


def _gaps(alphabet: Alphabet) -> tuple[int, ...]:
    lengths = sorted({each.longest for each in alphabet.durations if each.is_positive and each.longest <= _LONGEST})
    around = [length + off for length in lengths for off in (0, -1, 1)]
    soon = _SOON * max(1, (len(around) + len(_LATER)) // len(_SOON))
    return (*soon, *_LATER, *around)


def _timings(gaps: Sequence[int], *, late: bool, duplicates: bool) -> list[tuple[int, int, int]]:
    """(after how long, how much older than that, after how many others once more); most of them neither."""
    timings = [(gap, 0, 0) for gap in gaps]
    few = range(max(1, len(gaps) // 5))
    if duplicates:
        timings += [(gaps[place], 0, (1, 3)[place % 2]) for place in few]
    if late:
        timings += [(0, gap, 0) for gap in dict.fromkeys(gaps) if gap][: len(few)]
    return timings


def _people(number: int, links: bool) -> st.SearchStrategy[Call]:
    users: list[Call] = [{"userId": f"user-{n}"} for n in range(1, number + 1)]
    if not links:
        return st.sampled_from(users)
    visitors: list[Call] = [{"anonymousId": f"visitor-{n}"} for n in range(1, number + 1)]
    both: list[Call] = [{**user, **visitor} for user, visitor in zip(users, visitors, strict=True)]
    shared = [{**both[0], **visitors[-1]}]  # somebody else has been on that device
    return st.sampled_from([*users, *users, *visitors, *both, *shared])


def _bodies(alphabet: Alphabet, number: int, links: bool) -> st.SearchStrategy[Call]:
    """What is done: events and traits of the space, and now and then something else."""
    bodies = bodies_of(alphabet)
    if links:
        users = [f"user-{n}" for n in range(1, number + 1)]
        ids = [*(f"visitor-{n}" for n in range(1, number + 1)), *users]
        aliases = [{"type": "alias", "previousId": old, "userId": new} for old in ids for new in users]
        bodies += aliases[: max(1, len(bodies) // 20)]
    return st.sampled_from(bodies)

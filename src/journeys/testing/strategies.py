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

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

try:
    from hypothesis import strategies as st
except ImportError as error:  # pragma: no cover - the tests have it
    raise ImportError("journeys.testing.strategies needs Hypothesis: pip install hypothesis") from error

from journeys._time import DAY, HOUR, MINUTE, format_instant, instant_of
from journeys.plan.values import ABSENT
from journeys.runtime.evaluator import as_space
from journeys.testing._compiled import Definition
from journeys.testing._vocabulary import Moment, Vocabulary
from journeys.testing.scenario import START

__all__ = ["calls", "populations"]

Call = dict[str, Any]

#: within a visit a call comes so long after the one before
_SHORT = (0, 1, MINUTE, 10 * MINUTE)
#: a visit comes so long after the one before, besides what the durations of the space say
_GAPS = (0, 1, MINUTE, 10 * MINUTE, HOUR, 5 * HOUR, DAY)
#: no gap is longer: a population spans weeks or months, not years
_LONGEST = 60 * DAY


def calls(
    space: Definition, *, people: int = 3, start: str | datetime | int = START, links: bool = True
) -> st.SearchStrategy[Call]:
    """Single valid Segment calls in the weeks from ``start`` on; with ``links`` also visitors, logins and aliases."""
    words = Vocabulary(as_space(space))
    begin = instant_of(start)
    gaps = st.sampled_from(_gaps(words))

    bodies = _bodies(words) if not links else st.one_of(_bodies(words), _aliases(people))

    def made(who: Call, body: Call, gap: int) -> Call:
        return _timed(_by(who, body), begin + gap)

    return st.builds(made, _people(people, links), bodies, gaps)


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

    They come in visits of one person, with some calls each. Time goes on from call to call, and from visit to visit
    often by just what a step of the space waits, or by a microsecond less or more; there are at most ``max_size`` calls,
    not counting those that come twice. With ``late`` some calls are older than those before them, with ``duplicates``
    some come twice under one messageId, with ``links`` there are visitors who log in, and aliases.
    """
    words = Vocabulary(as_space(space))
    begin = instant_of(start)
    gaps = st.sampled_from(_gaps(words))
    move = st.fixed_dictionaries(
        {
            "body": _bodies(words) if not links else st.one_of(_bodies(words), _aliases(people)),
            "gap": st.one_of(st.sampled_from(_SHORT), st.sampled_from(_SHORT), gaps),
            # the simplest first: Hypothesis shrinks towards it
            "back": st.one_of(st.just(0), st.just(0), st.just(0), gaps) if late else st.just(0),
            "again": st.sampled_from((0, 0, 0, 0, 1, 3)) if duplicates else st.just(0),
        }
    )
    visit = st.fixed_dictionaries(
        {"who": _people(people, links), "gap": gaps, "moves": st.lists(move, min_size=1, max_size=8)}
    )
    return st.lists(visit, max_size=max_size).map(lambda visits: _arranged(visits, begin, max_size))


def _arranged(visits: Sequence[Mapping[str, Any]], begin: int, most: int) -> list[Call]:
    """The moves of all visits as calls; one that comes ``again`` does so after that many others."""
    now, arrivals = begin, []
    moves = [(visit, move, first) for visit in visits for first, move in _with_first(visit["moves"])]
    for number, (visit, move, first) in enumerate(moves[:most]):
        now += move["gap"] + (visit["gap"] if first else 0)
        call = _timed(_by(visit["who"], move["body"]), max(now - move["back"], begin)) | {
            "messageId": f"m-{number + 1}"
        }
        arrivals.append((number, 0, call))
        if move["again"]:
            arrivals.append((number + move["again"], 1, dict(call)))
    return [call for *_, call in sorted(arrivals, key=lambda arrival: arrival[:2])]


def _with_first(moves: Sequence[Any]) -> list[tuple[bool, Any]]:
    return [(number == 0, move) for number, move in enumerate(moves)]


def _by(who: Call, body: Call) -> Call:
    """The call of a person; an alias names its people itself."""
    return dict(body) if body["type"] == "alias" else {**body, **who}


def _timed(body: Call, at: int) -> Call:
    """The call at an instant, to which the moments in its values are relative."""
    dated: Call = _dated(body, at)
    return {**dated, "timestamp": format_instant(at)}


def _dated(value: Any, at: int) -> Any:
    if isinstance(value, Moment):
        return format_instant(max(at + value.away, 0))
    if isinstance(value, dict):
        return {name: _dated(each, at) for name, each in value.items()}
    if isinstance(value, list):
        return [_dated(each, at) for each in value]
    return value


def _gaps(words: Vocabulary) -> tuple[int, ...]:
    lengths = sorted({each.longest for each in words.durations if each.is_positive and each.longest <= _LONGEST})
    return (*_GAPS, *_GAPS, *(length + off for length in lengths for off in (0, -1, 1)))


def _people(number: int, links: bool) -> st.SearchStrategy[Call]:
    users = [{"userId": f"user-{n}"} for n in range(1, number + 1)]
    if not links:
        return st.sampled_from(users)
    visitors = [{"anonymousId": f"visitor-{n}"} for n in range(1, number + 1)]
    both = [{**user, **visitor} for user in users for visitor in visitors]
    return st.one_of(st.sampled_from(users), st.sampled_from(visitors), st.sampled_from(both))


def _aliases(number: int) -> st.SearchStrategy[Call]:
    users = [f"user-{n}" for n in range(1, number + 1)]
    previous = [*users, *(f"visitor-{n}" for n in range(1, number + 1))]
    return st.builds(
        lambda old, new: {"type": "alias", "previousId": old, "userId": new},
        st.sampled_from(previous),
        st.sampled_from(users),
    )


def _bodies(words: Vocabulary) -> st.SearchStrategy[Call]:
    """Calls without a person and a time: events and traits of the space, and now and then something else."""
    tracks = [_track(event, properties) for event, properties in sorted(words.events.items())]
    entries = [_track(event, words.events[event]) for event in sorted(words.entries)]
    identify = _content(words.traits).map(lambda traits: {"type": "identify", "traits": traits})
    unknown = st.just({"type": "track", "event": "Something Else", "properties": {}})
    return st.one_of([*tracks, *entries, *([identify] if words.traits else []), *tracks, *entries, unknown])


def _track(event: str, properties: Mapping[str, Sequence[Any]]) -> st.SearchStrategy[Call]:
    view = {"Page Viewed": "page", "Screen Viewed": "screen"}.get(event)
    if view is None:
        return _content(properties).map(lambda values: {"type": "track", "event": event, "properties": values})
    names = [name for name in properties.get(f"{view}_name", ()) if isinstance(name, str)] or ["Home"]
    rest = {path: values for path, values in properties.items() if path != f"{view}_name"}
    return st.builds(
        lambda name, values: {"type": view, "name": name, "properties": values}, st.sampled_from(names), _content(rest)
    )


def _content(paths: Mapping[str, Sequence[Any]]) -> st.SearchStrategy[Call]:
    """An object with most of the paths, each with one of the values that make a difference."""
    fields = {path: st.sampled_from((*values, *values, ABSENT)) for path, values in sorted(paths.items()) if values}
    return st.fixed_dictionaries(fields).map(_nested)


def _nested(flat: Mapping[str, Any]) -> Call:
    """``{"item.sku": 1}`` as ``{"item": {"sku": 1}}``."""
    made: Call = {}
    for path, value in flat.items():
        if value is ABSENT:
            continue
        *parents, last = path.split(".")
        place = made
        for parent in parents:
            inner = place.get(parent)
            if not isinstance(inner, dict):
                inner = place[parent] = {}
            place = inner
        place[last] = value
    return made

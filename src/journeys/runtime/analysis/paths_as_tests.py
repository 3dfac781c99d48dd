"""Paths as a file of tests: a scenario for each witness, which passes as it stands."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from pprint import pformat
from typing import Any

from journeys._time import Duration, format_instant
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.plan import Plan
from journeys.runtime.analysis.paths import Path, Paths
from journeys.runtime.analysis.paths_run import Deed, play

_HEAD = '''"""A test for every path of {journeys}, written by `journeys paths --as-tests`."""

from journeys.testing import Scenario, space_from

space = space_from({place})
'''


def as_tests(found: Iterable[Paths], space: Space, place: str) -> str:
    """The text of a test file for pytest; ``place`` is where the tests find the space, as ``space_from`` takes it."""
    several, plan = list(found), compile_space(space)
    names = ", ".join(each.journey for each in several)
    parts = [_HEAD.format(journeys=names, place=_quoted(place))]
    for each in several:
        for path in each.paths:
            parts.append("\n\n" + "\n".join(_test(path, plan, space.settings.allowed_lateness)) + "\n")
    return "".join(parts)


def _test(path: Path, plan: Plan, lateness: Duration) -> Iterator[str]:
    name = re.sub(r"\W", "_", path.journey)
    yield f"def test_{name}_{path.number}() -> None:"
    yield f"    # {path.text}"
    yield f"    scenario = Scenario(space, start={_quoted(format_instant(path.deeds[0].at))})"
    yield f"    user = scenario.user({_quoted(path.user)})"
    for place, deed in enumerate(path.deeds):
        if place:
            yield f"    scenario.at({_quoted(format_instant(deed.at))})"
        yield from _does(deed)
    yield f"    scenario.clock.set({_quoted(format_instant(lateness.after(path.ends_at)))})"
    for claim in _claims(path, plan):
        yield f"    assert user.{claim}"


def _does(deed: Deed) -> Iterator[str]:
    start = (
        "is_("
        if deed.is_identify
        else f"does({_quoted(deed.event)}, "
        if deed.content
        else f"does({_quoted(deed.event)}"
    )
    one_line = f"    user.{start}{_arguments(deed.content)})"
    if len(one_line) <= 120 or not deed.content:
        yield one_line
        return
    yield f"    user.{start}"
    body = pformat(dict(deed.content), width=100, sort_dicts=False)
    yield from (f"        {line}" for line in body.splitlines())
    yield "    )"


def _arguments(content: Mapping[str, Any]) -> str:
    if all(name.isidentifier() and not keyword.iskeyword(name) for name in content):
        return ", ".join(f"{name}={_literal(value)}" for name, value in content.items())
    return _literal(dict(content))


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(name)}: {_literal(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return repr(value)


def _quoted(text: str) -> str:
    """The text as a Python literal between double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _claims(path: Path, plan: Plan) -> Iterator[str]:
    """What is asked of the user, and how often each is so: she may have been in the journey more than once."""
    run = play(plan, path.user, path.deeds, path.ends_at)
    taken = [each for each in run.taken(path.journey) if each.instance.plan.version == path.version]
    moves = [move for each in taken for move in each.moves]
    ends = [end for each in taken for end in each.end.split(", ")]
    journey = _quoted(path.journey)
    for move in dict.fromkeys(path.moves):
        if move.branch is None:
            number = sum(each.step == move.step for each in moves if not each.again)
            yield f"reached({_quoted(move.step)}, journey={journey}){_times(number)}"
        else:
            number = sum((each.step, each.branch) == (move.step, move.branch) for each in moves)
            yield f"took({_quoted(move.step)}, {_quoted(move.branch)}, journey={journey}){_times(number)}"
    for end in path.end.split(", "):
        yield f"{_ended(end, journey)}{_times(ends.count(end))}"


def _ended(end: str, journey: str) -> str:
    if end.startswith("exited by "):
        rule = end.removeprefix("exited by ")
        return f"exited({journey}, rule={'None' if rule == 'exit_after' else _quoted(rule)})"
    return f"{end}({journey})"


def _times(number: int) -> str:
    return ".once" if number == 1 else f".times({number})"

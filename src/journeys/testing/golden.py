"""Golden traces: what happened is compared with a file that somebody has read with care."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from journeys.testing.scenario import Scenario

Json = Mapping[str, Any]
Names = tuple[str, ...]

#: set to anything but nothing or 0, it makes ``assert_golden`` write the files
UPDATE = "JOURNEYS_UPDATE_GOLDEN"
#: how many lines of a difference are shown
MOST_LINES = 20

#: what two records must share to be the same thing that happened
_SHAPE = ("profile", "journey", "kind", "step", "branch", "rule", "destination", "reason")
#: derived from what caused them: where everything else is the same they are not worth a line each
_IDS = frozenset(("instance", "delivery", "payload.messageId", "payload.properties.journey_metadata.epoch_id"))


def assert_golden(trace: Scenario | Iterable[Json], path: Path | str, *, update: bool | None = None) -> None:
    """Compares a trace with a file of one record a line; AssertionError shows a short difference.

    With ``update``, or the environment variable ``JOURNEYS_UPDATE_GOLDEN``, the file is written anew.
    """
    __tracebackhide__ = True
    file = Path(path)
    records = list(trace.trace()) if isinstance(trace, Scenario) else list(trace)
    if update or (update is None and os.environ.get(UPDATE, "0") not in ("", "0")):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_trace(file, records)
        return
    if not file.exists():
        raise AssertionError(f"there is no golden trace {file} yet: {_HOW}")
    difference = list(compared(read_trace(file), records))
    if difference:
        left = len(difference) - MOST_LINES
        shown = [*difference[:MOST_LINES], *([f"… and {left} more lines"] if left > 0 else [])]
        head = f"the trace is not that of {file} (- expected, + got, ~ changed):"
        raise AssertionError("\n".join([head, *shown, _HOW]))


def write_trace(file: Path, records: Iterable[Json]) -> None:
    """Writes a trace, a record a line."""
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    file.write_text(lines, encoding="utf-8", newline="\n")


def read_trace(file: Path) -> list[dict[str, Any]]:
    """The records of a trace; ValueError names the line that is none."""
    found = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):  # of bytes: a text may hold other line ends
        try:
            record = json.loads(line) if line.strip() else None
        except ValueError as error:
            raise ValueError(f"{file}:{number}: {error}") from None
        if line.strip():
            if not isinstance(record, dict) or "at" not in record or "kind" not in record:
                raise ValueError(f"{file}:{number}: no record of a trace")
            found.append(record)
    return found


_HOW = f"if it is right as it is, write it with pytest --journeys-update-golden, or with {UPDATE}=1"


def compared(expected: list[Any], got: list[Any]) -> Iterator[str]:
    """The difference of two traces, a line for each record that was added, left out or changed."""
    matcher = SequenceMatcher(None, [*map(_shape, expected)], [*map(_shape, got)], autojunk=False)
    ids_only = 0
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            yield from (f"- {_in_words(record)}" for record in expected[a:b])
            yield from (f"+ {_in_words(record)}" for record in got[c:d])
            continue
        for before, after in zip(expected[a:b], got[c:d], strict=True):
            changes = _changes(before, after)
            others = {path: change for path, change in changes.items() if path not in _IDS}
            if others:
                yield f"~ {_in_words(before)}"
                yield from (f"    {path}: {change}" for path, change in others.items())
            ids_only += bool(changes) and not others
    if ids_only:
        yield f"~ {ids_only} record{'s differ' if ids_only > 1 else ' differs'} in derived ids only"


def _shape(record: Json) -> tuple[Any, ...]:
    return tuple(json.dumps(record.get(name)) for name in _SHAPE)


def _in_words(record: Json) -> str:
    details = (record.get(name) for name in ("step", "branch", "rule", "destination", "identifier", "reason"))
    told = " ".join(str(detail) for detail in details if detail is not None)
    journey = f" {record['journey']}:" if "journey" in record else ""
    return f"{record.get('at')} {record.get('profile')}{journey} {record.get('kind')} {told}".rstrip()


def _changes(before: Any, after: Any) -> dict[str, str]:
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return {
        ".".join(path): f"{_shown(old, path)} → {_shown(new, path)}"
        for path in dict.fromkeys((*old, *new))
        if _shown(old, path) != _shown(new, path)
    }


def _shown(leaves: Mapping[Names, Any], path: Names) -> str:
    return json.dumps(leaves[path], ensure_ascii=False) if path in leaves else "nothing"


def _leaves(value: Any, path: Names = ()) -> Iterator[tuple[Names, Any]]:
    """The values of an object, however deep, each with the path that leads to it: a name may have dots itself."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _leaves(each, (*path, str(name)))
    else:
        yield path, value

"""Retention: what is too old is forgotten, in small parts and at a pace (the settings of ``Retention``)."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from journeys._time import Duration
from journeys.engine._retention import forget
from journeys.errors import Conflict
from journeys.runtime._core import ADVANCE_BATCH, Core, Request

#: the note of when it was begun last, by whichever worker
TIDIED = "tidied"
#: how many trace records are deleted at once
RECORDS = 10_000


def begin(core: Core, now: int, pause: Duration) -> Generator[Request, Any, tuple[bool, int]]:
    """Whether this worker has to begin, for no other has within the pause; and when to ask again."""
    notes: Mapping[str, str] = yield ("notes", (TIDIED,), {})
    last = notes.get(TIDIED, "")
    if last and pause.after(int(last)) > now:
        return False, pause.after(int(last))
    try:
        yield from core.commit_notes({TIDIED: str(now)}, {TIDIED: last})
    except Conflict:
        return False, pause.after(now)
    return True, pause.after(now)


def tidy_trace(core: Core, before: int) -> Generator[Request, Any, bool]:
    """Deletes some records that are older; answers whether that was all of them."""
    if core.exclusive:
        core.forget_records(before)
    count: int = yield ("prune", (), {"trace_before": before, "limit": RECORDS})
    return count < RECORDS


def tidy_profiles(core: Core, after: str) -> Generator[Request, Any, str | None]:
    """Lets the next profiles forget; answers the key of the last of them, None after the last of all."""
    processor = core.processor
    if core.exclusive:
        for profile in processor.states.values():
            forget(profile, core.plan, processor.watermark)
        return None
    keys: Sequence[str] = yield ("walk", (after, ADVANCE_BATCH), {})
    if keys:
        yield from core.change_loaded(keys, lambda profile: forget(profile, core.plan, processor.watermark))
    return keys[-1] if keys else None

"""Opening a store with a space: what the store knows of its journeys, and what the application brings anew."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from journeys.codec import dump_space
from journeys.engine._json import encode
from journeys.errors import InvalidDefinition
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.validate import validate
from journeys.runtime._core import GENERATION, Core, Request
from journeys.runtime._library import PREFIX, Library
from journeys.runtime._publishing import Publisher

#: the note that holds the space, for commands that are given a store alone
SPACE = "space"


def opened(
    space: Space, *, exclusive: bool, traces: bool, worker: str, lease: int, at: int
) -> Generator[Request, Any, tuple[Core, Publisher]]:
    """Validates the space together with the versions of the store, and publishes what is new.

    InvalidDefinition carries all problems. Journeys that are new to a store with profiles are published at ``at``.
    """
    if problems := validate(space):
        raise InvalidDefinition(problems)
    notes: Mapping[str, str] = yield ("notes", (PREFIX,), {})
    library, new = Library.opened(space, notes)
    figures: Mapping[str, int] = yield ("figures", (), {})
    versions = {key for key, each in library.entries.items() if each not in new}
    arriving = [
        each
        for each in sorted(new, key=lambda each: (each.journey.key, each.journey.version))
        if each.journey.status in ("live", "paused")
        and not exclusive
        and (figures["profiles"] or any(key == each.journey.key for key, _ in versions))
    ]
    before = Library({key: each for key, each in library.entries.items() if each not in arriving})
    whole = before.space(space)
    if problems := validate(whole):
        raise InvalidDefinition(problems)
    core = Core(compile_space(whole, before.scopes), exclusive=exclusive, traces=traces, worker=worker, lease=lease)
    publisher = Publisher(space, core, before)
    if not exclusive:
        changed = {each.name: each.as_note() for each in new if each not in arriving}
        document = encode(dump_space(space))
        stored: Mapping[str, str] = yield ("notes", (SPACE,), {})
        if changed or stored.get(SPACE) != document:
            yield from core.commit_notes({**changed, SPACE: document})
        yield from publisher.resume_pending()
        known: Mapping[str, str] = yield ("notes", (GENERATION,), {})
        core.generation = known.get(GENERATION, "")
        core.on_change = publisher.reload
    for each in arriving:
        yield from publisher.publish(each.journey, at, each.journey.status)
    return core, publisher

"""Opening a store with a space: what the store knows of its journeys, and what the application brings anew."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from journeys.codec import dump_space
from journeys.engine._json import encode
from journeys.errors import Conflict, InvalidDefinition
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.validate import validate
from journeys.runtime._core import GENERATION, Core, Request
from journeys.runtime._library import Entry, Library
from journeys.runtime._publishing import PENDING, Publisher

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
    while True:
        notes: Mapping[str, str] = yield ("notes", ("",), {})
        library, new = Library.opened(space, notes)
        has_people = not exclusive and bool((yield ("walk", (None, 1), {})))
        arriving = [] if exclusive else _arriving(library, new, has_people)
        before = Library({key: each for key, each in library.entries.items() if each not in arriving})
        whole = before.space(space)
        if problems := validate(whole):
            raise InvalidDefinition(problems)
        core = Core(compile_space(whole, before.scopes), exclusive=exclusive, traces=traces, worker=worker, lease=lease)
        publisher = Publisher(space, core, before)
        if exclusive:
            return core, publisher
        core.generation = notes.get(GENERATION, "")
        try:
            yield from _settle_in(
                space, core, notes, {each.name: each.as_note() for each in new if each not in arriving}
            )
        except Conflict:
            continue  # another worker has published something at this moment
        break
    core.on_change = publisher.catch_up
    if notes.get(PENDING):
        yield from publisher.catch_up()
    for each in arriving:
        yield from publisher.publish(each.journey, at, each.journey.status, once=True)
    return core, publisher


def _arriving(library: Library, new: Sequence[Entry], has_people: bool) -> list[Entry]:
    """Versions that come to people or to versions which are there already: they are published."""
    known = {journey for (journey, version), each in library.entries.items() if each not in new}
    return [
        each
        for each in sorted(new, key=lambda each: (each.journey.key, each.journey.version))
        if each.journey.status in ("live", "paused") and (has_people or each.journey.key in known)
    ]


def _settle_in(
    space: Space, core: Core, notes: Mapping[str, str], new: Mapping[str, str]
) -> Generator[Request, Any, None]:
    """The store gets to know the space, and its other workers what is new."""
    document = encode(dump_space(space))
    if new:
        generation = str(int(core.generation or "0") + 1)
        read = {GENERATION: core.generation, PENDING: ""}
        yield from core.commit_notes({**new, SPACE: document, GENERATION: generation}, read)
        core.generation = generation
    elif notes.get(SPACE) != document:
        yield from core.commit_notes({SPACE: document})

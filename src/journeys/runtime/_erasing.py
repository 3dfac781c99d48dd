"""Erasing a person: everything that names her goes, also where others were seen with her ids (V6)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any

from journeys.engine._json import encode
from journeys.engine._state import ProfileState
from journeys.errors import Conflict
from journeys.ports import ChangeSet
from journeys.runtime._core import MAX_CONFLICTS, Core, Request
from journeys.runtime._processor import Processor


def erase(core: Core, id_key: str) -> Generator[Request, Any, tuple[str, ...]]:
    """Removes everything that names the person behind the id; answers all of her ids."""
    processor = core.processor
    for _ in range(MAX_CONFLICTS):
        if not core.exclusive:
            found = yield from core.states_of([id_key])
            yield from core.load([id_key, *(key for each in found for key in (*each.shared, *each.devices))])
        key = processor.links.get(id_key, id_key)
        person = processor.states.get(key)
        shown = {key[2:], id_key[2:]} | ({each[2:] for each in person.linked} if person is not None else set())
        strangers = _forget_device(processor, person) if person is not None else []
        owners = _forget_guest(processor, person) if person is not None else []
        vanished = core.vanished(person) if person is not None else {}
        if core.exclusive:
            return (yield from _erase_here(core, key, person, shown, strangers))
        # with its own version: whoever is seen with its ids meanwhile is not missed
        processor.touched = {person, *strangers, *owners} if person is not None else set()
        also = ChangeSet(states=core.state_changes(), tallies=vanished, read_notes=core.known_library())
        asked = {"shown_ids": sorted(shown), "seen_by": _all_keys(strangers), "also": also}
        try:
            ids: Sequence[str] = yield ("erase", (key,), asked)
        except Conflict:
            yield from core.begin_again()
            continue
        processor.clear()
        return tuple(sorted({each[2:] for each in ids} | {id_key[2:]}))
    raise Conflict(f"the profile was changed by other workers {MAX_CONFLICTS} times in a row")


def _forget_device(processor: Processor, person: ProfileState) -> list[ProfileState]:
    """Others were not seen with an anonymous id of this person any more; answers who ever was."""
    ids = {each[2:] for each in (person.key, *person.linked) if each[0] == "a"}
    strangers = _others(processor, person, person.shared)
    for stranger in strangers:
        stranger.devices = tuple(each for each in stranger.devices if each[2:] not in ids)
        if stranger.anonymous_id in ids:
            stranger.anonymous_id, stranger.seen_at = None, -1
    return strangers


def _forget_guest(processor: Processor, person: ProfileState) -> list[ProfileState]:
    """She was not seen with the devices of others any more; answers whose they are."""
    owners = _others(processor, person, person.devices)
    for owner in owners:
        owner.shared = tuple(each for each in owner.shared if each not in (person.key, *person.linked))
    return owners


def _others(processor: Processor, person: ProfileState, id_keys: Iterable[str]) -> list[ProfileState]:
    return [each for each in map(processor.find, id_keys) if each is not None and each is not person]


def _erase_here(
    core: Core, key: str, person: ProfileState | None, shown: set[str], strangers: Sequence[ProfileState]
) -> Generator[Request, Any, tuple[str, ...]]:
    """In memory, where the profiles are."""
    processor = core.processor
    id_keys = {key} | (set(person.linked) if person is not None else set())
    id_keys |= {each for each, leads_to in processor.links.items() if leads_to == key}
    for each in id_keys:
        processor.states.discard(each)
        processor.links.pop(each, None)
    processor.forget(id_keys)
    others = _all_keys(strangers)
    texts = [encode(each[2:]) for each in id_keys if each[0] == "a"] if others else []
    core.keep_records(
        [
            each
            for each in core.effects.records
            if each.key not in id_keys and not (each.key in others and any(text in each.record for text in texts))
        ]
    )
    for each in sorted(id_keys):  # this store knows of no links
        yield ("erase", (each,), {"shown_ids": sorted(shown), "seen_by": others})
    core.tombstones.add(id_keys)
    processor.erased = core.tombstones
    return tuple(sorted({each[2:] for each in id_keys}))


def _all_keys(profiles: Iterable[ProfileState]) -> list[str]:
    """Every key that they have or had."""
    return sorted({key for profile in profiles for key in (profile.key, *profile.linked)})


def lift(core: Core, id_key: str) -> Generator[Request, Any, bool]:
    """Forgets that an id was erased; says whether it was."""
    if core.exclusive:
        return core.tombstones.discard(id_key)
    lifted: bool = yield ("lift", (id_key,), {})
    return lifted

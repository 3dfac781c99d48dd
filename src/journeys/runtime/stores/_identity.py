"""What every store has to work out about ids: where links lead, and by what an erased id is known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from journeys.errors import Conflict


def keyed_hash(secret: bytes, id_key: str) -> str:
    """What remains of an erased id key (V6)."""
    return hashlib.blake2b(id_key.encode(), key=secret, digest_size=16).hexdigest()


def followed(new: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, str]:
    """Where each newly linked id key leads in the end (P2), given where the keys that are named lead to now.

    ``Conflict`` if one of them leads elsewhere by now, unless that place moves to the same end: somebody else has
    linked it first.
    """
    steps = {
        id_key: stored.get(target, target) for id_key, target in new.items() if stored.get(target, target) != id_key
    }
    ends = {id_key: _end(id_key, steps) for id_key in steps}
    for id_key, end in ends.items():
        now = stored.get(id_key, end)
        if ends.get(now, now) != end:
            raise Conflict("an id was linked to another profile meanwhile")
    return ends


def _end(id_key: str, steps: Mapping[str, str]) -> str:
    seen = [id_key]
    while (following := steps.get(seen[-1])) is not None:
        if following in seen:
            raise ValueError(f"links lead in a circle: {' -> '.join([*seen, following])}")
        seen.append(following)
    return seen[-1]

"""The inverse of every operation: the parts of a journey that it changed, as they were."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import attrs

from journeys.codec import dump, dump_journey
from journeys.model.journey import Journey
from journeys.runtime.editing.operations import Restore
from journeys.runtime.editing.ways import Refused


def restoring(old: Journey, new: Journey, *, addressed: bool = False) -> Restore:
    """What makes the old journey of the new one; ``addressed`` says of which journey of a space."""
    keys = [*old.steps, *(key for key in new.steps if key not in old.steps)]
    steps = {key: old.steps.get(key) for key in keys if not _same(old.steps.get(key), new.steps.get(key))}
    head = None if _same(_head(old), _head(new)) else _head(old)
    made = Restore(steps=steps, head=head)
    if list(_restored(new, made).steps) != list(old.steps):
        made = attrs.evolve(made, order=tuple(old.steps))
    made = attrs.evolve(made, expects=_digest(new, made))
    return attrs.evolve(made, journey=new.key, version=new.version) if addressed else made


def restore(journey: Journey, operation: Restore) -> Journey:
    """The journey with the parts as they were; Refused if they have been edited since."""
    if operation.expects is not None and operation.expects != _digest(journey, operation):
        parts = ", ".join(operation.steps) or "what is not a step"
        message = f"somebody has edited it since: {parts}"
        raise Refused("edited_since", "operation.expects", message, "undo the later operations first")
    return _restored(journey, operation)


def _restored(journey: Journey, operation: Restore) -> Journey:
    steps = dict(journey.steps)
    for key, step in operation.steps.items():
        if step is None:
            steps.pop(key, None)
        else:
            steps[key] = step
    if operation.order is not None:
        known = [key for key in operation.order if key in steps]
        steps = {key: steps[key] for key in [*known, *(key for key in steps if key not in known)]}
    return attrs.evolve(operation.head or journey, steps=steps)


def _head(journey: Journey) -> Journey:
    return attrs.evolve(journey, steps={})


def _same(one: Any, other: Any) -> bool:
    """Equal, and told apart where equality is blind: 1 is not 1.0."""
    return one is other or (bool(one == other) and repr(one) == repr(other))


def _digest(journey: Journey, operation: Restore) -> str:
    """Of what the operation would replace."""
    steps = {key: None if key not in journey.steps else dump(journey.steps[key]) for key in sorted(operation.steps)}
    head = None if operation.head is None else dump_journey(_head(journey))
    text = json.dumps([steps, head], sort_keys=True, default=repr)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

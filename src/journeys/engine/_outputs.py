"""Audiences and computed traits that have destinations: sent when they change, and only then (P6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from journeys.engine._payloads import send_output
from journeys.engine._state import ProfileState
from journeys.plan.plan import Output
from journeys.plan.values import ABSENT, equal

if TYPE_CHECKING:
    from journeys.engine._advance import Engine


def send_changes(engine: Engine) -> None:
    """Audiences and computed traits that have destinations are sent when they change, and only then (P6)."""
    profile, now = engine.profile, engine.now
    for output in engine.plan.outputs:
        last = profile.outputs.get(output.key)
        if not engine.all_changed and not _is_concerned(output, engine, last):
            continue
        before = _initial(output) if last is None else (last[0][0] if last[0] else ABSENT)
        if output.condition is not None:
            value: Any = output.condition.holds(profile, None, now)
            until = output.condition.flip(profile, None, now)
            event = "Audience Entered" if value else "Audience Exited"
        else:
            assert output.computed is not None
            value = output.computed.value(profile, now)
            until = output.computed.until(profile, now)
            event = "Trait Computed"
        if not (equal(before, value) or before is value):
            shown = None if value is ABSENT else value
            send_output(
                engine.space, profile, output.key, output.destinations, event=event, value=shown,
                computed=output.computed is not None, now=now, effects=engine.effects,
            )  # fmt: skip
        profile.own("outputs")[output.key] = [[] if value is ABSENT else [value], until]


def _is_concerned(output: Output, engine: Engine, last: Any) -> bool:
    depends = output.condition if output.condition is not None else output.computed
    assert depends is not None
    return (
        (last is not None and bool(last[1] <= engine.now))
        or (engine.traits_changed and depends.reads_traits)
        or (engine.changed_event is not None and engine.changed_event in depends.events)
    )


def _initial(output: Output) -> Any:
    """What an audience or computed trait is before anything is known: not a change."""
    if output.condition is not None:
        return False
    assert output.computed is not None
    return output.computed.value(_NOBODY, 0)


_NOBODY = ProfileState("a:")

"""Zones of local times that there are not: valid, for a trait may hold anything, and read as UTC (S2)."""

from __future__ import annotations

from collections.abc import Iterator

from journeys._time import zone, zone_names
from journeys.codec.problems import member
from journeys.errors import nearest
from journeys.model import steps as m
from journeys.model.journey import Journey
from journeys.runtime.analysis.check_codes import Finding
from journeys.runtime.analysis.paths_proofs import Proofs


def check_times(journey: Journey, at: str, proofs: Proofs) -> Iterator[Finding]:
    """What is found in the local times that a journey waits for."""
    if proofs.entry_reason is not None:
        return
    for key, step in journey.steps.items():
        if isinstance(step, m.Delay) and isinstance(step.until, m.LocalTime) and key not in proofs.unreached:
            path = member(member(member(member(at, "steps"), key), "until"), "timezone")
            named = step.until.timezone
            if isinstance(named, m.TimezoneTrait):
                path, named = member(path, "default"), named.default
            if zone(named) is None:
                message = f"there is no time zone {named!r}: {step.until.time} is read as UTC"
                hint = nearest(named, zone_names()) or "give an IANA name, like Europe/Berlin"
                yield Finding(code="unknown_timezone", path=path, message=message, hint=hint)

"""What a unit of work causes: records of the trace, deliveries, and counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

from journeys._time import format_instant
from journeys.engine._json import encode
from journeys.engine._state import Instance, ProfileState
from journeys.ports import Delivery


class Record:
    """One record of the trace; fields are added to those that all records have."""

    __slots__ = ("at", "fields", "journey", "key", "kind", "of", "profile", "seq", "version")

    def __init__(self, at: int, profile: ProfileState, instance: Instance | None, kind: str, fields: Any) -> None:
        self.at = at
        self.profile = profile.id
        self.key = profile.key
        profile.seq = self.seq = profile.seq + 1
        self.kind = kind
        self.fields = fields
        #: whose id is only made when the record is read
        self.of = instance
        if instance is None:
            self.journey: str | None = None
            self.version: int | None = None
        else:
            self.journey, self.version = instance.plan.key, instance.plan.version

    @property
    def instance(self) -> str | None:
        """The id of the instance that it is about."""
        return None if self.of is None else self.of.id

    @property
    def order(self) -> tuple[int, str, str, int]:
        """The order of a trace: instant, profile, then as it happened; of two profiles with one id, users last."""
        return (self.at, self.profile, self.key, self.seq)

    def as_dict(self) -> dict[str, Any]:
        """The record as the trace shows it."""
        record: dict[str, Any] = {"at": format_instant(self.at), "profile": self.profile}
        if self.of is not None:
            record |= {"journey": self.journey, "version": self.version, "instance": self.instance}
        record["kind"] = self.kind
        if self.fields:
            record |= self.fields() if callable(self.fields) else self.fields
        return record

    @property
    def record(self) -> str:
        """The record as a line of JSON: what a store keeps of it (``ports.TraceRow``)."""
        return encode(self.as_dict())


class Effects:
    """Collects what happens. ``traces`` says whether records are wanted at all."""

    __slots__ = ("_counters", "deliveries", "records", "traces", "unwanted")

    def __init__(self, *, traces: bool = True) -> None:
        self.traces = traces
        self.records: list[Record] = []
        self.deliveries: list[Delivery] = []
        self._counters: Counter[str] = Counter()
        #: how many calls nobody wanted (O7), besides those that are in ``counters`` already
        self.unwanted = 0

    @property
    def counters(self) -> Counter[str]:
        """How often what the contract counts has happened."""
        if self.unwanted:
            self._counters["unwanted"] += self.unwanted
            self.unwanted = 0
        return self._counters

    def record(self, at: int, profile: ProfileState, instance: Instance | None, kind: str, fields: Any = None) -> None:
        """Something happened."""
        if self.traces:
            self.records.append(Record(at, profile, instance, kind, fields))

    def take(self) -> Effects:
        """What has been collected, leaving this one empty."""
        taken = Effects(traces=self.traces)
        taken.records, self.records = self.records, taken.records
        taken.deliveries, self.deliveries = self.deliveries, taken.deliveries
        taken._counters, self._counters = self.counters, taken._counters
        return taken

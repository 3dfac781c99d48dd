"""Counts against a direct count: small simulated crowds whose every token is known."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import attrs
import pytest

from journeys.model.conditions import audience
from journeys.model.entries import EventEntry, ExitRule
from journeys.model.journey import Journey, Migrate
from journeys.model.steps import (
    Branch,
    ConditionBranch,
    Delay,
    HoldUntil,
    MultiBranchSplit,
    SendToDestination,
    WaitForCondition,
)
from journeys.runtime.render import Counts
from journeys.runtime.render.links import WAITING, links_of
from tests.runtime.render.samples import CART, WELCOME, WINBACK

SPLIT = Journey(
    key="split",
    entry=EventEntry("A"),
    start="split",
    steps={
        "split": MultiBranchSplit(
            [
                ConditionBranch(name, audience(name), next=target)
                for name, target in (("a", "x"), ("b", "y"), ("c", "z"))
            ]
        ),
        "x": Delay(duration="P1D", next="send"),
        "y": WaitForCondition(condition=audience("y"), next="hold"),
        "z": MultiBranchSplit(
            [ConditionBranch("p", audience("p"), next="hold"), ConditionBranch("q", audience("q"))], exclusive=True
        ),
        "hold": HoldUntil([Branch("e", "E", restart=True), Branch("f", "F", next="send")], max_duration="P1D"),
        "send": SendToDestination([], next="last"),
        "last": HoldUntil([Branch("g", "G")], max_duration="P1D"),
    },
    exit_rules=[ExitRule("out", "Out")],
)


@attrs.define
class Crowd:
    """Runs instances at random and keeps the truth about every token beside the trace."""

    journey: Journey
    random: Random
    version: int = 1
    truth: Counter[tuple[str, ...]] = attrs.field(factory=Counter)
    where: dict[str, set[str]] = attrs.field(factory=dict)
    seen: dict[str, set[str]] = attrs.field(factory=dict)
    open_branches: dict[tuple[str, str], set[str]] = attrs.field(factory=dict)
    count: int = 0

    def record(self, instance: str, kind: str, **more: Any) -> dict[str, Any]:
        self.truth[(kind, *(str(value) for value in more.values()))] += 1
        common = {"at": "2026-01-01T00:00:00Z", "profile": instance, "instance": instance}
        return {**common, "journey": self.journey.key, "version": self.version, "kind": kind, **more}

    def enter(self) -> Iterator[dict[str, Any]]:
        self.count += 1
        instance = f"i{self.count}"
        self.where[instance], self.seen[instance] = set(), set()
        yield self.record(instance, "entered")
        yield from self.arrive(instance, self.journey.start)
        yield from self.finish(instance)

    def arrive(self, instance: str, key: str) -> Iterator[dict[str, Any]]:
        yield self.record(instance, "step", step=key)
        if key in self.seen[instance]:
            return
        self.seen[instance].add(key)
        if isinstance(self.journey.steps[key], WAITING):
            self.where[instance].add(key)
            self.open_branches[instance, key] = {link.branch or "" for link in links_of(self.journey.steps[key])}
        else:
            if isinstance(self.journey.steps[key], SendToDestination):
                yield self.record(instance, "sent", step=key)
            yield from self.leave(instance, key)

    def leave(self, instance: str, key: str) -> Iterator[dict[str, Any]]:
        step = self.journey.steps[key]
        still_open = self.open_branches.get((instance, key))
        link = self.random.choice(
            [each for each in links_of(step) if not still_open or (each.branch or "") in still_open]
        )
        if link.kind == "restart":
            yield self.record(instance, "restarted", step=key, branch=link.branch)
            return
        parallel = isinstance(step, MultiBranchSplit) and not step.exclusive
        if still_open is not None and parallel:
            still_open.discard(link.branch or "")
        if not (parallel and still_open):
            self.where[instance].discard(key)
        if link.branch is not None:
            yield self.record(instance, "branch", step=key, branch=link.branch)
        else:
            self.truth["moved", key, str(link.target)] += 1
        if link.target is not None:
            yield from self.arrive(instance, link.target)

    def finish(self, instance: str) -> Iterator[dict[str, Any]]:
        if not self.where[instance]:
            del self.where[instance]
            yield self.record(instance, "completed")

    def run(self, steps: int) -> Iterator[dict[str, Any]]:
        for _ in range(steps):
            if not self.where or self.random.random() < 0.3:
                yield from self.enter()
                continue
            instance = self.random.choice(sorted(self.where))
            if self.random.random() < 0.05:
                del self.where[instance]
                yield self.record(instance, "exited", rule=self.random.choice([None, "out"]))
                continue
            yield from self.leave(instance, self.random.choice(sorted(self.where[instance])))
            yield from self.finish(instance)


@pytest.mark.parametrize("journey", [WELCOME, CART, SPLIT], ids=lambda journey: journey.key)
@pytest.mark.parametrize("seed", range(12))
def test_counts_equal_a_direct_count(journey: Journey, seed: int) -> None:
    crowd = Crowd(journey, Random(seed))
    counts = Counts(journey)
    for record in crowd.run(150):
        counts.add(record)
    truth = crowd.truth
    assert +counts.waiting == Counter(step for steps in crowd.where.values() for step in steps)
    assert counts.entered == truth["entered",]
    assert counts.active == len(crowd.where)
    for key, step in journey.steps.items():
        assert counts.arrived[key] == truth["step", key]
        assert counts.sent[key] == truth["sent", key]
        for link in links_of(step):
            if link.kind == "restart":
                assert counts.restarted[key, link.branch] == truth["restarted", key, link.branch]
            elif link.branch is not None:
                assert counts.taken[key, link.branch] == truth["branch", key, link.branch]
            else:
                assert counts.moved[key, link.target] == truth["moved", key, str(link.target)]
    assert counts.ended["completed"] == truth["completed",]
    assert counts.exited[None] == truth["exited", "None"]
    assert counts.exited["out"] == truth["exited", "out"]


def test_memory_is_held_for_live_instances_only() -> None:
    counts = Counts.of(WELCOME, Crowd(WELCOME, Random(1)).run(2000))
    assert len(counts._live) == counts.active
    assert not counts._completed


def records(*kinds: tuple[str, dict[str, Any]], journey: str = "winback", version: int = 1) -> list[dict[str, Any]]:
    common = {"at": "2026-01-01T00:00:00Z", "profile": "u1", "journey": journey, "version": version, "instance": "i"}
    return [{**common, "kind": kind, **more} for kind, more in kinds]


def test_a_completed_instance_that_exits_counts_as_exited() -> None:  # S10
    trace = records(("entered", {}), ("step", {"step": "value"}), ("branch", {"step": "value", "branch": "false"}),
                    ("step", {"step": "mail"}), ("sent", {"step": "mail"}), ("completed", {}))  # fmt: skip
    assert Counts.of(WINBACK, trace).ended == Counter(completed=1)
    trace += records(("exited", {"rule": None}), ("goal", {}))
    counts = Counts.of(WINBACK, trace)
    assert +counts.ended == Counter(exited=1)
    assert counts.active == 0
    assert counts.figures[-1] == ("goal", 1)


def test_every_end_empties_the_waits() -> None:
    for end in ("expired", "archived", "merged", "failed"):
        trace = records(("entered", {}), ("step", {"step": "hold"}), (end, {}), journey=CART.key)
        counts = Counts.of(CART, trace)
        assert not +counts.waiting
        assert counts.figures == (("entered", 1), ("active", 0), ("completed", 0), (end, 1))


def test_other_journeys_and_versions_are_passed_over() -> None:
    trace = records(("entered", {}), ("step", {"step": "hold"}), journey=CART.key)
    trace += records(("entered", {}), ("step", {"step": "hold"}), journey="another")
    trace += [{**record, "version": 2, "instance": "j"} for record in trace[:2]]
    assert Counts.of(CART, trace).entered == 2
    assert Counts.of(CART, trace, version=2).waiting == Counter(hold=1)
    assert Counts.of(CART, trace, version=3).figures == (("entered", 0), ("active", 0), ("completed", 0))


def test_migration_moves_those_who_wait() -> None:  # V2
    new = attrs.evolve(CART, version=2, on_previous=Migrate({"wait": "hold"}))
    trace = records(("entered", {}), ("step", {"step": "wait"}), journey=CART.key)
    trace += records(("migrated", {"from": 1, "to": 2}), journey=CART.key, version=2)
    old, both, now = (Counts.of(new, trace, version) for version in (1, None, 2))
    assert (old.active, now.active, both.active) == (0, 1, 1)
    assert (+old.waiting, now.waiting["hold"], both.waiting["hold"]) == (Counter(), 1, 1)
    now.add(records(("branch", {"step": "hold", "branch": "bought"}), journey=CART.key, version=2)[0])
    assert not +now.waiting


def test_steps_of_an_unknown_version_do_not_pile_up() -> None:
    trace = records(("entered", {}), ("step", {"step": "old-1"}), ("step", {"step": "old-2"}), journey=CART.key)
    assert +Counts.of(CART, trace).waiting == Counter({"old-2": 1})

"""Editing operations: what an author does to a journey, as frozen data that can be sent, kept and undone."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from journeys._time import Duration
from journeys.model._fields import as_tuple, duration_or_none, frozen_map, names
from journeys.model.entries import Entry, ExitRule, ExitSend, Goal
from journeys.model.journey import Journey
from journeys.model.steps import Branch, ConditionBranch, RandomBranch, Step


@attrs.frozen
class Way:
    """A way out of a step: one of its branches by name, or a field such as ``timeout`` by ``exit``.

    A step with one way out needs neither. Without a step it is the way from the entry to the start.
    """

    step: str | None = None
    exit: str | None = attrs.field(default=None, kw_only=True)
    branch: str | None = attrs.field(default=None, kw_only=True)

    def __str__(self) -> str:
        if self.step is None:
            return "the entry"
        name = self.branch if self.branch is not None else self.exit
        return f"{self.step!r}" if name is None else f"{self.step!r} by {name!r}"


@attrs.frozen(kw_only=True)
class Operation:
    """An edit of one journey; the base of all operations.

    In a space ``journey`` says of which one, if there are several, and ``version`` of which version if it is not the
    latest.
    """

    journey: str | None = None
    version: int | None = None


@attrs.frozen
class Insert(Operation):
    """Puts a new step before a step (on all ways that lead to it), or after a way out of one.

    The ways out that the new step leaves open lead on to what followed there; with ``through`` only that one does.
    Without a place the step stands alone, which only a draft may have.
    """

    key: str
    step: Step
    before: str | None = attrs.field(default=None, kw_only=True)
    after: Way | None = attrs.field(default=None, kw_only=True)
    through: Way | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Remove(Operation):
    """Takes a step out; what led to it leads to what followed it.

    Where its ways out lead to different places, ``keep`` says which one goes on. ``with_followers`` also removes the
    steps to which no path leads any more.
    """

    step: str
    keep: Way | None = attrs.field(default=None, kw_only=True)
    with_followers: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Move(Operation):
    """Takes a step out as ``Remove`` does, and puts it elsewhere; its ways other than ``keep`` go with it."""

    step: str
    before: str | None = attrs.field(default=None, kw_only=True)
    after: Way | None = attrs.field(default=None, kw_only=True)
    keep: Way | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Connect(Operation):
    """Lets a way lead to a step; without a step in the way it is the start that changes."""

    way: Way
    to: str


@attrs.frozen
class Disconnect(Operation):
    """Lets a way end."""

    way: Way


@attrs.frozen
class ReplaceStep(Operation):
    """Another step under the same key.

    With ``keep_ways`` a way that the new step leaves open leads where the way of that name led; destination keys stay
    the same (V4).
    """

    step: str
    by: Step
    keep_ways: bool = attrs.field(default=True, kw_only=True)


@attrs.frozen
class DuplicateStep(Operation):
    """A copy under a new key, its ways open, put somewhere as ``Insert`` does; right after the original if not said.

    The copy has destination keys of its own (V5).
    """

    step: str
    key: str
    before: str | None = attrs.field(default=None, kw_only=True)
    after: Way | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class RenameStep(Operation):
    """Another key for a step; everything that names it follows, and its destination keys stay the same (V4)."""

    step: str
    to: str


@attrs.frozen
class RenameJourney(Operation):
    """Another key for a journey, in a space for all of its versions; destination keys stay the same (V4)."""

    to: str


@attrs.frozen
class Describe(Operation):
    """Another name and description, of a step or of the journey itself; None takes them away."""

    step: str | None = None
    name: str | None = attrs.field(default=None, kw_only=True)
    description: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class AddBranch(Operation):
    """One more branch at a place, or as the last; ``percentages`` are those of a randomized split from now on."""

    step: str
    branch: Branch | ConditionBranch | RandomBranch
    index: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(0)), kw_only=True
    )
    percentages: Mapping[str, int | float] | None = attrs.field(
        default=None, converter=attrs.converters.optional(frozen_map), kw_only=True
    )


@attrs.frozen
class RemoveBranch(Operation):
    """One branch less; ``with_followers`` also removes the steps to which no path leads any more."""

    step: str
    branch: str
    percentages: Mapping[str, int | float] | None = attrs.field(
        default=None, converter=attrs.converters.optional(frozen_map), kw_only=True
    )
    with_followers: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class ReorderBranches(Operation):
    """The branches in another order: all of their names."""

    step: str
    branches: tuple[str, ...] = attrs.field(converter=names)


@attrs.frozen
class RenameBranch(Operation):
    """Another name for a branch; of a hold, what names its event in the journey context follows."""

    step: str
    branch: str
    to: str


@attrs.frozen
class ChangeEntry(Operation):
    """Another entry."""

    entry: Entry


@attrs.frozen
class ChangeGoal(Operation):
    """Another goal, or none."""

    goal: Goal | None = None


@attrs.frozen(kw_only=True)
class ChangeExits(Operation):
    """All ways to leave the journey early, as they are from now on."""

    exit_rules: tuple[ExitRule, ...] = attrs.field(default=(), converter=as_tuple)
    exit_send: ExitSend | None = None
    exit_after: Duration | None = attrs.field(default=None, converter=duration_or_none)
    reentry_after: Duration | None = attrs.field(default=None, converter=duration_or_none)


@attrs.frozen(kw_only=True)
class Restore(Operation):
    """Puts back what another operation changed: the inverse of every operation.

    ``steps`` are those that it changed, as they were (None: it was not there), ``order`` the keys of all steps if they
    stood in another order, ``head`` the journey without its steps if anything else was different. ``expects`` is a
    digest of what will be replaced: when somebody else has edited that meanwhile, nothing is done.
    """

    steps: Mapping[str, Step | None] = attrs.field(factory=dict, converter=frozen_map)
    order: tuple[str, ...] | None = attrs.field(default=None, converter=attrs.converters.optional(names))
    head: Journey | None = None
    expects: str | None = None


@attrs.frozen
class Together(Operation):
    """Several operations as one: all of them, or nothing. Each says for itself which journey it edits."""

    operations: tuple[Operation, ...] = attrs.field(converter=as_tuple)


OPERATIONS: tuple[type[Operation], ...] = (
    Insert,
    Remove,
    Move,
    Connect,
    Disconnect,
    ReplaceStep,
    DuplicateStep,
    RenameStep,
    RenameJourney,
    Describe,
    AddBranch,
    RemoveBranch,
    ReorderBranches,
    RenameBranch,
    ChangeEntry,
    ChangeGoal,
    ChangeExits,
    Restore,
    Together,
)

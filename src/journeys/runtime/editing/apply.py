"""Applying operations: a new journey or space with the inverse, or problems; never a half thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import attrs

from journeys._time import described
from journeys.codec import dump_journey, dump_space
from journeys.errors import InvalidDefinition, Problem, nearest
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.runtime.editing import checks
from journeys.runtime.editing.changes import change
from journeys.runtime.editing.documents import dump_operation, load_operation
from journeys.runtime.editing.operations import Operation, RenameJourney, RenameStep, Restore, Together
from journeys.runtime.editing.remedies import remedied
from journeys.runtime.editing.renames import notes
from journeys.runtime.editing.undo import restoring
from journeys.runtime.editing.ways import Refused

T = TypeVar("T", Journey, Space)
#: an operation, or its document
OperationLike = Operation | Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Edited(Generic[T]):
    """What came of operations.

    ``result`` is the new journey or space, None if there is none. ``problems`` say why not; of a draft
    (``check=False``) they say what is wrong with it. Paths that begin with ``operation`` lead into the operation, the
    others into the definition. ``inverse`` undoes all of it. ``notes`` are consequences that are no problems.
    ``failed`` is the index of the operation that failed.
    """

    result: T | None = None
    problems: tuple[Problem, ...] = ()
    inverse: Operation | None = None
    notes: tuple[Problem, ...] = ()
    failed: int | None = None

    @property
    def is_valid(self) -> bool:
        """Whether there is a result, and nothing is wrong with it."""
        return self.result is not None and not self.problems

    def unwrap(self) -> T:
        """The result; ``InvalidDefinition`` with the problems if there is none."""
        if self.result is None:
            raise InvalidDefinition(self.problems)
        return self.result

    def to_json(self) -> dict[str, Any]:
        """Plain data; the result as its document."""
        result: Any = self.result
        document = dump_journey(result) if isinstance(result, Journey) else None
        return {
            "result": dump_space(result) if isinstance(result, Space) else document,
            "problems": [attrs.asdict(each) for each in self.problems],
            "inverse": None if self.inverse is None else dump_operation(self.inverse),
            "notes": [attrs.asdict(each) for each in self.notes],
            "failed": self.failed,
        }


def apply(subject: T, operation: OperationLike, *, check: bool = True) -> Edited[T]:
    """One operation on a journey, or on a journey of a space.

    With ``check`` the result is valid, or there is none. Without it a draft comes back with its problems, as long as
    the operation can be done at all. A journey alone is checked as if the audiences and destinations that it names
    were there. Besides what ``validate`` finds it is a problem when the operation takes away an event that something
    still reads in the journey context, and when a step takes the destination key of another.
    """
    edited = apply_all(subject, [operation], check=check)
    problems = tuple(_at(each, "operations[0]", "operation") for each in edited.problems)
    return attrs.evolve(edited, problems=problems, failed=None)


def apply_all(subject: T, operations: Sequence[OperationLike], *, check: bool = True) -> Edited[T]:
    """Several operations, one after the other; one inverse for all. The first that fails is named, and nothing is done.

    With ``check`` each of them must leave something valid; without it only the end is looked at, and comes back as a
    draft with its problems.
    """
    now, said, restored = subject, list[Problem](), True
    for index, given in enumerate(operations):
        at = f"operations[{index}]"
        try:
            operation = _loaded(given)
            after = _applied(now, operation, said)
        except InvalidDefinition as error:
            return Edited(problems=tuple(_at(each, "$", at) for each in error.problems), failed=index)
        except Refused as refused:
            return Edited(problems=(_at(refused.problem, "operation", at),), failed=index)
        restores = _restores(operation)
        if check and (problems := checks.problems(now, after, restored=restores)):
            return Edited(problems=tuple(remedied(each, operation, at) for each in problems), failed=index)
        now, restored = after, restored and restores
    problems = () if check else checks.problems(subject, now, restored=restored)
    return Edited(result=now, problems=problems, inverse=_inverse(subject, now), notes=tuple(said))


def undo(subject: T, edited: Edited[T], *, check: bool = True) -> Edited[T]:
    """What was before an edit; the inverse of the answer does it again."""
    if not isinstance(edited, Edited):
        hint = "apply the inverse itself: apply(subject, edited.inverse)"
        raise TypeError(f"expected what apply gave, got {described(edited)}: {hint}")
    if edited.inverse is None:
        raise ValueError("there is nothing to undo: the edit has no result")
    return apply(subject, edited.inverse, check=check)


def _loaded(given: OperationLike) -> Operation:
    return given if isinstance(given, Operation) else load_operation(given)


def _restores(operation: Operation) -> bool:
    if isinstance(operation, Together):
        return all(map(_restores, operation.operations))
    return isinstance(operation, Restore)


def _at(problem: Problem, root: str, at: str) -> Problem:
    """The same problem with the root of its path named otherwise, if it has that root."""
    return attrs.evolve(problem, path=at + problem.path[len(root) :]) if problem.path.startswith(root) else problem


def _applied(subject: Any, operation: Operation, said: list[Problem]) -> Any:
    if isinstance(operation, Together):
        for each in operation.operations:
            subject = _applied(subject, each, said)
        return subject
    if isinstance(subject, Journey):
        if operation.journey not in (None, subject.key):
            raise _unknown(str(operation.journey), [subject.key])
        return _changed(subject, operation, said)
    journeys = list(subject.journeys)
    for index in _addressed(subject, operation):
        journeys[index] = _changed(journeys[index], operation, said)
    return attrs.evolve(subject, journeys=tuple(journeys))


def _changed(journey: Journey, operation: Operation, said: list[Problem]) -> Journey:
    after = change(journey, operation)
    if isinstance(operation, (RenameStep, RenameJourney)):
        said += notes(journey, after)
    return after


def _addressed(space: Space, operation: Operation) -> Iterable[int]:
    """The journeys of a space that an operation edits: one, or for a rename all versions of one."""
    keys = list(dict.fromkeys(each.key for each in space.journeys))
    key = operation.journey
    if key is None:
        if len(keys) != 1:
            hint = f"one of {', '.join(keys)}" if keys else "the space has no journey"
            raise Refused("which_journey", "operation.journey", "it is not said which journey is edited", hint)
        key = keys[0]
    versions = {each.version: index for index, each in enumerate(space.journeys) if each.key == key}
    if not versions:
        raise _unknown(key, keys)
    if operation.version is not None:
        if operation.version not in versions:
            hint = f"there is {', '.join(map(str, sorted(versions)))}"
            message = f"{key!r} has no version {operation.version}"
            raise Refused("unknown_version", "operation.version", message, hint, str(operation.version))
        return [versions[operation.version]]
    if not isinstance(operation, RenameJourney):
        return [versions[max(versions)]]
    if operation.to != key and operation.to in keys:
        message = f"there is a journey {operation.to!r} already"
        raise Refused("duplicate_key", "operation.to", message, "take another key", operation.to)
    return [index for index, each in enumerate(space.journeys) if each.key == key]


def _unknown(key: str, keys: list[str]) -> Refused:
    return Refused("unknown_journey", "operation.journey", f"there is no journey {key!r}", nearest(key, keys), key)


def _inverse(before: Any, after: Any) -> Operation:
    if isinstance(before, Journey):
        return restoring(before, after)
    pairs = zip(before.journeys, after.journeys, strict=True)
    made = [restoring(old, new, addressed=True) for old, new in pairs if old is not new]
    return made[0] if len(made) == 1 else Together(tuple(made))

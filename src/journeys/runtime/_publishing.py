"""Life and versions of journeys: publish, pause, resume, archive, clone (section V); history and erasure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import partial
from typing import Any

import attrs

from journeys.engine import _publishing as ops
from journeys.engine._advance import Engine
from journeys.engine._effects import Effects
from journeys.engine._encode import decode_state, encode_state
from journeys.engine._state import ProfileState
from journeys.errors import (
    Conflict,
    InvalidCall,
    InvalidDefinition,
    Problem,
    PublishRefused,
)
from journeys.model.journey import Journey, Migrate
from journeys.model.space import Space
from journeys.plan.compile import compile_space
from journeys.plan.plan import Plan
from journeys.plan.validate import validate
from journeys.runtime._core import GENERATION, MAX_CONFLICTS, Core, Request
from journeys.runtime._library import Entry, Library

#: how many calls of the past are remembered in one commit
PASS = 500
#: the note that names a pass that has begun, so that a crash does not leave it half done
PENDING = "publishing"

Change = Callable[[Engine, ProfileState], None]


class Publisher:
    """Changes the library of a store, and with it every profile that the change concerns.

    A change of the library is one moment for all workers. It begins with a commit that moves the ``GENERATION``; every
    other commit names the generation that its worker knows, so that from then on none of the time before can come. Then
    all profiles are changed, in a pass whose place stands in the ``PENDING`` note and moves with each batch. Whoever is
    refused meanwhile learns of the change, helps to end it, and goes on (I7).
    """

    def __init__(self, space: Space, core: Core, library: Library) -> None:
        self.space = space
        self.core = core
        self.library = library
        #: why migrations were refused that this worker has checked
        self._refused: dict[tuple[str, int], list[Problem]] = {}

    # the operations of section V

    def publish(
        self, journey: Journey, at: int, status: str = "live", *, once: bool = False
    ) -> Generator[Request, Any, Journey]:
        """Makes the journey the live version of its key; the previous one drains, is archived, or migrates.

        With ``once`` a version that another worker has published meanwhile is not published again.
        """
        while True:
            yield from self.core.refresh()
            known = self.library.entries.get((journey.key, journey.version))
            if once and known is not None and known.journey.status != "draft":
                return known.journey
            previous = self.library.current(journey.key)
            new, library = self.succeeded(journey, status)
            self._plan(library, working=True)
            operation = {"operation": "publish", "key": new.key, "version": new.version, "at": at}
            moves = previous is not None and isinstance(new.on_previous, Migrate)
            try:
                yield from self._begin(library, operation, checks=moves)
            except Conflict:
                continue
            yield from self.catch_up()
            if (new.key, new.version) in self.library.entries:
                return new
            if problems := self._refused.pop((new.key, new.version), None):
                raise PublishRefused(problems)

    def succeeded(self, journey: Journey, status: str = "live") -> tuple[Journey, Library]:
        """The journey as it would be published, and the library as it would be then; nothing is changed."""
        previous = self.library.current(journey.key)
        version = max(journey.version, self.library.latest(journey.key) + (previous is not None))
        new = attrs.evolve(journey, version=version, status=status)
        number = 1 + max((_scope_number(entry.scope) for entry in self.library.entries.values()), default=0)
        entries = [Entry(new, f"+{number}")]
        if previous is not None:
            ends = new.on_previous == "archive" or previous.journey.status == "archived"
            kept = attrs.evolve(previous.with_status("archived" if ends else "paused"), superseded_by=new.version)
            entries.append(kept)
        return new, self.library.replaced(*entries)

    def rehearsal(self, journey: Journey, at: int) -> tuple[Plan, Change]:
        """What publishing the journey would do to each profile, and under which plan; nothing is changed.

        InvalidDefinition carries all problems of the library as it would be then.
        """
        journey, library = self.succeeded(journey)
        plan = self._plan(library, working=True)
        operation = {"operation": "publish", "key": journey.key, "version": journey.version, "at": at}
        return plan, Publisher(self.space, self.core, library)._change(operation, plan)

    def set_status(self, key: str, status: str, at: int) -> Generator[Request, Any, Journey]:
        """Pauses, resumes or archives the current version of a journey, archiving what drains too."""
        while True:
            yield from self.core.refresh()
            current = self.library.published(key)
            before = current.journey.status
            if before == "archived" and status != "archived":
                raise ValueError(f"{key!r} is archived, for good: publish it again as a new version")
            if before == status:
                return current.journey
            library = self.library.replaced(current.with_status(status))
            if status == "archived":
                library = library.replaced(
                    *(each.with_status("archived") for (name, _), each in library.entries.items()
                      if name == key and each.journey.status == "paused")
                )  # fmt: skip
            operation = {"operation": status, "key": key, "version": current.journey.version, "at": at}
            try:
                yield from self._begin(library, operation)
            except Conflict:
                continue
            yield from self.catch_up()
            return current.with_status(status).journey

    # how they are carried out

    def _plan(self, library: Library, *, working: bool = False) -> Plan:
        """The plan of the library; while a change is carried out archived versions are in it too, to be ended."""
        space = library.space(self.space)
        shown = space
        if working:
            shown = attrs.evolve(
                space,
                journeys=tuple(
                    attrs.evolve(each, status="paused") if each.status == "archived" else each
                    for each in space.journeys
                ),
            )
        problems = validate(shown)
        if problems:
            raise InvalidDefinition(problems)
        return compile_space(shown, library.scopes)

    def _begin(
        self, library: Library, operation: Mapping[str, Any], *, checks: bool = False
    ) -> Generator[Request, Any, None]:
        """The change is there for all workers: from now on nothing is committed under the library of before.

        With ``checks`` the library itself comes later, if nothing speaks against it: until then it stands in the note.
        """
        known = self.core.generation
        notes, begun = library.as_notes(), {**operation, "after": None}
        if checks:
            begun["check"], notes = notes, self.library.as_notes()
        notes[GENERATION] = str(int(known or "0") + 1)
        notes[PENDING] = json.dumps(begun)
        read_notes = {} if self.core.exclusive else {GENERATION: known, PENDING: ""}
        yield from self.core.commit_notes(notes, read_notes)

    def catch_up(self) -> Generator[Request, Any, None]:
        """Goes on under the library that the store has; first leads to its end the change that is under way.

        Any worker may do so, and all that come across it do: none goes on before every profile has been changed.
        """
        while True:
            notes: Mapping[str, str] = yield ("notes", ("",), {})
            self.library = Library.stored(notes)
            pending = notes.get(PENDING, "")
            if not pending:
                break
            if "check" in json.loads(pending):
                yield from self._check(pending)
            else:
                yield from self._carry_out(pending)
        self.core.generation = notes.get(GENERATION, "")
        self.core.use(self._plan(self.library))

    def _carry_out(self, pending: str) -> Generator[Request, Any, None]:
        working = self._plan(self.library, working=True)
        self.core.use(working)
        operation = _without_place(pending)
        change = self._change(operation, working)
        while pending and _without_place(pending) == operation:
            pending = yield from self.core.change_next(change, PENDING, pending)

    def _check(self, pending: str) -> Generator[Request, Any, None]:
        """Begins with the migration, or refuses it, now that nobody moves any more."""
        operation = json.loads(pending)
        notes = operation.pop("check")
        library = Library.stored(notes)
        new = library.entries[operation["key"], operation["version"]].journey
        [old] = [
            each.journey for each in library.entries.values()
            if each.superseded_by == new.version and each.journey.key == new.key
        ]  # fmt: skip
        self.core.use(self._plan(self.library))
        problems = yield from self._unmapped_steps(old, new, operation["at"])
        then = {PENDING: ""} if problems else {**notes, PENDING: json.dumps(operation)}
        read_notes = {} if self.core.exclusive else {PENDING: pending}
        try:
            yield from self.core.commit_notes(then, read_notes)
        except Conflict:
            return  # another worker was faster
        if problems:
            self._refused[new.key, new.version] = problems

    def _change(self, operation: Mapping[str, Any], plan: Plan) -> Change:
        key, version, at = operation["key"], operation["version"], operation["at"]
        new = plan.journeys[key, version]
        archived = [
            plan.journeys[each] for each, entry in self.library.entries.items()
            if each[0] == key and entry.journey.status == "archived" and each in plan.journeys
        ]  # fmt: skip
        old = [
            plan.journeys[each] for each, entry in self.library.entries.items()
            if entry.superseded_by == version and each[0] == key and each in plan.journeys
        ]  # fmt: skip
        on_previous = new.model.on_previous
        processor = self.core.processor
        is_new = operation["operation"] == "publish"
        scope = self.library.scopes[key, version] + "h"

        def change(engine: Engine, profile: ProfileState) -> None:
            ops.begin(engine, profile, at, processor.watermark)
            if is_new and isinstance(on_previous, Migrate):
                for each in old:
                    ops.migrate(engine, profile, each, new, on_previous.migrate)
            for each in archived:
                ops.archive(engine, profile, each)
            if is_new and new.historical:
                ops.fill_from_history(profile, plan, scope)
            if operation["operation"] in ("publish", "live"):
                ops.arm(engine, profile, new, is_new=is_new)
            engine.settle(profile)

        return change

    def check_migration(self, old: Journey, new: Journey, at: int) -> Generator[Request, Any, None]:
        """Refuses a migration that would leave people without a step, with the list of them (V2)."""
        if problems := (yield from self._unmapped_steps(old, new, at)):
            raise PublishRefused(problems)

    def _unmapped_steps(self, old: Journey, new: Journey, at: int) -> Generator[Request, Any, list[Problem]]:
        """The steps at which a migration would leave people behind, with how many there are (V2)."""
        assert isinstance(new.on_previous, Migrate)
        steps = new.on_previous.migrate
        held: Counter[str] = Counter()
        plan = self.core.plan.journeys.get((old.key, old.version))

        def count(_: Engine, profile: ProfileState) -> None:
            if plan is not None:  # on a copy, for what is due by then will have happened
                copy = decode_state(encode_state(profile), self.core.plan)
                ops.begin(engine, copy, at, processor.watermark)
                held.update(ops.steps_held(copy, plan))

        processor = self.core.processor
        engine = Engine(self.core.plan, Effects(traces=False))
        yield from self.core.look(count)
        return [
            _unmapped(old, new, step, steps.get(step, step), number)
            for step, number in sorted(held.items())
            if type(new.steps.get(steps.get(step, step))) is not type(old.steps[step])
        ]

    # history (C4)

    def backfill(
        self, calls: Iterable[Any], at: int, progress: Callable[[int], None] | None = None
    ) -> Generator[Request, Any, dict[str, int]]:
        """Remembers calls of the past; then every profile concerned may enter what it now meets."""
        counts: Counter[str] = Counter()
        batch: list[Any] = []
        done = 0
        for call in calls:
            batch.append(call)
            if len(batch) >= PASS:
                yield from self._backfill(batch, at, counts)
                done += len(batch)
                batch = []
                if progress is not None:
                    progress(done)
        if batch:
            yield from self._backfill(batch, at, counts)
        if progress is not None:
            progress(done + len(batch))
        return dict(counts)

    def _backfill(self, calls: list[Any], at: int, counts: Counter[str]) -> Generator[Request, Any, None]:
        for _ in range(MAX_CONFLICTS):
            tried: Counter[str] = Counter()
            try:
                yield from self.core.apply_to(calls, partial(self._remember, calls, at, tried))
            except Conflict:
                continue
            counts.update(tried)
            return
        raise Conflict("the profiles of this history were changed by other workers again and again")

    def _remember(self, calls: list[Any], at: int, counts: Counter[str]) -> None:
        processor = self.core.processor
        concerned: dict[int, ProfileState] = {}
        for call in calls:
            try:
                profile, is_new = processor.backfill(call)
            except InvalidCall as error:
                counts["rejected"] += 1
                counts[f"rejected: {error.reason}"] += 1
                continue
            counts["accepted" if is_new else "duplicates"] += 1
            if profile is not None:
                concerned[id(profile)] = profile
        for profile in concerned.values():
            if processor.states.get(profile.key) is profile:
                ops.begin(processor.engine, profile, at, processor.watermark)
                processor.engine.settle(profile)
                processor.changed(profile)


def _without_place(pending: str) -> dict[str, Any]:
    """An operation, apart from how far it came."""
    return json.loads(pending) | {"after": None} if pending else {}


def _scope_number(scope: str) -> int:
    return int(scope[1:] or 0)


def _unmapped(old: Journey, new: Journey, step: str, target: str, number: int) -> Problem:
    kind = type(old.steps[step]).__name__
    found = new.steps.get(target)
    what = f"has no step {target!r}" if found is None else f"has a {type(found).__name__} as {target!r}"
    same = [key for key, each in new.steps.items() if type(each) is type(old.steps[step])]
    people = f"{number} {'instance waits' if number == 1 else 'instances wait'}"
    return Problem(
        "unmapped_step",
        f"$.on_previous.migrate.{step}",
        f"{people} at {step!r} ({kind}) of version {old.version}, and version {new.version} {what}",
        f"map it to a step of the same type: {', '.join(same)}" if same else "use drain or archive instead",
        expected=kind,
        got="" if found is None else type(found).__name__,
    )

"""``status``, ``deliver``, ``publish``, ``pause``, ``resume``, ``archive``, ``timeline``: what is done with a store."""

from __future__ import annotations

import argparse
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs

from journeys._time import format_instant
from journeys.cli._destinations import add_options, built
from journeys.cli._io import Failure, counted, listed, opened_store, read_bytes, read_space, table
from journeys.codec import load_space
from journeys.errors import InvalidDefinition, PublishRefused, UnknownJourney, nearest
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.runtime._library import PREFIX, Entry
from journeys.runtime._opening import SPACE
from journeys.runtime.analysis.migration import MigrationPlan, check
from journeys.runtime.clocks import SystemClock
from journeys.runtime.delivery import Deliverer
from journeys.runtime.evaluator import Evaluator


def add_commands(commands: Any) -> None:
    """Adds the commands of this module."""
    status = _command(commands, "status", "journeys, versions, people, what is due, outbox, dead letters", run_status)
    status.add_argument("--json", action="store_true", help="as one JSON document")
    deliver = _command(commands, "deliver", "send what is in the outbox", run_deliver)
    deliver.add_argument("--follow", action="store_true", help="go on until interrupted")
    deliver.add_argument("--threads", type=int, default=8, metavar="N")
    add_options(deliver)
    deliver.add_argument("--resend", action="store_true", help="first make dead letters deliverable again")
    publish = _command(commands, "publish", "publish a journey of a space as its next version", run_publish)
    publish.add_argument("space", metavar="SPACE.json")
    publish.add_argument("journey", metavar="JOURNEY")
    publish.add_argument(
        "--plan", metavar="FILE", help="people move by this migration plan, as `journeys diff` writes it"
    )
    for name, status_, text in (
        ("pause", "paused", "nobody enters any more, who is inside goes on"),
        ("resume", "live", "people may enter again"),
        ("archive", "archived", "end a journey for good, and everyone in it"),
    ):
        change = _command(commands, name, text, run_change)
        change.add_argument("journey", metavar="JOURNEY")
        change.set_defaults(status=status_)
    timeline = _command(commands, "timeline", "what happened to one person", run_timeline)
    timeline.add_argument("profile", metavar="PROFILE", help="the id under which the person is shown")
    timeline.add_argument("--json", action="store_true", help="the records as JSON lines")


def _command(commands: Any, name: str, text: str, run: Any) -> Any:
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    command.add_argument("--store", metavar="URL", required=True)
    command.set_defaults(run=run)
    return command


def _stored_space(store: Any) -> Space:
    """The space that a store was last used with; destinations are not built from it until something is sent."""
    note = store.notes(SPACE).get(SPACE)
    if note is None:
        raise Failure("this store has not been used with a space yet")
    return load_space(note)


def _evaluator(options: argparse.Namespace, space: Space) -> Evaluator:
    """An evaluator that sends nothing: deliveries stay in the outbox."""
    return Evaluator(space, destinations=dict.fromkeys(space.destinations, _Nowhere()), store=options.store)


class _Nowhere:
    def deliver(self, delivery: Any) -> None:
        raise AssertionError("this command sends nothing")


def run_status(options: argparse.Namespace) -> int:
    """Prints what a store holds."""
    store = opened_store(options.store)
    try:
        entries = [Entry.from_note(note) for name, note in sorted(store.notes(PREFIX).items())]
        people = _people(store)
        figures, counters = dict(store.figures()), dict(store.counters())
        letters = store.dead_letters(None, 10)
        watermark = store.watermark()
    finally:
        store.close()
    rows = [
        [
            each.journey.key,
            str(each.journey.version),
            _told(each),
            *map(str, people[each.journey.key, each.journey.version]),
        ]
        for each in sorted(entries, key=lambda each: (each.journey.key, each.journey.version))
    ]
    if options.json:
        names = ("journey", "version", "status", "entered", "left", "inside")
        listed_ = [(row[0], int(row[1]), row[2], *map(int, row[3:])) for row in rows]
        document = {
            "journeys": [dict(zip(names, row, strict=True)) for row in listed_],
            "figures": figures,
            "counters": counters,
            "watermark": None if watermark < 0 else format_instant(watermark),
        }
        print(json.dumps(document, indent=2))
        return 0
    print(table([["journey", "version", "status", "entered", "left", "inside"], *rows], right=frozenset({1, 3, 4, 5})))
    print()
    numbers = [[name, f"{number:,}"] for name, number in sorted({**figures, **counters}.items())]
    print(table([["what", "how many"], *numbers], right=frozenset({1})))
    print(f"\nwatermark  {'-' if watermark < 0 else format_instant(watermark)}")
    for letter in letters:
        print(f"dead letter {letter.delivery.id} to {letter.delivery.destination}: {letter.error}")
    return 0


def _told(entry: Entry) -> str:
    if entry.superseded_by is not None and entry.journey.status == "paused":
        return f"replaced (version {entry.superseded_by} took over)"
    return entry.journey.status


def _people(store: Any) -> dict[tuple[str, int], tuple[int, int, int]]:
    entered: Counter[tuple[str, int]] = Counter()
    left: Counter[tuple[str, int]] = Counter()
    for line in store.trace():
        record = json.loads(line)
        key = (record.get("journey"), record.get("version"))
        if record["kind"] == "entered":
            entered[key] += 1
        elif record["kind"] == "migrated":
            left[record["journey"], record["from"]] += 1
            entered[key] += 1
        elif record["kind"] in ("completed", "exited", "expired", "archived", "merged", "failed"):
            left[key] += 1
    return _Totals({key: (entered[key], left[key], max(0, entered[key] - left[key])) for key in entered})


class _Totals(dict[tuple[str, int], tuple[int, int, int]]):
    def __missing__(self, key: tuple[str, int]) -> tuple[int, int, int]:
        return (0, 0, 0)


def run_deliver(options: argparse.Namespace) -> int:
    """Sends what is in the outbox; exit code 1 if dead letters are left."""
    store = opened_store(options.store)
    try:
        space = _stored_space(store)
        deliverer = Deliverer(store, built(space, options, "the space of this store"), clock=SystemClock())
        if options.resend:
            letters = store.dead_letters(None, 1 << 30)
            print(f"{counted(deliverer.resend(list(letters)), 'dead letter')} made deliverable again")
        if options.follow:
            deliverer.run(threading.Event(), options.threads)
            return 0
        done = deliverer.drain()
        print(f"delivered {done.delivered:,}, to be tried again {done.retried:,}, given up {done.dead:,}")
        if done.next_try:
            print(f"the next try is due at {format_instant(done.next_try)}")
        return 1 if store.dead_letters(None, 1) else 0
    finally:
        store.close()


def run_publish(options: argparse.Namespace) -> int:
    """Publishes one journey; exit code 1 with the list of steps that hold people and have no counterpart."""
    space = read_space(options.space)
    found = [each for each in space.journeys if each.key == options.journey]
    if not found:
        keys = [each.key for each in space.journeys]
        raise Failure(f"no journey {options.journey!r} in {options.space}; {nearest(options.journey, keys)}")
    journey = max(found, key=lambda each: each.version)
    if options.plan is not None:
        journey = _migrating(journey, options.plan)
    store = opened_store(options.store)
    known = [Entry.from_note(note).journey for note in store.notes(PREFIX).values()]
    store.close()
    kept = attrs.evolve(space, journeys=tuple(each for each in known if each.key != "" and each.status != "archived"))
    try:
        with _evaluator(options, kept) as evaluator:
            published = evaluator.publish(journey)
    except (PublishRefused, InvalidDefinition) as error:
        raise Failure(f"refused, and nothing has moved:\n{listed(list(error.problems))}", 1) from None
    print(f"{published.key} version {published.version} is {published.status}")
    return 0


def _migrating(journey: Journey, path: str) -> Journey:
    """The journey with the migration of a plan, if the plan fits it."""
    try:
        plan = MigrationPlan.from_json(read_bytes(path))
        problems = list(check(plan, journey))
    except InvalidDefinition as error:
        problems = list(error.problems)
    if problems:
        raise Failure(f"{path}: {counted(len(problems), 'problem')}\n{listed(problems)}")
    return plan.applied_to(journey)


def run_change(options: argparse.Namespace) -> int:
    """Pauses, resumes or archives a journey."""
    store = opened_store(options.store)
    space = _stored_space(store)
    store.close()
    try:
        with _evaluator(options, attrs.evolve(space, journeys=())) as evaluator:
            changed = getattr(evaluator, options.command)(options.journey)
    except (UnknownJourney, ValueError) as error:
        raise Failure(str(error)) from None
    print(f"{changed.key} version {changed.version} is {changed.status}")
    return 0


def run_timeline(options: argparse.Namespace) -> int:
    """Prints the records of one person; exit code 1 if there are none."""
    store = opened_store(options.store)
    try:
        records = [json.loads(line) for line in store.trace(profile=options.profile)]
    finally:
        store.close()
    if not records:
        raise Failure(f"nothing has happened to {options.profile!r}", 1)
    if options.json:
        for record in records:
            print(json.dumps(record))
        return 0
    rows = [[each["at"], each.get("journey") or each.get("audience") or each.get("computed_trait") or "", _what(each)]
            for each in records]  # fmt: skip
    print(table([["at", "journey", "what happened"], *rows]))
    return 0


def _what(record: dict[str, Any]) -> str:
    told: dict[str, Callable[[dict[str, Any]], str]] = {
        "entered": lambda r: "entered" + (f" ({json.dumps(r['identifier'])})" if "identifier" in r else ""),
        "step": lambda r: f"came to {r['step']}",
        "branch": lambda r: f"{r['step']}: {r['branch']}",
        "restarted": lambda r: f"{r['step']} began again: {r['branch']}",
        "sent": lambda r: f"sent to {r['destination']}",
        "list_added": lambda r: f"added to {r['destination']}",
        "list_removed": lambda r: f"taken off {r['destination']}",
        "skipped": lambda r: f"{r['step']} skipped: {r['reason']}",
        "exited": lambda r: f"exited by {r['rule']}" if r["rule"] else "exited: its time was over",
        "failed": lambda r: f"failed: {r['error']}",
        "migrated": lambda r: f"moved from version {r['from']} to {r['to']}",
        "goal": lambda r: "reached the goal",
    }
    tell = told.get(record["kind"])
    return str(record["kind"]) if tell is None else tell(record)

"""What the blast radius and the plan say is what then happens."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from journeys import (
    AsyncEvaluator,
    Evaluator,
    InvalidDefinition,
    ManualClock,
    Migrate,
    PublishRefused,
    load_space,
    validate,
)
from journeys._time import DAY, parse_instant
from journeys.engine._state import ENDED, ProfileState
from journeys.model.journey import Journey
from journeys.model.space import Space
from journeys.runtime.analysis.blast import FATES, POLICIES, BlastRadius, blast_radius
from journeys.runtime.analysis.contents import content_of
from journeys.runtime.analysis.migration import MigrationPlan, StepMove, check, propose, propose_for
from journeys.runtime.stores import open_store
from journeys.runtime.stores.memory import MemoryStore
from tests.reference.generate import random_calls, random_space
from tests.support import (
    Json,
    ad,
    branch,
    branches,
    delay,
    did,
    hold,
    journey,
    on,
    property_test,
    send,
    space,
    trait,
    wait,
)

LONG = 500 * DAY
INSIDE = ("stays", "moves", "ends", "stuck")

OLD = journey(
    {
        "hold": hold("PT2H", branch("bought", "Order Completed"), timeout="nudge"),
        "nudge": send("rest", event="Cart Abandoned"),
        "rest": delay("P1D", "again"),
        "again": send(event="Again"),
    },
    key="cart",
    entry=on("Cart Modified", identifier="cart_id"),
)
NEW = journey(
    {
        "wait": hold("PT2H", branch("bought", "Order Completed"), timeout="nudge"),
        "nudge": send("nap", event="Cart Abandoned"),
        "nap": delay("P2D", "again"),
        "again": send(event="Again"),
    },
    key="cart",
    entry=on("Cart Modified", identifier="cart_id"),
)


def journey_of(document: Json) -> Journey:
    return load_space(space(document)).journeys[0]


def people(store: Any = None) -> Evaluator:
    """Five who rest, seven who are held."""
    evaluator = Evaluator(load_space(space(OLD)), clock=ManualClock("2026-01-01T10:00:00Z"), store=store)
    for number in range(12):
        if number == 5:
            evaluator.advance(hours=3)
        evaluator.track(f"u{number}", "Cart Modified", {"cart_id": "c"})
    return evaluator


# the plan


def test_a_plan_is_proposed_checked_edited_and_published() -> None:
    evaluator, new = people(), journey_of(NEW)
    plan = propose_for(evaluator, new)
    assert plan.text == (
        "cart, version 1 to 2\n"
        "  hold  -> wait  7  renamed\n"
        "  rest  -> nap   5  similar (duration 2 days instead of 1 day (1 day longer))"
    )
    assert plan.complete and not plan.unresolved
    assert plan.migrate == Migrate({"hold": "wait", "rest": "nap"})
    assert check(plan, new, evaluator) == ()
    assert MigrationPlan.from_json(plan.to_json()) == plan
    document = json.loads(plan.to_json())
    document["steps"]["rest"] = {"to": None}
    edited = MigrationPlan.from_json(document)
    assert edited.steps["rest"] == StepMove(to=None) and list(edited.unresolved) == ["rest"]
    (problem,) = check(edited, new, evaluator)
    assert (problem.code, problem.path) == ("unmapped_step", "$.on_previous.migrate.rest")
    assert problem.message.startswith("5 instances wait at 'rest'")
    with pytest.raises(PublishRefused, match="5 instances wait at 'rest'"):
        evaluator.publish(edited.applied_to(new))
    assert evaluator.publish(plan.applied_to(new)).version == 2
    waiting = Counter(each.waits[0].step for view in _views(evaluator, 12) for each in view.instances)
    assert waiting == {"wait": 7, "nap": 5}


def _views(evaluator: Evaluator, number: int) -> Iterator[Any]:
    return (evaluator.profile(f"u{each}") for each in range(number))


def test_what_cannot_be_resolved_is_listed_with_its_counts() -> None:
    evaluator = people()
    new = journey_of(journey({"hold": hold("PT3H", branch("bought", "Order Completed"))}, key="cart"))
    plan = propose_for(evaluator, new)
    assert plan.steps["hold"] == StepMove(
        to="hold", reason="same_key", people=7, note="max duration 3 hours instead of 2 hours (1 hour longer)"
    )
    assert plan.unresolved == {"rest": StepMove(to=None, reason="unresolved", people=5)}
    assert not plan.complete
    assert "rest  ?        5  unresolved: no step of its type is left" in plan.text


def test_branches_that_are_others_in_order_are_told() -> None:
    old = journey_of(journey({"b": branches(("x", did("E"), None), ("y", did("F"), None))}))
    new = journey_of(journey({"b": branches(("y", did("F"), None), ("x", did("E"), None))}))
    note = propose(old, new).steps["b"].note
    assert note is not None and note.startswith("the waits for x, y become those for y, x, in order")


def test_a_plan_that_does_not_fit_is_refused_with_what_would_be_right() -> None:
    old, new = journey_of(OLD), journey_of(NEW)
    plan = MigrationPlan(
        journey="cart",
        from_version=1,
        to_version=2,
        steps={"hold": StepMove(to="wiat"), "rset": StepMove(to="nap"), "rest": StepMove(to="wait")},
    )
    assert [(each.code, each.path, each.hint) for each in check(plan, new, old=old)] == [
        ("unknown_step", "$.steps.hold.to", "did you mean 'wait'?"),
        ("unknown_step", "$.steps.rset", "did you mean 'rest'?"),
        ("wrong_type", "$.steps.rest.to", "map it to a step of the same type: nap"),
    ]
    assert [each.code for each in check(attrs.evolve(plan, from_version=3, steps={}), new, people())] == [
        "wrong_version"
    ]
    assert [each.code for each in check(attrs.evolve(plan, journey="other"), new)] == ["wrong_journey"]
    with pytest.raises(ValueError, match="a plan for 'cart', not for 'j'"):
        plan.applied_to(journey_of(journey()))


def test_a_plan_is_read_strictly() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        MigrationPlan.from_json('{"journey": "cart", "from_version": 1.5, "steps": {"hold": {"too": "wait"}}}')
    assert [(each.code, each.path) for each in caught.value.problems] == [
        ("wrong_type", "$.from_version"),
        ("unknown_field", "$.steps.hold.too"),
        ("missing_field", "$.steps.hold.to"),
        ("missing_field", "$.to_version"),
    ]


# the radius


def test_the_radius_in_words_and_as_data() -> None:
    evaluator = people()
    radius = blast_radius(evaluator, journey_of(NEW), named=2)
    assert radius.text == (
        "cart, version 1 to 2, published at 2026-01-01T13:00:00.000001Z: 12 profiles\n"
        "  version 1 (live): 12 inside: hold 7, rest 5\n"
        "           stays  moves  ends  stuck  enters  sent now  sent otherwise\n"
        "  drain       12      0     0      0       0         0               0\n"
        "  archive      0      0    12      0       0         0              12\n"
        "  migrate      0     12     0      0       0         0               7\n"
        "  migrate: 7 from hold to wait\n"
        "  migrate: 5 from rest to nap"
    )
    assert [each.profile for each in radius.under("migrate")["moves"].people] == ["u0", "u1"]
    document = json.loads(json.dumps(radius.as_dict()))
    assert document["outcomes"]["migrate"]["by_step"][0] == {"from": "hold", "to": "wait", "count": 7}
    assert document["plan"]["steps"]["hold"]["to"] == "wait"
    with pytest.raises(KeyError, match="no outcome of 'migrat' was asked for; did you mean 'migrate'"):
        radius.under("migrat")
    with pytest.raises(ValueError, match="no policy 'move'"):
        blast_radius(evaluator, journey_of(NEW), policies=["move"])
    assert [each.version for each in evaluator.journeys] == [1]  # nothing has changed


def test_those_who_have_no_step_are_stuck_and_the_rest_is_told_all_the_same() -> None:
    new = journey_of(journey({"wait": OLD["steps"]["hold"] | {"timeout": None}}, key="cart"))
    migrate = blast_radius(people(), new).under("migrate")
    assert [migrate[fate].count for fate in INSIDE] == [0, 7, 0, 5]
    assert migrate["stuck"].people[0].before == ("rest",)
    assert [each.code for each in migrate.refused] == ["unmapped_step"]


def test_a_token_that_is_lost_leaves_somebody_stuck() -> None:
    old = journey({"b": branches(("x", did("E"), "d"), ("y", trait("a", "exists"), None)), "d": delay("P1D")})
    new = journey({"b": branches(("x", did("E"), "d"), ("y", trait("a", "exists"), None)), "d": delay("P1D")})
    new["steps"]["b"]["branches"].pop()
    evaluator = Evaluator(load_space(space(old)), clock=ManualClock("2026-01-01T10:00:00Z"))
    evaluator.track("ada", "Start")
    evaluator.track("ada", "E")
    evaluator.advance(days=2)
    assert blast_radius(evaluator, journey_of(new)).under("migrate")["stuck"].count == 1


def test_a_publication_may_let_people_in_and_send_at_once() -> None:
    old = journey({"w": wait(trait("a", "equals", 1), "s"), "s": send()}, entry=did("E"))
    new = journey({"w": wait(trait("a", "equals", 2), "s"), "s": send()}, entry={
        "type": "condition_entry", "historical": True, "condition": did("F")})  # fmt: skip
    evaluator = Evaluator(load_space(space(old)), clock=ManualClock("2026-01-01T10:00:00Z"))
    evaluator.track("ada", "E")
    evaluator.identify("ada", {"a": 2})
    evaluator.backfill([{"type": "track", "event": "F", "userId": "bo", "timestamp": "2025-12-01T00:00:00Z"}])
    migrate = blast_radius(evaluator, journey_of(new)).under("migrate")
    assert [(fate, [each.profile for each in migrate[fate].people]) for fate in FATES if migrate[fate].count] == [
        ("moves", ["ada"]),
        ("enters", ["bo"]),
        ("sent_now", ["ada"]),
        ("sent_otherwise", ["ada"]),
    ]


def test_a_journey_that_is_new() -> None:
    radius = blast_radius(people(), journey_of(journey(key="other")))
    assert (radius.from_version, radius.to_version, radius.plan) == (None, 1, None)
    assert all(each[fate].count == 0 for each in radius.outcomes for fate in FATES)
    with pytest.raises(InvalidDefinition):
        blast_radius(people(), attrs.evolve(journey_of(journey(key="other")), start="nowhere"))


def test_a_migration_that_is_given_is_the_one_that_is_tried() -> None:
    new = journey_of(NEW)
    by_journey = blast_radius(people(), attrs.evolve(new, on_previous=Migrate({"hold": "wait"})))
    assert by_journey.plan is None
    assert [by_journey.under("migrate")[fate].count for fate in INSIDE] == [0, 7, 0, 5]
    plan = MigrationPlan(journey="cart", from_version=1, to_version=2, steps={"rest": StepMove(to="nap")})
    by_plan = blast_radius(people(), attrs.evolve(new, on_previous=Migrate({"hold": "wait"})), plan=plan)
    assert by_plan.plan == plan
    assert [by_plan.under("migrate")[fate].count for fate in INSIDE] == [0, 5, 0, 7]
    with pytest.raises(ValueError, match="a plan for 'other'"):
        blast_radius(people(), new, plan=attrs.evolve(plan, journey="other"))


def test_an_audience_that_is_another_is_told_too() -> None:
    """The space that would run afterwards is the one that decides, as when `journeys publish` is given it."""

    def made(number: int) -> Space:
        fans = {"key": "fans", "condition": did("Visit", count={"at_least": number})}
        document = journey({"w": wait({"type": "audience", "audience": "fans"}, "s"), "s": send()})
        return load_space(space(document, audiences=[fans]))

    store = MemoryStore()
    with Evaluator(made(3), clock=ManualClock("2026-01-01T10:00:00Z"), store=store) as evaluator:
        for name in ("Start", "Visit", "Visit"):
            evaluator.track("ada", name)
        new = made(2)
        assert blast_radius(evaluator, new.journeys[0]).under("migrate")["sent_now"].count == 0
        said = blast_radius(store, new.journeys[0], space=new, at="2026-01-01T10:00:00Z").under("migrate")
    assert [each.profile for each in said["sent_now"].people] == ["ada"]
    assert said.ends == {"completed": 1}
    kept = attrs.evolve(new, journeys=())
    with Evaluator(kept, clock=ManualClock("2026-01-01T10:00:00Z"), store=store) as evaluator:
        evaluator.publish(attrs.evolve(new.journeys[0], on_previous=Migrate()))
        assert [record["kind"] for record in evaluator.trace()][-3:] == ["step", "sent", "completed"]


def test_an_async_evaluator_is_refused_with_what_would_be_right() -> None:
    async def ask() -> None:
        async with AsyncEvaluator(load_space(space(OLD)), clock=ManualClock("2026-01-01T10:00:00Z")) as evaluator:
            with pytest.raises(TypeError, match="open the store of an AsyncEvaluator once more"):
                blast_radius(evaluator, journey_of(NEW))  # type: ignore[arg-type]

    asyncio.run(ask())


def test_a_store_is_only_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    with people(url) as evaluator:
        expected = blast_radius(evaluator, journey_of(NEW), at="2026-01-01T14:00:00Z")
    before = (tmp_path / "s.db").read_bytes()
    store = open_store(url)
    try:
        assert blast_radius(store, journey_of(NEW), at="2026-01-01T14:00:00Z") == expected
        assert propose_for(store, journey_of(NEW), at="2026-01-01T14:00:00Z").complete
        later = blast_radius(store, journey_of(NEW))  # at the time of day: all of it is over
        assert later.versions[0].instances == 0
    finally:
        store.close()
    assert (tmp_path / "s.db").read_bytes() == before
    with pytest.raises(ValueError, match="not been used with a space"):
        blast_radius(MemoryStore(), journey_of(NEW))


# what then happens


def run(document: Space, calls: list[Json], store: Any = None) -> Evaluator:
    """An evaluator that has seen the calls; its clock stands at the last of them."""
    evaluator = Evaluator(document, clock=ManualClock("2025-01-01T00:00:00Z"), store=store)
    evaluator.replay(calls)
    assert isinstance(evaluator.clock, ManualClock)
    evaluator.clock.set(max(parse_instant(each["timestamp"]) for each in calls))
    return evaluator


def edited(document: Json, rng: random.Random) -> Json:
    """A version of the journey after an author was at it."""
    made: Json = json.loads(json.dumps(document))
    made.pop("version", None)
    names = {key: key if rng.random() < 0.6 else f"n{number}" for number, key in enumerate(made["steps"])}
    made["steps"] = {names[key]: step for key, step in made["steps"].items()}
    made["start"] = names[made["start"]]
    for step in made["steps"].values():
        for part in (step, *step.get("branches", ())):
            for name in ("next", "timeout", "if_true", "if_false", "everyone_else"):
                if part.get(name) is not None:
                    part[name] = names[part[name]]
        if "duration" in step and rng.random() < 0.5:
            step["duration"] = rng.choice(["PT1H", "P2D"])
        if "condition" in step and rng.random() < 0.4:
            step["condition"] = rng.choice(
                [trait("plan", "exists"), did("Order Completed"), trait("age", "not_exists")]
            )
        if step["type"] == "send_to_destination" and rng.random() < 0.5:
            step["activations"][0]["event"] = "Edited"
    if rng.random() < 0.3:
        made["max_age"] = rng.choice(["PT3H", "P5D"])
    if rng.random() < 0.3 and made["entry"]["type"] == "condition_entry":
        made["entry"]["historical"] = True
    if rng.random() < 0.2:
        made["steps"]["last"] = delay("P1D", made["start"])
        made["start"] = "last"
    return made


@property_test(10)
def test_what_is_said_is_what_happens(seed: int) -> None:
    _what_is_said_is_what_happens(seed)


@pytest.mark.soak
@property_test(1500)
def test_what_is_said_is_what_happens_at_length(seed: int) -> None:
    _what_is_said_is_what_happens(seed)


def _what_is_said_is_what_happens(seed: int) -> None:
    rng = random.Random(seed)
    document = random_space(rng)
    document.get("settings", {}).pop("allowed_lateness", None)
    original = load_space(document)
    live = [each for each in document["journeys"] if each.get("status", "live") in ("live", "paused")]
    if not live or validate(original):
        return
    chosen = rng.choice(live)
    new = load_space({**document, "journeys": [edited(chosen, rng)]}).journeys[0]
    if validate(attrs.evolve(original, journeys=(new,))):
        return
    calls = random_calls(rng, document, count=50)
    store = MemoryStore if seed % 2 else lambda: None  # as with any store, profiles are loaded and committed
    quiet = run(original, calls, store())
    radius = blast_radius(quiet, new, named=1 << 30)
    assert json.loads(json.dumps(radius.as_dict()))["profiles"] == radius.profiles
    assert len(radius.text.splitlines()) >= 1 + len(radius.versions) + len(POLICIES)
    for policy in POLICIES:
        evaluator = run(original, calls, store())
        migrates = policy == "migrate"
        move = attrs.evolve(new, on_previous=radius.plan.migrate if migrates and radius.plan is not None else policy)
        said = radius.under(policy)
        if said.refused:
            with pytest.raises(PublishRefused) as refused:
                evaluator.publish(move)
            assert refused.value.problems == said.refused and said["stuck"].count >= 1
            assert radius.plan is not None and not radius.plan.complete
            continue
        assert evaluator.publish(move).version == radius.to_version
        _holds(radius, policy, evaluator)
        _sends_hold(radius, policy, evaluator, quiet)


def _holds(radius: BlastRadius, policy: str, evaluator: Evaluator) -> None:
    """Everybody is where it was said, and nobody else is inside."""
    said = radius.under(policy)
    here: dict[str, tuple[str, int, tuple[str, ...]]] = {}

    def see(_: Any, profile: ProfileState) -> None:
        for each in profile.instances:
            if each.plan.key == radius.journey and each.status != ENDED:
                here[each.id] = (profile.id, each.plan.version, tuple(sorted({wait.step.key for wait in each.waits})))

    evaluator._drive(evaluator._core.look(see))
    for fate in INSIDE[:2]:
        for person in said[fate].people:
            version = radius.to_version if fate == "moves" else person.version
            assert here.pop(person.instance) == (person.profile, version, person.after), (policy, fate)
    for person in said["enters"].people:
        assert here.pop(person.instance)[2] == person.after
    for person in said["stuck"].people:
        _, _, steps = here.pop(person.instance)
        assert steps == person.after
    assert not here, (policy, here)
    assert sum(each.instances for each in radius.versions) == sum(said[fate].count for fate in INSIDE)


def _sends_hold(radius: BlastRadius, policy: str, evaluator: Evaluator, quiet: Evaluator) -> None:
    """Afterwards, if no input comes, those are sent something else of whom it was said."""
    assert isinstance(evaluator.clock, ManualClock) and isinstance(quiet.clock, ManualClock)
    until = evaluator.clock.now() + LONG
    there, here = (_sent(each, until) for each in (quiet, evaluator))
    said = radius.under(policy)
    everybody = {each.instance for fate in INSIDE for each in said[fate].people}
    stuck = {each.instance for each in said["stuck"].people}
    otherwise = {each for each in everybody if there.get(each) != here.get(each)}
    assert otherwise - stuck == {each.instance for each in said["sent_otherwise"].people} - stuck


def _sent(evaluator: Evaluator, until: int) -> dict[str, Counter[str]]:
    evaluator.settle(until)
    found: dict[str, Counter[str]] = {}
    for record in evaluator.trace():
        if record["kind"] in ("sent", "list_added", "list_removed") and "instance" in record:
            said = [record["at"], record["kind"], record["destination"], content_of(record)]
            found.setdefault(record["instance"], Counter())[json.dumps(said, sort_keys=True)] += 1
    return found


@property_test(15)
def test_a_complete_plan_publishes_and_people_are_where_it_said(seed: int) -> None:
    """On a store, too."""
    rng = random.Random(seed)
    document = space(journey({
        "a": hold("PT2H", branch("x", "Go", "b"), timeout="b"), "b": wait(did("Go", count={"at_least": 9}), "c"),
        "c": ad("d"), "d": delay("P3D"),
    }))  # fmt: skip
    new = load_space(space(edited({**document["journeys"][0]}, rng))).journeys[0]
    evaluator = Evaluator(load_space(document), clock=ManualClock("2026-01-01T00:00:00Z"), store=MemoryStore())
    for number in range(9):
        evaluator.track(f"u{number % 5}", rng.choice(["Start", "Go"]))
        evaluator.advance(hours=rng.randrange(1, 3))
    plan = propose_for(evaluator, new)
    held = {key: move.people for key, move in plan.steps.items() if move.people}
    assert plan.complete and check(plan, new, evaluator) == ()
    conditions = {key for key, step in new.steps.items() if hasattr(step, "condition")}
    evaluator.publish(plan.applied_to(new))
    now = Counter(wait.step for view in _views(evaluator, 5) if view for each in view.instances for wait in each.waits)
    for key, number in held.items():
        to = plan.steps[key].to
        assert to is not None
        if to not in conditions:
            assert now[to] >= number
        if not conditions:
            assert now[to] == number

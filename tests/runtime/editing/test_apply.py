"""Edits keep what is valid valid, are undone exactly, and are never half done."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import attrs
import pytest

from journeys import Delay, InvalidDefinition, RandomBranch, Space, dump_space, load_space, prop, validate
from journeys.codec import dump_journey, load_journey
from journeys.runtime.editing import operations as o
from journeys.runtime.editing.apply import Edited, apply, apply_all, undo
from journeys.runtime.editing.dependents import dependents
from journeys.runtime.editing.documents import dump_operation, load_operation
from journeys.runtime.editing.ways import ways_of
from tests.reference.generate import random_space
from tests.runtime.editing.samples import edits, random_operation, space_of
from tests.support import branch, data_split, delay, hold, if_else, journey, random_split, send, space, trait

SEEDS = range(16)


def text(found: Any) -> str:
    return json.dumps(dump_space(found) if isinstance(found, Space) else dump_journey(found))


@pytest.mark.parametrize("seeds", [range(22), pytest.param(range(100, 400), marks=pytest.mark.soak)])
def test_an_edit_that_succeeds_gives_a_valid_space_and_is_undone_exactly(seeds: range) -> None:
    done, refused = Counter[str](), Counter[str]()
    for seed in seeds:
        for before, operation in edits(seed, 12):
            name = type(operation).__name__
            edited = apply(before, operation)
            if not edited.is_valid:
                assert edited.problems and edited.result is None and edited.inverse is None
                refused[name] += 1
                continue
            done[name] += 1
            after = edited.unwrap()
            assert validate(after) == []
            back = undo(after, edited)
            assert back.result == before and text(back.result) == text(before), (seed, operation)
            again = undo(back.unwrap(), back)
            assert again.result == after and text(again.result) == text(after), (seed, operation)
    every = {cls.__name__ for cls in o.OPERATIONS} - {"Restore", "Together"}
    assert done.keys() == every
    assert sum(done.values()) > len(seeds) and sum(refused.values()) > len(seeds)


def test_a_draft_comes_with_its_problems_and_is_undone_too() -> None:
    drafts = 0
    for seed in SEEDS:
        for before, operation in edits(seed, 6):
            checked, draft = apply(before, operation), apply(before, operation, check=False)
            if draft.result is None:  # it cannot be done at all
                assert draft.problems == checked.problems and checked.result is None
                assert all(each.path.startswith("operation") for each in draft.problems)
                continue
            assert draft.is_valid == checked.is_valid
            assert {*validate(draft.result)} <= {*draft.problems}
            drafts += not draft.is_valid
            assert draft.problems == checked.problems or checked.is_valid
            back = undo(draft.result, draft, check=False)
            assert back.result == before and text(back.result) == text(before)
    assert drafts > 3


def test_every_operation_goes_through_json() -> None:
    seen = set()
    for seed in SEEDS:
        for before, operation in edits(seed, 6):
            document = json.loads(json.dumps(dump_operation(operation)))
            assert load_operation(document) == operation
            seen.add(document["type"])
            edited = apply(before, document, check=False)
            assert edited == apply(before, operation, check=False)
            if edited.inverse is not None:
                inverse = json.loads(json.dumps(dump_operation(edited.inverse)))
                assert load_operation(inverse) == edited.inverse
                assert apply(edited.unwrap(), inverse, check=False).result == before
            json.dumps(edited.to_json())
    assert len(seen) > 15


def test_many_edits_are_undone_by_one_inverse_and_by_all_of_theirs() -> None:
    for seed in range(4):
        rng = random.Random(seed)
        before = now = space_of(seed)
        done: list[o.Operation] = []
        inverses: list[o.Operation] = []
        while len(done) < 5:
            operation = random_operation(rng, now)
            edited = apply(now, operation)
            if edited.is_valid:
                assert edited.inverse is not None
                now = edited.unwrap()
                done.append(operation)
                inverses.insert(0, edited.inverse)
        at_once = apply_all(before, done)
        assert at_once.result == now
        assert text(undo(now, at_once).result) == text(before)
        assert text(apply_all(now, inverses).result) == text(before)
        assert text(apply(before, o.Together(done)).result) == text(now)


CART = journey(
    {
        "hold": hold("PT2H", branch("bought", "Order Completed", "thanks"), branch("changed", "Cart Modified", restart=True), timeout="nudge"),
        "thanks": send("end"),
        "nudge": send("end", mapping={"cart": {"context": ["Cart Modified - changed", "cart_id"]}}),
        "end": delay("P1D"),
    },
    key="cart",
    entry="Cart Modified",
)  # fmt: skip


def edit(*operations: Any, of: Any = CART, check: bool = True) -> Edited[Any]:
    return apply_all(load_journey(of), operations, check=check)


def ways(found: Any) -> dict[str, Any]:
    """Where each way of each step leads."""
    return {
        key: {way.branch or way.exit: target for way, target in each}
        for key, each in ((key, list(ways_of(step))) for key, step in found.steps.items())
    }


def test_insert_before_takes_over_every_way_there() -> None:
    made = edit(o.Insert("rest", Delay(duration="P1D"), before="end")).unwrap()
    assert ways(made) == {
        "hold": {"bought": "thanks", "timeout": "nudge"},
        "thanks": {"next": "rest"},
        "nudge": {"next": "rest"},
        "rest": {"next": "end"},
        "end": {"next": None},
    }
    assert list(made.steps) == ["hold", "thanks", "nudge", "rest", "end"]


def test_insert_on_a_branch_after_a_way_and_at_the_start() -> None:
    made = edit(o.Insert("rest", Delay(duration="P1D"), after=o.Way("hold", branch="bought"))).unwrap()
    assert ways(made)["hold"] == {"bought": "rest", "timeout": "nudge"} and ways(made)["rest"] == {"next": "thanks"}
    made = edit(o.Insert("rest", Delay(duration="P1D"), after=o.Way("end"))).unwrap()
    assert ways(made)["end"] == {"next": "rest"} and ways(made)["rest"] == {"next": None}
    for place in ({"after": o.Way()}, {"before": "hold"}):
        made = edit(o.Insert("rest", Delay(duration="P1D"), **place)).unwrap()
        assert made.start == "rest" and ways(made)["rest"] == {"next": "hold"}


def test_a_split_is_inserted_with_all_of_its_ways_or_one() -> None:
    split = load_journey(journey({"s": if_else(trait("plan", "equals", "pro"))})).steps["s"]
    made = edit(o.Insert("pro", split, before="nudge")).unwrap()
    assert ways(made)["pro"] == {"if_true": "nudge", "if_false": "nudge"}
    made = edit(o.Insert("pro", split, before="nudge", through=o.Way(exit="if_true"))).unwrap()
    assert ways(made)["pro"] == {"if_true": "nudge", "if_false": None}


def test_remove_joins_what_led_there_to_what_followed() -> None:
    made = edit(o.Remove("thanks")).unwrap()
    assert ways(made)["hold"] == {"bought": "end", "timeout": "nudge"}
    answer = edit(o.Remove("hold"))
    assert [each.code for each in answer.problems] == ["which_way"] and "thanks" in answer.problems[0].message
    answer = edit(o.Remove("hold", keep=o.Way(exit="timeout")))
    assert [each.code for each in answer.problems] == ["unreachable_step", "lost_context"]
    answer = edit(o.Remove("hold", keep=o.Way(branch="bought"), with_followers=True))
    assert answer.unwrap().start == "thanks" and [*answer.unwrap().steps] == ["thanks", "end"]


def test_move_keeps_the_step_as_it_is() -> None:
    made = edit(o.Move("thanks", before="nudge")).unwrap()
    assert ways(made) == {
        "hold": {"bought": "end", "timeout": "thanks"},
        "thanks": {"next": "nudge"},
        "nudge": {"next": "end"},
        "end": {"next": None},
    }
    assert [each.code for each in edit(o.Move("thanks", before="thanks")).problems] == ["no_place"]
    assert [each.code for each in edit(o.Move("thanks")).problems] == ["no_place"]


def test_connect_and_disconnect() -> None:
    assert ways(edit(o.Connect(o.Way("hold", branch="bought"), "end"), check=False).unwrap())["hold"]["bought"] == "end"
    answer = edit(o.Connect(o.Way("end"), "hold"))
    assert [each.code for each in answer.problems] == ["cycle"]
    answer = edit(o.Disconnect(o.Way("hold", exit="timeout")))
    assert [(each.code, each.path) for each in answer.problems] == [("unreachable_step", "$.steps.nudge")]
    assert ways(edit(o.Disconnect(o.Way("nudge"))).unwrap())["nudge"] == {"next": None}


def test_branches() -> None:
    percent = random_split(("a", 40, None), ("b", 60, None))
    document = journey({"split": percent})
    third = RandomBranch("c", 20)
    assert [each.code for each in edit(o.AddBranch("split", third), of=document).problems] == ["bad_percentages"]
    made = edit(o.AddBranch("split", third, index=0, percentages={"a": 20}), of=document).unwrap()
    assert [(each.name, each.percent) for each in made.steps["split"].branches] == [("c", 20), ("a", 20), ("b", 60)]
    made = edit(o.RemoveBranch("split", "a", percentages={"b": 100}), of=document).unwrap()
    assert [(each.name, each.percent) for each in made.steps["split"].branches] == [("b", 100)]
    made = edit(o.ReorderBranches("split", ["b", "a"]), of=document).unwrap()
    assert [each.name for each in made.steps["split"].branches] == ["b", "a"]
    answer = edit(o.AddBranch("split", load_journey(CART).steps["hold"].branches[0]), of=document)
    assert answer.problems[0].code == "wrong_branch" and "percent" in answer.problems[0].hint


def test_a_replaced_step_keeps_the_ways_that_it_does_not_say() -> None:
    made = edit(o.ReplaceStep("nudge", Delay(duration="P1D"))).unwrap()
    assert ways(made)["nudge"] == {"next": "end"}
    assert ways(edit(o.ReplaceStep("nudge", Delay(duration="P1D"), keep_ways=False)).unwrap())["nudge"] == {
        "next": None
    }


def test_what_reads_the_context_is_not_left_without_it() -> None:
    answer = edit(o.RemoveBranch("hold", "changed"))
    assert [(each.code, each.path) for each in answer.problems] == [
        ("lost_context", "$.steps.nudge.activations[0].mapping.cart.context")
    ]
    draft = edit(o.RemoveBranch("hold", "changed"), check=False)
    assert draft.result is not None and draft.problems == answer.problems


@pytest.mark.parametrize(
    ("operation", "code", "path", "hint"),
    [
        ({"type": "insrt"}, "unknown_type", "operation.type", "did you mean 'insert'?"),
        ({"type": "remove"}, "missing_field", "operation.step", ""),
        ({"type": "remove", "step": "hold", "keeep": None}, "unknown_field", "operation.keeep", "did you mean 'keep'?"),
        ({"type": "remove", "step": 3}, "wrong_type", "operation.step", ""),
        ({"type": "remove", "step": "holt"}, "unknown_step", "operation.step", "did you mean 'hold'?"),
        ({"type": "remove", "step": "hold", "keep": {"exit": "timeot"}}, "unknown_way", "operation.keep.exit", "did you mean 'timeout'?"),
        ({"type": "insert", "key": "x", "step": {"type": "dellay"}}, "unknown_type", "operation.step.type", "did you mean 'delay'?"),
        ({"type": "insert", "key": "No", "step": {"type": "delay"}}, "bad_key", "operation.key", ""),
        ({"type": "insert", "key": "end", "step": {"type": "delay"}}, "duplicate_key", "operation.key", "give it a key of its own"),
        ({"type": "rename_step", "step": "hold", "to": "a b"}, "bad_key", "operation.to", "small letters, digits, _ and -, a letter first"),
        ({"type": "rename_step", "step": "hold", "to": "exit"}, "reserved_key", "operation.to", "take another"),
        ({"type": "rename_branch", "step": "hold", "branch": "bougt", "to": "x"}, "unknown_branch", "operation.branch", "one of bought, changed"),
        ({"type": "connect", "way": {"step": "hold"}, "to": "end"}, "which_way", "operation.way", "say which: bought, timeout"),
        ({"type": "connect", "way": {"step": "hold", "branch": "boght"}, "to": "end"}, "unknown_way", "operation.way.branch", "did you mean 'bought'?"),
        ({"type": "disconnect", "way": {}}, "no_start", "operation.way", "connect it to another step instead"),
        ({"type": "together", "operations": [{"type": "remov"}]}, "unknown_type", "operation.operations[0].type", "did you mean 'remove'?"),
        ({"type": "describe", "journey": "crat"}, "unknown_journey", "operation.journey", "did you mean 'cart'?"),
        ({"type": "describe", "name": "x", "version": "1"}, "wrong_type", "operation.version", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_answered_with_where_and_what_would_be_right(
    operation: Any, code: str, path: str, hint: str
) -> None:
    answer = apply(load_journey(CART), operation)
    assert answer.result is None
    assert [(each.code, each.path, each.hint) for each in answer.problems] == [(code, path, hint)]
    with pytest.raises(InvalidDefinition, match=code):
        answer.unwrap()


def test_the_first_of_several_that_fails_is_named_and_nothing_is_done() -> None:
    answer = edit({"type": "remove", "step": "thanks"}, {"type": "remove", "step": "thanks"})
    assert answer.failed == 1 and answer.result is None
    assert [each.path for each in answer.problems] == ["operations[1].step"]


def test_passing_through_what_is_not_valid_must_be_asked_for() -> None:
    steps = [o.Disconnect(o.Way("hold", exit="timeout")), o.Connect(o.Way("hold", exit="timeout"), "nudge")]
    assert edit(*steps).failed == 0
    assert edit(*steps, check=False).is_valid
    assert apply(load_journey(CART), o.Together(steps)).is_valid


def test_what_somebody_else_has_edited_since_is_not_undone_over_it() -> None:
    first = edit(o.Describe("nudge", name="Nudge"))
    second = apply(first.unwrap(), o.Describe("nudge", name="Other"))
    answer = undo(second.unwrap(), first)
    assert [each.code for each in answer.problems] == ["edited_since"] and answer.result is None
    elsewhere = apply(first.unwrap(), o.Describe("end", name="End"))
    assert undo(elsewhere.unwrap(), first).is_valid


def test_a_space_of_several_journeys_must_be_told_which() -> None:
    found = load_space(space(CART, journey(key="other")))
    answer = apply(found, o.Remove("thanks"))
    assert [(each.code, each.hint) for each in answer.problems] == [("which_journey", "one of cart, other")]
    edited = apply(found, o.Remove("thanks", journey="cart"))
    assert edited.unwrap().journeys[1] is found.journeys[1]
    answer = apply(found, o.Remove("thanks", journey="cart", version=3))
    assert [(each.code, each.hint) for each in answer.problems] == [("unknown_version", "there is 1")]


def test_an_edit_of_a_space_leaves_the_one_given_alone() -> None:
    for seed in range(10):
        document = random_space(random.Random(seed))
        found = load_space(document)
        before = text(found)
        for _, operation in edits(seed, 5):
            apply(found, operation, check=False)
        assert text(found) == before


def test_a_copy_has_ways_and_destination_keys_of_its_own() -> None:
    made = edit(o.RenameStep("nudge", "poke"), o.DuplicateStep("poke", "again")).unwrap()
    assert ways(made)["poke"] == {"next": "again"} and ways(made)["again"] == {"next": "end"}
    assert made.steps["poke"].activations[0].destination_key is not None
    assert made.steps["again"].activations[0].destination_key is None
    split = journey({"s": data_split(("a", trait("plan", "exists"), "e"), everyone_else=None), "e": delay("P1D")})
    answer = edit(o.DuplicateStep("s", "t"), of=split)
    assert [each.code for each in answer.problems] == ["which_way"]
    made = edit(o.DuplicateStep("s", "t", before="s"), of=split).unwrap()
    assert made.start == "t" and ways(made)["t"] == {"a": "s", "everyone_else": "s"}


def test_a_key_that_a_destination_knows_for_another_step_is_not_given_again() -> None:
    renamed = edit(o.RenameStep("nudge", "poke")).unwrap()
    again = load_journey(journey({"nudge": send()})).steps["nudge"]
    answer = apply(renamed, o.Insert("nudge", again, before="poke"))
    assert [(each.code, each.path) for each in answer.problems] == [("duplicate_destination_key", "$.steps.poke")]


def test_an_undo_tells_apart_what_equality_does_not() -> None:
    found = load_journey(journey({"s": random_split(("a", 50, None), ("b", 50, None))}))
    other = load_journey(journey({"s": random_split(("a", 50.0, None), ("b", 50, None))})).steps["s"]
    edited = apply(found, o.ReplaceStep("s", other))
    assert text(undo(edited.unwrap(), edited).result) == text(found)


def test_what_was_read_in_vain_before_may_be_so_again() -> None:
    steps = {"h": hold("P1D", branch("a", "E"), timeout="m"), "m": send(context=["E - b", "E - a"])}
    found = load_journey(journey(steps))
    new = load_journey(journey({"h": hold("P1D", branch("b", "E", restart=True))})).steps["h"].branches[0]
    edited = apply(found, o.AddBranch("h", attrs.evolve(new, where=(prop("x") == 1,))))
    assert undo(edited.unwrap(), edited).result == found
    assert [each.code for each in apply(edited.unwrap(), o.RemoveBranch("h", "b")).problems] == ["lost_context"]


def wrong(operation: Any, subject: Any = None) -> list[tuple[str, str, str, str]]:
    problems = apply(load_journey(CART) if subject is None else subject, operation).problems
    return [(each.code, each.path, each.message, each.hint) for each in problems]


def test_what_an_operation_left_out_is_told_in_its_own_words() -> None:
    holding = load_space(space(CART))
    alone = o.Insert("new", Delay("PT1H"))
    place = ("it is not said where 'new' goes", "give before or after; with check=False a step may stand alone")
    assert wrong(alone) == [("no_place", "operation", *place)]
    assert [each.path for each in apply_all(holding, [o.Remove("thanks"), alone]).problems] == ["operations[1]"]
    assert [each.code for each in apply(load_journey(CART), alone, check=False).problems] == ["unreachable_step"]
    together = o.Together((alone, o.Connect(o.Way("end"), "new")))
    assert apply(load_journey(CART), together).is_valid  # a place may be said afterwards
    drawn = load_journey(journey({"split": random_split(("a", 50, None), ("b", 50, None))}))
    for operation in (o.AddBranch("split", RandomBranch("c", 10)), o.RemoveBranch("split", "a")):
        (told,) = wrong(operation, drawn)
        assert told[:2] == ("bad_percentages", "$.steps.split.branches") and "give percentages" in told[3]


def test_a_way_that_is_named_wrongly() -> None:
    (told,) = wrong(o.Insert("new", Delay("PT1H"), after=o.Way("hold", exit="bought")))
    message, hint = "'hold' has no exit 'bought'", 'it is a branch: write {"branch": "bought"}'
    assert told == ("unknown_way", "operation.after.exit", message, hint)
    (told,) = wrong(o.Remove("hold", keep=o.Way(branch="timeout")))
    assert told[2:] == ("'hold' has no branch 'timeout'", 'it is an exit: write {"exit": "timeout"}')
    (told,) = wrong(o.Insert("new", Delay("PT1H"), after=o.Way("hold")))
    assert told[2] == "'hold' has several ways out"
    (told,) = wrong({"type": "insert", "key": "new", "step": {"type": "delay", "duration": "PT1H"}, "after": "hold"})
    assert told[1] == "operation.after" and told[3] == 'write {"step": "hold"}'
    (told,) = wrong({"type": "remove", "step": "hold", "keep": "timeout"})
    assert told[3] == 'write {"branch": "timeout"} or {"exit": "timeout"}'


def test_what_is_no_edit_and_no_journey() -> None:
    holding = load_space(space(CART))
    edited = apply(load_journey(CART), o.Remove("thanks"))
    with pytest.raises(TypeError, match=r"expected what apply gave, got .*: apply the inverse itself"):
        undo(edited.unwrap(), edited.inverse)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expected a journey, got .*: give one of its journeys"):
        dependents(holding, "hold")  # type: ignore[arg-type]

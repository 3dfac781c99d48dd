"""The conformance suite of stores: what the port promises, as tests that any store can inherit.

    class TestMyStore(StoreConformance):
        def make_store(self):
            return MyStore(...)  # new and empty

        def reopen(self, store):
            store.close()
            return MyStore(...)  # the same data

It needs pytest and hypothesis, and nothing else of what the tests of this package need.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from journeys.errors import Conflict
from journeys.ports import ChangeSet, Loaded, Settled, Store
from journeys.testing._store_deliveries import DeliveryConformance
from journeys.testing._store_erasing import ErasureConformance
from journeys.testing._store_machine import StoreMachine
from journeys.testing._store_parts import (
    conflicts,
    delivery,
    increased,
    record,
    state,
    together,
    until_committed,
    waiting,
)

__all__ = ["StoreConformance"]

WORKERS = 4


class StoreConformance(DeliveryConformance, ErasureConformance):
    """The tests. A subclass says how to make a store, and how to open one again.

    ``examples`` random sequences of ``steps`` calls are compared with a model; a slow store may lower them, a nightly
    run raise them.
    """

    examples = 30
    steps = 30

    def make_store(self) -> Store:
        """A new, empty store."""
        raise NotImplementedError

    def reopen(self, store: Store) -> Store | None:
        """The same store opened again, the given object closed; None where the data dies with the object."""
        return None

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """A store that is closed at the end."""
        self._store_in_use = self.make_store()
        yield self._store_in_use
        self._store_in_use.close()

    def again(self, store: Store) -> Store:
        """The store after it was closed and opened; the test is over where that means nothing."""
        opened = self.reopen(store)
        if opened is None:
            pytest.skip("this store lives as long as its object")
        self._store_in_use = opened
        return opened

    def test_any_sequence_of_calls_is_answered_as_by_the_model(self) -> None:
        """The heart of the suite: everything else here is what a sequence of calls cannot show, or names its reason."""

        class Machine(StoreMachine):
            make = staticmethod(self.make_store)
            again = staticmethod(self.reopen)

        checks = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=self.examples,
                stateful_step_count=self.steps,
                deadline=None,
                suppress_health_check=checks,
            ),
        )

    # commits

    def test_an_empty_store_knows_nothing(self, store: Store) -> None:
        """Every question has an answer before the first commit."""
        assert store.load(["u:1"]) == Loaded({}, -1)
        assert store.load([]).profiles == {}
        assert store.next_due() is None
        assert store.next_delivery() is None
        assert store.backlog() == {}
        assert list(store.trace()) == []
        assert store.claim_deliveries(0, 9, worker="w", lease=1) == []
        store.commit(ChangeSet())
        assert set(store.figures().values()) == {0}

    def test_a_commit_is_all_or_nothing(self, store: Store) -> None:
        """One moved version and nothing of the change set happens."""
        store.commit(ChangeSet(states=[state("u:1")], waiting=[waiting(1)]))
        refused = ChangeSet(
            states=[state("u:0"), state("u:1", 0), state("u:2")],
            links={"a:1": "u:2"},
            deliveries=[delivery(1)],
            records=[record(1)],
            waiting=[waiting(2)],
            applied=[1],
            counters={"late": 1},
            tallies={("cart", 1, 20_000, "entered"): 1},
            notes={"file": "1"},
            watermark=5,
        )
        before = store.figures()
        with pytest.raises(Conflict):
            store.commit(refused)
        loaded = store.load(["u:0", "u:1", "u:2", "a:1"])
        assert set(loaded.profiles) == {"u:1"}
        assert loaded.links == {}
        assert store.figures() == before
        assert (store.counters(), store.notes(), store.watermark()) == ({}, {}, -1)
        assert list(store.tallies()) == []

    @pytest.mark.parametrize("expected", [-1, 1, 2, 4, 1 << 40])
    def test_only_the_present_version_is_accepted(self, store: Store, expected: int) -> None:
        """Neither an older one, nor one that is not there yet."""
        store.commit(ChangeSet(states=[state("u:1")]))
        version = store.load(["u:1"]).profiles["u:1"].version
        store.commit(ChangeSet(states=[state("u:1", version)]))
        present = store.load(["u:1"]).profiles["u:1"].version
        if expected in (version, present):
            expected += 100
        with pytest.raises(Conflict):
            store.commit(ChangeSet(states=[state("u:1", expected)]))
        with pytest.raises(Conflict):
            store.commit(ChangeSet(states=[state("u:9", expected)]))

    def test_a_commit_whose_answer_was_lost_has_its_effect_once(self, store: Store) -> None:
        """Whoever repeats it gets a conflict, and everything is there once."""
        store.commit(ChangeSet(states=[state("u:1")]))
        version = store.load(["u:1"]).profiles["u:1"].version
        figure = ("cart", 1, 20_000, "entered")
        change = ChangeSet(
            states=[state("u:1", version)], deliveries=[delivery(1)], counters={"n": 1}, tallies={figure: 1}
        )
        store.commit(change)
        with pytest.raises(Conflict):
            store.commit(change)
        assert (store.figures()["outbox"], store.counters()) == (1, {"n": 1})
        assert list(store.tallies()) == [(*figure, 1)]

    def test_tallies_add_up_and_stay(self, store: Store) -> None:
        """By journey, version, day and figure, in order; they name nobody: neither pruning nor erasing changes them."""
        long = 'é"\\' * 1500
        for number in (3, -1):
            store.commit(
                ChangeSet(
                    records=[record(number)],
                    tallies={
                        ("cart", 2, 20_000, "entered"): number,
                        ("cart", 1, 20_001, "entered"): 1,
                        ("cart", 1, 20_000, long): 1 << 40,
                        ("Cart", 1, 20_000, "entered"): 5,
                        ("cart", 1, 20_000, "a"): 0,
                        ("cart", 0, 20_001, "entered"): -1,
                    },
                )
            )
        store.erase("u:1", shown_ids=["1"])
        store.prune(trace_before=10)
        cart = [
            ("cart", 0, 20_001, "entered", -2),
            ("cart", 1, 20_000, "a", 0),
            ("cart", 1, 20_000, long, 1 << 41),
            ("cart", 1, 20_001, "entered", 2),
            ("cart", 2, 20_000, "entered", 2),
        ]
        assert list(store.tallies(journey="cart")) == cart
        assert list(store.tallies()) == [("Cart", 1, 20_000, "entered", 10), *cart]
        assert list(store.tallies(journey="none")) == []

    def test_many_profiles_in_one_commit(self, store: Store) -> None:
        """No limit of a database's parameters shows."""
        keys = [f"u:{number}" for number in range(3000)]
        store.commit(ChangeSet(states=[state(key) for key in keys], deliveries=[delivery(n) for n in range(3000)]))
        loaded = store.load(keys)
        assert loaded.profiles.keys() == set(keys)
        changes = [state(key, loaded.profiles[key].version, None) for key in keys]
        store.commit(ChangeSet(states=changes))
        assert store.load(keys).profiles == {}

    @pytest.mark.parametrize("text", ["é", "\U0001f600", "'\"\\", "%s ? :x $1", "\n\t\x01", "x" * 4096, " ", "ẞ"])
    def test_ids_are_opaque(self, store: Store, text: str) -> None:
        """Whatever a valid id may hold comes back as it was."""
        key = f"u:{text}"
        store.commit(
            ChangeSet(
                states=[state(key, due=1)],
                links={f"a:{text}": key},
                deliveries=[delivery(1, profile=text, user_id=text, order_key=f"{text} mail")],
                records=[record(1, key=key, record=text)],
                waiting=[waiting(1, message_id=text, id_key=key)],
                notes={text: text},
            )
        )
        assert store.load([f"a:{text}"]).profiles[f"a:{text}"].key == key
        assert store.claim_due(1, 1, worker="w", now=0, lease=1) == store.walk(None, 1) == [key]
        assert store.claim_deliveries(0, 1, worker="w", lease=1)[0].user_id == text
        assert list(store.trace(profile=text)) == [text]
        assert store.waiting(0, 1)[0].id_key == key
        assert store.notes(text) == {text: text}
        assert store.erase(key, shown_ids=[text]) == [f"a:{text}", key]
        assert {**store.figures()} == dict.fromkeys(store.figures(), 0)

    def test_long_ids_are_told_apart_at_their_end(self, store: Store) -> None:
        """Also where an index holds only their beginning."""
        keys = [f"u:{'é' * 2000}{end}" for end in "abc"]
        store.commit(ChangeSet(states=[state(key) for key in keys]))
        assert store.load(keys[1:]).profiles.keys() == set(keys[1:])
        found = store.walk(None, 9)
        assert sorted(found) == keys
        assert [store.walk(after, 1) for after in (None, *found)] == [*([key] for key in found), []]

    def test_waiting_inputs_are_found_by_their_message(self, store: Store) -> None:
        """Whatever else waits (T8)."""
        some = [waiting(n, n % 7, f"m{n % 50}" if n % 3 else "") for n in range(300)]
        store.commit(ChangeSet(waiting=some))
        some.sort(key=lambda each: (each.timestamp, each.message_id, each.arrival))
        asked = ["m7", "m49", "m8", "unknown", ""]
        found = [each for each in some if each.message_id in asked[:3]]
        assert list(store.waiting(99, 999, message_ids=asked)) == found
        assert list(store.waiting(3, 4, message_ids=asked)) == [each for each in found if each.timestamp <= 3][:4]
        assert store.waiting(99, 9, message_ids=[]) == []

    def test_texts_are_ordered_by_code_point(self, store: Store) -> None:
        """Whatever the locale of the database."""
        ids = ["B", "a", "Z", "é", "z", "\uffff", "\U00010000", "", "_", " "]
        keys = [f"u:{each}" for each in ids]
        store.commit(
            ChangeSet(states=[state(key) for key in keys], waiting=[waiting(n, 1, m) for n, m in enumerate(ids)])
        )
        assert store.walk(None, 99) == sorted(keys)
        assert [each.message_id for each in store.waiting(1, 99)] == sorted(ids)

    # links (P2)

    def test_links_are_followed_to_their_end(self, store: Store) -> None:
        """A chain ends at its last profile, however it came about."""
        store.commit(ChangeSet(states=[state("u:1")], links={"a:1": "u:1"}))
        version = store.load(["a:1"]).profiles["a:1"].version
        store.commit(ChangeSet(states=[state("u:1", version, None), state("u:2")], links={"u:1": "u:2"}))
        loaded = store.load(["a:1", "u:1"])
        assert loaded.links == {"a:1": "u:2", "u:1": "u:2"}
        assert {stored.key for stored in loaded.profiles.values()} == {"u:2"}
        store.commit(ChangeSet(links={"a:9": "u:1"}))
        assert store.load(["a:9"]).links == {"a:9": "u:2"}

    def test_an_id_is_linked_once(self, store: Store) -> None:
        """Who comes second loads again (a shared device)."""
        store.commit(ChangeSet(states=[state("u:1"), state("u:2")], links={"a:1": "u:1"}))
        with pytest.raises(Conflict):
            store.commit(ChangeSet(links={"a:1": "u:2"}))
        store.commit(ChangeSet(links={"a:1": "u:1"}))

    def test_a_link_and_a_new_profile_exclude_each_other(self, store: Store) -> None:
        """Neither may leave a profile behind that no id leads to."""
        for first in range(2):
            pair = [
                ChangeSet(states=[state(f"a:{first}")]),
                ChangeSet(states=[state(f"u:{first}")], links={f"a:{first}": f"u:{first}"}),
            ]
            store.commit(pair.pop(first))
            with pytest.raises(Conflict):
                store.commit(pair.pop())

    def test_of_a_link_and_a_new_profile_at_once_one_wins(self, store: Store) -> None:
        """The same race, run."""
        for n in range(15):
            make = ChangeSet(states=[state(f"a:{n}")])
            link = ChangeSet(states=[state(f"u:{n}")], links={f"a:{n}": f"u:{n}"})
            answers = together(partial(store.commit, make), partial(store.commit, link))
            assert conflicts(answers) == 1
            loaded = store.load([f"a:{n}"])
            assert ("a:" in loaded.profiles[f"a:{n}"].key) == (answers[0] is None)

    # the watermark (T5)

    def test_the_watermark_never_goes_back(self, store: Store) -> None:
        """And a commit that was based on an earlier one is refused."""
        store.commit(ChangeSet(watermark=5))
        store.commit(ChangeSet(watermark=3))
        assert store.watermark() == store.load([]).watermark == 5
        store.commit(ChangeSet(read_watermark=5))
        store.commit(ChangeSet(read_watermark=None))
        with pytest.raises(Conflict):
            store.commit(ChangeSet(read_watermark=4, watermark=9))
        assert store.watermark() == 5

    def test_nothing_of_before_appears_after_the_watermark_has_moved(self, store: Store) -> None:
        """When the commit of a new watermark returns, whoever read the old one has committed or never will."""
        stop = threading.Event()
        numbers = itertools.count()

        def work(name: int) -> None:
            while not stop.is_set():
                mark = store.load([]).watermark
                row = record(next(numbers), at=mark + 1, key=f"u:{name}", record=str(mark))
                try:
                    store.commit(ChangeSet(records=[row], read_watermark=mark))
                except Conflict:
                    pass

        def move() -> None:
            try:
                for mark in range(8):
                    store.commit(ChangeSet(watermark=mark))
                    seen[mark] = sum(int(each) < mark for each in store.trace())
            finally:
                stop.set()

        seen: dict[int, int] = {}
        together(move, *(partial(work, name) for name in range(WORKERS)))
        assert seen == {mark: sum(int(each) < mark for each in store.trace()) for mark in range(8)}

    # notes

    def test_what_was_read_of_a_note_must_still_be_there(self, store: Store) -> None:
        """Also where nothing was there, and nothing else of the change set happens."""
        store.commit(ChangeSet(read_notes={"a": ""}, notes={"a": "1", "b": ""}))
        for read in ({"a": ""}, {"a": "2"}, {"a": "1", "c": "1"}):
            with pytest.raises(Conflict):
                store.commit(ChangeSet(states=[state("u:1")], read_notes=read, notes={"a": "3"}))
        store.commit(ChangeSet(states=[state("u:1")], read_notes={"a": "1", "b": "", "c": ""}))
        assert store.notes() == {"a": "1", "b": ""}

    def test_of_those_who_change_a_note_that_all_have_read_one_wins(self, store: Store) -> None:
        """So workers agree on what comes next."""
        for n in range(10):
            before = store.notes("turn").get("turn", "")
            changes = [ChangeSet(read_notes={"turn": before}, notes={"turn": f"{n} {name}"}) for name in range(WORKERS)]
            answers = together(*(partial(store.commit, change) for change in changes))
            assert conflicts(answers) == WORKERS - 1

    def test_nothing_built_on_a_note_appears_after_it_was_changed(self, store: Store) -> None:
        """When the commit of another text returns, whoever read the one before has committed or never will."""
        stop = threading.Event()
        numbers = itertools.count()
        store.commit(ChangeSet(notes={"turn": "0"}))

        def work(name: int) -> None:
            while not stop.is_set():
                turn = store.notes("turn")["turn"]
                row = record(next(numbers), at=int(turn), key=f"u:{name}", record=turn)
                try:
                    store.commit(ChangeSet(records=[row], read_notes={"turn": turn}))
                except Conflict:
                    pass

        def move() -> None:
            try:
                for turn in range(1, 9):
                    store.commit(ChangeSet(read_notes={"turn": str(turn - 1)}, notes={"turn": str(turn)}))
                    seen[turn] = sum(int(each) < turn for each in store.trace())
            finally:
                stop.set()

        seen: dict[int, int] = {}
        together(move, *(partial(work, name) for name in range(WORKERS)))
        assert seen == {turn: sum(int(each) < turn for each in store.trace()) for turn in range(1, 9)}

    # workers

    def test_workers_who_change_one_profile_lose_nothing(self, store: Store) -> None:
        """Conflicts are repeated, and every change is there."""
        numbers = itertools.count()

        def change(number: int, loaded: Loaded) -> ChangeSet:
            states = [increased(loaded.profiles.get("u:1"), "u:1")]
            tallies = {("cart", 1, day, "entered"): 1 for day in range(3)}
            return ChangeSet(states=states, deliveries=[delivery(number)], counters={"n": 1}, tallies=tallies)

        def work() -> None:
            for _ in range(10):
                until_committed(store, ["u:1"], partial(change, next(numbers)))

        together(*[work] * WORKERS)
        assert store.load(["u:1"]).profiles["u:1"].state == b"%d" % (10 * WORKERS)
        sent = store.claim_deliveries(0, 999, worker="w", lease=1)
        assert len({each.id for each in sent}) == len(sent) == 10 * WORKERS
        assert store.counters() == {"n": 10 * WORKERS}
        assert list(store.tallies()) == [("cart", 1, day, "entered", 10 * WORKERS) for day in range(3)]

    def test_workers_who_change_the_same_profiles_do_not_block_each_other(self, store: Store) -> None:
        """Whatever the order in which they name them."""
        keys = [f"u:{n}" for n in range(6)]

        def change(some: Sequence[str], loaded: Loaded) -> ChangeSet:
            states = [increased(loaded.profiles.get(key), key) for key in some]
            return ChangeSet(states=states, counters={"n": len(some), "z": 1}, notes={"a": "", "b": ""})

        def work(shift: int) -> None:
            mine = keys[shift:] + keys[:shift]
            for turn in range(8):
                some = mine[turn % 3 :: 2]
                until_committed(store, some, partial(change, some))

        together(*(partial(work, shift) for shift in range(WORKERS)))
        loaded = store.load(keys)
        assert sum(int(stored.state) for stored in loaded.profiles.values()) == store.counters()["n"]

    def test_of_many_who_make_one_profile_one_does(self, store: Store) -> None:
        """The others get a conflict."""
        for n in range(10):
            change = ChangeSet(states=[state(f"u:{n}"), state(f"u:x{n}")], deliveries=[delivery(n)])
            answers = together(*[partial(store.commit, change)] * WORKERS)
            assert conflicts(answers) == WORKERS - 1
        assert store.figures()["outbox"] == 10

    def test_due_profiles_are_claimed_by_one_worker(self, store: Store) -> None:
        """Until the lease ends, or a commit ends it."""
        store.commit(ChangeSet(states=[state(f"u:{n}", due=n) for n in range(40)]))

        def claim(worker: str) -> list[str]:
            claimed: list[str] = []
            while some := store.claim_due(99, 3, worker=worker, now=0, lease=10):
                loaded = store.load(some).profiles
                store.commit(ChangeSet(states=[state(key, loaded[key].version) for key in some]))
                claimed += some
            return claimed

        claimed = together(*(partial(claim, name) for name in "abcd"))
        assert sorted(itertools.chain(*claimed)) == sorted(f"u:{n}" for n in range(40))
        assert store.next_due() is None

    def test_a_lease_ends_by_time_or_by_a_commit(self, store: Store) -> None:
        """A dead worker's profiles move on."""
        store.commit(ChangeSet(states=[state("u:1", due=5)]))
        claim = partial(store.claim_due, 5, 9, lease=10)
        assert claim(worker="dead", now=100) == ["u:1"]
        assert claim(worker="other", now=109) == []
        assert claim(worker="dead", now=109) == ["u:1"]
        assert claim(worker="other", now=118) == []
        assert claim(worker="other", now=119) == ["u:1"]
        version = store.load(["u:1"]).profiles["u:1"].version
        store.commit(ChangeSet(states=[state("u:1", version, due=5)]))
        assert claim(worker="third", now=120) == ["u:1"]
        assert store.claim_due(4, 9, worker="third", now=200, lease=10) == []

    # the trace

    def test_a_long_trace_comes_in_order(self, store: Store) -> None:
        """Over any number of pages, with ties, and narrowed."""
        rows = [
            record(n, at=n * 7 % 5, key=("u:1", "a:1", "u:2")[n % 3], journey=f"j{n % 2}", instance=f"i{n % 4}")
            for n in range(2500)
        ]
        for start in range(0, 2500, 500):
            store.commit(ChangeSet(records=rows[start : start + 500]))
        rows.sort(key=lambda row: (row.at, row.profile, row.key, row.seq))
        assert list(store.trace()) == [row.record for row in rows]
        assert list(store.trace(profile="1")) == [row.record for row in rows if row.profile == "1"]
        assert list(store.trace(instance="i1")) == [row.record for row in rows if row.instance == "i1"]
        narrowed = [row.record for row in rows if row.profile == "2" and row.journey == "j1" and row.instance == "i3"]
        assert list(store.trace(profile="2", journey="j1", instance="i3")) == narrowed
        store.commit(ChangeSet(records=[record(3000, at=9, key="u:2")]))
        assert list(store.trace(profile="2"))[-1] == "u:2 9 3000"

    def test_a_trace_may_be_read_while_others_write(self, store: Store) -> None:
        """What was there before is there, in order."""
        rows = [record(n, at=n) for n in range(1500)]
        store.commit(ChangeSet(records=rows))
        reading = store.trace()
        seen = [next(reading)]
        store.commit(ChangeSet(states=[state("u:1")], records=[record(9999, at=9999)]))
        seen += reading
        assert [each for each in seen if "9999" not in each] == [row.record for row in rows]

    # durability

    def test_what_was_committed_is_there_after_reopening(self, store: Store) -> None:
        """Profiles, links, leases, deliveries, the trace, waiting inputs, numbers, texts, the watermark, erasures."""
        store.commit(
            ChangeSet(
                states=[state("u:1", due=1, live=2), state("u:2")],
                links={"a:1": "u:1"},
                deliveries=[delivery(n) for n in range(3)],
                records=[record(n, instance="i") for n in range(3)],
                waiting=[waiting(3, 3)],
                counters={"late": 4},
                tallies={("cart", 1, 2, "entered"): 3},
                notes={"file": "5"},
                watermark=6,
            )
        )
        assert store.claim_due(1, 1, worker="w", now=0, lease=10) == ["u:1"]
        assert len(store.claim_deliveries(0, 2, worker="w", lease=10)) == 2
        store.settle([Settled(delivery_id="d000000", outcome="dead", at=1, error="no")], worker="w")
        store.erase("u:2", shown_ids=["2"])
        before = (store.load(["u:1", "a:1", "u:2"]), store.figures(), list(store.trace()), store.dead_letters())
        store = self.again(store)
        assert (store.load(["u:1", "a:1", "u:2"]), store.figures(), list(store.trace()), store.dead_letters()) == before
        assert (store.counters(), store.notes(), store.watermark()) == ({"late": 4}, {"file": "5"}, 6)
        assert list(store.tallies()) == [("cart", 1, 2, "entered", 3)]
        assert [each.arrival for each in store.waiting(9, 9)] == [3]
        assert list(store.trace(instance="i")) == ["u:1 0 0", "u:1 0 1", "u:1 0 2"]
        assert store.claim_due(1, 1, worker="other", now=9, lease=10) == []
        assert [each.id for each in store.claim_deliveries(9, 9, worker="other", lease=1)] == ["d000002"]
        assert store.lift("u:2")

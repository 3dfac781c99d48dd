"""The part of the conformance suite that is about erasing (V6)."""

from __future__ import annotations

import pytest

from journeys.errors import Conflict
from journeys.ports import ChangeSet, Store
from journeys.testing._store_parts import delivery, record, state, waiting


class ErasureConformance:
    """What a store promises of those it has erased. ``StoreConformance`` says how a store is made."""

    def test_erasing_spares_the_namesake(self, store: Store) -> None:
        """A user and an anonymous visitor may have one id: each is erased alone."""
        store.commit(
            ChangeSet(
                states=[state("u:1"), state("a:1")],
                deliveries=[delivery(1), delivery(2, user_id=None, anonymous_id="1")],
                records=[record(1, key="u:1"), record(1, key="a:1")],
                waiting=[waiting(1, id_key="u:1"), waiting(2, id_key="a:1")],
            )
        )
        assert store.erase("u:1", shown_ids=["1"]) == ["u:1"]
        assert store.load(["u:1", "a:1"]).erased == {"u:1"}
        assert store.load(["u:1", "a:1"]).profiles.keys() == {"a:1"}
        assert list(store.trace()) == ["a:1 0 1"]
        assert [each.id_key for each in store.waiting(9, 9)] == ["a:1"]
        assert [each.id for each in store.claim_deliveries(0, 9, worker="w", lease=1)] == ["d000002"]

    def test_erasing_frees_those_that_came_behind(self, store: Store) -> None:
        """An order that two profiles share goes on."""
        store.commit(ChangeSet(deliveries=[delivery(1, order_key="k"), delivery(2, order_key="k", user_id="2")]))
        assert len(store.claim_deliveries(0, 9, worker="w", lease=9)) == 1
        store.erase("u:1", shown_ids=["1"])
        assert [each.id for each in store.claim_deliveries(1, 9, worker="w", lease=1)] == ["d000002"]

    def test_an_input_that_names_an_erased_id_does_not_wait(self, store: Store) -> None:
        """Neither one that waited before, nor one whose worker did not know yet."""
        waits = [waiting(1, id_key="u:2", others=("a:1",)), waiting(2, id_key="u:2", others=("a:2", "u:3"))]
        store.commit(ChangeSet(states=[state("a:1")], waiting=waits))
        store.erase("a:1", shown_ids=["1"])
        assert [each.arrival for each in store.waiting(9, 9)] == [2]
        for late in (waiting(3, id_key="a:1"), waiting(3, id_key="u:2", others=("u:1", "a:1"))):
            with pytest.raises(Conflict):
                store.commit(ChangeSet(waiting=[late], counters={"n": 1}))
        assert store.counters() == {}
        assert store.waiting(9, 9) == waits[1:]
        store.lift("a:1")
        store.commit(ChangeSet(waiting=[waiting(3, id_key="a:1")]))

    def test_a_device_that_others_used_is_forgotten_there(self, store: Store) -> None:
        """Their deliveries and records that name it are gone, the rest of theirs is not."""
        store.commit(
            ChangeSet(
                states=[state("u:1"), state("u:2"), state("u:3")],
                links={"a:é": "u:1"},
                deliveries=[
                    delivery(1, user_id="2", anonymous_id="é"),
                    delivery(2, user_id="2", anonymous_id="é", body='{"id":"é"}'.encode()),
                    delivery(3, user_id="2", anonymous_id="b", body='{"id":"éa"}'.encode()),
                    delivery(4, user_id="3", anonymous_id="c", body='{"id":"é"}'.encode()),
                ],
                records=[
                    record(1, key="u:2", record='{"id":"é"}'),
                    record(2, key="u:2", record='{"id":"éa"}'),
                    record(3, key="u:3", record='{"id":"é"}'),
                ],
            )
        )
        version = store.load(["u:2"]).profiles["u:2"].version
        also = ChangeSet(states=[state("u:2", version + 1)])
        with pytest.raises(Conflict):
            store.erase("u:1", shown_ids=["1"], seen_by=["u:2"], also=also)
        assert store.load(["a:é"]).profiles.keys() == {"a:é"}
        also = ChangeSet(states=[state("u:2", version)])
        assert store.erase("u:1", shown_ids=["1"], seen_by=["u:2"], also=also) == ["a:é", "u:1"]
        assert store.load(["u:2"]).profiles["u:2"].version == version + 1
        left = store.claim_deliveries(0, 9, worker="w", lease=1)
        assert [(each.id[-1], each.anonymous_id) for each in left] == [("1", None), ("3", "b"), ("4", "c")]
        assert list(store.trace()) == ['{"id":"éa"}', '{"id":"é"}']

    def test_who_slept_through_an_erasure_cannot_write(self, store: Store) -> None:
        """A profile that is made again has versions that the erased one never had."""

        def work() -> int:
            loaded = store.load(["u:1"]).profiles.get("u:1")
            store.commit(ChangeSet(states=[state("u:1", loaded.version if loaded else 0)]))
            return store.load(["u:1"]).profiles["u:1"].version

        slept = [work() for _ in range(3)]
        store.commit(ChangeSet(states=[state("u:1", slept[-1], None)]))
        slept += [work() for _ in range(5)]
        store.erase("u:1", shown_ids=["1"])
        store.lift("u:1")
        for _ in range(10):
            slept.append(work())
            assert slept == sorted(set(slept))
            with pytest.raises(Conflict):
                store.commit(ChangeSet(states=[state("u:1", slept[-2])]))

    def test_who_loaded_before_an_erasure_cannot_bring_the_profile_back(self, store: Store) -> None:
        """Neither by making it nor by linking its id."""
        store.erase("u:1", shown_ids=["1"])
        store.erase("a:1", shown_ids=["1"])
        for change in (ChangeSet(states=[state("u:1")]), ChangeSet(states=[state("u:2")], links={"a:1": "u:2"})):
            with pytest.raises(Conflict):
                store.commit(change)
        assert store.load(["u:1", "u:2", "a:1"]).profiles == {}

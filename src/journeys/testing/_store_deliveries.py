"""The part of the conformance suite that is about deliveries (D)."""

from __future__ import annotations

import threading
import time
from functools import partial

from journeys.ports import Backlog, ChangeSet, Settled, Store
from journeys.testing._store_parts import delivery, together


class DeliveryConformance:
    """What a store promises of its outbox. ``StoreConformance`` says how a store is made."""

    def test_a_delivery_keeps_every_field(self, store: Store) -> None:
        """The same bytes on every try (D3)."""
        full = delivery(
            1,
            call="mapped",
            body=bytes(range(256)),
            at=1 << 50,
            anonymous_id="a",
            journey="cart",
            version=7,
            instance="i",
            step="nudge",
            source="vip",
            order_key="i mail",
        )
        store.commit(ChangeSet(deliveries=[full, delivery(2, user_id=None)]))
        assert store.claim_deliveries(0, 9, worker="w", lease=1) == [full, delivery(2, user_id=None)]

    def test_deliveries_are_claimed_by_one_worker_and_in_order(self, store: Store) -> None:
        """What reaches a destination under one order key is in the order of the commits, whoever sends it (D4)."""
        count = 60
        keys = [f"key {n % 5}" for n in range(count)]
        for start in range(0, count, 6):
            store.commit(ChangeSet(deliveries=[delivery(n, order_key=keys[n]) for n in range(start, start + 6)]))
        sent: list[int] = []
        lock = threading.Lock()

        def work(worker: str) -> None:
            for turn in range(10_000):
                claimed = store.claim_deliveries(turn, 3, worker=worker, lease=1 << 40)
                if not claimed and store.next_delivery() is None:
                    return
                for each in claimed:
                    retried = each.attempt == 1 and int(each.id[1:]) % 7 == 0
                    if not retried:
                        with lock:
                            sent.append(int(each.id[1:]))
                    outcome = Settled(delivery_id=each.id, outcome="retry" if retried else "done", at=0, retry_at=0)
                    store.settle([outcome], worker=worker)

        together(*(partial(work, name) for name in "abcd"))
        assert sorted(sent) == list(range(count))
        for key in set(keys):
            mine = [n for n in sent if keys[n] == key]
            assert mine == sorted(mine)

    def test_what_waits_for_a_retry_blocks_its_order_and_a_dead_letter_does_not(self, store: Store) -> None:
        """The next starts when the one before has succeeded or was given up (D4)."""
        store.commit(ChangeSet(deliveries=[delivery(n, order_key="one") for n in (1, 2)] + [delivery(3)]))

        def claim(now: int) -> list[str]:
            return [each.id for each in store.claim_deliveries(now, 9, worker="w", lease=5)]

        assert claim(0) == ["d000001", "d000003"]
        store.settle([Settled(delivery_id="d000001", outcome="retry", at=0, retry_at=50)], worker="w")
        assert claim(1) == []
        assert store.next_delivery() == 5  # the lease of the third
        store.settle([Settled(delivery_id="d000003", outcome="done", at=0)], worker="w")
        assert store.next_delivery() == 50
        assert claim(49) == []
        assert claim(50) == ["d000001"]
        store.settle([Settled(delivery_id="d000001", outcome="dead", at=51, error="no\0 \ud800!")], worker="w")
        assert claim(51) == ["d000002"]
        (letter,) = store.dead_letters()
        assert (letter.delivery.attempt, letter.at) == (2, 51)
        assert letter.error.startswith("no") and letter.error.endswith("!")

    def test_what_follows_a_retry_is_put_off_with_it(self, store: Store) -> None:
        """So that a destination that is down costs nothing until then; afterwards it comes after what is new."""
        store.commit(ChangeSet(deliveries=[delivery(n, order_key="one") for n in (1, 2)]))
        store.claim_deliveries(0, 9, worker="w", lease=5)
        store.settle([Settled(delivery_id="d000001", outcome="retry", at=0, retry_at=50)], worker="w")
        store.commit(ChangeSet(deliveries=[delivery(3), delivery(5, order_key="one")]))
        store.claim_deliveries(50, 9, worker="w", lease=5)
        store.settle([Settled(delivery_id=f"d{n:06}", outcome="done", at=50) for n in (1, 3)], worker="w")
        assert store.next_delivery() == 50
        store.commit(ChangeSet(deliveries=[delivery(4)]))
        assert [each.id for each in store.claim_deliveries(50, 1, worker="w", lease=5)] == ["d000004"]
        store.settle([Settled(delivery_id="d000004", outcome="done", at=50)], worker="w")
        assert [each.id for each in store.claim_deliveries(50, 9, worker="w", lease=5)] == ["d000002"]
        store.settle([Settled(delivery_id="d000002", outcome="done", at=50)], worker="w")
        assert store.next_delivery() == 50  # the fifth

    def test_retries_and_new_deliveries_take_turns_by_their_instants(self, store: Store) -> None:
        """Neither waits for ever where there is always more of the other."""

        def claim(now: int) -> list[str]:
            return [each.id for each in store.claim_deliveries(now, 1, worker="w", lease=100)]

        store.commit(ChangeSet(deliveries=[delivery(1, at=10)]))
        assert claim(10) == ["d000001"]
        store.settle([Settled(delivery_id="d000001", outcome="retry", at=10, retry_at=30)], worker="w")
        store.commit(ChangeSet(deliveries=[delivery(n, at=at) for n, at in ((2, 40), (3, 20), (4, 29))]))
        assert [*claim(29), *claim(30), *claim(30), *claim(30)] == ["d000003", "d000004", "d000001", "d000002"]

    def test_what_is_given_back_may_be_tried_at_once_and_counts_no_try(self, store: Store) -> None:
        """A worker that stops leaves no trace on what it has not begun."""
        store.commit(ChangeSet(deliveries=[delivery(n, order_key="one") for n in (1, 2)]))
        for now in range(3):
            assert [each.attempt for each in store.claim_deliveries(now, 9, worker="w", lease=50)] == [1]
            store.settle([Settled(delivery_id="d000001", outcome="back", at=now)], worker="other")
            assert store.next_delivery() == now + 50
            store.settle([Settled(delivery_id="d000001", outcome="back", at=now)], worker="w")
            assert store.next_delivery() == 0
        (first,) = store.claim_deliveries(3, 9, worker="w", lease=50)
        store.settle([Settled(delivery_id=first.id, outcome="retry", at=3, retry_at=9)], worker="w")
        (again,) = store.claim_deliveries(9, 9, worker="w", lease=50)
        assert again.attempt == 2
        store.settle([Settled(delivery_id=again.id, outcome="back", at=9)], worker="w")
        (again,) = store.claim_deliveries(9, 9, worker="w", lease=50)
        assert (again.id, again.attempt) == (first.id, 2)

    def test_each_destination_has_a_claim_of_its_own(self, store: Store) -> None:
        """What waits for one holds up no other, however much older it is."""
        store.commit(ChangeSet(deliveries=[delivery(n, destination="a") for n in range(20)]))
        store.commit(ChangeSet(deliveries=[delivery(n, destination="b", at=99) for n in range(20, 23)]))

        def claim(*destinations: str) -> list[int]:
            claimed = store.claim_deliveries(0, 2, worker="w", lease=9, destinations=destinations or None)
            return [int(each.id[1:]) for each in claimed]

        assert claim("a", "b", "a", "c") == [0, 1, 20, 21]
        assert claim() == [2, 3, 22]
        assert claim("b", "c") == []

    def test_the_backlog_by_destination(self, store: Store) -> None:
        """For a status page, and to know when there is something to try."""
        store.commit(ChangeSet(deliveries=[delivery(n, destination="a", at=50 - n) for n in range(6)]))
        store.commit(ChangeSet(deliveries=[delivery(9, destination="b", at=3)]))
        ids = [each.id for each in store.claim_deliveries(0, 4, worker="w", lease=9, destinations=["a"])]
        assert ids == ["d000002", "d000003", "d000004", "d000005"]
        store.settle(
            [
                Settled(delivery_id=ids[3], outcome="dead", at=1, error="no"),
                Settled(delivery_id=ids[2], outcome="done", at=1),
                Settled(delivery_id=ids[1], outcome="retry", at=1, retry_at=7),
            ],
            worker="w",
        )
        assert store.backlog() == {
            "a": Backlog(waiting=3, in_flight=1, dead=1, oldest=47),
            "b": Backlog(waiting=1, in_flight=0, dead=0, oldest=3),
        }
        assert [store.next_delivery(names) for names in (["a"], ["b"], ["a", "b", "c"], ["c"], [])] == [
            0,
            0,
            0,
            None,
            None,
        ]
        store.claim_deliveries(0, 9, worker="w", lease=9)
        assert [store.next_delivery(names) for names in (["a"], ["b"], None)] == [7, 9, 7]

    def test_claims_are_not_slower_for_what_waits_for_others(self, store: Store) -> None:
        """One destination's outage is no other's: claims beside a backlog take about as long as without."""

        def seconds() -> float:
            store.commit(ChangeSet(deliveries=[delivery(n, destination="b", order_key=f"{n}") for n in range(200)]))
            begin = time.perf_counter()
            while claimed := store.claim_deliveries(9, 20, worker="w", lease=9, destinations=["b", "c"]):
                store.settle([Settled(delivery_id=each.id, outcome="done", at=9) for each in claimed], worker="w")
                store.next_delivery(["b", "c"])
            return time.perf_counter() - begin

        alone = min(seconds() for _ in range(5))
        backlog = [delivery(n, destination="a", order_key=f"{n} a") for n in range(1000, 9000)]
        store.commit(ChangeSet(deliveries=backlog))
        assert min(seconds() for _ in range(5)) < 5 * alone

    def test_a_lease_that_passed_on_is_left_alone(self, store: Store) -> None:
        """A worker that comes back late settles nothing of another's."""
        store.commit(ChangeSet(deliveries=[delivery(1)]))
        assert store.claim_deliveries(0, 1, worker="late", lease=10)
        assert store.claim_deliveries(9, 1, worker="other", lease=10) == []
        (again,) = store.claim_deliveries(10, 1, worker="other", lease=10)
        assert again.attempt == 2
        store.settle([Settled(delivery_id="d000001", outcome="done", at=11)], worker="late")
        assert store.figures()["outbox"] == 1
        store.settle([Settled(delivery_id="d000001", outcome="done", at=11)], worker="other")
        assert store.next_delivery() is None

    def test_dead_letters_are_listed_page_by_page_and_sent_again(self, store: Store) -> None:
        """With the same id and bytes, and with tries from 1."""
        store.commit(ChangeSet(deliveries=[delivery(n, body=b"%d" % n) for n in range(5)]))
        claimed = store.claim_deliveries(0, 9, worker="w", lease=9)
        store.settle([Settled(delivery_id=d.id, outcome="dead", at=1, error="gone") for d in claimed], worker="w")
        first = store.dead_letters(limit=2)
        rest = store.dead_letters(first[-1].delivery.id)
        assert [letter.delivery for letter in (*first, *rest)] == list(claimed)
        assert store.resend(["d000003", "d000001", "d000001", "unknown"]) == 2
        assert store.claim_deliveries(0, 9, worker="v", lease=9) == [claimed[1], claimed[3]]
        assert store.figures()["dead"] == 3

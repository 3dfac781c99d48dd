"""Destinations that keep a list get adds and removals in batches (S9)."""

from itertools import pairwise

from journeys._time import SECOND
from journeys.errors import Rejected
from journeys.runtime.delivery import Deliverer, DestinationPolicy, RateLimit
from tests.runtime.delivery.support import START, ListReceiver, Receiver, commit, delivery, exhaust, fail, retry


def adds(count):
    return [delivery(n, call="add") for n in range(count)]


def test_batches(store, clock):
    receiver = ListReceiver()
    commit(store, adds(250))
    boss = Deliverer(store, {"a": receiver}, clock=clock)
    assert boss.drain().delivered == 250
    assert [len(batch) for batch in receiver.batches] == [100, 100, 50]
    assert receiver.taken == [each.id for each in adds(250)]


def test_a_removal_goes_after_its_add(store, clock):
    receiver = ListReceiver()
    commit(store, [delivery(n, call=call, key=n // 2) for n in range(40) for call in [["add", "remove"][n % 2]]])
    Deliverer(store, {"a": receiver}, clock=clock).drain()
    assert [len(batch) for batch in receiver.batches] == [20, 20]


def test_a_batch_is_one_call_for_the_rate(store, clock):
    receiver = ListReceiver()
    commit(store, adds(100))
    policy = DestinationPolicy(rate=RateLimit(1), batch=10)
    boss = Deliverer(store, {"a": receiver}, clock=clock, policy=policy)
    assert boss.drain().delivered == 10
    exhaust(boss, clock)
    assert len(receiver.batches) == 10 and clock.now() == START + 9 * SECOND


def test_a_batch_is_tried_again_as_a_whole(store, clock):
    receiver = ListReceiver(retry())
    commit(store, adds(20))
    boss = Deliverer(store, {"a": receiver}, clock=clock)
    assert boss.drain().retried == 20
    receiver.behave = lambda _: None
    exhaust(boss, clock)
    assert sorted(receiver.taken) == [each.id for each in adds(20)]
    assert boss.status()["a"].retried == 20


def test_one_that_is_rejected_does_not_take_its_batch_with_it(store, clock):
    def behave(batch):
        if any(each.id == delivery(37).id for each in batch):
            raise Rejected("no such profile")

    receiver = ListReceiver(behave)
    commit(store, adds(100))
    boss = Deliverer(store, {"a": receiver}, clock=clock)
    told = boss.drain()
    assert (told.delivered, told.dead, told.retried) == (99, 1, 0)
    assert [letter.delivery.id for letter in boss.dead_letters()] == [delivery(37).id]
    assert len(receiver.batches) <= 15


def test_a_batch_is_taken_apart_within_the_rate(store, clock):
    def behave(batch):
        times.append(clock.now())
        if any(each.id == delivery(5).id for each in batch):
            raise Rejected("no such profile")

    times = []
    receiver = ListReceiver(behave)
    commit(store, adds(16))
    policy = DestinationPolicy(rate=RateLimit(1))
    boss = Deliverer(store, {"a": receiver}, clock=clock, policy=policy)
    exhaust(boss, clock)
    assert len(receiver.taken) + len(boss.dead_letters()) >= 16
    assert all(later - earlier >= SECOND for earlier, later in pairwise(times))


def test_what_is_neither_add_nor_removal_goes_by_itself(store, clock):
    class Both(ListReceiver, Receiver):
        def __init__(self):
            ListReceiver.__init__(self)
            self.single = []

        def deliver(self, delivery):
            self.single.append(delivery.id)

    receiver = Both()
    commit(store, [delivery(n, call="add" if n % 2 else "track") for n in range(10)])
    Deliverer(store, {"a": receiver}, clock=clock).drain()
    assert len(receiver.batches) == 1 and len(receiver.taken) == len(receiver.single) == 5


def test_a_list_that_fails_opens_the_circuit(store, clock):
    receiver = ListReceiver(fail(TimeoutError()))
    commit(store, adds(1000))
    boss = Deliverer(store, {"a": receiver}, clock=clock)
    boss.drain()
    assert len(receiver.batches) == 5 and boss.status()["a"].breaker == "open"

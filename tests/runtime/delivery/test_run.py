"""A worker of its own, with threads and without."""

import threading
import time
from collections import Counter

import pytest

from journeys._time import HOUR, MINUTE, SECOND
from journeys.runtime.clocks import SystemClock
from journeys.runtime.delivery import Delivered, Deliverer, DestinationPolicy, RateLimit, RetryPolicy
from journeys.runtime.stores.memory import MemoryStore
from tests.runtime.delivery.support import (
    EAGER,
    START,
    ListReceiver,
    PatientClock,
    Receiver,
    VirtualClock,
    commit,
    delivery,
    fail,
)


class Until:
    """A stop that is set by what has happened."""

    def __init__(self, condition) -> None:
        self.is_set = condition


def test_it_sleeps_until_something_may_be_tried(store, clock):
    receiver = Receiver(lambda each: fail(TimeoutError())(each) if each.attempt == 1 else None, clock)
    policy = DestinationPolicy(retry=RetryPolicy(delays=["PT1H"], jitter="none"))
    commit(store, [delivery(1)])
    boss = Deliverer(store, {"a": receiver}, clock=clock, policy=policy)
    boss.run(Until(lambda: receiver.taken), threads=0)
    assert [at - START for at, _, _ in receiver.tries] == [0, HOUR]


def test_it_is_woken(clock):
    store = MemoryStore()
    receiver = Receiver(clock=clock)
    boss = Deliverer(store, {"a": receiver}, clock=clock, poll="P1D")
    clock.at(START + 90 * SECOND, lambda: (commit(store, [delivery(1)]), boss.wake()))
    boss.run(Until(lambda: receiver.taken), threads=0)
    assert [at - START for at, _, _ in receiver.tries] == [90 * SECOND]


def test_it_asks_for_what_others_have_put_there(clock):
    store = MemoryStore()
    receiver = Receiver(clock=clock)
    clock.at(START + 90 * SECOND, lambda: commit(store, [delivery(1)]))
    boss = Deliverer(store, {"a": receiver}, clock=clock, poll="PT2S")
    boss.run(Until(lambda: receiver.taken), threads=0)
    assert START + 90 * SECOND <= receiver.tries[0][0] <= START + 92 * SECOND


def test_what_was_claimed_ahead_is_put_back_when_the_circuit_opens(clock):
    store, first = MemoryStore(), Receiver(clock=clock)
    commit(store, [delivery(n) for n in range(300)])
    boss = Deliverer(store, {"a": first}, clock=clock)
    boss.run(Until(lambda: len(first.taken) == 300), threads=0)

    def see():
        seen.extend(store.claim_deliveries(clock.now(), 1000, worker="other", lease=MINUTE))

    seen = []
    first.behave = fail(TimeoutError())
    commit(store, [delivery(n) for n in range(1000, 1300)])
    clock.at(clock.now() + 20 * SECOND, see)
    boss.run(Until(lambda: seen), threads=0)
    assert len(first.tries) == 305 and len(seen) == 300, "another worker may have all of them"


def test_on_the_wall_clock_it_is_woken_at_once():
    store, clock, stop = MemoryStore(), SystemClock(), threading.Event()
    came = threading.Event()
    boss = Deliverer(store, {"a": Receiver(lambda _: came.set())}, clock=clock, poll="PT1H")
    worker = threading.Thread(target=boss.run, args=(stop, 2))
    worker.start()
    commit(store, [delivery(1)])
    boss.wake()
    assert came.wait(10)
    stop.set()
    boss.wake()
    worker.join(10)
    assert not worker.is_alive() and not store.figures()["outbox"]


def test_others_that_are_overdue_do_not_keep_it_busy(clock):
    class Counting(MemoryStore):
        asked = 0

        def next_delivery(self, destinations=None):
            self.asked += 1
            return super().next_delivery(destinations)

    store = Counting()
    commit(store, [delivery(1, "elsewhere")])
    Deliverer(store, {"a": Receiver()}, clock=clock).run(Until(lambda: clock.now() > START + MINUTE), threads=0)
    assert store.asked < 70


def test_the_rate_is_used_and_kept(clock):
    store = MemoryStore()
    receiver = Receiver(clock=clock)
    commit(store, [delivery(n) for n in range(1000)])
    boss = Deliverer(store, {"a": receiver}, clock=clock, policy=DestinationPolicy(rate=RateLimit(100)))
    boss.run(Until(lambda: len(receiver.taken) == 1000), threads=0)
    seconds = Counter((at - START) // SECOND for at, _, _ in receiver.tries)
    assert max(seconds.values()) <= 100 and clock.now() - START < 10.1 * SECOND


@pytest.mark.parametrize("threads", [1, 4])
def test_threads(threads):
    store, clock = MemoryStore(), PatientClock()
    lock = threading.Lock()
    under_way: Counter[str] = Counter()
    most: Counter[str] = Counter()
    failed: set[str] = set()
    log: dict[str, list[str]] = {}

    def behave(each):
        with lock:
            under_way["a"] += 1
            most["a"] = max(most["a"], under_way["a"])
            log.setdefault(each.order_key, []).append(each.id)
        try:
            if each.id not in failed and int(each.id, 16) % 7 == 0:
                failed.add(each.id)
                raise ConnectionResetError
        finally:
            with lock:
                under_way["a"] -= 1

    receiver, listed = Receiver(behave), ListReceiver()
    policy = DestinationPolicy(retry=EAGER.retry, breaker=None, concurrency=3)
    boss = Deliverer(store, {"a": receiver, "list": listed}, clock=clock, policy=policy, worker="w")
    commit(store, [delivery(n, key=n % 50) for n in range(500)])
    commit(store, [delivery(n, "list", call="add") for n in range(1000, 1200)])
    stop = threading.Event()
    worker = threading.Thread(target=boss.run, args=(stop, threads))
    worker.start()
    for _ in range(2000):
        if not store.figures()["outbox"]:
            break
        threading.Event().wait(0.01)
    stop.set()
    boss.wake()
    worker.join(10)
    assert not worker.is_alive() and not store.figures()["outbox"]
    assert len(receiver.taken) == 500 and len(listed.taken) == 200
    assert all(found == sorted(found) for found in log.values())
    assert most["a"] <= min(3, threads) and boss.status()["a"].under_way == 0
    assert boss.status()["a"].delivered == 500


def test_stopped_it_finishes_what_is_under_way_and_puts_back_the_rest():
    store, clock = MemoryStore(), PatientClock()
    begun, go_on = threading.Event(), threading.Event()

    def behave(each):
        if each.id == delivery(100).id:
            begun.set()
            assert go_on.wait(10)

    receiver = Receiver(behave)
    boss = Deliverer(store, {"a": receiver}, clock=clock, policy=EAGER)
    commit(store, [delivery(n) for n in range(400)])
    stop = threading.Event()
    worker = threading.Thread(target=boss.run, args=(stop, 1))
    worker.start()
    assert begun.wait(10)
    assert boss.status()["a"].under_way == 1
    assert boss.drain() == Delivered(), "whoever is at work goes on"
    with pytest.raises(RuntimeError, match="running"):
        boss.run(stop)
    stop.set()
    boss.wake()
    for _ in range(1000):
        if store.backlog()["a"].in_flight == 1:
            break
        time.sleep(0.005)
    assert store.backlog()["a"].in_flight == 1, "the rest is given back at once"
    go_on.set()
    worker.join(10)
    assert not worker.is_alive()
    assert delivery(100).id in receiver.taken and len(receiver.taken) < 300
    assert store.figures()["outbox"] == 400 - len(receiver.taken)
    assert boss.drain().delivered == 400 - len(receiver.taken) or len(receiver.taken) == 400, "not leased any more"
    assert {attempt for _, _, attempt in receiver.tries} == {1}, "what was given back was not tried"


def test_a_store_that_fails_ends_the_worker_when_what_is_under_way_is_finished():
    class Failing(MemoryStore):
        def claim_deliveries(self, *arguments, **keywords):
            if self.is_broken:
                raise OSError("the connection is gone")
            return super().claim_deliveries(*arguments, **keywords)

        is_broken = False

    store, clock = Failing(), PatientClock()
    receiver = Receiver(lambda _: setattr(store, "is_broken", True))
    commit(store, [delivery(n) for n in range(10)])
    with pytest.raises(OSError, match="connection"):
        Deliverer(store, {"a": receiver}, clock=clock).run(threading.Event(), threads=2)
    assert store.figures()["outbox"] == 10 - len(receiver.taken)
    store.is_broken = False
    receiver.behave = lambda _: None
    left = 10 - len(receiver.taken)
    assert Deliverer(store, {"a": receiver}, clock=clock).drain().delivered == left


def test_a_destination_that_hangs_does_not_hold_up_the_others():
    store, clock = MemoryStore(), PatientClock()
    go_on = threading.Event()
    hanging = Receiver(lambda _: go_on.wait(10))
    fine = Receiver()
    policies = {"hanging": DestinationPolicy(concurrency=2)}
    boss = Deliverer(store, {"hanging": hanging, "fine": fine}, clock=clock, policies=policies, lease="P1D")
    commit(store, [delivery(n, ("hanging", "fine")[n % 2]) for n in range(100)])
    stop = threading.Event()
    worker = threading.Thread(target=boss.run, args=(stop, 4))
    worker.start()
    for _ in range(1000):
        if len(fine.taken) == 50:
            break
        threading.Event().wait(0.01)
    assert len(fine.taken) == 50 and not hanging.taken
    go_on.set()
    stop.set()
    boss.wake()
    worker.join(10)
    assert not worker.is_alive()


def test_a_call_that_outlives_its_lease_is_not_made_twice_at_once():
    store, clock = MemoryStore(), PatientClock()
    go_on = threading.Event()
    receiver = Receiver(lambda _: go_on.wait(10))
    boss = Deliverer(store, {"a": receiver}, clock=clock, lease="PT10S")
    commit(store, [delivery(1)])
    stop = threading.Event()
    worker = threading.Thread(target=boss.run, args=(stop, 4))
    worker.start()
    for _ in range(1000):
        if clock.now() > START + 2 * MINUTE:
            break
        threading.Event().wait(0.01)
    assert len(receiver.tries) == 1
    go_on.set()
    for _ in range(1000):
        if not store.figures()["outbox"]:
            break
        threading.Event().wait(0.01)
    stop.set()
    worker.join(10)
    assert len(receiver.tries) == 1 and receiver.taken


def test_of_threads_that_drain_one_is_at_work():
    store, clock = MemoryStore(), VirtualClock()
    under_way: list[int] = []
    most: list[int] = []

    def behave(_):
        under_way.append(1)
        most.append(len(under_way))
        under_way.pop()

    receiver = Receiver(behave)
    boss = Deliverer(store, {"a": receiver}, clock=clock)

    def feed(first: int) -> None:
        for n in range(first, first + 100):
            commit(store, [delivery(n)])
            boss.drain()

    threads = [threading.Thread(target=feed, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(receiver.tries) == 400 and max(most) == 1 and not store.figures()["outbox"]

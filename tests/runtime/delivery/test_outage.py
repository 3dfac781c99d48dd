"""Ten minutes of outage in virtual time, and receivers that take what they say they did not (guarantees 4 and 11)."""

from collections import Counter
from random import Random

import attrs
import pytest

from journeys._time import HOUR, MINUTE, SECOND
from journeys.errors import Retry
from journeys.runtime.delivery import Deliverer, DestinationPolicy, RateLimit, RetryPolicy
from journeys.runtime.stores.memory import MemoryStore
from tests.runtime.delivery.support import EAGER, START, Receiver, VirtualClock, commit, delivery, fail, peak

OUTAGE = 10 * MINUTE
WINDOW = 30 * SECOND  # for which the default breaker stays open


def figures(deliveries: int, policy: DestinationPolicy, seed: int) -> dict[str, float]:
    """Deliveries are committed second by second into an outage; what came of them."""
    random, clock, store = Random(seed), VirtualClock(), MemoryStore()

    def behave(each) -> None:
        if clock.now() < START + OUTAGE:
            if random.random() < 0.3:
                receiver.take(each)  # it accepts, and then times out
            raise TimeoutError("no answer within 20 s")

    receiver = Receiver(behave, clock)
    boss = Deliverer(
        store,
        {"a": receiver},
        clock=clock,
        random=random,
        policy=policy,
    )
    everything = [delivery(number) for number in range(deliveries)]
    seconds = OUTAGE // SECOND
    for second in range(seconds):
        batch = everything[second * deliveries // seconds : (second + 1) * deliveries // seconds]
        clock.at(START + second * SECOND, lambda batch=batch: (commit(store, batch), boss.wake()))

    class Stop:
        def is_set(self) -> bool:
            return clock.now() > START + OUTAGE and not store.figures()["outbox"]

    boss.run(Stop(), threads=0)

    dead = store.dead_letters(None, deliveries)
    bodies = {each.id: {each.body} for each in everything}
    assert receiver.taken.keys() | {letter.delivery.id for letter in dead} == bodies.keys()
    assert all(bodies[each] == found for each, found in receiver.taken.items())

    windows = Counter((at - START) // WINDOW for at, _, attempt in receiver.tries if attempt > 1)
    sends = Counter((at - START) // WINDOW for at, _, _ in receiver.tries)
    during = range(OUTAGE // WINDOW)
    committed = deliveries * WINDOW // OUTAGE
    end = max(at for at, _, _ in receiver.tries)
    return {
        "tries": len(receiver.tries),
        "tries in the outage": sum(sends[each] for each in during),
        "delivered": len(receiver.taken),
        "dead": len(dead),
        "most retries in a window of the outage": max(windows[each] for each in during),
        "of what was to be sent in it": max(windows[each] for each in during) / committed,
        "most retries in a window after it": max((windows[each] for each in windows if each not in during), default=0),
        "share of the retries in the fullest window after it": max(
            (windows[each] / sends[each] for each in sends if each not in during and sends[each] > 100), default=0
        ),
        "retries of all tries": sum(windows.values()) / len(receiver.tries),
        "peak in a second": peak(at for at, _, _ in receiver.tries),
        "seconds until all was out": (end - START - OUTAGE) / SECOND,
    }


def check(found: dict[str, float], deliveries: int, per_second: int) -> None:
    assert found["delivered"] == deliveries and found["dead"] == 0
    assert found["peak in a second"] <= per_second
    assert found["tries in the outage"] <= 5 + OUTAGE // WINDOW
    assert found["of what was to be sent in it"] <= 0.1
    assert found["share of the retries in the fullest window after it"] <= 0.1
    assert found["seconds until all was out"] < HOUR / SECOND


def test_an_outage_of_ten_minutes():
    check(figures(5_000, DestinationPolicy(rate=RateLimit(50)), seed=1), 5_000, 50)


def test_with_few_deliveries_the_probes_are_retries_and_still_few():
    found = figures(20, DestinationPolicy(rate=RateLimit(50)), seed=1)
    assert found["most retries in a window of the outage"] <= 1 and found["delivered"] == 20


def test_without_a_breaker_it_would_not_hold():
    policy = DestinationPolicy(rate=RateLimit(50), breaker=None, retry=RetryPolicy(delays=["PT5S"], max_attempts=1000))
    found = figures(200, policy, seed=1)
    assert found["of what was to be sent in it"] > 0.1 and found["tries in the outage"] > 1000


def test_without_a_rate_it_would_not_hold():
    assert figures(1_000, DestinationPolicy(), seed=1)["peak in a second"] > 50


@pytest.mark.soak
def test_an_outage_of_ten_minutes_with_100_000_deliveries(capsys):
    found = figures(100_000, DestinationPolicy(rate=RateLimit(500)), seed=2)
    with capsys.disabled():
        print()
        for name, figure in found.items():
            print(f"{name:>55}: {figure:g}")
    check(found, 100_000, 500)


def others_beside(backlog: int, clock: VirtualClock) -> tuple[int, int]:
    """Destination ``a`` is down for ten minutes, ``b`` is not; how many claims were made, and what they gave."""
    store = CountingStore()
    down = Receiver(lambda _: fail(TimeoutError())(_) if clock.now() < START + OUTAGE else None, clock)
    fine = Receiver(clock=clock)
    policies = {"a": DestinationPolicy(rate=RateLimit(500, burst=500))}
    boss = Deliverer(store, {"a": down, "b": fine}, clock=clock, random=Random(1), policies=policies)
    for start in range(0, backlog, 10_000):
        commit(store, [delivery(number, "a") for number in range(start, min(backlog, start + 10_000))])
    for second in range(20 * MINUTE // SECOND):
        clock.jump(START + second * SECOND)
        mine = [delivery(10**9 + second * 10 + number, "b") for number in range(3)]
        commit(store, mine)
        before = len(fine.tries)
        boss.drain()
        assert len(fine.tries) - before == 3  # at once
    assert len(down.taken) == backlog and not store.figures()["outbox"]
    return store.claims, store.rows


class CountingStore(MemoryStore):
    """Counts claims, and what they gave."""

    claims = rows = 0

    def claim_deliveries(self, *arguments, **keywords):
        found = super().claim_deliveries(*arguments, **keywords)
        self.claims += 1
        self.rows += len(found)
        return found


def test_an_outage_of_one_destination_does_not_slow_the_others():
    """What ``b`` gets comes at once, also while ``a`` is caught up with."""
    claims, rows = others_beside(5_000, VirtualClock())
    assert rows < 1.1 * (5_000 + 3_600) and claims < 4 * 1_200


@pytest.mark.soak
def test_an_outage_of_one_destination_with_100_000_deliveries_does_not_slow_the_others():
    claims, rows = others_beside(100_000, VirtualClock())
    assert rows < 1.1 * (100_000 + 3_600) and claims < 6 * 1_200


def test_in_a_flood_of_new_deliveries_the_retries_have_their_turn(store, clock):
    """Ten new ones a second, and five may go: what failed is tried again among those of its time."""
    receiver = Receiver(
        lambda each: fail(TimeoutError())(each) if each.id in failed and each.attempt == 1 else None, clock
    )
    failed = {delivery(number).id for number in range(5)}
    policy = DestinationPolicy(
        rate=RateLimit(5, burst=5), retry=RetryPolicy(delays=["PT10S"], jitter="none"), breaker=None
    )
    boss = Deliverer(store, {"a": receiver}, clock=clock, policy=policy)
    for second in range(60):
        clock.jump(START + second * SECOND)
        commit(store, [attrs.evolve(delivery(second * 10 + n), at=clock.now()) for n in range(10)])
        boss.drain()
    again = [at for at, _, attempt in receiver.tries if attempt == 2]
    assert len(again) == 5
    # half of what came in the first ten seconds was still ahead of them
    assert START + 19 * SECOND <= min(again) <= max(again) <= START + 23 * SECOND


def misbehaving(deliveries: int, seed: int) -> None:
    """A receiver that accepts and hangs, answers 5xx or resets at random, and deliverers that vanish."""
    random, clock, store = Random(seed), VirtualClock(), MemoryStore()

    def behave(each) -> None:
        kind = random.randrange(10)
        if kind == 0:
            receiver.take(each)
            raise TimeoutError("no answer within 20 s")
        if kind == 1:
            raise Retry("status 503", after=random.choice([None, 30]))
        if kind == 2:
            raise ConnectionResetError("reset by peer")

    receiver = Receiver(behave, clock)
    policy = DestinationPolicy(retry=RetryPolicy(max_attempts=20, delays=("PT1S", "PT10S", "PT1M")), breaker=None)
    everything = [delivery(number, key=number % (deliveries // 5)) for number in range(deliveries)]
    commit(store, everything)
    workers = [Deliverer(store, {"a": receiver}, clock=clock, random=random, policy=policy) for _ in range(2)]
    next_try: int | None = clock.now()
    while next_try is not None:
        clock.jump(next_try)
        if random.random() < 0.1 and clock.now() < START + HOUR:  # a worker that claims and is never heard of again
            store.claim_deliveries(clock.now(), 3, worker=f"gone-{random.random()}", lease=MINUTE)
        next_try = random.choice(workers).drain().next_try

    assert receiver.taken == {each.id: {each.body} for each in everything}
    assert not store.figures()["outbox"] and not store.figures()["dead"]
    keys = {each.id: each.order_key for each in everything}
    orders: dict[str, list[str]] = {}
    for each in receiver.ids:
        orders.setdefault(keys[each], []).append(each)
    assert all(found == sorted(found) for found in orders.values())
    assert len(receiver.tries) > deliveries


def test_a_receiver_that_misbehaves():
    misbehaving(2_000, seed=3)


@pytest.mark.soak
def test_a_receiver_that_misbehaves_50_000_times():
    misbehaving(50_000, seed=4)


def test_accepted_and_timed_out_is_sent_again_with_the_same_id_and_bytes(store, clock):
    def behave(each) -> None:
        if each.attempt < 3:
            receiver.take(each)
            raise TimeoutError

    receiver = Receiver(behave)
    commit(store, [delivery(number) for number in range(20)])
    assert Deliverer(store, {"a": receiver}, clock=clock, policy=EAGER).drain().delivered == 20
    assert len(receiver.tries) == 60
    assert receiver.taken == {delivery(number).id: {delivery(number).body} for number in range(20)}

"""The async twin: the same logic in an event loop."""

import asyncio
import threading
from collections import Counter

import anyio
import pytest

from journeys._time import MINUTE, SECOND
from journeys.errors import Rejected, Retry
from journeys.runtime.delivery import AsyncDeliverer, Delivered, DestinationPolicy, RetryPolicy
from journeys.runtime.stores.memory import MemoryStore
from tests.runtime.delivery.support import (
    EAGER,
    START,
    ListReceiver,
    PatientClock,
    Receiver,
    commit,
    delivery,
    fail,
    reject,
)


class AsyncStore:
    """A store whose methods are awaited."""

    def __init__(self, store) -> None:
        self._store = store

    async def claim_deliveries(self, *arguments, **keywords):
        await anyio.sleep(0)
        return self._store.claim_deliveries(*arguments, **keywords)

    async def settle(self, outcomes, *, worker):
        await anyio.sleep(0)
        self._store.settle(outcomes, worker=worker)

    async def next_delivery(self, destinations):
        return self._store.next_delivery(destinations)

    async def dead_letters(self, after=None, limit=100):
        return self._store.dead_letters(after, limit)

    async def resend(self, delivery_ids):
        return self._store.resend(delivery_ids)


class AsyncReceiver(Receiver):
    """Awaits something before it takes a delivery."""

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self.under_way = self.most = 0

    async def deliver_async(self, delivery) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await anyio.sleep(0)
            super().deliver(delivery)
        finally:
            self.under_way -= 1

    def deliver(self, delivery) -> None:
        raise AssertionError("it has to be awaited")


class AsyncList(ListReceiver):
    async def deliver_batch_async(self, deliveries) -> None:
        await anyio.sleep(0)
        super().deliver_batch(deliveries)

    def deliver_batch(self, deliveries) -> None:
        raise AssertionError("it has to be awaited")


@pytest.fixture(params=["sync store", "async store"])
def both(request, store):
    return store, (store if request.param == "sync store" else AsyncStore(store))


async def test_everything_is_tried(both, clock):
    store, given = both
    awaited, threaded, listed, thread_list = AsyncReceiver(), Receiver(), AsyncList(), ListReceiver()
    destinations = {"awaited": awaited, "threaded": threaded, "list": listed, "thread list": thread_list}
    commit(
        store,
        [
            delivery(n, name, key=n % 10, call="add" if "list" in name else "track")
            for n, name in enumerate([*destinations] * 25)
        ],
    )
    boss = AsyncDeliverer(given, destinations, clock=clock)
    assert await boss.drain() == Delivered(delivered=100)
    assert len(awaited.taken) == len(threaded.taken) == len(listed.taken) == len(thread_list.taken) == 25
    assert 1 < awaited.most <= 8
    assert await boss.drain() == Delivered()


async def test_retries_and_dead_letters(both, clock):
    store, given = both
    receiver = AsyncReceiver(fail(TimeoutError()), clock)
    commit(store, [delivery(1), delivery(2, "b")])
    policy = DestinationPolicy(retry=RetryPolicy(max_attempts=2, delays=["PT1M"], jitter="none"))
    boss = AsyncDeliverer(given, {"a": receiver, "b": Receiver(reject())}, clock=clock, policy=policy)
    assert await boss.drain() == Delivered(retried=1, dead=1, next_try=START + MINUTE)
    clock.jump(START + MINUTE)
    assert (await boss.drain()).dead == 1
    letters = await boss.dead_letters()
    assert [letter.error for letter in letters] == ["TimeoutError", "never"]
    assert await boss.dead_letters(after=letters[-1]) == []
    receiver.behave = lambda _: None
    assert await boss.resend(letters[0]) == 1
    assert (await boss.drain()).delivered == 1


async def test_a_plain_async_deliver_is_awaited(clock):
    class Plain:
        taken = 0

        async def deliver(self, delivery):
            await anyio.sleep(0)
            self.taken += 1

    store, plain = MemoryStore(), Plain()
    commit(store, [delivery(1)])
    await AsyncDeliverer(store, {"a": plain}, clock=clock).drain()
    assert plain.taken == 1


async def test_order_under_failures(clock):
    store = MemoryStore()
    log: dict[str, list[str]] = {}
    tried: Counter[str] = Counter()

    def behave(each):
        log.setdefault(each.order_key, []).append(each.id)
        tried[each.id] += 1
        if int(each.id, 16) % 3 == 0 and tried[each.id] < 3:
            raise Retry
        if int(each.id, 16) % 11 == 0:
            raise Rejected("no")

    receiver = AsyncReceiver(behave)
    commit(store, [delivery(n, key=n % 20) for n in range(400)])
    told = await AsyncDeliverer(store, {"a": receiver}, clock=clock, policy=EAGER).drain(tasks=64)
    assert told.delivered == len(receiver.taken) and told.delivered + told.dead == 400
    assert all(found == sorted(found) for found in log.values())
    assert receiver.most <= 8


async def test_of_tasks_that_drain_one_is_at_work(clock):
    store, answers = MemoryStore(), []

    class Draining(AsyncReceiver):
        async def deliver_async(self, each) -> None:
            await super().deliver_async(each)
            if each.id == delivery(3).id:
                answers.append(await boss.drain())

    receiver = Draining()
    boss = AsyncDeliverer(store, {"a": receiver}, clock=clock)
    commit(store, [delivery(n) for n in range(100)])
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(boss.drain)
    assert answers == [Delivered()] and len(receiver.tries) == 100


async def test_run_until_stopped():
    store, clock = MemoryStore(), PatientClock()
    receiver = AsyncReceiver(lambda each: fail(TimeoutError())(each) if each.attempt == 1 else None, clock)
    boss = AsyncDeliverer(store, {"a": receiver}, clock=clock, policy=DestinationPolicy(breaker=None))
    commit(store, [delivery(n) for n in range(50)])
    stop = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(boss.run, stop)
        while store.figures()["outbox"]:
            await anyio.sleep(0.01)
        assert await boss.drain() == Delivered(), "whoever is at work goes on"
        with pytest.raises(RuntimeError, match="running"):
            await boss.run()
        stop.set()
    assert len(receiver.taken) == 50 and len(receiver.tries) == 100
    assert all(at >= START + 2 * SECOND for at, _, attempt in receiver.tries if attempt == 2)
    assert await boss.drain() == Delivered()


async def test_it_is_woken_from_another_thread():
    class Sleepy(PatientClock):
        def sleep(self, until, wake):
            wake.wait(10)

    store = MemoryStore()
    receiver = AsyncReceiver()
    boss = AsyncDeliverer(store, {"a": receiver}, clock=Sleepy())
    stop = anyio.Event()

    def elsewhere() -> None:
        commit(store, [delivery(1)])
        boss.wake()

    async with anyio.create_task_group() as group:
        group.start_soon(boss.run, stop)
        await anyio.sleep(0.05)
        threading.Thread(target=elsewhere).start()
        while not receiver.taken:
            await anyio.sleep(0.005)
        stop.set()


class Hanging:
    """Awaits for ever."""

    def __init__(self) -> None:
        self.begun = anyio.Event()

    async def deliver_async(self, delivery) -> None:
        self.begun.set()
        await anyio.sleep_forever()


@pytest.mark.parametrize("way", ["a scope", "the task"])
async def test_cancelled_it_cuts_off_what_is_awaited_and_settles(way):
    store, clock = MemoryStore(), PatientClock()
    hanging, receiver = Hanging(), AsyncReceiver()
    boss = AsyncDeliverer(store, {"hanging": hanging, "a": receiver}, clock=clock)
    commit(store, [delivery(0, "hanging")] + [delivery(n) for n in range(1, 4)])
    with anyio.fail_after(10):
        if way == "a scope":
            async with anyio.create_task_group() as group:
                group.start_soon(boss.run)
                await hanging.begun.wait()
                await anyio.sleep(0.05)
                group.cancel_scope.cancel()
        else:
            task = asyncio.create_task(boss.run())
            await hanging.begun.wait()
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert len(receiver.taken) == 3 and store.figures()["outbox"] == 1
    assert boss.status()["hanging"].last_error == "cut off: the deliverer was cancelled"
    assert boss.status()["hanging"].under_way == 0
    again = AsyncReceiver()
    other = AsyncDeliverer(store, {"hanging": again}, clock=clock)
    clock.jump(clock.now() + 8 * SECOND)
    assert (await other.drain()).delivered == 1, "not leased any more"


async def test_a_drain_that_takes_too_long_can_be_cut_off(clock):
    store, hanging = MemoryStore(), Hanging()
    commit(store, [delivery(0)])
    boss = AsyncDeliverer(store, {"a": hanging}, clock=clock)
    with anyio.move_on_after(0.05) as scope:
        await boss.drain()
    assert scope.cancelled_caught and store.figures()["outbox"] == 1
    assert boss.status()["a"].retried == 1


async def test_a_store_that_fails_is_not_wrapped(clock):
    class Failing(MemoryStore):
        def claim_deliveries(self, *arguments, **keywords):
            raise OSError("the connection is gone")

    store = Failing()
    commit(store, [delivery(1)])
    with pytest.raises(OSError, match="connection"):
        await AsyncDeliverer(store, {"a": AsyncReceiver()}, clock=clock).drain()


def test_one_event_loop_after_another(clock):
    store, receiver = MemoryStore(), AsyncReceiver()
    boss = AsyncDeliverer(store, {"a": receiver}, clock=clock)
    for n in range(3):
        commit(store, [delivery(n)])
        assert asyncio.run(boss.drain()).delivered == 1

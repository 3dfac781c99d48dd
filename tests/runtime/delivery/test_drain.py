"""One drain: what is tried, what is not, and what is said about it."""

import pytest

from journeys._time import HOUR, MINUTE, SECOND
from journeys.errors import Rejected, Retry
from journeys.runtime.delivery import (
    CircuitBreaker,
    Delivered,
    Deliverer,
    DestinationPolicy,
    RateLimit,
    RetryPolicy,
)
from tests.runtime.delivery.support import EAGER, START, Receiver, commit, delivery, exhaust, fail, reject, retry


def deliverer(store, clock, destinations, **keywords):
    return Deliverer(store, destinations, clock=clock, worker="w", **keywords)


def test_everything_that_may_be_tried_is(store, clock):
    a, b = Receiver(), Receiver()
    commit(store, [delivery(n, "ab"[n % 2]) for n in range(250)])
    told = deliverer(store, clock, {"a": a, "b": b}).drain()
    assert told == Delivered(delivered=250)
    assert told.tried == 250 and len(a.taken) == len(b.taken) == 125
    assert store.figures()["outbox"] == 0


def test_nothing_to_do(store, clock):
    assert deliverer(store, clock, {"a": Receiver()}).drain() == Delivered()
    assert deliverer(store, clock, {}).drain() == Delivered()


def test_a_try_that_fails_is_repeated_and_then_given_up(store, clock):
    receiver = Receiver(fail(ConnectionResetError("reset by peer")), clock)
    commit(store, [delivery(1)])
    policy = DestinationPolicy(retry=RetryPolicy(max_attempts=3, delays=["PT10S", "PT1H"], jitter="none"))
    boss = deliverer(store, clock, {"a": receiver}, policy=policy)
    assert boss.drain() == Delivered(retried=1, next_try=START + 10 * SECOND)
    assert boss.drain() == Delivered(next_try=START + 10 * SECOND)
    clock.jump(START + 10 * SECOND)
    assert boss.drain().next_try == START + 10 * SECOND + HOUR
    clock.jump(START + 10 * SECOND + HOUR)
    assert boss.drain() == Delivered(dead=1)
    assert [attempt for _, _, attempt in receiver.tries] == [1, 2, 3]
    (letter,) = boss.dead_letters()
    assert letter.error == "ConnectionResetError: reset by peer" and letter.delivery.body == delivery(1).body


def test_what_is_rejected_is_dead_at_once(store, clock):
    commit(store, [delivery(1)])
    boss = deliverer(store, clock, {"a": Receiver(reject())})
    assert boss.drain() == Delivered(dead=1)
    assert [letter.error for letter in boss.dead_letters()] == ["never"]


def test_never_earlier_than_asked(store, clock):
    receiver = Receiver(retry(after=1800.5), clock)
    commit(store, [delivery(1)])
    boss = deliverer(store, clock, {"a": receiver})
    at = boss.drain().next_try
    assert START + 1800.5 * SECOND <= at <= START + 1800.5 * SECOND * 1.1


def test_a_given_instant_is_the_present(store, clock):
    commit(store, [delivery(1)])
    receiver = Receiver(retry())
    boss = deliverer(store, clock, {"a": receiver}, policy=EAGER)
    assert boss.drain(START + HOUR).dead == 1  # ten attempts without a wait between them
    (letter,) = boss.dead_letters()
    assert letter.at == START + HOUR


def test_destinations_that_are_not_here_are_left_alone(store, clock):
    commit(store, [delivery(n, "elsewhere") for n in range(3)] + [delivery(9, "a")])
    boss = deliverer(store, clock, {"a": Receiver()})
    assert boss.drain() == Delivered(delivered=1)
    other = Deliverer(store, {"elsewhere": Receiver()}, clock=clock, worker="other")
    assert other.drain() == Delivered(delivered=3)


def test_destinations_may_come_and_go(store, clock):
    destinations = {}
    boss = deliverer(store, clock, destinations)
    commit(store, [delivery(1, "a"), delivery(2, "b")])
    assert boss.drain().tried == 0
    destinations["a"] = Receiver()
    assert boss.drain().delivered == 1
    del destinations["a"]
    commit(store, [delivery(3, "a")])
    assert boss.drain().tried == 0
    assert set(boss.status()) == {"a"}


def test_claims_mind_the_rate(store, clock):
    receiver = Receiver(clock=clock)
    commit(store, [delivery(n) for n in range(25)])
    policy = DestinationPolicy(rate=RateLimit(10, burst=5))
    boss = deliverer(store, clock, {"a": receiver}, policies={"a": policy})
    told = boss.drain()
    assert told.delivered == 5 and told.next_try == START + SECOND // 5
    assert boss.drain().tried == 0
    exhaust(boss, clock)
    assert len(receiver.taken) == 25
    assert {attempt for _, _, attempt in receiver.tries} == {1}, "nothing was claimed that was not tried"


def test_a_limited_destination_does_not_hold_up_the_others(store, clock):
    slow, fast = Receiver(), Receiver()
    commit(store, [delivery(n, "slow" if n < 500 else "fast") for n in range(1000)])
    policies = {"slow": DestinationPolicy(rate=RateLimit(1))}
    boss = deliverer(store, clock, {"slow": slow, "fast": fast}, policies=policies)
    assert boss.drain().delivered == 501 and len(fast.taken) == 500


def test_claims_mind_the_breaker(store, clock):
    receiver = Receiver(fail(TimeoutError()), clock)
    commit(store, [delivery(n) for n in range(100)])
    policy = DestinationPolicy(breaker=CircuitBreaker(failures=3, open_for="PT1M"))
    boss = deliverer(store, clock, {"a": receiver}, policy=policy)
    told = boss.drain()
    assert told.retried == 3 and told.next_try == START + MINUTE
    assert boss.status()["a"].breaker == "open" and boss.status()["a"].next_try >= START + MINUTE
    clock.jump(START + MINUTE)
    assert boss.status()["a"].breaker == "half-open"
    assert boss.drain().retried == 1
    receiver.behave = lambda _: None
    clock.jump(START + 2 * MINUTE)
    exhaust(boss, clock)
    assert len(receiver.taken) == 100 and boss.status()["a"].breaker == "closed"
    attempts = {}
    for _, each, attempt in receiver.tries:
        attempts.setdefault(each, []).append(attempt)
    assert all(found == list(range(1, len(found) + 1)) for found in attempts.values()), "an attempt is a try"


def test_one_that_is_asked_to_wait_does_not_stop_the_rest(store, clock):
    def behave(each):
        if each.id == delivery(3).id:
            raise Retry("too many messages for this person", after=3600)

    commit(store, [delivery(n) for n in range(50)])
    assert deliverer(store, clock, {"a": Receiver(behave)}).drain().delivered == 49


def test_all_that_are_asked_to_wait_stop_as_long_as_asked(store, clock):
    receiver = Receiver(retry(after=600), clock)
    commit(store, [delivery(n) for n in range(50)])
    boss = deliverer(store, clock, {"a": receiver})
    assert boss.drain().next_try == START + 600 * SECOND
    assert len(receiver.tries) == 5


def test_rejections_are_no_outage(store, clock):
    receiver = Receiver(reject())
    commit(store, [delivery(n) for n in range(50)])
    boss = deliverer(store, clock, {"a": receiver})
    assert boss.drain() == Delivered(dead=50)
    assert boss.status()["a"].breaker == "closed"


def test_what_was_claimed_ahead_is_put_back_when_the_circuit_opens(store, clock):
    receiver = Receiver(clock=clock)
    boss = deliverer(store, clock, {"a": receiver})
    commit(store, [delivery(n) for n in range(300)])
    boss.drain()  # claims grow as long as all goes well
    receiver.behave = fail(TimeoutError())
    commit(store, [delivery(n) for n in range(1000, 1300)])
    told = boss.drain()
    assert told.retried == 5 and told.tried == 5 and told.next_try == START + 30 * SECOND
    receiver.behave = lambda _: None
    clock.jump(told.next_try)
    boss.drain()
    other = Deliverer(store, {"a": receiver}, clock=clock, worker="other")
    exhaust(boss, clock)
    assert other.drain() == Delivered() and len(receiver.taken) == 600


def test_a_slow_destination_is_not_tried_on_a_lease_that_may_end(store, clock):
    claimed: dict[str, int] = {}

    class Watched:
        def __getattr__(self, name):
            return getattr(store, name)

        def claim_deliveries(self, now, limit, **keywords):
            found = store.claim_deliveries(now, limit, **keywords)
            claimed.update((each.id, now) for each in found)
            return found

    def behave(each):
        assert clock.now() - claimed[each.id] <= MINUTE // 2
        if int(each.id, 16) >= 1000:
            clock.jump(clock.now() + 20 * SECOND)

    receiver = Receiver(behave, clock)
    boss = deliverer(Watched(), clock, {"a": receiver}, lease="PT1M")
    commit(store, [delivery(n) for n in range(300)])
    boss.drain()
    commit(store, [delivery(n) for n in range(1000, 1200)])
    assert boss.drain().retried == 0
    assert len(receiver.taken) == 500
    late = [each for each in receiver.tries if each[2] > 2]
    assert not late, "what was claimed in vain, once, is not claimed in vain again"


def test_the_lease_of_a_worker_that_died_ends(store, clock):
    commit(store, [delivery(n) for n in range(10)])
    dead = store.claim_deliveries(clock.now(), 4, worker="dead", lease=MINUTE)
    receiver = Receiver()
    boss = deliverer(store, clock, {"a": receiver})
    assert boss.drain().delivered == 6
    clock.jump(START + MINUTE)
    assert boss.drain().delivered == 4
    assert sorted(receiver.ids[6:]) == sorted(each.id for each in dead)


def test_an_interrupt_gets_through_and_what_was_done_is_settled(store, clock):
    def behave(each):
        if each.id == delivery(7).id and each.attempt == 1:
            raise KeyboardInterrupt

    receiver = Receiver(behave)
    commit(store, [delivery(n) for n in range(20)])
    boss = deliverer(store, clock, {"a": receiver})
    with pytest.raises(KeyboardInterrupt):
        boss.drain()
    assert store.figures()["outbox"] == 13
    assert boss.drain().delivered == 12, "all but the one that was cut off"
    exhaust(boss, clock)
    assert len(receiver.taken) == 20 and len(receiver.tries) == 21


def test_a_store_that_fails_is_not_hidden(store, clock):
    class Failing:
        settles = False

        def __getattr__(self, name):
            return getattr(store, name)

        def settle(self, outcomes, *, worker):
            if not self.settles:
                raise OSError("the disk is full")
            store.settle(outcomes, worker=worker)

    failing = Failing()
    receiver = Receiver()
    commit(store, [delivery(1)])
    boss = deliverer(failing, clock, {"a": receiver})
    with pytest.raises(OSError, match="disk"):
        boss.drain()
    failing.settles = True
    clock.jump(START + MINUTE)
    assert boss.drain().delivered == 1 and receiver.ids == [delivery(1).id] * 2


def test_within_a_drain_another_one_is_empty(store, clock):
    def behave(each):
        if each.id == delivery(1).id:
            commit(store, [delivery(2)])
            answers.append(boss.drain())

    answers = []
    commit(store, [delivery(1)])
    boss = deliverer(store, clock, {"a": Receiver(behave)})
    assert boss.drain().delivered == 2 and answers == [Delivered()]


def test_who_wants_to_drain_at_the_last_moment_is_not_forgotten(store, clock):
    class Late:
        is_late = False

        def __getattr__(self, name):
            return getattr(store, name)

        def next_delivery(self, destinations):
            due = store.next_delivery(destinations)
            if due is None and not self.is_late:
                self.is_late = True
                commit(store, [delivery(2)])
                assert boss.drain() == Delivered()
            return due

    commit(store, [delivery(1)])
    boss = deliverer(Late(), clock, {"a": Receiver()})
    assert boss.drain() == Delivered(delivered=2)


def test_status(store, clock):
    commit(store, [delivery(n) for n in range(3)])

    def behave(each):
        if each.id == delivery(0).id:
            raise Rejected("bad user-0")
        if each.id == delivery(1).id:
            raise Retry("status 503")

    boss = deliverer(store, clock, {"a": Receiver(behave), "b": Receiver()})
    boss.drain()
    a = boss.status()["a"]
    assert (a.delivered, a.retried, a.dead, a.under_way, a.breaker) == (1, 1, 1, 0, "closed")
    assert (a.last_error, a.last_error_at) == ("status 503", START)
    assert START + 2 * SECOND <= a.next_try <= START + 8 * SECOND
    b = boss.status()["b"]
    assert (b.delivered, b.next_try, b.last_error, b.last_error_at) == (0, None, "", None)


class Awaited:
    async def deliver_async(self, delivery):
        pass


class AwaitedByMistake:
    async def deliver(self, delivery):
        pass


@pytest.mark.parametrize("destination", [Awaited(), AwaitedByMistake()])
def test_what_has_to_be_awaited_is_refused_with_the_remedy(store, clock, destination):
    with pytest.raises(TypeError, match="AsyncDeliverer"):
        deliverer(store, clock, {"a": destination})


def test_what_is_no_destination_is_refused_with_the_remedy(store, clock):
    with pytest.raises(TypeError, match="Function"):
        deliverer(store, clock, {"a": print})


def test_workers_have_names_of_their_own(store, clock):
    first, second = Deliverer(store, {}, clock=clock), Deliverer(store, {}, clock=clock)
    assert first.worker != second.worker

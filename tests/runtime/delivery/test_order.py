"""Order per instance and destination (D4), whatever fails, and at least once with the same bytes (D3)."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from journeys._time import MINUTE, SECOND
from journeys.errors import Rejected, Retry
from journeys.runtime.delivery import CircuitBreaker, Deliverer, DestinationPolicy, RateLimit, RetryPolicy
from journeys.runtime.stores.memory import MemoryStore
from tests.runtime.delivery.support import ListReceiver, Receiver, VirtualClock, commit, delivery

OUTCOMES = ["taken"] * 4 + ["lost", "accepted and timed out", "asked to wait", "rejected", "killed"]


class Killed(BaseException):
    """The process is gone: nothing that it does after this counts."""


class Mortal:
    """A store as one process sees it, until that is killed."""

    def __init__(self, store):
        self._store = store
        self.killed = False

    def __getattr__(self, name):
        method = getattr(self._store, name)

        def call(*arguments, **keywords):
            if self.killed:
                raise Killed
            return method(*arguments, **keywords)

        return call


policies = st.builds(
    DestinationPolicy,
    retry=st.builds(
        RetryPolicy,
        max_attempts=st.integers(1, 4),
        delays=st.sampled_from([("PT0S",), ("PT1S", "PT40S")]),
        jitter=st.sampled_from(["around", "equal", "full", "none"]),
    ),
    rate=st.sampled_from([None, RateLimit(2), RateLimit(50, burst=10)]),
    breaker=st.sampled_from([None, CircuitBreaker(failures=1), CircuitBreaker(failures=3, probes=2)]),
    batch=st.sampled_from([1, 3, 100]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "list"])), min_size=1, max_size=40),
    policies,
    st.integers(0, 2**32),
    st.booleans(),
)
def test_the_next_starts_when_the_one_before_is_settled(entries, policy, seed, kills):
    random, clock, store = Random(seed), VirtualClock(), MemoryStore()
    log: list[str] = []
    alive: list[Mortal] = []

    def behave(deliveries):
        log.extend(each.id for each in deliveries)
        outcome = random.choice(OUTCOMES)
        if outcome == "lost":
            raise ConnectionResetError
        if outcome == "asked to wait":
            raise Retry(after=random.random() * 100)
        if outcome == "rejected":
            raise Rejected("no")
        if outcome == "killed" and kills:
            alive[0].killed = True
            raise Killed
        taken.update((each.id, each.body) for each in deliveries)
        if outcome == "accepted and timed out":
            raise TimeoutError

    taken: dict[str, bytes] = {}
    single, listed = Receiver(lambda each: behave([each])), ListReceiver(behave)
    destinations = {"a": single, "b": single, "list": listed}
    everything = [
        delivery(number, name, key=f"instance-{key}", call="add" if name == "list" else "track")
        for number, (key, name) in enumerate(entries)
    ]

    def start() -> Deliverer:
        alive[:] = [Mortal(store)]
        return Deliverer(alive[0], destinations, clock=clock, policy=policy, random=random, lease="PT1M")

    boss = start()
    for each in everything:
        commit(store, [each])
    for _ in range(2_000):
        try:
            next_try = boss.drain().next_try
        except Killed:
            boss, next_try = start(), clock.now()
            clock.jump(clock.now() + random.choice([0, SECOND, 2 * MINUTE]))
        if next_try is None:
            break
        clock.jump(next_try)
    dead = {letter.delivery.id for letter in store.dead_letters(None, 1000)}
    assert store.figures()["outbox"] == 0
    assert {each.id for each in everything} == taken.keys() | dead
    assert all(taken.get(each.id, each.body) == each.body for each in everything)

    keys = {each.id: each.order_key for each in everything}
    for key in set(keys.values()):
        tried = [each for each in log if keys[each] == key]
        assert tried == sorted(tried), "one that came later was tried before one that came earlier was settled"

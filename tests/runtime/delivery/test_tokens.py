"""The rate limit: never over it in any second, and nothing of it is wasted."""

from hypothesis import given, settings
from hypothesis import strategies as st

from journeys._time import SECOND
from journeys.runtime.delivery import RateLimit
from journeys.runtime.delivery._tokens import Tokens
from tests.runtime.delivery.support import START, peak

limits = st.builds(
    RateLimit, st.one_of(st.integers(1, 200), st.sampled_from([0.25, 0.5, 1.5, 3.3, 1000])), st.integers(1, 40)
)
pauses = st.lists(st.integers(0, 3 * SECOND), max_size=60)


@settings(deadline=None)  # other work on the machine is no failure
@given(limits, pauses)
def test_no_second_has_more_than_the_limit(limit, steps):
    tokens, now, taken = Tokens(limit), START, []
    for step in steps:
        now += step
        for _ in range(tokens.available(now)):
            tokens.take(now)
            taken.append(now)
    assert peak(taken) <= limit.per_window
    if taken:
        assert len(taken) <= limit.burst + limit.per_second * (taken[-1] - taken[0] + 1) / SECOND
    assert all(taken.count(each) <= limit.burst for each in set(taken))


@settings(deadline=None)
@given(limits)
def test_who_comes_as_soon_as_it_is_ready_gets_the_whole_rate(limit):
    tokens, now, taken = Tokens(limit), START, 0
    span = 20 * SECOND if limit.per_second >= 1 else 200 * SECOND
    while now < START + span:
        for _ in range(tokens.available(now)):
            tokens.take(now)
            taken += 1
        ready = tokens.ready_at(now)
        assert ready > now
        tokens.available(ready - 1)
        now = ready
        assert tokens.available(now) >= 1
    assert taken >= limit.per_second * span / SECOND * 98 // 100


def test_a_clock_that_goes_back_gives_nothing_away():
    tokens = Tokens(RateLimit(1))
    tokens.take(START)
    assert tokens.available(START - 100 * SECOND) == 0
    assert tokens.available(START + SECOND - 1) == 0
    assert tokens.available(START + SECOND) == 1

"""Policies: valid once made, and the waits that they give."""

import math
from datetime import timedelta
from fractions import Fraction
from random import Random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys._time import HOUR, MINUTE, SECOND
from journeys.runtime.delivery import CircuitBreaker, DestinationPolicy, RateLimit, RetryPolicy, exponential

NOW = 1_800_000_000 * SECOND


def waits(policy: RetryPolicy, random: Random) -> list[int]:
    found = []
    for attempt in range(1, policy.max_attempts + 1):
        at = policy.retry_at(attempt, NOW, random)
        if at is not None:
            found.append(at - NOW)
    return found


def test_the_default_tries_ten_times_in_about_75_hours():
    none = waits(RetryPolicy(jitter="none"), Random(0))
    assert len(none) == 9 and none[:3] == [5 * SECOND, 5 * MINUTE, 30 * MINUTE]
    assert sum(none) == 75 * HOUR + 35 * MINUTE + 5 * SECOND
    spans = [sum(waits(RetryPolicy(), Random(seed))) / HOUR for seed in range(500)]
    assert 74 < mean(spans) < 77 and min(spans) > 37 and max(spans) < 114


@pytest.mark.parametrize(("jitter", "low", "high"), [("around", 30, 90), ("equal", 30, 60), ("full", 0, 60)])
def test_jitter_spreads_over_its_whole_range(jitter, low, high):
    policy = RetryPolicy(delays=["PT1M"], jitter=jitter)
    random = Random(1)
    found = [policy.retry_at(1, NOW, random) - NOW for _ in range(2000)]
    assert low * SECOND <= min(found) < (low + 1) * SECOND
    assert (high - 1) * SECOND < max(found) <= high * SECOND


def test_the_last_delay_repeats():
    policy = RetryPolicy(max_attempts=6, delays=["PT1S", "PT2S"], jitter="none")
    assert [each // SECOND for each in waits(policy, Random(0))] == [1, 2, 2, 2, 2]
    assert policy.retry_at(6, NOW, Random(0)) is None and policy.retry_at(7, NOW, Random(0)) is None


@settings(deadline=None)
@given(st.one_of(st.none(), st.floats()), st.integers(1, 9), st.integers(0, 100))
def test_never_earlier_than_asked_and_never_later_than_bearable(after, attempt, seed):
    policy = RetryPolicy(longest_asked="PT2H")
    asked = policy.asked_wait(after)
    wait = policy.retry_at(attempt, NOW, Random(seed), asked) - NOW
    assert wait == int(wait) and 0 <= asked <= 2 * HOUR
    longest = max(policy.delays[attempt - 1].micros * 3 // 2, 2 * HOUR + 12 * MINUTE)
    assert 0 <= wait <= longest
    if after is not None and 0 < after <= 7200:
        assert Fraction(wait, SECOND) >= Fraction(after)
    if after is None or math.isnan(after) or after <= 0:
        assert asked == 0


def test_what_was_asked_to_wait_does_not_come_back_at_one_instant():
    policy, random = RetryPolicy(), Random(2)
    asked = policy.asked_wait(60)
    found = {policy.retry_at(1, NOW, random, asked) for _ in range(100)}
    assert len(found) > 90 and min(found) >= NOW + 60 * SECOND and max(found) <= NOW + 66 * SECOND


def test_exponential():
    assert [str(each) for each in exponential("PT1S", factor=3, cap="PT20S", tries=6)] == [
        "PT1S",
        "PT3S",
        "PT9S",
        "PT20S",
        "PT20S",
    ]
    assert len(exponential(tries=10)) == 9
    assert RetryPolicy(delays=exponential()).delays == exponential()
    with pytest.raises(ValueError, match="factor"):
        exponential(factor=0.5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RetryPolicy(max_attempts=0),
        lambda: RetryPolicy(max_attempts=True),
        lambda: RetryPolicy(delays=[]),
        lambda: RetryPolicy(delays=["P1M"]),
        lambda: RetryPolicy(jitter="some"),
        lambda: RetryPolicy(longest_asked="-PT1S"),
        lambda: RateLimit(0),
        lambda: RateLimit(2_000_000),
        lambda: RateLimit(float("nan")),
        lambda: RateLimit(10, burst=0),
        lambda: CircuitBreaker(open_for="PT0S"),
        lambda: CircuitBreaker(failures=0),
        lambda: DestinationPolicy(concurrency=0),
        lambda: DestinationPolicy(batch=1.5),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(ValueError):
        make()


def test_a_text_is_no_list_of_delays_and_a_bool_no_rate():
    with pytest.raises(TypeError, match="list of durations"):
        RetryPolicy(delays="PT5S")
    with pytest.raises(TypeError, match="number"):
        RateLimit(True)


def test_durations_are_what_durations_are_elsewhere():
    breaker = CircuitBreaker(open_for=timedelta(minutes=2))
    assert breaker == CircuitBreaker(open_for="PT2M") and breaker.open_for.micros == 2 * MINUTE


def test_the_default_burst_is_a_tenth_of_a_second():
    assert [RateLimit(rate).burst for rate in (0.5, 1, 10, 25, 1000)] == [1, 1, 1, 3, 100]
    assert RateLimit(0.1).per_second == Fraction(1, 10)
    assert RateLimit(10).per_window == 10 and RateLimit(10, burst=50).per_window == 50

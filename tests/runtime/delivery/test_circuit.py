"""The circuit breaker, state by state."""

from journeys._time import SECOND
from journeys.runtime.delivery import CircuitBreaker
from journeys.runtime.delivery._circuit import UNLIMITED, Circuit
from tests.runtime.delivery.support import START


def fail(circuit: Circuit, now: int, times: int = 1, asked: int = 0) -> list[bool]:
    return [circuit.failed(circuit.begin(), now, asked) for _ in range(times)]


def test_it_opens_after_failures_in_a_row():
    circuit = Circuit(CircuitBreaker(failures=3))
    assert fail(circuit, START, 2) == [False, False]
    circuit.succeeded(circuit.begin())
    assert fail(circuit, START, 3) == [False, False, True]
    assert circuit.state(START) == "open" and circuit.allowance(START) == 0
    assert circuit.ready_at(START) == START + 30 * SECOND


def test_probes_close_it_or_open_it_again():
    circuit = Circuit(CircuitBreaker(failures=1, probes=2))
    fail(circuit, START)
    later = START + 30 * SECOND
    assert circuit.state(later) == "half-open" and circuit.allowance(later) == 2
    first, second = circuit.begin(), circuit.begin()
    assert circuit.allowance(later) == 0
    circuit.succeeded(first)
    assert circuit.allowance(later) == 0 and circuit.state(later) == "half-open"
    assert circuit.failed(second, later, 0)
    assert circuit.state(later) == "open"
    later += 30 * SECOND
    for _ in range(2):
        circuit.succeeded(circuit.begin())
    assert circuit.state(later) == "closed" and circuit.allowance(later) == UNLIMITED


def test_it_stays_open_as_long_as_the_destination_asked():
    circuit = Circuit(CircuitBreaker(failures=1))
    fail(circuit, START, asked=600 * SECOND)
    assert circuit.ready_at(START) == START + 600 * SECOND


def test_calls_of_another_era_say_nothing():
    circuit = Circuit(CircuitBreaker(failures=1))
    hanging = [circuit.begin() for _ in range(3)]
    fail(circuit, START)
    later = START + 30 * SECOND
    probe = circuit.begin()
    assert not circuit.failed(hanging[0], later, 0)
    assert circuit.state(later) == "half-open" and circuit.allowance(later) == 0
    circuit.succeeded(hanging[1])
    assert circuit.state(later) == "half-open"
    circuit.succeeded(probe)
    assert not circuit.failed(hanging[2], later, 0) and circuit.state(later) == "closed"


def test_a_probe_that_we_cut_off_is_another_probes_chance():
    circuit = Circuit(CircuitBreaker(failures=1))
    fail(circuit, START)
    later = START + 30 * SECOND
    circuit.abandoned(circuit.begin())
    assert circuit.allowance(later) == 1


def test_without_a_breaker_nothing_ever_opens():
    circuit = Circuit(None)
    assert not any(fail(circuit, START, 100))
    assert circuit.allowance(START) == UNLIMITED and circuit.state(START) == "closed"

"""What applications need to test their journeys, and stores to test themselves.

``journeys.testing.strategies`` and ``journeys.testing.stores`` (the conformance suite of stores) need Hypothesis, and
are imported by their own names.
"""

from journeys.testing.cases import JourneyTestCase, assert_received
from journeys.testing.golden import assert_golden
from journeys.testing.people import User
from journeys.testing.recorder import Recorder
from journeys.testing.scenario import Scenario, StoryClock
from journeys.testing.spaces import space_from
from journeys.testing.verdicts import Found, Received, Verdict, assert_that

__all__ = [
    "Found",
    "JourneyTestCase",
    "Received",
    "Recorder",
    "Scenario",
    "StoryClock",
    "User",
    "Verdict",
    "assert_golden",
    "assert_received",
    "assert_that",
    "space_from",
]

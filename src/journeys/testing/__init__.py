"""What applications need to test their journeys, and stores to test themselves.

``journeys.testing.stores`` (the conformance suite of stores) and ``journeys.testing.strategies`` need Hypothesis.
"""

from journeys.testing.scenario import Scenario, StoryClock

__all__ = ["Scenario", "StoryClock"]

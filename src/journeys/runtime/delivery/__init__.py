"""Deliveries: tried until they succeed or are given up, in order, no faster than a destination can bear (D1-D4)."""

from journeys.runtime.delivery.async_deliverer import AsyncDeliverer
from journeys.runtime.delivery.deliverer import Deliverer
from journeys.runtime.delivery.policy import CircuitBreaker, DestinationPolicy, RateLimit, RetryPolicy, exponential
from journeys.runtime.delivery.report import Delivered, DestinationStatus

__all__ = [
    "AsyncDeliverer",
    "CircuitBreaker",
    "Delivered",
    "Deliverer",
    "DestinationPolicy",
    "DestinationStatus",
    "RateLimit",
    "RetryPolicy",
    "exponential",
]

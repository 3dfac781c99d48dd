"""Instants, to be read."""

from __future__ import annotations

from journeys._time import to_datetime


def day_of(instant: int) -> str:
    """``Monday 2026-01-05``."""
    moment = to_datetime(instant)
    return f"{_DAYS[moment.weekday()]} {moment:%Y-%m-%d}"


def time_of(instant: int) -> str:
    """``09:00:00``, to the millisecond if need be: a call after a deadline of its instant is a microsecond later."""
    moment = to_datetime(instant)
    millis = moment.microsecond // 1000
    return f"{moment:%H:%M:%S}" + (f".{millis:03d}" if millis else "")


# not by the locale of the machine
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

"""Durations that last: what waits, waits for some time (T2), and a window has a length (C3)."""

from __future__ import annotations

from journeys._time import DAY, Duration
from journeys.codec.problems import Report, element, member
from journeys.plan.limits import Limits

_MONTH = 30.436875 * DAY  # a year of 365.2425 days by 12


def check_positive(duration: Duration | None, path: str, report: Report) -> bool:
    """Whether the duration, if there is one, is longer than nothing."""
    if duration is None or duration.is_positive:
        return True
    report.add(
        "not_positive",
        path,
        f"{duration} lasts no time",
        hint="give a duration longer than zero, like PT5M or P1D",
        expected="a duration longer than zero",
        got=str(duration),
    )
    return False


def check_not_negative(duration: Duration | None, path: str, report: Report) -> None:
    """The duration, if there is one, is zero at least."""
    if duration is not None and (duration.months < 0 or duration.micros < 0):
        hint = f"write it without the sign: {str(duration).lstrip('-')}"
        report.add("negative_duration", path, f"{duration} is negative", hint=hint, got=str(duration))


def check_wait(duration: Duration | None, path: str, limits: Limits, report: Report) -> None:
    """A delay or hold waits for some time, and as long as the limits allow (T2, L2)."""
    if duration is None or not check_positive(duration, path, report):
        return
    if limits.min_wait is not None and _nominal(duration) < _nominal(limits.min_wait):
        hint = f"wait for {limits.min_wait} at least"
        report.add(
            "wait_too_short", path, f"{duration} is shorter than {limits.min_wait}", hint=hint, got=str(duration)
        )
    # A month may have 31 days: what may be too long in some month is too long.
    if limits.max_wait is not None and duration.longest > limits.max_wait.longest:
        hint = f"wait for {limits.max_wait} at most"
        report.add("wait_too_long", path, f"{duration} is longer than {limits.max_wait}", hint=hint, got=str(duration))


def check_window(within: Duration | None, between: tuple[Duration, Duration] | None, path: str, report: Report) -> None:
    """A window has a length, is given once, and a ``between`` says the longer duration first (C3)."""
    check_positive(within, member(path, "within"), report)
    if between is None:
        return
    at = member(path, "between")
    if within is not None:
        report.add("two_windows", at, "within and between are both given", hint="keep one of the two")
    longer, shorter = between
    lasting = [check_positive(each, element(at, index), report) for index, each in enumerate(between)]
    if all(lasting) and _nominal(longer) <= _nominal(shorter):
        order = f"[{shorter}, {longer}]" if _nominal(longer) < _nominal(shorter) else "two that differ"
        report.add("window_order", at, f"{longer} is not longer than {shorter}", hint=f"write {order}")


def _nominal(duration: Duration) -> float:
    return duration.months * _MONTH + duration.micros

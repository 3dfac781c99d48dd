"""Rates with 95 % intervals, and what a branch of a randomized split does to them.

E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927), for one rate;
R. G. Newcombe, Interval estimation for the difference between independent proportions: comparison of eleven methods,
Statistics in Medicine 17 (1998), method 10, for the difference of two.
"""

from __future__ import annotations

import math

import attrs

#: the 97.5 % quantile of the normal distribution
Z = 1.959963984540054

Interval = tuple[float, float]


def wilson(successes: int, trials: int) -> Interval:
    """The 95 % score interval of a rate; everything is possible if nothing was tried."""
    if trials == 0:
        return (0.0, 1.0)
    rate, square = successes / trials, Z * Z
    middle = (rate + square / (2 * trials)) / (1 + square / trials)
    half = Z * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials * trials)) / (1 + square / trials)
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    return (low, 1.0 if successes == trials else min(1.0, middle + half))


def newcombe(successes: int, trials: int, base_successes: int, base_trials: int) -> Interval:
    """The 95 % interval of a rate less the base rate, from the score intervals of both."""
    if trials == 0 or base_trials == 0:
        return (-1.0, 1.0)
    rate, base = successes / trials, base_successes / base_trials
    low, high = wilson(successes, trials)
    base_low, base_high = wilson(base_successes, base_trials)
    difference = rate - base
    return (
        difference - math.hypot(rate - low, base_high - base),
        difference + math.hypot(high - rate, base - base_low),
    )


@attrs.frozen(kw_only=True)
class BranchFigures:
    """One branch of a randomized split.

    ``difference`` is its rate less that of the first branch, ``uplift`` the same as a share of the first branch's
    rate; None where there is nothing to compare with.
    """

    branch: str
    entered: int
    conversions: int | None
    rate: float | None
    interval: Interval | None
    difference: float | None = None
    difference_interval: Interval | None = None
    uplift: float | None = None

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference leaves out nought."""
        interval = self.difference_interval
        return interval is not None and not interval[0] <= 0 <= interval[1]


def branch_figures(counted: list[tuple[str, int, int]], *, has_goal: bool) -> tuple[BranchFigures, ...]:
    """The branches of a split from (branch, entered, conversions), the first being what the others are held against."""
    if not has_goal:
        none = {"conversions": None, "rate": None, "interval": None}
        return tuple(BranchFigures(branch=branch, entered=entered, **none) for branch, entered, _ in counted)
    made = []
    _, base_entered, base_converted = counted[0]
    for number, (branch, entered, converted) in enumerate(counted):
        figures = BranchFigures(
            branch=branch,
            entered=entered,
            conversions=converted,
            rate=converted / entered if entered else None,
            interval=wilson(converted, entered) if entered else None,
        )
        if number and entered and base_entered:
            difference = converted / entered - base_converted / base_entered
            figures = attrs.evolve(
                figures,
                difference=difference,
                difference_interval=newcombe(converted, entered, base_converted, base_entered),
                uplift=difference / (base_converted / base_entered) if base_converted else None,
            )
        made.append(figures)
    return tuple(made)

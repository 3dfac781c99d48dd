"""What a deliverer tells of itself, as plain data."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Delivered:
    """What one ``drain`` did.

    ``retried`` counts tries that failed and will be repeated, ``dead`` what was given up (D2). ``next_try`` is when
    another ``drain`` may have something to do, None if nothing is to be expected. What waits for destinations that are
    not here is left alone, and not counted: ``Store.backlog`` knows it.
    """

    delivered: int = 0
    retried: int = 0
    dead: int = 0
    next_try: int | None = None

    def __add__(self, later: Delivered) -> Delivered:
        """Both together, as it is after the later one."""
        return attrs.evolve(
            later,
            delivered=self.delivered + later.delivered,
            retried=self.retried + later.retried,
            dead=self.dead + later.dead,
        )

    @property
    def tried(self) -> int:
        """How many deliveries were tried."""
        return self.delivered + self.retried + self.dead


@attrs.frozen(kw_only=True)
class DestinationStatus:
    """One destination as this deliverer sees it, counted since the deliverer was made.

    ``breaker`` is ``closed`` (all is well), ``open`` (nothing is tried) or ``half-open`` (a few are tried, to see).
    ``next_try`` is the earliest instant at which something may be tried here that cannot be tried now, None if there is
    no such thing. ``last_error`` is safe to show: it holds no payload.
    """

    destination: str
    delivered: int
    retried: int
    dead: int
    under_way: int
    breaker: str
    next_try: int | None
    last_error: str
    last_error_at: int | None

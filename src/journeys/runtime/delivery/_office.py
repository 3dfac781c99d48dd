"""What the sync and the async deliverer have in common: everything but the waiting."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from random import Random
from typing import Generic, TypeVar

from journeys.ports import Clock, DeadLetter, Delivery
from journeys.runtime.delivery._desk import Desk
from journeys.runtime.delivery._requests import Result
from journeys.runtime.delivery.policy import DestinationPolicy, DurationLike, positive
from journeys.runtime.delivery.report import DestinationStatus

#: dead letters, deliveries or ids of deliveries
Letters = str | DeadLetter | Delivery | Iterable[str | DeadLetter | Delivery]


S = TypeVar("S")
D = TypeVar("D")


class Office(Generic[S, D]):
    """A deliverer without a way to wait."""

    _awaits = False

    def __init__(
        self,
        store: S,
        destinations: Mapping[str, D],
        *,
        clock: Clock,
        policies: Mapping[str, DestinationPolicy] | None = None,
        policy: DestinationPolicy | None = None,
        worker: str | None = None,
        lease: DurationLike = "PT1M",
        poll: DurationLike = "PT1S",
        random: Random | None = None,
    ) -> None:
        own = dict(policies or {})
        default = policy if policy is not None else DestinationPolicy()
        self.store = store
        self.worker = worker if worker is not None else _own_name()
        self._clock = clock
        self._desk = Desk(
            destinations,
            clock=clock,
            policy_of=lambda name: own.get(name, default),
            worker=self.worker,
            lease=positive(lease).micros,
            poll=positive(poll).micros,
            random=random if random is not None else Random(),
            awaits=self._awaits,
        )
        self._results: deque[Result] = deque()
        #: what is handed over past the outbox, and what became of the one that was not taken
        self._handing: deque[Delivery] | None = None
        self._tried: dict[str, Exception] = {}
        self._wake = threading.Event()
        self._woken = False
        self._is_running = False
        #: held by whoever is at work
        self._at_work = threading.Lock()
        #: somebody wanted to drain meanwhile
        self._again = False

    def wake(self) -> None:
        """Something may be tried now: a ``run`` that sleeps looks at once. Any thread may call it."""
        self._woken = True
        self._wake.set()

    def status(self) -> dict[str, DestinationStatus]:
        """Each destination as it stands, for a status page or for metrics. Any thread may call it."""
        now = self._clock.now()
        return {name: lane.status(now) for name, lane in list(self._desk.lanes.items())}

    def _was_woken(self) -> bool:
        woken, self._woken = self._woken, False
        return woken

    def _may_drain(self) -> bool:
        """Takes the place at work if somebody wants it and nobody has it; else whoever has it will go on."""
        if self._is_running:
            self.wake()
        return self._again and self._at_work.acquire(blocking=False)

    def _may_run(self) -> bool:
        if self._is_running:
            raise RuntimeError("this deliverer is running already: stop it, or make another one")
        self._is_running = self._at_work.acquire(blocking=False)
        return self._is_running


def delivery_ids(letters: Letters) -> list[str]:
    """The ids of what is to be sent again."""
    if isinstance(letters, (str, DeadLetter, Delivery)):
        letters = (letters,)
    return [
        each if isinstance(each, str) else each.delivery.id if isinstance(each, DeadLetter) else each.id
        for each in letters
    ]


def place_of(after: str | DeadLetter | None) -> str | None:
    """The id after which a page of dead letters begins."""
    return after.delivery.id if isinstance(after, DeadLetter) else after


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"

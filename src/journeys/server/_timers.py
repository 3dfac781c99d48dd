"""The thread that follows the clock: deadlines and deliveries."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from journeys.runtime.evaluator import Evaluator

log = logging.getLogger("journeys.server")

#: seconds after which a run that ended with an error is begun again
_PAUSE = 1.0


@contextmanager
def running(evaluator: Evaluator, *, poll: float = 1.0) -> Iterator[None]:
    """Lets ``evaluator.run`` follow the clock in a thread of its own, to the end of the block.

    An error, such as that of a store that is away for a while, is logged and the run begun again. The block ends when
    the thread has finished what it was doing.
    """
    stopping = threading.Event()

    def follow() -> None:
        while not stopping.is_set():
            try:
                evaluator.run(poll=poll)
            except Exception:
                log.exception("timers and deliveries stopped; they go on in %g seconds", _PAUSE)
                stopping.wait(_PAUSE)

    thread = threading.Thread(target=follow, name="journeys-timers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        evaluator.stop()
        thread.join()

"""What the deliverer's logic asks for. A sync and an async driver answer it, so that the logic is written once."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, TypeVar

import attrs

from journeys.runtime.delivery._lane import Job

T = TypeVar("T")


@attrs.define
class Ask:
    """Call a method of the store and send back what it answers."""

    method: str
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = attrs.field(factory=dict)


@attrs.define
class Begin:
    """Make a call of a destination; its result comes with a later ``Wait``."""

    job: Job


@attrs.define
class Wait:
    """Wait for results or for ``wake()``, until an instant; without one, for results alone. Send back ``Waited``."""

    until: int | None


@attrs.define
class Result:
    """What became of a call: no error if the destination took it."""

    job: Job
    error: BaseException | None = None


@attrs.define
class Waited:
    """What the waiting brought."""

    results: Sequence[Result]
    woken: bool = False


Steps = Generator[Ask | Begin | Wait, Any, T]

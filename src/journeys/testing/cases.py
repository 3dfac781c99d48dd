"""For ``unittest`` and other test runners that do not know of verdicts: AssertionErrors that carry the story."""

from __future__ import annotations

import contextlib
import functools
import inspect
import unittest
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from journeys._time import described
from journeys.testing._compiled import Definition
from journeys.testing.golden import assert_golden
from journeys.testing.people import User
from journeys.testing.recorder import Recorder
from journeys.testing.scenario import START, Scenario
from journeys.testing.verdicts import Found, Verdict, asked, assert_that


def assert_received(
    destination: Recorder,
    what: str | None = None,
    properties: Mapping[str, Any] | None = None,
    /,
    *,
    to: User | str | None = None,
    times: int = 1,
    **named: Any,
) -> None:
    """Raises AssertionError with the story, unless the destination received this exactly ``times`` times."""
    __tracebackhide__ = True
    if not isinstance(destination, Recorder):
        raise TypeError(f"expected a recorder like scenario.email, got {described(destination)}")
    assert_that(destination.received(what, properties, to=to, **named).times(times))


class JourneyTestCase(unittest.TestCase):
    """A test case with a ``scenario`` of its ``space``, whose failures tell the story.

    Plain ``assert`` statements do too: what they raise gets the story of the verdict that was asked last as a note.
    """

    space: ClassVar[Definition | None] = None
    start: ClassVar[str] = START

    def __init__(self, methodName: str = "runTest") -> None:  # noqa: N803 - so it is called there
        super().__init__(methodName)
        method = getattr(self, methodName, None)
        if method is not None and not inspect.iscoroutinefunction(method):
            setattr(self, methodName, _telling(method))

    @functools.cached_property
    def scenario(self) -> Scenario:
        """The scenario of this test."""
        if self.space is None:
            raise TypeError(f"{type(self).__name__} needs the class attribute `space`, or makes its own Scenario")
        return Scenario(self.space, start=self.start)

    @contextlib.contextmanager
    def subTest(self, *msg: Any, **params: Any) -> Iterator[None]:
        """``subTest``; what fails in it tells its own story."""
        with super().subTest(*msg, **params), _noted():
            yield

    def assertTrue(self, expr: Any, msg: Any = None) -> None:
        """``assertTrue``; of a verdict that is false it tells the story."""
        __tracebackhide__ = True
        if isinstance(expr, (Verdict, Found)) and not expr:
            self.fail(self._formatMessage(msg, _story()))
        super().assertTrue(expr, msg)  # noqa: PT009

    def assertFalse(self, expr: Any, msg: Any = None) -> None:
        """``assertFalse``; of a verdict that is true it tells the story."""
        __tracebackhide__ = True
        if isinstance(expr, (Verdict, Found)) and expr:
            self.fail(self._formatMessage(msg, _story()))
        super().assertFalse(expr, msg)  # noqa: PT009

    def assert_that(self, question: Verdict | Found[Any]) -> None:
        """Fails with the story, if the answer is no."""
        __tracebackhide__ = True
        assert_that(question)

    def assert_received(
        self,
        destination: str | Recorder,
        what: str | None = None,
        properties: Mapping[str, Any] | None = None,
        /,
        *,
        to: User | str | None = None,
        times: int = 1,
        **named: Any,
    ) -> None:
        """Fails with the story, unless the destination received this exactly ``times`` times."""
        __tracebackhide__ = True
        recorder = self.scenario.destination(destination) if isinstance(destination, str) else destination
        assert_received(recorder, what, properties, to=to, times=times, **named)

    def assert_golden(self, path: Path | str) -> None:
        """Compares the trace of the scenario with a file; see ``assert_golden``."""
        __tracebackhide__ = True
        assert_golden(self.scenario, path)


def _story() -> str:
    return asked.last.explain() if asked.last is not None else ""


def _telling(method: Callable[[], Any]) -> Callable[[], Any]:
    """The test, whose AssertionError has the story as a note where it has no message that tells it."""

    @functools.wraps(method)
    def test() -> Any:
        __tracebackhide__ = True
        asked.forget()
        with _noted():
            return method()

    return test


@contextlib.contextmanager
def _noted() -> Iterator[None]:
    __tracebackhide__ = True
    try:
        yield
    except AssertionError as error:
        told = "\n".join((str(error), *getattr(error, "__notes__", ())))
        if (story := _story()) and story not in told:
            error.add_note(story)
        raise

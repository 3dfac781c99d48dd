"""The pytest plugin of ``journeys``: stories of failing tests, golden traces, journey coverage.

It imports nothing of ``journeys`` before a test or an option asks for it, so that tests without journeys pay nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from journeys import ManualClock
    from journeys.testing import Scenario
    from journeys.testing.coverage import Coverage

#: the title of the section that a failing test gets
TITLE = "The story so far"
#: the name under which a worker of pytest-xdist sends its coverage
WORKER_OUTPUT = "journeys_coverage"
#: golden traces, and the test that was the first to have each
GOLDEN = pytest.StashKey[dict[Path, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("journeys", "customer journeys")
    group.addoption(
        "--journeys-cov",
        action="store_true",
        help="report which steps, branches, timeouts and exits of which journeys the tests have taken",
    )
    group.addoption(
        "--journeys-cov-only",
        metavar="PATTERN",
        action="append",
        default=[],
        help="report only journeys whose key fits the pattern, such as 'cart-*'; may be given several times",
    )
    group.addoption(
        "--journeys-cov-space",
        metavar="PLACE",
        action="append",
        default=[],
        help="report all journeys of this space, also those that no test runs: a .json or .py file, or module:name",
    )
    group.addoption(
        "--journeys-cov-fail-under",
        metavar="PERCENT",
        type=_percentage,
        default=None,
        help="fail if less than this share of all journeys was taken",
    )
    group.addoption(
        "--journeys-cov-report",
        metavar="DIR",
        default=None,
        help="write a picture of each journey with its counts, coverage.json and an index.html into this directory",
    )
    group.addoption(
        "--journeys-update-golden", action="store_true", help="write golden traces anew instead of comparing them"
    )


def _percentage(text: str) -> float:
    from journeys.testing.coverage import percentage

    try:
        return percentage(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 100, got {text!r}") from None


def pytest_configure(config: pytest.Config) -> None:
    """Coverage is watched where any of its options asks for it."""
    option = config.option
    wanted = (option.journeys_cov, option.journeys_cov_report, option.journeys_cov_space, option.journeys_cov_only)
    if any(wanted) or option.journeys_cov_fail_under is not None:
        config.pluginmanager.register(CoveragePlugin(config), "journeys-coverage")


# fixtures


@pytest.fixture
def journeys_scenario() -> Iterator[Callable[..., Scenario]]:
    """Makes scenarios: ``journeys_scenario(space, start=…, destinations=…)``; they are closed after the test."""
    from journeys.testing import Scenario

    made: list[Scenario] = []

    def make(space: Any, **options: Any) -> Scenario:
        made.append(Scenario(space, **options))
        return made[-1]

    yield make
    for scenario in made:
        scenario.evaluator.close()


@pytest.fixture
def manual_clock() -> ManualClock:
    """A clock that is moved by hand, for tests that make an ``Evaluator`` themselves."""
    from journeys import ManualClock
    from journeys.testing.scenario import START

    return ManualClock(START)


@pytest.fixture
def golden_trace(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Compares a trace with a file beside the test: ``golden_trace(scenario)``, or of any records.

    The file is ``golden/<module>.<test>.ndjson``, or ``golden/<name>.ndjson`` if a name is given.
    ``--journeys-update-golden`` writes it.
    """
    from journeys.testing import assert_golden

    def check(trace: Any, name: str | None = None) -> None:
        __tracebackhide__ = True
        stem = re.sub(r"[^\w.-]+", "-", name or f"{request.path.stem}.{request.node.name}").strip("-")
        file = request.path.parent / "golden" / f"{stem}.ndjson"
        other = request.config.stash.setdefault(GOLDEN, {}).setdefault(file, request.node.nodeid)
        if name is None and other != request.node.nodeid:  # of two classes, or by values that no file name can have
            raise ValueError(f"{file} is the golden trace of {other} already: give this one a name of its own")
        assert_golden(trace, file, update=request.config.option.journeys_update_golden or None)

    return check


# stories of failing tests


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What earlier tests asked has nothing to do with this one."""
    if scenarios := sys.modules.get("journeys.testing.scenario"):
        scenarios.begun.clear()
        sys.modules["journeys.testing.verdicts"].asked.forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failing test shows the timelines of the people it asked about: in a section, which is not cut."""
    report = yield
    if report.failed and call.excinfo is not None and "journeys.testing.scenario" in sys.modules:
        story = _story(getattr(item, "funcargs", {}).values())
        if story and not _tells(call.excinfo.value, story):
            report.sections.append((TITLE, story))
    return report


def _story(fixtures: Iterable[Any]) -> str:
    """What was asked last, and the people it is about; else the people of the scenarios of this test.

    A scenario may be older than the test: a fixture of a module, or of a class.
    """
    from journeys.testing.scenario import Scenario, begun
    from journeys.testing.verdicts import About, asked

    if asked.last is not None:
        return asked.last.explain()
    scenarios = [each for each in fixtures if isinstance(each, Scenario)]
    scenarios += [each for reference in begun if (each := reference()) is not None]
    stories = (About(each).story() for each in dict.fromkeys(scenarios))
    return "\n\n".join(filter(None, stories))


def _tells(error: BaseException, story: str) -> bool:
    return any(story in text for text in (str(error), *getattr(error, "__notes__", ())))


# coverage


class CoveragePlugin:
    """Watches all evaluators of the session, and reports at its end."""

    def __init__(self, config: pytest.Config) -> None:
        from journeys.testing import space_from
        from journeys.testing._observe import Observer
        from journeys.testing.coverage import Coverage

        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        self.coverage: Coverage = Coverage(config.option.journeys_cov_only)
        for place in config.option.journeys_cov_space:
            is_file = place.endswith((".json", ".py"))
            try:
                space = space_from(config.invocation_params.dir / place if is_file else place)
            except (ImportError, AttributeError, OSError, ValueError, TypeError) as error:
                raise pytest.UsageError(f"--journeys-cov-space={place}: {error}") from error
            for journey in space.journeys:
                if journey.status in ("live", "paused"):
                    self.coverage.of(journey)
        self.observer = Observer(self.coverage)
        self.observer.start()
        self.page: Path | None = None

    @property
    def shortfall(self) -> str:
        """What is said if too little was taken."""
        return self.coverage.shortfall(self.config.option.journeys_cov_fail_under)

    def pytest_runtest_logfinish(self) -> None:
        """A test has ended."""
        self.observer.settle()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Sends the coverage, or writes the pictures and sees whether it is enough."""
        self.observer.stop()
        if self.is_worker:
            session.config.workeroutput[WORKER_OUTPUT] = self.coverage.as_document()  # type: ignore[attr-defined]
            return
        if self.config.option.journeys_cov_report is not None:
            from journeys.testing._pictures import write_report

            self.page = write_report(
                self.coverage, self.config.invocation_params.dir / self.config.option.journeys_cov_report
            )
        if self.shortfall and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of pytest-xdist has ended."""
        self.coverage.add(getattr(node, "workeroutput", {}).get(WORKER_OUTPUT, ()))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table."""
        if self.is_worker:
            return
        out, coverage = terminalreporter, self.coverage
        out.section("journey coverage")
        if not coverage.journeys:
            only = " ".join(self.config.option.journeys_cov_only)
            out.write_line(f"no journey ran that fits {only}" if only else "no journey ran")
        else:
            for line in coverage.table(out._tw.fullwidth):
                out.write_line(line)
        if self.page is not None:
            out.write_line(f"pictures: {self.page}")
        if self.shortfall:
            out.write_line(f"FAIL: {self.shortfall}", red=True)

"""The pytest plugin: run by pytest, as applications run it."""

from __future__ import annotations

import importlib.metadata
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from _journeys_pytest import TITLE, WORKER_OUTPUT, CoveragePlugin

pytest_plugins = "pytester"

INSTALLED = any(each.value == "_journeys_pytest" for each in importlib.metadata.entry_points(group="pytest11"))
#: an environment that was made before the entry point was there does not load the plugin by itself
LOAD = () if INSTALLED else ("-p", "_journeys_pytest")

ROOT = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    """Of a Python that takes this checkout, whatever its own environment was made for."""
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    kept = {name: value for name, value in os.environ.items() if name != "JOURNEYS_UPDATE_GOLDEN"}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUTF8": "1", **more}


STORY = """
    from journeys.testing import Scenario
    from tests.testing.spaces import shop

    def begun(scenario):
        ada = scenario.user("ada", email="ada@example.com")
        ada.does("Cart Modified", cart_id="c1", value=80)
        return ada
"""


class Runner:
    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def __call__(self, body: str, *options: str, **outcomes: int) -> str:
        self.pytester.makepyfile(test_story=STORY + body)
        return self.again(*options, **outcomes)

    def again(self, *options: str, **outcomes: int) -> str:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("CI", "BUILD_NUMBER"):  # with these pytest ends with all messages once more, whole
                patch.delenv(name, raising=False)
            result = self.pytester.runpytest_inprocess(*LOAD, "-p", "no:cacheprovider", *options)
        if outcomes:
            result.assert_outcomes(**outcomes)
        self.code = result.ret
        return str(result.stdout)


@pytest.fixture
def run(pytester: pytest.Pytester) -> Runner:
    return Runner(pytester)


# stories


def test_a_failing_assertion_shows_the_story_uncut(run: Runner) -> None:
    output = run(
        """
    def test_nudge():
        scenario = Scenario(shop)
        ada = begun(scenario)
        for n in range(60):
            ada.does("Cart Modified", cart_id="c1", value=100 + n)
        assert scenario.email.received("Cart Abandoned", to=ada).once
        """,
        failed=1,
    )
    assert "assert <email received Cart Abandoned for ada: never, expected once>" in output
    assert f" {TITLE} " in output
    assert output.count("starts again at hold: changed") == 60
    assert 'waits at hold ("Buys within two hours?") of cart [c1] until Monday 2026-01-05 11:00:00' in output


def test_without_a_question_the_people_of_the_test_are_shown(run: Runner) -> None:
    output = run(
        """
    def test_other():
        scenario = Scenario(shop)
        begun(scenario)
        assert [1] == [2]

    def test_error():
        scenario = Scenario(shop)
        begun(scenario)
        raise RuntimeError

    def test_without_people():
        assert [1] == [2]
        """,
        failed=3,
    )
    assert output.count(f" {TITLE} ") == 2
    assert output.count("comes to hold") == 2


def test_a_scenario_that_is_older_than_the_test(run: Runner) -> None:
    output = run(
        """
    import pytest

    @pytest.fixture(scope="module")
    def scenario():
        scenario = Scenario(shop)
        begun(scenario)
        return scenario

    other = Scenario(shop)

    def test_first(scenario):
        assert [1] == [1]

    def test_a_later_one(scenario):
        assert [1] == [2]

    def test_without_it():
        assert [1] == [2]

    def test_with_one_that_it_uses():
        other.user("bo").does("Cart Modified", cart_id="c1", value=80)
        assert [1] == [2]
        """,
        passed=1, failed=3,
    )  # fmt: skip
    assert output.count(f" {TITLE} ") == 2
    assert output.count("\nada\n") == output.count("\nbo\n") == 1


def test_a_story_is_not_told_twice(run: Runner) -> None:
    output = run(
        """
    from journeys.testing import JourneyTestCase, assert_that

    def test_assert_that():
        assert_that(begun(Scenario(shop)).is_in("loyal"))

    class TestCase(JourneyTestCase):
        space = shop

        def test_plain(self):
            assert begun(self.scenario).is_in("loyal")

        def test_true(self):
            self.assertTrue(begun(self.scenario).is_in("loyal"))
        """,
        failed=3,
    )
    assert TITLE not in output
    assert output.count("ada is in loyal: they never entered it") >= 3
    assert output.count("09:00:00  is (email") == 3


def test_a_passing_test_and_one_that_is_skipped_show_nothing(run: Runner) -> None:
    output = run(
        """
    import pytest

    def test_passes():
        assert begun(Scenario(shop)).is_in("cart")

    def test_skipped():
        begun(Scenario(shop))
        pytest.skip("not today")

    @pytest.mark.xfail
    def test_expected():
        assert begun(Scenario(shop)).is_in("loyal")
        """,
        "-rA",
        passed=1, skipped=1, xfailed=1,
    )  # fmt: skip
    assert "comes to hold" not in output.partition("xfail")[0]


def test_what_an_earlier_test_asked_is_forgotten(run: Runner) -> None:
    output = run(
        """
    def test_asks():
        assert begun(Scenario(shop)).is_in("cart")

    def test_fails():
        assert [1] == [2]
        """,
        passed=1, failed=1,
    )  # fmt: skip
    assert TITLE not in output


# fixtures


def test_fixtures(run: Runner) -> None:
    run(
        """
    from journeys import Evaluator

    def test_factory(journeys_scenario):
        scenario = journeys_scenario(shop, start="2026-02-01T00:00:00Z")
        assert begun(scenario).is_in("cart")
        assert journeys_scenario(shop) is not scenario

    def test_clock(manual_clock):
        assert repr(manual_clock) == "ManualClock('2026-01-05T09:00:00Z')"
        assert Evaluator([], clock=manual_clock).clock is manual_clock
        """,
        passed=2,
    )


def test_golden_traces(run: Runner, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOURNEYS_UPDATE_GOLDEN", raising=False)
    body = """
    import pytest

    @pytest.mark.parametrize("value", [80, "a/b"])
    def test_trace(golden_trace, value):
        scenario = Scenario(shop)
        begun(scenario)
        golden_trace(scenario)

    def test_named(golden_trace):
        scenario = Scenario(shop)
        begun(scenario)
        golden_trace(scenario.trace(), "by name")
    """
    output = run(body, failed=3)
    assert "there is no golden trace" in output and "golden.py" not in output
    run.again("--journeys-update-golden", passed=3)
    files = sorted(file.name for file in (pytester.path / "golden").iterdir())
    assert files == ["by-name.ndjson", "test_story.test_trace-80.ndjson", "test_story.test_trace-a-b.ndjson"]
    run.again(passed=3)
    output = run(body.replace("golden_trace(scenario)", "scenario.clock.advance(hours=2); golden_trace(scenario)"))
    assert "+ 2026-01-05T11:00:00Z ada cart: branch hold timeout" in output


def test_two_tests_of_one_golden_trace(run: Runner) -> None:
    """By their classes, or by values that no file name can have: neither is taken for the other."""
    body = """
    class TestOne:
        def test_trace(self, golden_trace):
            golden_trace([])

    class TestTwo:
        def test_trace(self, golden_trace):
            golden_trace([])
    """
    output = run(body, "--journeys-update-golden", passed=1, failed=1)
    assert "is the golden trace of test_story.py::TestOne::test_trace already: give this one a name" in output
    run(body.replace("golden_trace([])", "golden_trace([], 'same')"), "--journeys-update-golden", passed=2)


# coverage


COVERED = """
    import pytest

    @pytest.mark.parametrize("event", ["Order Completed", "Cart Emptied"])
    def test_ends(event):
        begun(Scenario(shop)).does(event, cart_id="c1")
"""


def test_the_table_at_the_end(run: Runner) -> None:
    output = run(COVERED, "--journeys-cov", passed=2)
    assert "= journey coverage =" in output
    assert "cart         8        4    50%  hold ↺ changed, hold → timeout, nudge," in output
    assert "TOTAL       16        4    25%" in output
    assert run.code == 0


def test_without_an_option_there_is_none(run: Runner) -> None:
    assert "journey coverage" not in run(COVERED, passed=2)


def test_the_threshold(run: Runner) -> None:
    output = run(COVERED, "--journeys-cov-fail-under=25", passed=2)
    assert run.code == 0 and "FAIL" not in output
    output = run.again("--journeys-cov-fail-under=25.5")
    assert run.code == pytest.ExitCode.TESTS_FAILED
    assert "FAIL: journey coverage is 25 %, and 25.5 % is asked for" in output
    assert "2 passed" in output
    run.again("--journeys-cov-fail-under=50", "--journeys-cov-only=c*")
    assert run.code == 0


def test_options_that_cannot_be(run: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    run(COVERED, passed=2)
    for option, said in (
        ("--journeys-cov-fail-under=nan", "expected a number from 0 to 100, got 'nan'"),
        ("--journeys-cov-fail-under=101", "expected a number from 0 to 100, got '101'"),
        ("--journeys-cov-space=nope.py", "ERROR: --journeys-cov-space=nope.py: "),
        ("--journeys-cov-space=tests.testing.spaces:crt", "nothing that is named 'crt': did you mean 'cart'?"),
    ):
        run.again(option)
        assert run.code == pytest.ExitCode.USAGE_ERROR
        assert said in capsys.readouterr().err
    assert "no journey ran that fits crt" in run.again("--journeys-cov", "--journeys-cov-only=crt")


def test_a_failure_of_its_own_stays_what_it_is(run: Runner) -> None:
    run("    def test_fails():\n        assert [1] == [2]\n", "--journeys-cov-fail-under=100", failed=1)
    assert run.code == pytest.ExitCode.TESTS_FAILED
    output = run.again("--journeys-cov-fail-under=10", "-k", "nothing")
    assert "no journey ran" in output and "journey coverage is 0 %" in output
    assert run.code == pytest.ExitCode.TESTS_FAILED


def test_the_report(run: Runner, pytester: pytest.Pytester) -> None:
    output = run(COVERED, "--journeys-cov-report=out/cov", passed=2)
    page = pytester.path / "out" / "cov" / "index.html"
    assert f"pictures: {page}" in output
    assert {file.name for file in page.parent.iterdir()} == {"cart.svg", "loyal.svg", "coverage.json", "index.html"}
    assert json.loads((page.parent / "coverage.json").read_text())["reached"] == 4


def test_journeys_that_no_test_runs(run: Runner, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(spaces_of_mine="from tests.testing.spaces import cart as one_journey, shop as space\n")
    options = ("--journeys-cov-space=spaces_of_mine.py", "--journeys-cov-space=tests.testing.spaces:cart")
    output = run("    def test_nothing(): ...\n", *options, passed=1)
    assert "loyal        8        0     0%" in output and "cart         8        0     0%" in output
    assert "TOTAL       16        0     0%" in output


def test_workers_of_xdist_add_up(pytester: pytest.Pytester) -> None:
    """What pytest-xdist does between its processes, without it."""
    from journeys.testing import Scenario
    from tests.testing.spaces import cart

    def plugin(**more: Any) -> CoveragePlugin:
        options = {"journeys_cov_only": [], "journeys_cov_space": [], "journeys_cov_report": None}
        option = SimpleNamespace(**options, journeys_cov_fail_under=None)
        return CoveragePlugin(SimpleNamespace(option=option, invocation_params=None, **more))  # type: ignore[arg-type]

    nodes = []
    for event in ("Order Completed", "Cart Emptied"):
        config = SimpleNamespace(workeroutput={})
        worker = plugin(workerinput={})
        ada = Scenario([cart]).user("ada")
        ada.does("Cart Modified", cart_id="c1", value=80)
        ada.does(event, cart_id="c1")
        worker.pytest_runtest_logfinish()
        worker.pytest_sessionfinish(SimpleNamespace(config=config))  # type: ignore[arg-type]
        worker.pytest_terminal_summary(None)  # type: ignore[arg-type]
        nodes.append(SimpleNamespace(workeroutput=json.loads(json.dumps(config.workeroutput))))
    assert WORKER_OUTPUT in nodes[0].workeroutput
    controller = plugin()
    for node in (*nodes, SimpleNamespace()):
        controller.pytest_testnodedown(node)
    controller.observer.stop()
    assert [str(item) for item in controller.coverage.of(cart).missing] == [
        *("hold ↺ changed", "hold → timeout", "nudge", "exit: gone"),
    ]


def test_the_plugin_is_announced_to_pytest() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"]["pytest11"] == {"journeys": "_journeys_pytest"}
    assert "src/_journeys_pytest.py" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

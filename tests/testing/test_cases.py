"""Without pytest: `JourneyTestCase`, and `python -m unittest` on a file of such cases."""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from journeys.testing import JourneyTestCase, Scenario
from tests.testing.spaces import shop
from tests.testing.test_plugin import environment


class Case(JourneyTestCase):
    """Not collected by pytest: it is run by the tests below."""

    __test__ = False
    space = shop

    def ada(self) -> Any:
        ada = self.scenario.user("ada")
        ada.does("Cart Modified", cart_id="c1", value=80)
        return ada

    def passes(self) -> None:
        ada = self.ada()
        assert self.scenario is self.scenario
        assert ada.is_in("cart")
        self.assertTrue(ada.entered("cart").once)
        self.assertTrue(ada.entered("cart"))
        self.assertFalse(ada.entered("loyal"))
        self.assertTrue(1)
        self.assertFalse(0)
        self.scenario.clock.advance(hours=2)
        self.assert_received("email", "Cart Abandoned", to=ada, cart_id="c1")
        self.assert_received(self.scenario.email, None, {"journey_metadata.step": "nudge"}, times=2)
        self.assert_received("email", "Cart Abandoned", to=self.scenario.user("bo"), times=0)
        self.assert_that(ada.completed("cart").once)

    def plain(self) -> None:
        assert self.ada().entered("cart").twice

    def plain_with_message(self) -> None:
        assert self.ada().entered("cart").twice, "but why"

    def told(self) -> None:
        self.assertTrue(self.ada().entered("cart").twice, "but why")

    def refused(self) -> None:
        self.assertFalse(self.ada().entered("cart"))

    def received(self) -> None:
        self.ada()
        self.assert_received("email", "Cart Abandoned")

    def not_that(self) -> None:
        self.assert_that(self.ada().is_in("loyal"))

    def in_parts(self) -> None:
        with self.subTest("one", number=1):
            assert self.ada().entered("cart").twice

    def other(self) -> None:
        self.assertEqual(1, 2)

    @unittest.skip("not today")
    def skipped(self) -> None: ...

    @unittest.expectedFailure
    def expected(self) -> None:
        assert self.ada().is_in("loyal")

    async def awaits(self) -> None: ...


class Homeless(JourneyTestCase):
    """A case without a space."""

    __test__ = False

    def makes_its_own(self) -> None:
        assert Scenario(shop).user("ada").entered("cart").never

    def asks(self) -> None:
        _ = self.scenario


def run(name: str, case: type[unittest.TestCase] = Case) -> unittest.TestResult:
    result = unittest.TestResult()
    case(name).run(result)
    return result


def test_what_passes() -> None:
    assert run("passes").wasSuccessful()
    assert run("makes_its_own", Homeless).wasSuccessful()
    assert [reason for _, reason in run("skipped").skipped] == ["not today"]
    assert len(run("expected").expectedFailures) == 1


@pytest.mark.parametrize("name", ["plain", "plain_with_message", "told", "refused", "received", "not_that", "in_parts"])
def test_a_failure_tells_the_story_once(name: str) -> None:
    ((_, text),) = run(name).failures
    assert text.count('waits at hold ("Buys within two hours?") of cart [c1]') == 1
    assert ("but why" in text) == (name in ("plain_with_message", "told"))


def test_a_failure_that_has_nothing_to_do_with_people_tells_none() -> None:
    ((_, text),) = run("other").failures
    assert "timeline" not in text and "ada" not in text


def test_a_case_without_a_space_says_what_it_needs() -> None:
    ((_, text),) = run("asks", Homeless).errors
    assert "Homeless needs the class attribute `space`" in text


def test_a_case_of_no_test_and_an_async_one_are_left_alone() -> None:
    assert JourneyTestCase().id().endswith("runTest")
    assert Case("awaits")._testMethodName == "awaits"


def test_python_m_unittest(tmp_path: Path) -> None:
    (tmp_path / "test_cart.py").write_text(
        dedent("""
            from journeys.testing import JourneyTestCase
            from tests.testing.spaces import shop

            class TestCart(JourneyTestCase):
                space = shop

                def test_nudge(self):
                    ada = self.scenario.user("ada")
                    ada.does("Cart Modified", cart_id="c1", value=80)
                    self.scenario.clock.advance(hours=2)
                    assert self.scenario.email.received("Cart Abandoned", to=ada).once

                def test_too_early(self):
                    ada = self.scenario.user("ada")
                    ada.does("Cart Modified", cart_id="c1", value=80)
                    self.scenario.clock.advance(hours=1)
                    assert self.scenario.email.received("Cart Abandoned", to=ada).once
        """)
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "unittest", "test_cart"],
        cwd=tmp_path, env=environment(), capture_output=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert "Ran 2 tests" in done.stderr and "FAILED (failures=1)" in done.stderr
    assert "email received Cart Abandoned for ada: never, expected once" in done.stderr
    assert "waits at hold" in done.stderr and "until Monday 2026-01-05 11:00:00, then timeout: nudge" in done.stderr

"""The tests notice bugs: some that are planted on purpose (see ``catalogue``)."""

from __future__ import annotations

import pytest

from tests.mutants.catalogue import CONTROLS, MUTANTS, SHORT, Mutant
from tests.mutants.runner import SOURCE, Verdict, judge, judged

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


def test_every_mutant_applies() -> None:
    """Its text stands once in the source; where that has changed, the mutant must follow."""
    astray = []
    for mutant in MUTANTS:
        try:
            compile(mutant.applied_to((SOURCE / mutant.file).read_text(encoding="utf-8")), mutant.file, "exec")
        except (LookupError, SyntaxError, OSError) as error:
            astray.append(f"{mutant.name}: {error}")
    assert not astray


def test_names_are_told_apart() -> None:
    assert len(BY_NAME) == len(MUTANTS)
    assert set(SHORT) <= set(BY_NAME)


def test_a_few_mutants_are_caught() -> None:
    """One for each kind of code; all of them under ``soak``."""
    missed = [str(verdict) for verdict in judged([BY_NAME[name] for name in SHORT], 2) if not verdict.caught]
    assert not missed


@pytest.mark.soak
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.area)
def test_without_a_mutant_all_tests_pass(control: Mutant) -> None:
    verdict = judge(control)
    assert not verdict.caught, str(verdict)


@pytest.mark.soak
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_all_mutants_are_caught(mutant: Mutant) -> None:
    verdict: Verdict = judge(mutant)
    assert verdict.caught, str(verdict)

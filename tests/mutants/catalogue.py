"""Bugs, planted on purpose: each breaks a rule of the contract, and a test must notice.

A mutant is a piece of source that occurs once in its file, and what stands there instead. When the source changes, its
mutants are led along (``test_every_mutant_applies``); what they break stays the same.
"""

from __future__ import annotations

from tests.mutants import of_the_engine, of_the_runtime
from tests.mutants.mutant import TIME, Mutant

MUTANTS = [*of_the_engine.MUTANTS, *of_the_runtime.MUTANTS]

#: no bug at all, for each area: the tests must pass on the copy, or they say nothing of the others
CONTROLS = [
    Mutant(
        f"nothing, for {area}",
        "I1",
        TIME,
        '"""Instants, durations and local times.',
        '"""Instants, durations and local times.',
        area,
    )
    for area in ("engine", "people", "stores", "delivery")
]

#: the few of the normal run: one for each kind of code
SHORT = [
    "a deadline fires before the events of its instant",
    "an event at the edge is in the window",
    "on a tie the stranger's trait wins",
    "a late entry at the end enters",
    "one restart too many",
    "restarts are forgotten",
    "a deadline that moved later has no place any more",
    "sqlite: a version is not checked",
    "one try too many",
]

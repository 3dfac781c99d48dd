"""What a mutant is, and the files that mutants are in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One small change of one file, and the rule that it breaks."""

    name: str
    rule: str
    file: str
    old: str
    new: str
    #: which tests are asked
    area: str = "engine"

    def applied_to(self, source: str) -> str:
        """The source with the bug in it."""
        if source.count(self.old) != 1:
            raise LookupError(f"{self.name}: its text stands {source.count(self.old)} times in {self.file}")
        return source.replace(self.old, self.new)


TIME, ADVANCE, ENTERING = "_time.py", "engine/_advance.py", "engine/_entering.py"
STEPS, LEAVING, IDENTITY = "engine/_steps.py", "engine/_leaving.py", "engine/_identity.py"
PAYLOADS, ENCODE, STATE, CROWD = "engine/_payloads.py", "engine/_encode.py", "engine/_state.py", "engine/_crowd.py"
VALUES, CONDITIONS, FEATURES = "plan/values.py", "plan/conditions.py", "plan/features.py"
COMPUTED, COMPILER, COMPILE = "plan/computed.py", "plan/compiler.py", "plan/compile.py"
PROCESSOR, CORE, CALLS = "runtime/_processor.py", "runtime/_core.py", "runtime/_calls.py"
RECENT = "runtime/_recent.py"
REST, PEOPLE, AGENDA = "engine/_rest.py", "runtime/_people.py", "runtime/_agenda.py"
MEMORY, OUTBOX = "runtime/stores/memory.py", "runtime/stores/_outbox.py"
STATEMENTS, SQLITE, OPERATIONS = (
    "runtime/stores/_statements.py",
    "runtime/stores/sqlite.py",
    "runtime/stores/_operations.py",
)
DESK, POLICY, CIRCUIT = "runtime/delivery/_desk.py", "runtime/delivery/policy.py", "runtime/delivery/_circuit.py"

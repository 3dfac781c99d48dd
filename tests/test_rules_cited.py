"""Every rule of the contract is cited by a test: in its docstring, a table's first column, or ``@rule("E8")``."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
_RULE = re.compile(r"\b([TPCESXOLDVI])(\d{1,2})\b")

COUNTS = {"T": 8, "P": 6, "C": 10, "E": 9, "S": 11, "X": 4, "O": 7, "L": 2}
#: what a run of one process can show; I7 takes several workers
SAME_ANSWER = ["I1", "I2", "I3", "I4", "I5", "I6", "I8"]
RULES = [f"{section}{number}" for section, count in COUNTS.items() for number in range(1, count + 1)] + SAME_ANSWER


def cited() -> dict[str, list[str]]:
    """By rule: the tests that cite it."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        if path == Path(__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for rule in rules_of(node):
                    found.setdefault(rule, []).append(f"{path.relative_to(TESTS)}::{node.name}")
            elif isinstance(node, ast.Tuple) and node.elts and isinstance(node.elts[0], ast.Constant):
                value = node.elts[0].value
                if isinstance(value, str) and _RULE.fullmatch(value):
                    found.setdefault(value, []).append(f"{path.relative_to(TESTS)}:{node.lineno}")
    return found


def rules_of(node: ast.FunctionDef) -> set[str]:
    """The rules that a test cites; ``C5 to C10`` are six."""
    texts = [ast.get_docstring(node) or ""]
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "rule":
            texts += [str(each.value) for each in decorator.args if isinstance(each, ast.Constant)]
    rules = set()
    for text in texts:
        rules |= {section + number for section, number in _RULE.findall(text)}
        for section, first, last in re.findall(r"\b([A-Z])(\d{1,2}) to \1(\d{1,2})\b", text):
            rules |= {f"{section}{number}" for number in range(int(first), int(last) + 1)}
    return rules


CITED = cited()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_cited(rule: str) -> None:
    assert CITED.get(rule), f"no test cites {rule}"


def test_no_rule_is_cited_that_does_not_exist() -> None:
    last = COUNTS | {"D": 4, "V": 6, "I": 8}
    unknown = {rule: where for rule, where in CITED.items() if not 1 <= int(rule[1:]) <= last[rule[0]]}
    assert not unknown

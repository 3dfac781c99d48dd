"""The code blocks of a page, and how they are run.

A page is run from top to bottom in a directory of its own, in which the examples lie too.

- A ```python block runs in the namespace of its page. A ```text or ```output block right below says what it printed.
- A ```json block must be JSON, and a space in it (`"format": "journeys/1"`) must be valid.
- A ```console block runs each line `$ journeys …`, and compares what follows it, up to the next `$`, with what was
  printed; other commands are not run. `> FILE` writes the output into a file. `…` stands for any text.
- `<!-- file: NAME -->` right above a block writes it into a file first.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from journeys import load_space, validate
from journeys.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>\S*)[^\n]*\n(?P<code>.*?)^(?P=indent)(?P=fence) *$", re.M | re.S
)
_FILE = re.compile(r"<!-- file: (\S+) -->\s*\Z")


@attrs.frozen
class Block:
    """A code block: its language, its text, the line on which it begins, and what stands above it."""

    language: str
    code: str
    line: int
    above: str

    @property
    def follows(self) -> bool:
        """Whether nothing stands between it and the block before."""
        return not self.above.strip()

    @property
    def file(self) -> str | None:
        """Into which file it is written."""
        match = _FILE.search(self.above)
        return match[1] if match else None


def blocks_of(text: str) -> list[Block]:
    """The code blocks of a page."""
    found, end = [], 0
    for match in _FENCE.finditer(text):
        indent = match["indent"]
        code = re.sub(rf"^{indent}", "", match["code"], flags=re.M)
        found.append(Block(match["language"], code, text.count("\n", 0, match.start()) + 1, text[end : match.start()]))
        end = match.end()
    return found


class Page:
    """One page, run from top to bottom."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.namespace: dict[str, Any] = {"__name__": "page"}
        self.printed: str | None = None

    def run(self) -> None:
        """Runs every block; AssertionError says which one is wrong."""
        for block in blocks_of(self.path.read_text(encoding="utf-8")):
            self._run(block)

    def _run(self, block: Block) -> None:
        if block.file:
            Path(block.file).write_text(block.code, encoding="utf-8")
        printed, self.printed = self.printed, None
        match block.language:
            case "python":
                self.printed = self._python(block)
            case "json":
                self._json(block)
            case "console":
                self._console(block)
            case "text" | "output" if block.follows and printed is not None:
                self._compare(block, printed, block.code)

    def _python(self, block: Block) -> str:
        output = io.StringIO()
        source = "\n" * block.line + block.code  # so that a traceback names the line of the page
        with contextlib.redirect_stdout(output):
            exec(compile(source, str(self.path), "exec"), self.namespace)
        return output.getvalue()

    def _json(self, block: Block) -> None:
        value = json.loads(block.code)
        if isinstance(value, dict) and value.get("format") == "journeys/1":
            problems = validate(load_space(block.code))
            assert problems == [], f"{self._where(block)}: {problems}"

    def _console(self, block: Block) -> None:
        for command, expected in commands_of(block.code):
            words = shlex.split(command, comments=True)
            if words[:1] != ["journeys"]:
                continue
            file = None
            if len(words) > 2 and words[-2] == ">":
                *words, _, file = words
            code, printed = run_command(words[1:])
            if file is not None:
                Path(file).write_text(printed, encoding="utf-8")
            if expected.strip():
                self._compare(block, printed, expected)
            else:  # what it prints is of no interest to the page
                assert code == 0, f"{self._where(block)}: {command} ends with {code}: {printed}"

    def _compare(self, block: Block, printed: str, expected: str) -> None:
        assert matches(printed, expected), (
            f"{self._where(block)} says\n\n{expected}\nbut what was printed is\n\n{printed}"
        )

    def _where(self, block: Block) -> str:
        return f"{self.path.relative_to(ROOT)}:{block.line}"


def commands_of(code: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block, with what stands below it."""
    command: str | None = None
    output: list[str] = []
    for line in code.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, "\n".join(output)
            command, output = line[2:], []
        elif command is not None and command.endswith("\\"):
            command = command[:-1] + line.strip()
        else:
            output.append(line)
    if command is not None:
        yield command, "\n".join(output)


def run_command(arguments: Sequence[str]) -> tuple[int, str]:
    """The exit code of `journeys`, and what it prints: on standard output, then on standard error."""
    output, errors, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, output.getvalue() + errors.getvalue()


def matches(printed: str, expected: str) -> bool:
    """Whether the two are the same but for white space at line ends, `…` standing for any text."""
    said, shown = ("\n".join(line.rstrip() for line in text.strip().splitlines()) for text in (printed, expected))
    pattern = ".*?".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, said, re.S) is not None

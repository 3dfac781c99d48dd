"""Every code block of the README and the docs runs (see `blocks.py` for how)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tests.support  # noqa: F401 - how long an example of Hypothesis takes says nothing in a block either
from tests.docs.blocks import PAGES, ROOT, Page, blocks_of, commands_of, matches


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_blocks(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    Page(path).run()


PAGE = """\
Text.

```python
number = 1
print("one")
```

```text
one
```

<!-- file: note.txt -->
```text
not compared
```

- in a list:

  ```console
  $ make test
  $ journeys schema
  {
  …
  ```
"""


def test_the_runner_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = blocks_of(PAGE)
    assert [(block.language, block.line, block.follows) for block in blocks] == [
        ("python", 3, False), ("text", 8, True), ("text", 13, False), ("console", 19, False),
    ]  # fmt: skip
    assert [*commands_of(blocks[-1].code)] == [("make test", ""), ("journeys schema", "{\n…")]
    (tmp_path / "page.md").write_text(PAGE)
    monkeypatch.setattr("tests.docs.blocks.ROOT", tmp_path)
    Page(tmp_path / "page.md").run()
    assert (tmp_path / "note.txt").read_text() == "not compared\n"
    for wrong in (PAGE.replace("\none\n", "\ntwo\n"), PAGE.replace("{\n  …", "[\n  …")):
        (tmp_path / "page.md").write_text(wrong)
        with pytest.raises(AssertionError, match=r"page\.md:"):
            Page(tmp_path / "page.md").run()


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [("a\nb \n", "a\nb", True), ("a\nb\nc", "a\n…\nc", True), ("at 12", "at …", True), ("at 12", "on …", False)],
)
def test_matches(printed: str, expected: str, same: bool) -> None:
    assert matches(printed, expected) == same

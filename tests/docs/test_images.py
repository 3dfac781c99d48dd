"""The pictures of the docs are drawn by the code: `JOURNEYS_UPDATE_GOLDEN=1` draws them anew."""

from __future__ import annotations

import pytest

from tests.docs.blocks import ROOT, run_command
from tests.examples.golden import UPDATES

IMAGES = ROOT / "docs" / "images"
#: drawn with the figures of their examples; the one in the README is drawn by the demo, and tested with it
DRAWN = ["multi-stage-onboarding"]


@pytest.mark.parametrize("name", DRAWN)
def test_picture_is_current(name: str) -> None:
    example = ROOT / "examples" / name
    arguments = [str(example / "space.json"), "--format", "svg", "--trace", str(example / "expected.ndjson")]
    code, drawn = run_command(["draw", *arguments])
    assert code == 0
    file = IMAGES / f"{name}.svg"
    if UPDATES:
        file.write_text(drawn, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == drawn


def test_no_picture_is_left_over() -> None:
    assert sorted(each.stem for each in IMAGES.iterdir()) == sorted([*DRAWN, "cart-abandonment"])

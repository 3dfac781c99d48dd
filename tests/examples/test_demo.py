"""The demo runs with nothing but the library, tells the same every time, and draws what it tells."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.examples.golden import EXAMPLES, UPDATES

sys.path.insert(0, str(EXAMPLES))
import shop


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("demo") / "pictures"
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent / "src"), "NO_COLOR": "1", "PYTHONUTF8": "1"}
    run = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "demo.py"), str(folder)],
        capture_output=True, encoding="utf-8", env=environment, timeout=240, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout, folder


def test_the_week_is_the_same_every_time_and_large_enough() -> None:
    _, calls = shop.week()
    assert calls == shop.week()[1]
    assert calls != shop.week(1)[1]
    in_week = [call for arrival, call in calls if arrival >= shop.MONDAY]
    assert len(in_week) >= 20_000
    assert [arrival for arrival, _ in calls] == sorted(arrival for arrival, _ in calls)
    assert {call["type"] for call in in_week} == {"track", "identify", "page"}
    messages = [call["messageId"] for call in in_week if "messageId" in call]
    assert len(messages) - len(set(messages)) > 200  # duplicates
    stamps = [call["timestamp"] for call in in_week]
    assert stamps != sorted(stamps)  # late ones
    assert any("userId" not in call for call in in_week)  # visitors


def test_it_tells_what_happened(told: tuple[str, Path]) -> None:
    text, _ = told
    assert "\x1b" not in text
    headings = "Who went where", "The week of ", "What arrived, and what was counted", "What was sent", "Pictures"
    assert [each for each in headings if each not in text] == []
    for status in ("accepted", "late", "duplicate", "rejected"):
        number = re.search(rf"([\d,]+)  {status}\b", text)
        assert number and int(number[1].replace(",", "")) > 0
    assert max(map(len, text.splitlines())) <= 120


def test_everybody_who_entered_is_somewhere(told: tuple[str, Path]) -> None:
    text, _ = told
    table = text[text.index("Who went where") : text.index("waiting: at the end")]
    rows = [line for line in table.splitlines() if re.match(r"\S.* {2,}[\d,]+ ", line)]
    assert len(rows) == 13
    for row in rows:
        entered, waiting, _, completed, exited, _ = (
            int(cell.replace(",", "").replace("·", "0")) for cell in row.split()[-6:]
        )
        assert entered == waiting + completed + exited > 0, row


def test_every_journey_is_drawn(told: tuple[str, Path]) -> None:
    _, folder = told
    page = (folder / "index.html").read_text(encoding="utf-8")
    pictures = sorted(each.name for each in folder.glob("*.svg"))
    assert len(pictures) == 13
    assert set(re.findall(r'src="([^"]+)"', page)) == set(pictures)
    assert "http://" not in page and "https://" not in page and "<script" not in page
    for name in pictures:
        root = ElementTree.parse(folder / name).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_picture_in_the_readme_is_current(told: tuple[str, Path]) -> None:
    """`JOURNEYS_UPDATE_GOLDEN=1` draws it anew."""
    drawn = (told[1] / "cart-abandonment.svg").read_text(encoding="utf-8")
    kept = EXAMPLES.parent / "docs" / "images" / "cart-abandonment.svg"
    if UPDATES:
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(drawn, encoding="utf-8")
    assert kept.read_text(encoding="utf-8") == drawn

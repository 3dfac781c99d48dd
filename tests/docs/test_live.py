"""“See it live” in the README works as it is written: server, Segment's client, signed webhook, timeline over HTTP."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Block, blocks_of, matches
from tests.server.support import free_port

pytest.importorskip("uvicorn")
#: instead of a pause that is long enough for everybody: until the person is through
UNTIL_COMPLETED = "for i in $(seq 400); do {curl} | grep -q completed && break; sleep 0.1; done; sleep 1"


def section() -> list[Block]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return blocks_of(text.partition("## See it live")[2].partition("\n## ")[0])


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="bash and curl are not here")
def test_the_readme_alone(tmp_path: Path) -> None:
    install, run, shown = section()
    assert "segment-analytics-python" in install.code
    curl = re.search(r"^curl .*$", run.code, re.M)
    assert curl is not None
    script = run.code.replace("sleep 15", UNTIL_COMPLETED.format(curl=curl[0])).replace("sleep 3\n", "sleep 1\n")
    shutil.copytree(ROOT / "examples" / "live", tmp_path / "examples" / "live")
    ports = {"8000": str(free_port()), "9000": str(free_port())}

    def moved(text: str) -> str:
        return re.sub(r"\b(8000|9000)\b", lambda match: ports[match[0]], text)

    for file in (tmp_path / "examples" / "live").iterdir():
        if file.is_file():
            file.write_text(moved(file.read_text()).replace("PT10S", "PT1S"))
    script = moved(script).replace("journeys serve", f"journeys serve --port {ports['8000']}")
    bin = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{bin}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        ["bash", "-c", "trap 'kill $(jobs -p) 2>/dev/null; true' EXIT\n" + script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    printed = done.stderr + done.stdout
    assert done.returncode == 0, printed
    assert "Traceback" not in printed
    *_, timeline = done.stdout.splitlines()
    expected = moved(shown.code).strip().splitlines()
    for line in expected[:-1]:
        assert any(matches(each, line) for each in printed.splitlines()), (line, printed)
    assert matches(timeline, expected[-1])
    kinds = [record["kind"] for record in json.loads(timeline)["records"]]
    assert kinds == ["entered", "step", "branch", "step", "sent", "completed"]
    assert "NOT SIGNED" not in printed


def test_without_the_secret_nothing_begins(tmp_path: Path) -> None:
    """The space names its secret; whoever forgets to set it is told so, with the place."""
    command = [sys.executable, "-m", "journeys", "serve", str(ROOT / "examples/live/space.json"), "--store", "memory:"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JOURNEYS_")}
    done = subprocess.run(
        [*command, "--dev", "--allow-http", "--allow-network", "127.0.0.1"],
        env=environment | {"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "$.destinations.email.secret" in done.stderr and "JOURNEYS_HOOK_SECRET" in done.stderr

"""The thread that follows the clock."""

import subprocess
import sys
import threading
import time

import pytest

from journeys.server import _timers, running
from tests.server.support import environment


def test_it_ends_with_its_block(made):
    with running(made, poll=0.01):
        assert "journeys-timers" in [thread.name for thread in threading.enumerate()]
        deadline = time.monotonic() + 10
        while made.watermark is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert "journeys-timers" not in [thread.name for thread in threading.enumerate()]
    with running(made):  # and may begin again
        pass


def test_an_error_is_logged_and_it_goes_on(made, monkeypatch, caplog):
    monkeypatch.setattr(_timers, "_PAUSE", 0.01)
    runs, going, run = [], threading.Event(), made.run

    def failing(*, poll):
        runs.append(poll)
        if len(runs) < 3:
            raise OSError("the store is away")
        going.set()
        run(poll=poll)

    monkeypatch.setattr(made, "run", failing)
    with running(made):
        assert going.wait(10)
    assert len(runs) == 3
    assert [record.exc_info[0] for record in caplog.records] == [OSError, OSError]


@pytest.mark.parametrize("absent", ["starlette", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(tmp_path, absent):
    space = tmp_path / "space.json"
    space.write_text('{"format": "journeys/1"}')
    code = f"""
import sys
sys.modules["{absent}"] = None
from journeys.cli import main
sys.exit(main(["serve", {str(space)!r}, "--store", "memory:", "--dev"]))
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 2 and "pip install 'journeys[server]'" in done.stderr
    assert "Traceback" not in done.stderr

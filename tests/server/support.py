"""A space, an app over it, and a server as a process of its own."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from journeys import Evaluator, load_space

ROOT = Path(__file__).resolve().parents[2]

DOCUMENT: dict[str, Any] = {
    "format": "journeys/1",
    "key": "shop",
    "audiences": [{"key": "buyers", "condition": {"type": "event", "event": "Order Completed"}}],
    "computed_traits": [
        {"key": f"{key}_{what}", "type": kind, "event": event} | ({"property": of} if kind == "unique_list" else {})
        for key, event, of in (
            ("order", "Order Completed", "n"),
            ("page", "Page Viewed", "page_name"),
            ("screen", "Screen Viewed", "screen_name"),
        )
        for what, kind in (("count", "event_counter"), ("names", "unique_list"))
    ],
    "journeys": [
        {
            "key": "thanks",
            "entry": {"type": "event_entry", "event": "Order Completed", "identifier": "n"},
            "start": "wait",
            "steps": {"wait": {"type": "delay", "duration": "P30D", "next": None}},
        }
    ],
}

KEY, TOKEN = "write-me", "read-me"
WRITE = {"authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()}
READ = {"authorization": f"Bearer {TOKEN}"}


def evaluator(store: Any = None, **settings: Any) -> Evaluator:
    return Evaluator(load_space(DOCUMENT | {"settings": settings}), store=store)


def track(n: int, user: str = "u1", **fields: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": "Order Completed", "properties": {"n": n}, **fields}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), **more}


def npm_installed(directory: Path, package: str) -> Path:
    """A package of npm in a directory of its own; the test is skipped where it cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not here")
    (directory / "package.json").write_text("{}")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--loglevel=error"]
    done = subprocess.run([*command, package], cwd=directory, capture_output=True, text=True, env=dict(os.environ))
    if any(code in done.stderr for code in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH")):
        pytest.skip("the npm registry cannot be reached")
    assert done.returncode == 0, done.stderr
    return directory


class ServerProcess:
    """``journeys serve`` on a store; it may be killed and started again on the same port."""

    def __init__(self, directory: Path, *options: str, document: dict[str, Any] | None = None) -> None:
        self.space = directory / "space.json"
        self.space.write_text(json.dumps(document or DOCUMENT))
        self.url = f"sqlite:///{directory / 'journeys.db'}"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.errors = directory / "server.log"
        self.options = options or ("--write-key", KEY, "--read-token", TOKEN)
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=self.address, headers=READ, timeout=30)

    def start(self) -> None:
        command = [sys.executable, "-m", "journeys", "serve", str(self.space), "--store", self.url]
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), *self.options], env=environment(), stderr=errors
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.errors.read_text()
            with contextlib.suppress(httpx.TransportError):
                if self.client.get("/ready").status_code == 200:
                    return
            time.sleep(0.02)
        raise AssertionError("the server does not get ready: " + self.errors.read_text())

    def sibling(self) -> ServerProcess:
        """Another process on the same store."""
        return ServerProcess(self.space.parent, *self.options)

    def kill(self) -> None:
        """As a power cut does it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)

    def taken(self) -> int:
        """How many calls this process has answered."""
        text = self.client.get("/metrics").text
        lines = [line for line in text.splitlines() if line.startswith("journeys_committed_calls_total")]
        return int(float(lines[0].rpartition(" ")[2]))

    def close(self) -> None:
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.kill()


@contextlib.contextmanager
def serving(directory: Path, *options: str, **keywords: Any) -> Iterator[ServerProcess]:
    server = ServerProcess(directory, *options, **keywords)
    try:
        server.start()
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def in_thread(app: Any) -> Iterator[str]:
    """The app on a port of this process; answers its address."""
    import uvicorn

    port = free_port()
    config = uvicorn.Config(app, port=port, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()

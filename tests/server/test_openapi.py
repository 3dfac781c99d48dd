"""The OpenAPI document says what the app does: schemathesis finds nothing."""

import subprocess
import sys

import pytest

from journeys.server import create_app, openapi
from tests.server.support import KEY, TOKEN, environment, evaluator, serving


def test_every_path_is_in_it():
    app = create_app(evaluator(), write_keys=None)
    routes = {route.path.replace(":path", "") for route in app.routes if not route.path.endswith("/")}
    short = {f"/v1/{letter}" for letter in "tipsgab"}
    assert short <= routes
    routes -= short
    assert set(openapi()["paths"]) == routes | {"/v1/profiles/{id}/timeline"}


def check(directory, *options):
    (directory / "schemathesis.toml").write_text(
        f'[auth.openapi.writeKey]\nusername = "{KEY}"\npassword = ""\n[auth.openapi.readToken]\nbearer = "{TOKEN}"\n'
    )
    with serving(directory) as server:
        command = [sys.executable, "-c", "from schemathesis.cli import schemathesis as run; run()"]
        done = subprocess.run(
            [*command, "run", f"{server.address}/openapi.json", "--no-color", *options],
            cwd=directory,
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr
        assert "No issues found" in done.stdout
        assert server.stop() == 0
        assert "Traceback" not in server.errors.read_text()


def test_schemathesis_finds_nothing(tmp_path):
    check(tmp_path, "--phases=examples,coverage")


@pytest.mark.soak
def test_schemathesis_finds_nothing_in_a_long_run(tmp_path):
    check(tmp_path, "--max-examples=500")

"""What ``serve`` and ``deliver`` allow destinations that the definition cannot allow itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from journeys import Evaluator, load_space
from journeys.cli import main
from journeys.destinations import Record
from tests.runtime.destinations.support import Server
from tests.support import ad, journey, send, space

URL = "http://hook.internal/"


@pytest.fixture
def document() -> dict[str, Any]:
    made = space(journey({"ad": ad("mail", to="vip"), "mail": send(to="hook")}, key="cart"))
    lists = {"vip": {"type": "csv", "list": True, "path": "lists/vip.csv"}}
    return made | {"destinations": lists | {"hook": {"type": "webhook", "url": URL}}}


def filled(document: dict[str, Any], directory: Path) -> str:
    """A store whose outbox has an addition to the list and a call to the webhook."""
    url = f"sqlite:///{directory / 'journeys.db'}"
    nowhere: dict[str, Any] = {"vip": Record(list=True), "hook": Record()}
    with Evaluator(load_space(document), destinations=nowhere, store=url) as evaluator:
        evaluator.feed({"type": "track", "userId": "u1", "event": "Start"})
    return url


def hook(server: Server) -> dict[str, Any]:
    return {"type": "webhook", "url": f"{server.url}/hook"}


@pytest.fixture
def server() -> Any:
    made = Server()
    yield made
    made.close()


def test_deliver_sends_where_its_command_line_allows_it(
    document: dict[str, Any], server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document["destinations"]["hook"] = hook(server)
    store = filled(document, tmp_path)
    lists = tmp_path / "kept"
    lists.mkdir()
    assert main(["deliver", "--store", store]) == 1
    said = capsys.readouterr().err
    assert "$.destinations.vip.path" in said and "--lists" in said and "$.destinations.hook.url" in said
    assert main(["deliver", "--store", store, "--lists", str(tmp_path / "nothing")]) == 2
    assert main(["deliver", "--store", store, "--lists", str(lists), "--allow-http"]) == 1  # no public address
    assert not server.requests
    allowed = ["--lists", str(lists), "--allow-http", "--allow-network", "127.0.0.1"]
    assert main(["deliver", "--store", store, *allowed]) == 0
    assert "delivered 2" in capsys.readouterr().out
    assert server.last.path == "/hook"
    assert (lists / "lists" / "vip.csv").read_text() == "profile,email\nu1,\n"


def test_serve_says_what_its_command_line_does_not_allow(
    document: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "space.json"
    path.write_text(json.dumps(document))
    assert main(["serve", str(path), "--store", "memory:", "--dev"]) == 1
    said = capsys.readouterr().err
    assert "$.destinations.vip.path" in said and "$.destinations.hook.url" in said


PYTHON = """
from journeys.destinations import Function

seen = []
made = {"hook": Function(lambda delivery: seen.append(delivery.payload["event"]))}
def later(): return made
def broken(): raise LookupError("no database")
wrong, number = {"hoook": made["hook"]}, 7
nothing = {"hook": "https://hook.example/"}
"""


def test_destinations_made_in_python_take_the_places_of_those_of_the_space(
    document: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ours_at_the_shop.py").write_text(PYTHON)
    (tmp_path / "kept").mkdir()
    store = filled(document, tmp_path)
    for name, told in (
        ("ours_at_the_shop", "is not MODULE:NAME"),
        ("no_such_module:made", "ModuleNotFoundError"),
        ("ours_at_the_shop:mad", "AttributeError"),
        ("ours_at_the_shop:broken", "LookupError: no database"),
        ("ours_at_the_shop:number", "expected a mapping of destinations, got int"),
        ("ours_at_the_shop:wrong", "did you mean 'hook'?"),
        ("ours_at_the_shop:nothing", "'hook' is no destination but str"),
    ):
        assert main(["deliver", "--store", store, "--lists", "kept", "--destinations", name]) == 2
        assert told in capsys.readouterr().err
    assert main(["deliver", "--store", store, "--lists", "kept", "--destinations", "ours_at_the_shop:later"]) == 0
    assert sys.modules.pop("ours_at_the_shop").seen == ["mail"]  # the step's key

"""``journeys status``, ``publish``, ``pause``, ``resume``, ``archive``: what is done with a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journeys.cli import main
from journeys.ports import Settled
from journeys.runtime.stores import open_store
from tests.support import Json, at, branch, delay, hold, identify, journey, on, send, space, track

HOLD = hold("P9D", branch("x", "Order", "mail"), timeout="mail")
CART = journey({"hold": HOLD, "mail": send()}, key="cart", entry=on("Start", identifier="cart"))


class Shop:
    """A store with three people in the cart journey."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.url = f"sqlite:///{folder}/a.db"
        calls = [track("Start", "PT1M", f"u{n}", id=f"m{n}", cart="a") for n in range(3)]
        (folder / "events.ndjson").write_text("\n".join(map(json.dumps, [*calls, identify("PT2M", "u1", plan="pro")])))
        self.run("simulate", self.file(CART), str(folder / "events.ndjson"), "--until", at("PT1H"))

    def file(self, *journeys: Json) -> str:
        path = self.folder / "space.json"
        path.write_text(json.dumps(space(*journeys)))
        return str(path)

    def run(self, command: str, *options: str) -> tuple[int, str, str]:
        code = main([command, *options, "--store", self.url])
        out, err = self.capsys.readouterr()
        return code, out.rstrip("\n"), err.rstrip("\n")

    def trace(self) -> list[Any]:
        store = open_store(self.url)
        records = [json.loads(line) for line in store.trace()]
        store.close()
        return records


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    return Shop(tmp_path, capsys)


def test_status_in_sections(shop: Shop) -> None:
    code, told, _ = shop.run("status")
    assert code == 0
    assert told == (
        "journey  version  status  entered  left  inside\n"
        "-------  -------  ------  -------  ----  ------\n"
        "cart           1  live          3     0       3\n"
        "\n"
        "people\n"
        "  profiles                  3\n"
        "  live instances            3\n"
        "  records in the trace      6\n"
        "\n"
        "due\n"
        "  profiles with a deadline                     3\n"
        "  the next deadline         2026-01-10T00:01:00Z\n"
        "  calls that wait                              0\n"
        "  the first of them                            -\n"
        "  watermark                 2026-01-01T01:00:00Z\n"
        "\n"
        "outbox\n"
        "  deliveries to be sent     0\n"
        "  the next try              -\n"
        "\n"
        "dead letters\n"
        "  deliveries given up       0"
    )


def test_status_as_json(shop: Shop) -> None:
    shop.run("archive", "cart", "--at", at("PT2H"))
    status = json.loads(shop.run("status", "--json")[1])
    assert status["journeys"] == [
        {"journey": "cart", "version": 1, "status": "archived", "entered": 3, "left": 3, "inside": 0}
    ]
    assert [*status] == ["journeys", "people", "due", "outbox", "dead_letters", "counters"]
    assert status["people"] == {"profiles": 3, "live": 0, "records": 9}
    assert status["due"]["next"] is None


def test_dead_letters_are_shown(shop: Shop) -> None:
    """D2"""
    (shop.folder / "more.ndjson").write_text(json.dumps(track("Order", "PT2H", "u1", cart="a")))
    shop.run("simulate", str(shop.folder / "space.json"), str(shop.folder / "more.ndjson"), "--until", at("PT2H"))
    store = open_store(shop.url)
    (delivery,) = store.claim_deliveries(0, 9, worker="w", lease=1)
    store.settle([Settled(delivery_id=delivery.id, outcome="dead", at=5, error="gone")], worker="w")
    store.close()
    code, told, _ = shop.run("status")
    assert code == 0
    assert "dead letters\n  deliveries given up       1\n\nid " in told
    assert told.endswith(f"{delivery.id}  email        u1       1970-01-01T00:00:00.000005Z  gone")


@pytest.mark.parametrize(
    ("command", "told"),
    [("pause", "cart version 1 is paused"), ("archive", "cart version 1 is archived: 3 ended")],
)
def test_a_change_at_an_instant(shop: Shop, command: str, told: str) -> None:
    """V1: as of then, and how many it has moved or ended."""
    assert shop.run(command, "cart", "--at", at("PT2H")) == (0, told, "")
    ended = [record["at"] for record in shop.trace() if record["kind"] == "archived"]
    assert ended == ([at("PT2H")] * 3 if command == "archive" else [])
    if command == "pause":
        assert shop.run("resume", "cart", "--at", at("PT3H"))[1] == "cart version 1 is live"


def test_an_instant_that_is_none(shop: Shop) -> None:
    code, _, told = shop.run("pause", "cart", "--at", "tomorrow")
    assert code == 2 and told.startswith("--at: 'tomorrow' is no instant")


def test_a_journey_that_is_not_there(shop: Shop) -> None:
    code, _, told = shop.run("archive", "card")
    assert code == 2 and "did you mean 'cart'?" in told


def test_a_migration_says_how_many_moved(shop: Shop) -> None:
    """V2"""
    edited = {
        **CART,
        "steps": {"wait": HOLD, "mail": send()},
        "start": "wait",
        "on_previous": {"migrate": {"hold": "wait"}},
    }
    code, told, _ = shop.run("publish", shop.file(edited), "cart", "--at", at("PT2H"))
    assert (code, told) == (0, "cart version 2 is live: 3 moved")
    assert {record["at"] for record in shop.trace() if record["kind"] == "migrated"} == {at("PT2H")}


def test_a_drained_version_says_how_many_go_on(shop: Shop) -> None:
    """V2"""
    edited = {**CART, "steps": {"wait": delay("PT1H")}, "start": "wait"}
    code, told, _ = shop.run("publish", shop.file(edited), "cart", "--at", at("PT2H"))
    assert (code, told) == (0, "cart version 2 is live\n3 inside earlier versions go on there")


def test_an_edit_with_people_in_a_removed_step_is_refused_with_the_list(shop: Shop) -> None:
    """V2: the steps, how many wait there, and what would be right; nothing has moved."""
    before = shop.trace()
    edited = {**CART, "steps": {"mail": send()}, "start": "mail", "on_previous": {"migrate": {}}}
    code, out, told = shop.run("publish", shop.file(edited), "cart", "--at", at("PT2H"))
    assert (code, out) == (1, "")
    assert told == (
        "refused, and nothing has moved:\n"
        "  $.on_previous.migrate.hold\n"
        "      3 instances wait at 'hold' (HoldUntil) of version 1, and version 2 has no step 'hold' [unmapped_step]\n"
        "      use drain or archive instead"
    )
    assert shop.trace() == before
    assert [each["version"] for each in json.loads(shop.run("status", "--json")[1])["journeys"]] == [1]

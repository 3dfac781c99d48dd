"""``journeys status``, ``publish``, ``pause``, ``resume``, ``archive``: what is done with a store."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from journeys.cli import main
from journeys.ports import Settled
from journeys.runtime.stores import SQLiteStore, open_store
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


@pytest.mark.parametrize("command", ["pause", "resume", "archive"])
def test_a_draft_has_no_status_to_change(shop: Shop, command: str) -> None:
    """V1: it says what is true; a draft is not among what might have been meant."""
    lines = shop.file(CART, CART | {"key": "later", "status": "draft"}), str(shop.folder / "events.ndjson")
    shop.run("simulate", *lines, "--until", at("PT1H"))
    code, _, told = shop.run(command, "later")
    assert (
        code == 2 and told == "journey 'later' is a draft, which does nothing (V1): publish it if people are to enter"
    )
    assert shop.run(command, "latter")[2] == "no journey 'latter' is published; one of cart"


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


def drained(shop: Shop) -> None:
    """What changes a journey and what counts its people say the same numbers as ever."""
    edited = {**CART, "steps": {"wait": delay("PT1H")}, "start": "wait"}
    told = shop.run("publish", shop.file(edited), "cart", "--at", at("PT2H"))[1]
    assert told == "cart version 2 is live\n3 inside earlier versions go on there"
    assert [shop.run(each, "cart", "--at", at("PT3H"))[1] for each in ("pause", "resume", "archive")] == [
        "cart version 2 is paused", "cart version 2 is live", "cart version 2 is archived: 3 ended",
    ]  # fmt: skip
    assert "cart           1  archived        3     3       0" in shop.run("status")[1]
    people = json.loads(shop.run("figures", shop.file(CART), "cart", "--people", "--json")[1])
    assert (people["people"], people["entered"], people["archived"]) == (True, 3, 3)


def test_no_trace_is_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is: the numbers are kept."""

    def unread(*_: Any, **__: Any) -> Any:
        raise AssertionError("somebody reads the trace")

    monkeypatch.setattr(SQLiteStore, "trace", unread)
    drained(shop)


def test_a_store_of_an_older_version_reads_its_trace(shop: Shop) -> None:
    """It has not kept all of the numbers."""
    with closing(sqlite3.connect(shop.folder / "a.db")) as connection, connection:
        connection.execute("DELETE FROM tallies")
        connection.executemany("INSERT INTO tallies VALUES ('', 0, 0, ?, 1)", [("",), ("people",)])
    drained(shop)


WAITS = {"steps": {"wait": HOLD, "mail": send()}, "start": "wait"}
MOVED = {**CART, **WAITS, "on_previous": {"migrate": {"hold": "wait"}}}


def test_explaining_publishes_nothing(shop: Shop) -> None:
    """Whoever asks about a person with an edited file gets what the store runs, and nobody is ended by the question."""
    before, status = shop.trace(), shop.run("status")
    edited = {**CART, **WAITS, "version": 2, "on_previous": "archive"}
    code, told, warned = shop.run("explain", shop.file(edited), "u1", "cart", "--at", at("PT2H"))
    assert code == 0 and "u1 is in cart" in told and "waits at hold" in told
    assert warned.endswith("space.json: its 'cart' is not published; this is about what the store runs")
    assert (shop.trace(), shop.run("status")) == (before, status)
    assert shop.run("explain", shop.file(CART), "u1", "cart", "--at", at("PT2H"))[2] == ""


def test_explaining_names_the_instant_if_it_is_not_the_one_asked_for(shop: Shop) -> None:
    asked = ("explain", shop.file(CART), "u1", "cart")
    told = f"--at: she is known up to {at('PT2M')} already, so that this is as of then"
    assert shop.run(*asked, "--at", at("PT1M"))[2] == told
    assert shop.run(*asked, "--at", at("PT2H"))[2] == ""
    told = f"the store has come to {at('PT1H')}, and this is as of now: --at takes another instant"
    assert shop.run(*asked)[2] == told


def test_a_file_that_was_published_need_not_count_its_versions(shop: Shop) -> None:
    """The store knows what it says: commands go on with it, and it is not published again."""
    file = shop.file(MOVED)
    assert shop.run("publish", file, "cart", "--at", at("PT2H"))[1] == "cart version 2 is live: 3 moved"
    assert shop.run("publish", file, "cart", "--at", at("PT3H")) == (0, "cart version 2 is live, and says the same", "")
    events = str(shop.folder / "events.ndjson")
    for document in (MOVED, {**CART, **WAITS}, {**MOVED, "version": 2}, CART):
        assert shop.run("simulate", shop.file(document), events, "--until", at("PT4H"))[0] == 0
    assert [each["version"] for each in json.loads(shop.run("status", "--json")[1])["journeys"]] == [1, 2]
    code, _, told = shop.run("simulate", shop.file({**CART, "max_age": "P9D"}), events)
    assert code == 2 and 'an edited journey is a new version: give it "version": 3, or publish it' in told


def test_a_plan_is_held_against_the_version_that_it_replaces(shop: Shop) -> None:
    """V2: it is not applied a second time, to people who stand elsewhere."""
    plan = shop.folder / "plan.json"
    plan.write_text(
        json.dumps({"journey": "cart", "from_version": 1, "to_version": 2, "steps": {"hold": {"to": "wait"}}})
    )
    published = ("publish", shop.file({**CART, **WAITS}), "cart", "--plan", str(plan), "--at")
    assert shop.run(*published, at("PT2H"))[:2] == (0, "cart version 2 is live: 3 moved")
    assert shop.run(*published, at("PT3H"))[:2] == (0, "cart version 2 is live, and says the same")
    shop.file({**CART, **WAITS, "max_age": "P9D"})
    code, _, told = shop.run(*published, at("PT3H"))
    assert code == 2 and "the plan moves people from version 1, and version 2 is current [wrong_version]" in told


def test_a_plan_that_cannot_apply_is_refused(shop: Shop) -> None:
    """It is read and checked also where nothing is published, and nobody is told that people have moved."""
    plan = shop.folder / "plan.json"

    def publish(**fields: Any) -> tuple[int, str, str]:
        document = {"journey": "cart", "from_version": 1, "to_version": 2, "steps": {"hold": {"to": "wait"}}}
        plan.write_text(json.dumps(document | fields))
        file = shop.file({**CART, **WAITS})
        code, out, told = shop.run("publish", file, "cart", "--plan", str(plan), "--at", at("PT3H"))
        return code, out, told.replace(str(plan), "PLAN")

    shop.run("publish", shop.file({**CART, **WAITS}), "cart", "--at", at("PT2H"))  # drained
    code, out, told = publish()
    assert (code, out) == (2, "") and "version 2 is live and says the same: nothing is published" in told
    assert "this is a plan for 'card', not for 'cart' [wrong_journey]" in publish(journey="card")[2]
    assert "the new version has no step 'wiat' [unknown_step]" in publish(steps={"hold": {"to": "wiat"}})[2]
    lost = shop.run("publish", shop.file({**CART, **WAITS}), "cart", "--plan", "lost.json")
    assert lost == (2, "", "lost.json: No such file or directory")
    shop.url = f"sqlite:///{shop.folder}/new.db"
    assert publish() == (2, "", f"--store: there is no file '{shop.folder}/new.db'")
    open_store(shop.url).close()
    code, out, told = publish()
    assert (code, out) == (2, "") and "the store has no version of 'cart', so that there is nobody to move" in told


@pytest.mark.parametrize("command", ["publish SPACE cart", "pause cart"])
def test_an_instant_that_is_over_is_told(shop: Shop, command: str) -> None:
    """Nothing is done in the past of a store."""
    file = shop.file({**CART, **WAITS})
    code, _, told = shop.run(*command.replace("SPACE", file).split(), "--at", at("PT1M"))
    assert (code, told) == (0, f"--at: the store has come to {at('PT1H')} already, so that this is as of then")


def test_figures_of_a_journey_need_a_trace(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop.file(CART)
    for given, trace in ((["cart"], "TRACE.ndjson"), (["cart", "trace.ndjson"], "trace.ndjson")):
        assert main(["figures", path, *given]) == 2
        assert capsys.readouterr().err == (
            "'cart' is a journey, and there is no such file: name a trace before it, as in "
            f"`journeys figures {path} {trace} cart`, or the store with --store\n"
        )
    assert main(["figures", path, "crat"]) == 2  # may well be a file
    assert capsys.readouterr().err == "crat: No such file or directory\n"
    instants = ["--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"]
    assert main(["figures", path, path, *instants]) == 2
    assert capsys.readouterr().err == "--to 2026-01-01T00:00:00Z is before --from 2026-01-02T00:00:00Z\n"


@pytest.mark.parametrize(
    "command",
    ["status", "deliver", "pause cart", "timeline u1", "explain SPACE u1 cart", "figures SPACE", "diff SPACE SPACE"],
)
def test_a_typing_mistake_is_no_empty_store(shop: Shop, command: str) -> None:
    space_file, lost = shop.file(CART), shop.folder / "b.db"
    shop.url = f"sqlite:///{lost}"
    code, out, told = shop.run(*command.replace("SPACE", space_file).split())
    assert (code, out, told) == (2, "", f"--store: there is no file {str(lost)!r}")
    assert not lost.exists()


def test_a_store_that_cannot_be_opened_is_named(shop: Shop) -> None:
    file = shop.file(CART)
    shop.url = f"sqlite:///{shop.folder}/no/a.db"
    told = shop.run("simulate", file, str(shop.folder / "events.ndjson"))[2]
    assert told == f"--store: there is no folder {str(shop.folder / 'no')!r}"
    shop.url = f"sqlite:///{file}"
    assert shop.run("status")[2] == f"--store: {file}: file is not a database"
